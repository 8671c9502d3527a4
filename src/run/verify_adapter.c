/* verify_adapter.c - adapters: GGUF files and PEFT folders. */
#include <inttypes.h>
#include <math.h>
#include <string.h>

#include "core/memory.h"
#include "export/export.h"
#include "io/files.h"
#include "io/safetensors.h"
#include "run/verify.h"

enum { CONFIG_LIMIT = 1 << 24 };

/* --- GGUF --- */

/* The other half of a pair, of the same rank. */
static graft_status check_pair(graft_verify_object *o, const graft_gguf *file,
                               const graft_gguf_tensor *t)
{
    graft_status status = GRAFT_OK;
    char *name = NULL;
    bool is_a = graft_str_ends_with(t->name, ".lora_a");
    if (!is_a && !graft_str_ends_with(t->name, ".lora_b")) {
        return graft_verify__problem(o, GRAFT_E_MODEL,
                                     "tensor \"%s\" is neither .lora_a nor .lora_b", t->name);
    }
    GRAFT_TRY(graft_strdup(&name, t->name));
    name[strlen(name) - 1] = is_a ? 'b' : 'a';
    const graft_gguf_tensor *other = graft_gguf_find_tensor(file, name);
    uint64_t rank = is_a ? t->ne[1] : t->ne[0];
    if (other == NULL) {
        GRAFT_TRY(graft_verify__problem(o, GRAFT_E_MODEL, "tensor \"%s\" is there without \"%s\"",
                                        t->name, name));
    } else if (is_a && (t->n_dims != 2 || other->n_dims != 2 || rank != other->ne[0])) {
        GRAFT_TRY(graft_verify__problem(o, GRAFT_E_MODEL, "\"%s\" and \"%s\" are no pair: ranks %"
                                        PRIu64 " and %" PRIu64, t->name, name, rank, other->ne[0]));
    }
done:
    graft_free(name);
    return status;
}

/* Against the base that was named: names and shapes, and whether it is the one. */
graft_status graft_verify__adapter_base(graft_verify_job *job, graft_verify_object *o,
                                        const graft_gguf *adapter)
{
    graft_status status = GRAFT_OK;
    graft_gguf *base = NULL;
    graft_loaded_adapter loaded = {0};
    graft_gguf_string wanted = {0};
    char hash[65] = "";
    GRAFT_TRY(graft_verify__judge(o, graft_gguf_open(&base, job->base)));
    if (base == NULL) {
        goto done;
    }
    GRAFT_TRY(graft_verify__judge(o, graft_adapter_load(&loaded, o->path, base)));
    if (adapter == NULL) {
        goto done;
    }
    GRAFT_TRY(graft_verify__judge(o, graft_gguf_want_string(adapter, "graft.base_sha256",
                                                            &wanted)));
    GRAFT_TRY(graft_verify__judge(o, graft_gguf_sha256(base, hash)));
    if (wanted.len == 0) {
        GRAFT_TRY(graft_verify__fact(o, "does not say of which base it is"));
    } else if (!graft_gguf_string_is(wanted, hash)) {
        GRAFT_TRY(graft_verify__problem(o, GRAFT_E_MODEL, "was trained on another base: SHA-256 "
                                        "%.*s..., %s has %.12s...", (int)(wanted.len < 12 ? wanted.len : 12),
                                        wanted.data, job->base, hash));
    } else {
        GRAFT_TRY(graft_verify__fact(o, "of this base"));
    }
done:
    graft_loaded_adapter_clear(&loaded);
    graft_gguf_close(base);
    return status;
}

graft_status graft_verify__adapter(graft_verify_job *job, graft_verify_object *o,
                                   const graft_gguf *file)
{
    graft_status status = GRAFT_OK;
    double alpha = 0;
    graft_gguf_string type = {0};
    o->kind = "adapter";
    GRAFT_TRY(graft_verify__judge(o, graft_gguf_get_string(file, "general.architecture", &type)));
    GRAFT_TRY(graft_verify__judge(o, graft_gguf_get_string(file, "adapter.type", &type)));
    GRAFT_TRY(graft_verify__judge(o, graft_gguf_get_f64(file, "adapter.lora.alpha", &alpha)));
    if (alpha < 0) {
        GRAFT_TRY(graft_verify__problem(o, GRAFT_E_MODEL, "adapter.lora.alpha is %g", alpha));
    }
    for (size_t i = 0; i < graft_gguf_n_tensors(file); i++) {
        GRAFT_TRY(check_pair(o, file, graft_gguf_tensor_at(file, i)));
    }
    if (graft_gguf_n_tensors(file) == 0) {
        GRAFT_TRY(graft_verify__problem(o, GRAFT_E_MODEL, "holds no tensors"));
    }
    GRAFT_TRY(job->base != NULL ? graft_verify__adapter_base(job, o, file) : GRAFT_OK);
done:
    return status;
}

/* --- PEFT --- */

static bool is_peft(const graft_verify_look *look)
{
    return look->is_folder && graft_dir_holds(look->path, "adapter_config.json");
}

graft_status graft_verify__adapter_config(graft_json **out, const char *folder)
{
    graft_status status = GRAFT_OK;
    char *path = NULL;
    graft_text text;
    graft_text_init(&text);
    GRAFT_TRY(graft_path_join(&path, folder, "adapter_config.json"));
    GRAFT_TRY(graft_file_read(&text, path, CONFIG_LIMIT));
    status = graft_json_parse(out, graft_text_z(&text), text.len);
    if (status == GRAFT_E_DATA) {
        status = graft_fail(GRAFT_E_MODEL, "%s: %s", path, graft_error_message());
    }
done:
    graft_text_clear(&text);
    graft_free(path);
    return status;
}

