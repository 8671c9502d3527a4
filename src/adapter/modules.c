#include "adapter/modules.h"

#include <string.h>

const graft_module graft_modules[] = {
    {"q_proj", "attn_q", NULL},
    {"k_proj", "attn_k", NULL},
    {"v_proj", "attn_v", NULL},
    {"qkv_proj", "attn_qkv", "phi3"},
    {"o_proj", "attn_output", NULL},
    {"gate_proj", "ffn_gate", NULL},
    {"up_proj", "ffn_up", NULL},
    {"gate_up_proj", "ffn_up", "phi3"},
    {"down_proj", "ffn_down", NULL},
    {NULL, NULL, NULL},
};

const graft_module *graft_module_find(const char *name)
{
    for (const graft_module *m = graft_modules; m->hf != NULL; m++) {
        if (strcmp(m->hf, name) == 0 || strcmp(m->gguf, name) == 0) {
            return m;
        }
    }
    return NULL;
}

static bool is_own(const graft_module *module, const char *arch)
{
    return module->arch != NULL && arch != NULL && strcmp(module->arch, arch) == 0;
}

/* What files of the architecture call by the GGUF name, n characters long. */
static const graft_module *meant(const char *arch, const char *gguf, size_t n)
{
    const graft_module *common = NULL;
    for (const graft_module *m = graft_modules; m->hf != NULL; m++) {
        if (strlen(m->gguf) != n || strncmp(m->gguf, gguf, n) != 0) {
            continue;
        }
        if (is_own(m, arch)) {
            return m;
        }
        common = m->arch == NULL ? m : common;
    }
    return common;
}

const graft_module *graft_module_of(const char *arch, const char *tensor_name)
{
    const char *dot = strchr(tensor_name, '.');
    dot = dot == NULL ? NULL : strchr(dot + 1, '.');
    if (dot == NULL) {
        return NULL;
    }
    size_t n = strcspn(dot + 1, ".");
    return strcmp(dot + 1 + n, ".weight") == 0 ? meant(arch, dot + 1, n) : NULL;
}

const graft_module *graft_module_find_hf(const char *arch, const char *hf)
{
    for (const graft_module *m = graft_modules; m->hf != NULL; m++) {
        if (strcmp(m->hf, hf) == 0 && meant(arch, m->gguf, strlen(m->gguf)) == m) {
            return m;
        }
    }
    return NULL;
}
