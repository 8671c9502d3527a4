/* export/peft_names.c - where GGUF files and Hugging Face models differ. */
#include "export/peft_names.h"

#include <string.h>

#include "adapter/modules.h"
#include "export/export.h"

/* Architectures whose modules are where Llama has them, and the row order of q and k in their GGUF
 * files (convert_hf_to_gguf.py permutes those of LlamaForCausalLM and its kin only). */
static const struct {
    const char *arch;
    bool interleaved;
} architectures[] = {
    {"llama", true},  {"mistral3", true}, {"smollm3", true}, {"granite", true}, {"qwen2", false},
    {"qwen3", false}, {"phi3", false},    {"gemma2", false}, {"gemma3", false},
};

static const char blocks[] = "blk.", model[] = "model.", layers[] = "layers.", weight[] = ".weight";
static const char text_model[] = "language_model.";

graft_status graft_export__check_arch(const char *arch)
{
    for (size_t i = 0; i < sizeof architectures / sizeof *architectures; i++) {
        if (strcmp(architectures[i].arch, arch) == 0) {
            return GRAFT_OK;
        }
    }
    return graft_fail(GRAFT_E_FAILED, "the module names of architecture \"%s\" in Hugging Face "
                      "models are not known", arch);
}

/* The folder of a module inside its layer. */
static const char *parent_of(const graft_module *module)
{
    return strncmp(module->gguf, "attn_", 5) == 0 ? "self_attn" : "mlp";
}

/* Splits "PREFIX<digits>.REST"; false if the text is not like that. */
static bool split_layer(const char *text, const char *prefix, const char **digits,
                        size_t *n_digits, const char **rest)
{
    if (!graft_str_starts_with(text, prefix)) {
        return false;
    }
    *digits = text + strlen(prefix);
    *n_digits = strspn(*digits, "0123456789");
    *rest = *digits + *n_digits + 1;
    return *n_digits > 0 && *n_digits < 6 && (*rest)[-1] == '.';
}

graft_status graft_export__hf_name(graft_text *out, const char *arch, const char *gguf_name)
{
    const char *digits, *rest;
    size_t n_digits;
    if (strcmp(gguf_name, "output.weight") == 0) {
        return graft_text_append_z(out, "lm_head");
    }
    const graft_module *module = graft_module_of(arch, gguf_name);
    if (module != NULL && split_layer(gguf_name, blocks, &digits, &n_digits, &rest)) {
        return graft_text_appendf(out, "%s%s%.*s.%s.%s", model, layers, (int)n_digits, digits,
                                  parent_of(module), module->hf);
    }
    return graft_fail(GRAFT_E_FAILED, "\"%s\" has no counterpart in Hugging Face models",
                      gguf_name);
}

graft_status graft_export__peft_name(graft_text *out, const char *arch, bool multimodal,
                                     const char *gguf_name)
{
    graft_status status = GRAFT_OK;
    graft_text plain;
    graft_text_init(&plain);
    GRAFT_TRY(graft_export__hf_name(&plain, arch, gguf_name));
    if (multimodal && graft_str_starts_with(plain.data, model)) {
        GRAFT_TRY(graft_text_appendf(out, "%s%s%s", model, text_model, plain.data + sizeof model - 1));
    } else {
        GRAFT_TRY(graft_text_append_z(out, plain.data));
    }
done:
    graft_text_clear(&plain);
    return status;
}

const char *graft_export__inner_name(const char *hf_name)
{
    const char *own = hf_name + (graft_str_starts_with(hf_name, model) ? sizeof model - 1 : 0);
    return graft_str_starts_with(own, text_model) ? own + sizeof text_model - 1 : hf_name;
}

graft_status graft_export__gguf_name(graft_text *out, const char *arch, const char *hf_name)
{
    const char *digits, *rest, *dot, *name = graft_export__inner_name(hf_name);
    size_t n_digits;
    if (strcmp(name, "lm_head") == 0) {
        return graft_text_append_z(out, "output.weight");
    }
    bool in_model = graft_str_starts_with(name, model);
    if ((in_model || name != hf_name) &&
        split_layer(name + (in_model ? sizeof model - 1 : 0), layers, &digits, &n_digits, &rest) &&
        (dot = strchr(rest, '.')) != NULL) {
        const graft_module *module = graft_module_find_hf(arch, dot + 1);
        size_t n = (size_t)(dot - rest);
        if (module != NULL && strlen(parent_of(module)) == n &&
            strncmp(rest, parent_of(module), n) == 0) {
            return graft_text_appendf(out, "%s%.*s.%s%s", blocks, (int)n_digits, digits,
                                      module->gguf, weight);
        }
    }
    return graft_fail(GRAFT_E_MODEL, "module \"%s\" is unknown", hf_name);
}

/* Of GGUF files that others made it is known by size: Gemma 3 was published as text alone with 18 and 26
 * layers, and with eyes with 34, 48 and 62; Ministral 3 always with eyes. */
bool graft_export_is_multimodal(const graft_gguf *base)
{
    static const char suffix[] = "ForConditionalGeneration";
    graft_gguf_string class = {0}, arch = {0};
    uint64_t n_layer = 0;
    if (graft_gguf_want_string(base, "graft.source_class", &class) != GRAFT_OK ||
        graft_gguf_want_string(base, "general.architecture", &arch) != GRAFT_OK) {
        return false; /* of another type than a text */
    }
    if (class.len > 0) {
        size_t n = sizeof suffix - 1;
        return class.len > n && memcmp(class.data + class.len - n, suffix, n) == 0;
    }
    if (graft_gguf_string_is(arch, "mistral3")) {
        return true;
    }
    return graft_gguf_string_is(arch, "gemma3") &&
           graft_gguf_want_u64(base, "gemma3.block_count", 0, UINT32_MAX, &n_layer) == GRAFT_OK &&
           n_layer > 26;
}

size_t graft_export__interleaved_heads(const char *arch, const char *gguf_name, size_t n_head,
                                       size_t n_kv)
{
    bool interleaved = false;
    for (size_t i = 0; i < sizeof architectures / sizeof *architectures; i++) {
        interleaved = interleaved ||
                      (architectures[i].interleaved && strcmp(architectures[i].arch, arch) == 0);
    }
    if (!interleaved) {
        return 0;
    }
    const graft_module *module = graft_module_of(arch, gguf_name);
    if (module != NULL && strcmp(module->gguf, "attn_q") == 0) {
        return n_head;
    }
    return module != NULL && strcmp(module->gguf, "attn_k") == 0 ? n_kv : 0;
}

/* Row (head, pair, side) of the GGUF order is row (head, side, pair) of the other. */
static void reorder(float *out, const float *in, size_t n_rows, size_t width, size_t n_head,
                    bool to_hf)
{
    size_t half = n_rows / n_head / 2;
    for (size_t row = 0; row < n_rows; row++) {
        size_t head = row / (2 * half), pair = row / 2 % half, side = row % 2;
        size_t other = (head * 2 + side) * half + pair;
        memcpy(out + (to_hf ? other : row) * width, in + (to_hf ? row : other) * width,
               width * sizeof *out);
    }
}

void graft_export__to_hf_rows(float *out, const float *in, size_t n_rows, size_t width,
                              size_t n_head)
{
    reorder(out, in, n_rows, width, n_head, true);
}

void graft_export__to_gguf_rows(float *out, const float *in, size_t n_rows, size_t width,
                                size_t n_head)
{
    reorder(out, in, n_rows, width, n_head, false);
}
