#include "adapter/modules.h"

#include <string.h>

const graft_module graft_modules[] = {
    {"q_proj", "attn_q"},       {"k_proj", "attn_k"},     {"v_proj", "attn_v"},
    {"o_proj", "attn_output"},  {"gate_proj", "ffn_gate"}, {"up_proj", "ffn_up"},
    {"down_proj", "ffn_down"},  {NULL, NULL},
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

bool graft_module_is(const graft_module *module, const char *tensor_name)
{
    const char *dot = strchr(tensor_name, '.');
    dot = dot == NULL ? NULL : strchr(dot + 1, '.');
    size_t n = strlen(module->gguf);
    return dot != NULL && strncmp(dot + 1, module->gguf, n) == 0 &&
           strcmp(dot + 1 + n, ".weight") == 0;
}
