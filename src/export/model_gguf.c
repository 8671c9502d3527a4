/* export/model_gguf.c - the merged model: base and fine-tune in one GGUF file.
 *
 * Tensors are streamed through export/quantize.h from the sources of export/merge.h: adapted ones are
 * encoded anew, with type "same" all others are copied bit for bit. Keys are those of the base, but for
 * what is said of the base itself (its place moves to general.base_model.0.*), the chat template, and
 * what tells how the model came to be (graft.*). */
#include "export/model_gguf.h"

#include <string.h>

#include "core/memory.h"
#include "core/strings.h"
#include "export/exporters.h"
#include "export/factors.h"
#include "export/merge.h"
#include "io/files.h"
#include "tokenizer/vocabulary.h"

/* --- keys --- */

static bool begins(graft_gguf_string key, const char *prefix)
{
    size_t n = strlen(prefix);
    return key.len >= n && memcmp(key.data, prefix, n) == 0;
}

static bool is(graft_gguf_string text, const char *word)
{
    return text.len == strlen(word) && begins(text, word);
}

static bool is_own_template(const graft_export_job *job)
{
    graft_gguf_string own = {NULL, 0};
    const char *used = job->serving == NULL ? NULL : job->serving->chat_template;
    return used == NULL ||
           (graft_gguf_want_string(job->base, "tokenizer.chat_template", &own) == GRAFT_OK &&
            own.data != NULL && is(own, used));
}

/* Keys that are true of the base only, or are written anew. */
static bool skip(const void *context, graft_gguf_string key)
{
    static const char *const exact[] = {
        "general.name", "general.organization", "general.version", "general.url", "general.doi",
        "general.uuid", "general.repo_url", "general.quantized_by"};
    static const char *const prefixes[] = {"general.base_model.", "general.source.", "graft."};
    const graft_export_job *job = context;
    for (size_t i = 0; i < sizeof exact / sizeof *exact; i++) {
        if (is(key, exact[i])) {
            return true;
        }
    }
    if (is(key, "graft.source_class")) { /* how its layers are called elsewhere stays true */
        return false;
    }
    for (size_t i = 0; i < sizeof prefixes / sizeof *prefixes; i++) {
        if (begins(key, prefixes[i])) {
            return true;
        }
    }
    return begins(key, "tokenizer.chat_template") && !is_own_template(job);
}

static graft_status set_text(graft_gguf_writer *file, const char *key, const char *text)
{
    return text == NULL ? GRAFT_OK : graft_gguf_set_string(file, key, text, strlen(text));
}

/* The base's own text under another key, if it has it. */
static graft_status move_text(graft_gguf_writer *file, const graft_gguf *base, const char *from,
                              const char *to)
{
    graft_gguf_string text = {NULL, 0};
    graft_status status = graft_gguf_want_string(base, from, &text);
    return status != GRAFT_OK || text.data == NULL
               ? status : graft_gguf_set_string(file, to, text.data, text.len);
}

static graft_status set_base(graft_gguf_writer *file, const graft_export_job *job)
{
    graft_status status = GRAFT_OK;
    static const char *const moved[][2] = {
        {"general.name", "general.base_model.0.name"},
        {"general.organization", "general.base_model.0.organization"},
        {"general.version", "general.base_model.0.version"},
        {"general.repo_url", "general.base_model.0.repo_url"},
    };
    const graft_export_adapter *a = job->adapter;
    GRAFT_TRY(graft_gguf_set_u32(file, "general.base_model.count", 1));
    for (size_t i = 0; i < sizeof moved / sizeof *moved; i++) {
        GRAFT_TRY(move_text(file, job->base, moved[i][0], moved[i][1]));
    }
    GRAFT_TRY(set_text(file, "graft.base_model", a->base_name));
    GRAFT_TRY(set_text(file, "graft.base_sha256", a->base_hash));
    if (a->base_bytes > 0) {
        GRAFT_TRY(graft_gguf_set_u64(file, "graft.base_bytes", a->base_bytes));
    }
done:
    return status;
}

/* A name must not change how the runtime cuts texts. */
static graft_status set_name(graft_gguf_writer *file, const graft_export_job *job)
{
    graft_status status = GRAFT_OK;
    const char *name = job->serving == NULL ? NULL : job->serving->name;
    graft_gguf_string own = {NULL, 0};
    if (name == NULL) {
        return move_text(file, job->base, "general.name", "general.name");
    }
    GRAFT_TRY(graft_gguf_want_string(job->base, "general.name", &own));
    if (graft_vocabulary_name_rule(own.data, own.len) !=
        graft_vocabulary_name_rule(name, strlen(name))) {
        status = graft_fail(GRAFT_E_CONFIG, "name: \"%s\": runtimes treat spaces behind special tokens "
                            "by whether a model's name has \"phi-3\" or \"modern-bert\" in it, and the "
                            "base's name is no such one, or another; choose a name like the base's",
                            name);
        goto done;
    }
    GRAFT_TRY(set_text(file, "general.name", name));
done:
    return status;
}

static graft_status set_keys(graft_gguf_writer *file, const graft_export_job *job,
                             const graft_mix *mix)
{
    graft_status status = GRAFT_OK;
    const graft_gguf_kv *type = graft_gguf_find(job->base, "general.file_type");
    GRAFT_TRY(graft_quantize_copy_keys(file, job->base, skip, job));
    if (mix == NULL && type != NULL) {
        GRAFT_TRY(graft_gguf_copy_kv(file, type));
    }
    GRAFT_TRY(set_name(file, job));
    GRAFT_TRY(set_text(file, "general.quantized_by", "graft"));
    GRAFT_TRY(set_base(file, job));
    GRAFT_TRY(set_text(file, "graft.adapters", job->adapter->parts));
    GRAFT_TRY(set_text(file, "graft.recipe", job->adapter->recipe));
    if (!is_own_template(job)) {
        GRAFT_TRY(set_text(file, "tokenizer.chat_template", job->serving->chat_template));
    }
done:
    return status;
}

