/* export/hf.c - the merged model as a Hugging Face folder: what transformers, vLLM and others load and
 * what other converters start from. */
#include "export/hf.h"

#include <string.h>

#include "core/memory.h"
#include "export/exporters.h"
#include "export/factors.h"
#include "io/files.h"

static const graft_hf_class classes[] = {
    {"llama", "LlamaForCausalLM", "llama", "silu", false, 0},
    {"mistral3", "Ministral3ForCausalLM", "ministral3", "silu", false, 0},
    {"qwen2", "Qwen2ForCausalLM", "qwen2", "silu", false, 0},
    {"qwen3", "Qwen3ForCausalLM", "qwen3", "silu", false, 0},
    {"smollm3", "SmolLM3ForCausalLM", "smollm3", "silu", false, 0},
    {"granite", "GraniteForCausalLM", "granite", "silu", false, 0},
    {"phi3", "Phi3ForCausalLM", "phi3", "silu", false, 0},
    {"gemma2", "Gemma2ForCausalLM", "gemma2", "gelu_pytorch_tanh", true, 1},
    {"gemma3", "Gemma3ForCausalLM", "gemma3_text", "gelu_pytorch_tanh", true, 1},
};

graft_status graft_hf_class_of(const graft_hf_class **out, const char *arch)
{
    graft_status status = GRAFT_OK;
    graft_text known;
    graft_text_init(&known);
    *out = NULL;
    for (size_t i = 0; i < sizeof classes / sizeof *classes; i++) {
        if (strcmp(classes[i].arch, arch) == 0) {
            *out = &classes[i];
            goto done;
        }
        GRAFT_TRY(graft_text_appendf(&known, "%s%s", i > 0 ? ", " : "", classes[i].arch));
    }
    status = graft_fail(GRAFT_E_FAILED, "models of architecture %s are not written for Hugging Face "
                        "(known: %s)", arch, known.data);
done:
    graft_text_clear(&known);
    return status;
}

graft_status graft_export__write_json(const graft_json *value, const char *folder, const char *name)
{
    char *path = NULL;
    graft_status status = graft_path_join(&path, folder, name);
    status = status == GRAFT_OK ? graft_json_save(value, path) : status;
    graft_free(path);
    return status;
}

/* F16 is closest to what quantised weights are; BF16 stays BF16, and one F32 among them is not cut. */
static const graft_format *choose_format(const graft_export_job *job)
{
    if (job->type != NULL && strcmp(job->type, "same") != 0) {
        return graft_format_by_name(job->type);
    }
    const graft_format *own = &graft_format_f16;
    for (size_t i = 0; i < job->adapter->n_maps; i++) {
        const graft_gguf_tensor *t = graft_gguf_find_tensor(job->base, job->adapter->maps[i].name);
        if (t != NULL && t->format == &graft_format_f32) {
            return t->format;
        }
        if (t != NULL && t->format == &graft_format_bf16) {
            own = t->format;
        }
    }
    return own;
}

static graft_status write_hf(const graft_export_job *job, const char *folder)
{
    graft_status status = GRAFT_OK;
    const graft_hf_class *class = NULL;
    graft_model *model = NULL;
    graft_vocabulary vocabulary = {0};
    GRAFT_TRY(graft_export__check(job->adapter));
    if (job->base == NULL) {
        return graft_fail(GRAFT_E_FAILED, "a merged model needs the weights of the base");
    }
    GRAFT_TRY(graft_hf_class_of(&class, job->adapter->arch));
    GRAFT_TRY(graft_model_open(&model, graft_gguf_path(job->base)));
    GRAFT_TRY(graft_vocabulary_read(&vocabulary, job->base, NULL));
    const graft_format *format = choose_format(job);
    GRAFT_TRY(graft_export__write_hf_config(class, model, &vocabulary, format, folder));
    GRAFT_TRY(graft_export__write_hf_tokenizer(job, &vocabulary, folder));
    GRAFT_TRY(graft_export__write_hf_weights(job, class, format, folder));
done:
    graft_vocabulary_clear(&vocabulary);
    graft_model_close(model);
    return status;
}

static graft_status usage(const graft_export_job *job, const char *path, graft_text *out)
{
    graft_status status = GRAFT_OK;
    const graft_export_serving *s = job->serving;
    GRAFT_TRY(graft_text_append_z(out, "vllm serve "));
    GRAFT_TRY(graft_text_append_word(out, path));
    if (s != NULL && s->slug != NULL) {
        GRAFT_TRY(graft_text_appendf(out, " --served-model-name %s", s->slug));
    }
    if (s != NULL && s->n_ctx > 0) {
        GRAFT_TRY(graft_text_appendf(out, " --max-model-len %zu", s->n_ctx));
    }
    GRAFT_TRY(graft_text_append_char(out, '\n'));
done:
    return status;
}

const graft_exporter graft_exporter_hf = {
    .name = "hf", .writes = "hf", .help = "the merged model for transformers and vLLM",
    .types = "same f16 bf16 f32", .is_folder = true, .merges = true, .write = write_hf,
    .usage = usage,
};
