/* inspect_gguf.c - what is in a GGUF file: a model with its shape, an adapter with its maps, or
 * an importance matrix. */
#include <stdio.h>
#include <string.h>

#include "adapter/modules.h"
#include "core/half.h"
#include "export/importance.h"
#include "io/gguf.h"
#include "model/model.h"
#include "run/inspect.h"
#include "run/session.h"
#include "tokenizer/tokenizer.h"

enum { LONGEST_VALUE = 100 };

static uint64_t n_elements(const graft_gguf_tensor *tensor)
{
    return tensor->ne[0] * tensor->ne[1] * tensor->ne[2] * tensor->ne[3];
}

static graft_status set_want(graft_json *out, const char *as, const graft_gguf *file,
                             const char *key)
{
    graft_gguf_string text = {NULL, 0};
    graft_status status = graft_gguf_want_string(file, key, &text);
    if (status == GRAFT_OK && text.data != NULL) {
        status = graft_inspect__set_text(out, as, text.data, text.len, LONGEST_VALUE);
    }
    return status;
}

/* "<arch>.<part>" as an integer, if the file has it. */
static graft_status set_hparam(graft_json *out, const char *as, const graft_gguf *file,
                               graft_gguf_string arch, const char *part)
{
    char key[128];
    uint64_t value = 0;
    snprintf(key, sizeof key, "%.*s.%s", (int)(arch.len < 64 ? arch.len : 64), arch.data, part);
    const graft_gguf_kv *kv = graft_gguf_find(file, key);
    if (kv == NULL || kv->type == GRAFT_GGUF_ARRAY) {
        return GRAFT_OK; /* some families have one number per layer */
    }
    graft_status status = graft_gguf_want_u64(file, key, 0, INT64_MAX, &value);
    return status == GRAFT_OK ? graft_json_set_int(out, as, (int64_t)value) : status;
}

/* {"Q4_1": {"tensors", "bytes"}, ...} */
static graft_status set_formats(graft_json *out, const graft_gguf *file)
{
    graft_status status = GRAFT_OK;
    graft_json *formats = graft_json_new_object();
    uint64_t parameters = 0;
    for (size_t i = 0; i < graft_gguf_n_tensors(file); i++) {
        const graft_gguf_tensor *tensor = graft_gguf_tensor_at(file, i);
        if (!graft_json_has(formats, tensor->format->name)) {
            GRAFT_TRY(graft_json_set(formats, tensor->format->name, graft_json_new_object()));
        }
        graft_json *row = graft_json_get(formats, tensor->format->name);
        GRAFT_TRY(graft_inspect__add_int(row, "tensors", 1));
        GRAFT_TRY(graft_inspect__add_int(row, "bytes", tensor->n_bytes));
        parameters += n_elements(tensor);
    }
    GRAFT_TRY(graft_json_set_int(out, "parameters", (int64_t)parameters));
    GRAFT_TRY(graft_json_set_int(out, "tensors", (int64_t)graft_gguf_n_tensors(file)));
    GRAFT_TRY(graft_inspect__move(out, "formats", &formats));
done:
    graft_json_free(formats);
    return status;
}

static graft_status set_tensors(graft_json *out, const graft_gguf *file)
{
    graft_status status = GRAFT_OK;
    graft_json *list = graft_json_new_array();
    for (size_t i = 0; i < graft_gguf_n_tensors(file); i++) {
        const graft_gguf_tensor *t = graft_gguf_tensor_at(file, i);
        GRAFT_TRY(graft_inspect__push_tensor(list, t->name, t->format->name, t->ne, t->n_dims,
                                             true));
    }
    GRAFT_TRY(graft_inspect__move(out, "tensor_list", &list));
done:
    graft_json_free(list);
    return status;
}

static uint64_t load(const uint8_t *bytes, size_t n)
{
    uint64_t value = 0;
    for (size_t i = 0; i < n; i++) {
        value |= (uint64_t)bytes[i] << (8 * i);
    }
    return value;
}