/* --- tensors --- */

graft_status graft_export__judge(const graft_export_job *job, const graft_merged *merge,
                                 graft_survival *survival)
{
    graft_status status = GRAFT_OK;
    graft_text words;
    graft_text_init(&words);
    GRAFT_TRY(graft_merged_survival(merge, survival));
    if (job->rounding != NULL && job->rounding->note != NULL) {
        GRAFT_TRY(graft_survival_set_rounding(survival, job->rounding->aware, job->rounding->note));
    }
    if (graft_survival_judge(survival) == GRAFT_LOST && !job->force) {
        GRAFT_TRY(graft_survival_words(survival, &words));
        status = graft_fail(GRAFT_E_FAILED, "%s; nothing was written: take a larger type (q8_0, f16), "
                            "or insist (force)", graft_text_z(&words));
    }
done:
    graft_text_clear(&words);
    return status;
}

typedef struct watch {
    const graft_export_job *job;
    const graft_merged *merge;
    graft_survival *survival;
} watch;

/* Everything is made and nothing published: the moment to refuse. */
static graft_status judge(void *context)
{
    const watch *w = context;
    return graft_export__judge(w->job, w->merge, w->survival);
}

static graft_status write_tensors(const graft_export_job *job, const graft_mix *mix,
                                  graft_survival *survival, const char *path)
{
    graft_status status = GRAFT_OK;
    graft_gguf_writer *file = NULL;
    graft_merged merge = {0};
    graft_quantized result;
    char arch[64];
    watch w = {job, &merge, survival};
    graft_quantize_job write = {
        .mix = mix, .importance = job->importance, .rounding = job->rounding, .size = job->size,
        .allow_requantize = true,
        .progress = job->progress, .context = job->context, .finish = judge, .finish_context = &w};
    GRAFT_TRY(graft_mix_model_read(&write.model, job->base, arch, sizeof arch));
    GRAFT_TRY(graft_merged_open(&merge, job->base, job->adapter));
    if (mix != NULL) {
        graft_merged_sort(&merge);
    }
    GRAFT_TRY(graft_gguf_writer_new(&file));
    GRAFT_TRY(set_keys(file, job, mix));
    write.tensors = merge.sources;
    write.targets = merge.targets;
    write.n_tensors = merge.n;
    GRAFT_TRY(graft_quantize_write(&result, file, &write, path));
done:
    graft_gguf_writer_free(file);
    graft_merged_clear(&merge);
    return status;
}

graft_status graft_export__write_model(const graft_export_job *job, const char *path)
{
    graft_status status = GRAFT_OK;
    const graft_mix *mix = NULL;
    graft_survival own, *survival = job->survival != NULL ? job->survival : &own;
    graft_survival_init(&own);
    GRAFT_TRY(graft_export__check(job->adapter));
    if (job->base == NULL) {
        status = graft_fail(GRAFT_E_FAILED, "a merged model needs the weights of the base");
        goto done;
    }
    if (job->type != NULL && strcmp(job->type, "same") != 0) {
        GRAFT_TRY(graft_mix_get(&mix, job->type));
    }
    GRAFT_TRY(graft_gguf_check_output(job->base, path));
    graft_survival_clear(survival);
    status = write_tensors(job, mix, survival, path);
    if (status == GRAFT_E_MODEL || status == GRAFT_E_NUMERICS) {
        status = graft_fail_prefix("%s", graft_gguf_path(job->base));
    }
done:
    graft_survival_clear(&own);
    return status;
}

const char *graft_export__slug(const graft_export_job *job)
{
    return job->serving == NULL || job->serving->slug == NULL ? "model" : job->serving->slug;
}

graft_status graft_export__write_named_model(const graft_export_job *job, const char *folder)
{
    graft_status status = GRAFT_OK;
    graft_text name;
    char *path = NULL;
    graft_text_init(&name);
    GRAFT_TRY(graft_export__check(job->adapter));
    GRAFT_TRY(graft_text_appendf(&name, "%s.gguf", graft_export__slug(job)));
    GRAFT_TRY(graft_path_join(&path, folder, name.data));
    GRAFT_TRY(graft_export__write_model(job, path));
done:
    graft_free(path);
    graft_text_clear(&name);
    return status;
}

static graft_status usage(const graft_export_job *job, const char *path, graft_text *out)
{
    size_t n = job->serving == NULL ? 0 : job->serving->n_ctx;
    graft_status status = GRAFT_OK;
    GRAFT_TRY(graft_text_append_z(out, "llama-server -m "));
    GRAFT_TRY(graft_text_append_word(out, path));
    GRAFT_TRY(graft_text_append_z(out, " --jinja"));
    if (n > 0) {
        GRAFT_TRY(graft_text_appendf(out, " -c %zu", n));
    }
    GRAFT_TRY(graft_text_append_char(out, '\n'));
done:
    return status;
}

const graft_exporter graft_exporter_gguf = {
    .name = "gguf", .writes = "merged.gguf", .help = "base and fine-tune in one model file",
    .types = GRAFT_EXPORT_MODEL_TYPES, .merges = true,
    .write = graft_export__write_model, .usage = usage,
};