/* One lora_A with its lora_B. The rank may be that of a pattern, so it is only compared in the pair. */
static graft_status check_factors(graft_verify_object *o, const graft_safetensors *file,
                                  const graft_safetensors_tensor *a)
{
    graft_status status = GRAFT_OK;
    char *name = NULL;
    const char *mark = strstr(a->name, ".lora_A.");
    if (mark == NULL) {
        return GRAFT_OK;
    }
    GRAFT_TRY(graft_strdup(&name, a->name));
    name[(size_t)(mark - a->name) + strlen(".lora_")] = 'B';
    const graft_safetensors_tensor *b = graft_safetensors_find(file, name);
    if (b == NULL) {
        GRAFT_TRY(graft_verify__problem(o, GRAFT_E_MODEL, "tensor \"%s\" is there without \"%s\"",
                                        a->name, name));
    } else if (a->n_dims != 2 || b->n_dims != 2 || a->shape[0] != b->shape[1]) {
        GRAFT_TRY(graft_verify__problem(o, GRAFT_E_MODEL, "\"%s\" and \"%s\" are no pair: ranks %"
                                        PRIu64 " and %" PRIu64, a->name, name, a->shape[0],
                                        b->shape[1]));
    }
done:
    graft_free(name);
    return status;
}

/* The magnitudes of a DoRA beside the rows of their lora_B. */
static graft_status check_magnitudes(graft_verify_object *o, const graft_safetensors *file,
                                     const graft_safetensors_tensor *m, size_t *n)
{
    static const char mark[] = ".lora_magnitude_vector";
    graft_status status = GRAFT_OK;
    const char *at = strstr(m->name, mark);
    graft_text name;
    graft_text_init(&name);
    if (at == NULL) {
        return GRAFT_OK;
    }
    *n += 1;
    GRAFT_TRY(graft_text_append(&name, m->name, (size_t)(at - m->name)));
    GRAFT_TRY(graft_text_append_z(&name, ".lora_B.weight"));
    const graft_safetensors_tensor *b = graft_safetensors_find(file, graft_text_z(&name));
    if (b == NULL) {
        GRAFT_TRY(graft_verify__problem(o, GRAFT_E_MODEL, "tensor \"%s\" is there without \"%s\"",
                                        m->name, graft_text_z(&name)));
    } else if (m->n_dims != 1 || b->n_dims != 2 || m->shape[0] != b->shape[0]) {
        GRAFT_TRY(graft_verify__problem(o, GRAFT_E_MODEL, "\"%s\" is not one number for each of %"
                                        PRIu64 " rows", m->name, b->shape[0]));
    }
done:
    graft_text_clear(&name);
    return status;
}

/* Each pair, and whether there are magnitudes for all of them or for none, as the settings say. */
static graft_status check_tensors(graft_verify_object *o, const graft_safetensors *file,
                                  const graft_json *config)
{
    graft_status status = GRAFT_OK;
    size_t n_maps = 0, n = 0;
    bool dora = config != NULL && graft_json_bool(graft_json_get(config, "use_dora"));
    for (size_t i = 0; i < graft_safetensors_n(file); i++) {
        const graft_safetensors_tensor *t = graft_safetensors_at(file, i);
        n_maps += strstr(t->name, ".lora_A.") != NULL;
        GRAFT_TRY(check_factors(o, file, t));
        GRAFT_TRY(check_magnitudes(o, file, t, &n));
    }
    if (config != NULL && n != (dora ? n_maps : 0)) {
        GRAFT_TRY(graft_verify__problem(o, GRAFT_E_MODEL, "%zu of %zu maps have a "
                                        "lora_magnitude_vector, and adapter_config.json says use_dora: "
                                        "%s", n, n_maps, dora ? "true" : "false"));
    } else if (dora) {
        GRAFT_TRY(graft_verify__fact(o, "DoRA"));
    }
done:
    return status;
}

bool graft_verify__positive(const graft_json *value)
{
    bool number = graft_json_is(value, GRAFT_JSON_INT) || graft_json_is(value, GRAFT_JSON_DOUBLE);
    return number && graft_json_double(value) > 0 && isfinite(graft_json_double(value));
}

static graft_status check_peft(graft_verify_job *job, graft_verify_object *o)
{
    graft_status status = GRAFT_OK;
    graft_json *config = NULL;
    graft_safetensors *file = NULL;
    char *path = NULL;
    GRAFT_TRY(graft_verify__judge(o, graft_verify__adapter_config(&config, o->path)));
    GRAFT_TRY(graft_path_join(&path, o->path, "adapter_model.safetensors"));
    if (config != NULL && (!graft_verify__positive(graft_json_get(config, "r")) ||
                           !graft_verify__positive(graft_json_get(config, "lora_alpha")))) {
        GRAFT_TRY(graft_verify__problem(o, GRAFT_E_MODEL, "adapter_config.json: r and lora_alpha "
                                        "are not both positive numbers"));
    }
    GRAFT_TRY(graft_verify__judge(o, graft_safetensors_open(&file, path)));
    if (file == NULL) {
        goto done;
    }
    GRAFT_TRY(check_tensors(o, file, config));
    GRAFT_TRY(graft_verify__as(job, path, &graft_verify_safetensors));
    GRAFT_TRY(job->base != NULL ? graft_verify__adapter_base(job, o, NULL) : GRAFT_OK);
done:
    graft_json_free(config);
    graft_safetensors_close(file);
    graft_free(path);
    return status;
}

const graft_verify_kind graft_verify_peft = {"PEFT adapter", is_peft, check_peft};