/* One key's value; arrays as "[151936 strings]". */
static graft_status set_value(graft_json *out, const char *key, const graft_gguf_kv *kv)
{
    static const struct {
        size_t bytes;
        bool is_signed;
        const char *name;
    } types[GRAFT_GGUF_N_TYPES] = {
        [GRAFT_GGUF_U8] = {1, false, "u8"},   [GRAFT_GGUF_I8] = {1, true, "i8"},
        [GRAFT_GGUF_U16] = {2, false, "u16"}, [GRAFT_GGUF_I16] = {2, true, "i16"},
        [GRAFT_GGUF_U32] = {4, false, "u32"}, [GRAFT_GGUF_I32] = {4, true, "i32"},
        [GRAFT_GGUF_U64] = {8, false, "u64"}, [GRAFT_GGUF_I64] = {8, true, "i64"},
        [GRAFT_GGUF_F32] = {4, false, "f32"}, [GRAFT_GGUF_F64] = {8, false, "f64"},
        [GRAFT_GGUF_BOOL] = {1, false, "bools"}, [GRAFT_GGUF_STRING] = {0, false, "strings"},
        [GRAFT_GGUF_ARRAY] = {0, false, "arrays"},
    };
    char text[64];
    double real = 0;
    size_t n = types[kv->type].bytes;
    switch (kv->type) {
    case GRAFT_GGUF_STRING:
        return graft_inspect__set_text(out, key, (const char *)kv->data + 8, kv->n_bytes - 8,
                                       LONGEST_VALUE);
    case GRAFT_GGUF_ARRAY:
        snprintf(text, sizeof text, "[%llu %s]", (unsigned long long)kv->n,
                 types[kv->element_type].name);
        return graft_json_set_string(out, key, text);
    case GRAFT_GGUF_BOOL:
        return graft_json_set_bool(out, key, kv->data[0] != 0);
    case GRAFT_GGUF_F32:
        return graft_json_set_double(out, key, graft_bits_float((uint32_t)load(kv->data, 4)));
    case GRAFT_GGUF_F64: {
        uint64_t bits = load(kv->data, 8);
        memcpy(&real, &bits, sizeof real);
        return graft_json_set_double(out, key, real);
    }
    default: break;
    }
    uint64_t value = load(kv->data, n);
    bool negative = types[kv->type].is_signed && (kv->data[n - 1] & 0x80u) != 0;
    if (negative && n < 8) {
        value |= ~(uint64_t)0 << (8 * n);
    }
    if (value > INT64_MAX && !negative) {
        snprintf(text, sizeof text, "%llu", (unsigned long long)value);
        return graft_json_set_string(out, key, text);
    }
    return graft_json_set_int(out, key, (int64_t)value);
}

static graft_status set_metadata(graft_json *out, const graft_gguf *file)
{
    graft_status status = GRAFT_OK;
    graft_json *all = graft_json_new_object();
    graft_text key;
    graft_text_init(&key);
    for (size_t i = 0; i < graft_gguf_n_kv(file); i++) {
        const graft_gguf_kv *kv = graft_gguf_kv_at(file, i);
        graft_text_clear(&key);
        GRAFT_TRY(graft_text_append_escaped(&key, kv->key.data, kv->key.len, false));
        GRAFT_TRY(set_value(all, graft_text_z(&key), kv));
    }
    GRAFT_TRY(graft_inspect__move(out, "metadata", &all));
done:
    graft_text_clear(&key);
    graft_json_free(all);
    return status;
}

