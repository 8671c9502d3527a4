/* adapter/modules.h - the two names of a linear map: in Hugging Face models and in GGUF files. */
#ifndef GRAFT_ADAPTER_MODULES_H
#define GRAFT_ADAPTER_MODULES_H

#include <stdbool.h>
#include <stddef.h>

typedef struct graft_module {
    const char *hf;   /* last part of the module's name: "q_proj" */
    const char *gguf; /* last part before ".weight": "attn_q" */
} graft_module;

extern const graft_module graft_modules[]; /* ends with hf == NULL */

/* By either name; NULL if unknown. */
const graft_module *graft_module_find(const char *name);

/* Is tensor "blk.N.<gguf>.weight" the module? */
bool graft_module_is(const graft_module *module, const char *tensor_name);

#endif
