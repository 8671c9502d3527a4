/* convert/naming.h - room-internal: what the name of a model says about it.
 *
 * "org/SmolLM2-135M-Instruct" is a basename, a size and a fine-tune; the rules are gguf-py's
 * (gguf/metadata.py, get_model_id_components), which converters fill general.* keys with. */
#ifndef GRAFT_CONVERT_NAMING_H
#define GRAFT_CONVERT_NAMING_H

#include <stddef.h>
#include <stdint.h>

#include "core/status.h"

enum { GRAFT_HF_LONGEST_NAME = 256 };

/* Parts that are empty are unknown. */
typedef struct graft_hf_name {
    char name[GRAFT_HF_LONGEST_NAME], organization[GRAFT_HF_LONGEST_NAME];
    char basename[GRAFT_HF_LONGEST_NAME], finetune[GRAFT_HF_LONGEST_NAME];
    char version[GRAFT_HF_LONGEST_NAME], size_label[GRAFT_HF_LONGEST_NAME];
} graft_hf_name;

/* n_numbers: of the model, so that a context length is not taken for its size. Name and organization
 * are titles: "smollm2-135M" is "Smollm2 135M". Longer names than there is room for are cut. */
void graft_hf_name_parse(graft_hf_name *out, const char *id, uint64_t n_numbers);

/* "1.2B" for so many numbers. */
void graft_hf_size_label(char out[32], uint64_t n_numbers);

#endif