static graft_status inspect_model(graft_json *out, const graft_gguf *file, graft_gguf_string arch)
{
    graft_status status = GRAFT_OK;
    graft_model *model = NULL;
    graft_tokenizer *tokenizer = NULL;
    GRAFT_TRY(set_want(out, "name", file, "general.name"));
    GRAFT_TRY(set_want(out, "license", file, "general.license"));
    GRAFT_TRY(set_hparam(out, "layers", file, arch, "block_count"));
    GRAFT_TRY(set_hparam(out, "width", file, arch, "embedding_length"));
    GRAFT_TRY(set_hparam(out, "feed_forward", file, arch, "feed_forward_length"));
    GRAFT_TRY(set_hparam(out, "heads", file, arch, "attention.head_count"));
    GRAFT_TRY(set_hparam(out, "kv_heads", file, arch, "attention.head_count_kv"));
    GRAFT_TRY(set_hparam(out, "context", file, arch, "context_length"));
    GRAFT_TRY(set_want(out, "tokenizer", file, "tokenizer.ggml.model"));
    GRAFT_TRY(set_want(out, "pretokenizer", file, "tokenizer.ggml.pre"));
    const graft_gguf_kv *tokens = graft_gguf_find(file, "tokenizer.ggml.tokens");
    if (tokens != NULL) {
        GRAFT_TRY(graft_json_set_int(out, "vocabulary", (int64_t)tokens->n));
    }
    const graft_gguf_kv *template = graft_gguf_find(file, "tokenizer.chat_template");
    GRAFT_TRY(graft_json_set_bool(out, "chat_template", template != NULL));
    /* Whether graft can work with it is best told by trying. */
    bool opens = graft_model_open(&model, graft_gguf_path(file)) == GRAFT_OK &&
                 graft_tokenizer_new(&tokenizer, file, NULL) == GRAFT_OK &&
                 graft_session_check_vocabulary(model, tokenizer) == GRAFT_OK;
    GRAFT_TRY(graft_json_set_bool(out, "trainable", opens));
    if (!opens) {
        const char *why = graft_error_message();
        GRAFT_TRY(graft_inspect__set_text(out, "reason", why, strlen(why), 0));
    }
    if (model != NULL) {
        GRAFT_TRY(graft_json_set_bool(out, "tied_head", model->tied));
    }
done:
    graft_tokenizer_free(tokenizer);
    graft_model_close(model);
    return status;
}

/* The tensor "<name of a>.lora_b" for "<name of a>.lora_a"; a failure if it is missing or does not fit. */
static graft_status find_partner(const graft_gguf *file, const graft_gguf_tensor *a,
                                 const graft_gguf_tensor **b)
{
    graft_status status = GRAFT_OK;
    graft_text name;
    graft_text_init(&name);
    GRAFT_TRY(graft_text_append(&name, a->name, strlen(a->name) - 1));
    GRAFT_TRY(graft_text_append_char(&name, 'b'));
    *b = graft_gguf_find_tensor(file, graft_text_z(&name));
    if (*b == NULL) {
        status = graft_fail(GRAFT_E_MODEL, "%s: tensor \"%s\" has no lora_b beside it",
                            graft_gguf_path(file), a->name);
    } else if (a->ne[1] != (*b)->ne[0]) {
        status = graft_fail(GRAFT_E_MODEL, "%s: \"%s\" has rank %llu, its lora_b %llu",
                            graft_gguf_path(file), a->name, (unsigned long long)a->ne[1],
                            (unsigned long long)(*b)->ne[0]);
    }
done:
    graft_text_clear(&name);
    return status;
}

/* The names of the maps without layer numbers, each once, with how many layers have it. */
static graft_status count_module(graft_json *modules, graft_gguf_string arch, const char *tensor)
{
    char name[64], arch_name[64], base[128];
    const char *from = tensor;
    if (strncmp(tensor, "blk.", 4) == 0) {
        const char *dot = strchr(tensor + 4, '.');
        from = dot == NULL ? tensor : dot + 1;
    }
    const char *end = strstr(from, ".weight.lora_a");
    size_t n = end == NULL ? strlen(from) : (size_t)(end - from);
    snprintf(name, sizeof name, "%.*s", (int)(n < 63 ? n : 63), from);
    snprintf(arch_name, sizeof arch_name, "%.*s", (int)(arch.len < 63 ? arch.len : 63), arch.data);
    snprintf(base, sizeof base, "blk.0.%s.weight", name);
    const graft_module *module = graft_module_of(arch_name, base);
    return graft_inspect__add_int(modules, module != NULL ? module->hf : name, 1);
}

static graft_status inspect_adapter(graft_json *out, const graft_gguf *file, graft_gguf_string arch)
{
    graft_status status = GRAFT_OK;
    graft_json *modules = graft_json_new_object();
    double alpha = 0;
    uint64_t low = UINT64_MAX, high = 0;
    int64_t n_maps = 0;
    GRAFT_TRY(set_want(out, "type", file, "adapter.type"));
    for (size_t i = 0; i < graft_gguf_n_tensors(file); i++) {
        const graft_gguf_tensor *a = graft_gguf_tensor_at(file, i), *b;
        if (graft_str_ends_with(a->name, ".lora_a")) {
            GRAFT_TRY(find_partner(file, a, &b));
            GRAFT_TRY(count_module(modules, arch, a->name));
            low = a->ne[1] < low ? a->ne[1] : low;
            high = a->ne[1] > high ? a->ne[1] : high;
            n_maps++;
        }
    }
    GRAFT_TRY(graft_json_set_int(out, "rank", (int64_t)high));
    if (n_maps > 0 && low != high) {
        GRAFT_TRY(graft_json_set_int(out, "smallest_rank", (int64_t)low));
    }
    if (graft_gguf_find(file, "adapter.lora.alpha") != NULL) {
        GRAFT_TRY(graft_gguf_get_f64(file, "adapter.lora.alpha", &alpha));
        GRAFT_TRY(graft_json_set_double(out, "alpha", alpha));
    }
    GRAFT_TRY(graft_json_set_int(out, "maps", n_maps));
    GRAFT_TRY(graft_inspect__move(out, "modules", &modules));
done:
    graft_json_free(modules);
    return status;
}

