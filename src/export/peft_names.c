/* export/peft_names.c - where GGUF files and Hugging Face models differ. */
#include "export/peft_names.h"

#include <string.h>

#include "adapter/modules.h"

/* Architectures whose modules are where Llama has them, and the row order of q and k in their GGUF
 * files (convert_hf_to_gguf.py permutes those of LlamaForCausalLM and its kin only). */
static const struct {
    const char *arch;
    bool interleaved;
} architectures[] = {
    {"llama", true},  {"mistral3", true}, {"smollm3", true}, {"granite", true}, {"qwen2", false},
    {"qwen3", false}, {"phi3", false},    {"gemma2", false}, {"gemma3", false},
};

static const char blocks[] = "blk.", layers[] = "model.layers.", weight[] = ".weight";

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
        return graft_text_appendf(out, "%s%.*s.%s.%s", layers, (int)n_digits, digits,
                                  parent_of(module), module->hf);
    }
    return graft_fail(GRAFT_E_FAILED, "\"%s\" has no counterpart in Hugging Face models",
                      gguf_name);
}

graft_status graft_export__gguf_name(graft_text *out, const char *arch, const char *hf_name)
{
    const char *digits, *rest, *dot;
    size_t n_digits;
    if (strcmp(hf_name, "lm_head") == 0) {
        return graft_text_append_z(out, "output.weight");
    }
    if (split_layer(hf_name, layers, &digits, &n_digits, &rest) &&
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
