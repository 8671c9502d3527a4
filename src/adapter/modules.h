/* adapter/modules.h - the two names of a linear map: in Hugging Face models and in GGUF files. */
#ifndef GRAFT_ADAPTER_MODULES_H
#define GRAFT_ADAPTER_MODULES_H

#include <stdbool.h>
#include <stddef.h>

typedef struct graft_module {
    const char *hf;   /* last part of the module's name: "q_proj" */
    const char *gguf; /* last part before ".weight": "attn_q" */
    const char *arch; /* of the files that mean this by the name; NULL: of all others */
} graft_module;

extern const graft_module graft_modules[]; /* ends with hf == NULL */

/* By either name, of whatever architecture; NULL if unknown. */
const graft_module *graft_module_find(const char *name);

/* The module of tensor "blk.N.<gguf>.weight" in files of an architecture (NULL: any that has no names
 * of its own); NULL if it is none. */
const graft_module *graft_module_of(const char *arch, const char *tensor_name);

/* The module that models of the architecture have under a Hugging Face name; NULL if none. */
const graft_module *graft_module_find_hf(const char *arch, const char *hf);

#endif