/* What graft quantize would weigh with it. */
static graft_status inspect_importance(graft_json *out, const char *path)
{
    graft_status status = GRAFT_OK;
    graft_importance *importance = NULL;
    GRAFT_TRY(graft_importance_open(&importance, path));
    const char *dataset = graft_importance_dataset(importance);
    if (dataset != NULL) {
        GRAFT_TRY(graft_inspect__set_text(out, "dataset", dataset, strlen(dataset), 0));
    }
    GRAFT_TRY(graft_json_set_int(out, "maps", (int64_t)graft_importance_n(importance)));
    GRAFT_TRY(graft_json_set_int(out, "chunks", graft_importance_chunks(importance)));
done:
    graft_importance_close(importance);
    return status;
}

/* {"name", "bytes"} of each file, where there are several. */
static graft_status set_parts(graft_json *out, const graft_gguf *file)
{
    graft_status status = GRAFT_OK;
    graft_json *list = NULL, *row = NULL;
    size_t n = graft_gguf_n_parts(file);
    if (n < 2) {
        return GRAFT_OK;
    }
    list = graft_json_new_array();
    for (size_t i = 0; i < n; i++) {
        uint64_t bytes = 0;
        const char *path = graft_gguf_part(file, i, &bytes), *slash = strrchr(path, '/');
        const char *name = slash == NULL ? path : slash + 1;
        row = graft_json_new_object();
        GRAFT_TRY(graft_inspect__set_text(row, "name", name, strlen(name), 0));
        GRAFT_TRY(graft_json_set_int(row, "bytes", (int64_t)bytes));
        graft_json *taken = row;
        row = NULL;
        GRAFT_TRY(graft_json_push(list, taken));
    }
    GRAFT_TRY(graft_inspect__move(out, "parts", &list));
done:
    graft_json_free(row);
    graft_json_free(list);
    return status;
}

graft_status graft_inspect__gguf(graft_json *out, const char *path, bool tensors)
{
    graft_status status = GRAFT_OK;
    graft_gguf *file = NULL;
    graft_gguf_string type = {"model", 5}, arch = {"", 0};
    GRAFT_TRY(graft_gguf_open(&file, path));
    GRAFT_TRY(graft_gguf_want_string(file, "general.type", &type));
    GRAFT_TRY(graft_gguf_want_string(file, "general.architecture", &arch));
    bool adapter = graft_gguf_string_is(type, "adapter"), importance = graft_gguf_string_is(type, "imatrix");
    GRAFT_TRY(graft_json_set_string(out, "kind", adapter      ? "adapter"
                                                 : importance ? "importance matrix"
                                                              : "model"));
    GRAFT_TRY(graft_json_set_string(out, "file", "GGUF"));
    GRAFT_TRY(graft_json_set_int(out, "bytes", (int64_t)graft_gguf_size(file)));
    GRAFT_TRY(set_parts(out, file));
    if (!importance) {
        GRAFT_TRY(graft_inspect__set_text(out, "architecture", arch.data, arch.len, LONGEST_VALUE));
    }
    if (importance) {
        GRAFT_TRY(inspect_importance(out, path));
    } else if (adapter) {
        GRAFT_TRY(inspect_adapter(out, file, arch));
    } else {
        GRAFT_TRY(inspect_model(out, file, arch));
    }
    GRAFT_TRY(set_formats(out, file));
    GRAFT_TRY(set_metadata(out, file));
    if (tensors) {
        GRAFT_TRY(set_tensors(out, file));
    }
done:
    graft_gguf_close(file);
    return status;
}
