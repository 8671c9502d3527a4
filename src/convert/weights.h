/* convert/weights.h - room-internal: the safetensors files of a Hugging Face folder as one list of
 * tensors.
 *
 * One file, model.safetensors, or several that model.safetensors.index.json names. Files lie in the
 * folder itself; every tensor lies in one file, and in the one that the index says. */
#ifndef GRAFT_CONVERT_WEIGHTS_H
#define GRAFT_CONVERT_WEIGHTS_H

#include <stdbool.h>

#include "core/map.h"
#include "io/safetensors.h"

typedef struct graft_hf_weights {
    char *folder;
    graft_safetensors **files; /* in the order of their names */
    char **paths;
    size_t n_files;
    const graft_safetensors_tensor **tensors; /* in the order of the files */
    uint32_t *file_of;                        /* of each tensor */
    bool *used;                               /* set by who reads a tensor */
    size_t n;
    graft_map names;
} graft_hf_weights;

/* GRAFT_E_MODEL (GRAFT_E_DISK for files that are not there), always with a file's name. */
graft_status graft_hf_weights_open(graft_hf_weights *weights, const char *folder);
void graft_hf_weights_close(graft_hf_weights *weights);

/* NULL if there is none. _take_ marks the tensor as used. */
const graft_safetensors_tensor *graft_hf_weights_find(const graft_hf_weights *weights,
                                                      const char *name);
const graft_safetensors_tensor *graft_hf_weights_take(graft_hf_weights *weights, const char *name);

/* The file that holds the tensor, for messages. */
const char *graft_hf_weights_path(const graft_hf_weights *weights, const char *name);

/* GRAFT_E_MODEL, "FILE: tensor "NAME" " and what is wrong with it. */
graft_status graft_hf_weights_fail(const graft_hf_weights *weights, const char *name,
                                   const char *format, ...) __attribute__((format(printf, 3, 4)));

#endif
