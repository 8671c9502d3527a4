/* export/importance.h - importance matrices: per input column of a linear map the mean square of what
 * came in when a model read some text. Quantising weighs errors with it.
 *
 * Files are those of llama.cpp's imatrix program: GGUF (general.type "imatrix", tensors
 * NAME.in_sum2 [n_in, n_mat] and NAME.counts [1, n_mat]), and the older .dat, which is read only. */
#ifndef GRAFT_EXPORT_IMPORTANCE_H
#define GRAFT_EXPORT_IMPORTANCE_H

#include <stddef.h>
#include <stdint.h>

#include "core/status.h"

typedef struct graft_importance graft_importance;

/* GRAFT_E_MODEL if it is no such file, or if a value is not finite or negative. */
graft_status graft_importance_open(graft_importance **out, const char *path);
void graft_importance_close(graft_importance *importance);

/* One weight per column (and per matrix of a 3-D tensor); *n is their number. NULL if the tensor has
 * none. */
const float *graft_importance_find(const graft_importance *importance, const char *name, size_t *n);

size_t graft_importance_n(const graft_importance *importance);       /* tensors that have weights */
uint32_t graft_importance_chunks(const graft_importance *importance);
const char *graft_importance_path(const graft_importance *importance);
const char *graft_importance_dataset(const graft_importance *importance); /* the first; NULL: unknown */

/* What an importance matrix is written from: of one tensor the sum of squares per column, and how
 * many rows were summed. */
typedef struct graft_importance_sums {
    const char *name;
    const float *sums; /* [n_in] */
    size_t n_in;
    float count;
} graft_importance_sums;

typedef struct graft_importance_source {
    const char *const *datasets; /* what was read */
    size_t n_datasets;
    uint32_t chunk_count, chunk_size; /* tokens in all, as chunks of so many */
} graft_importance_source;

/* Writes the GGUF form atomically; tensors in the order of their names. */
graft_status graft_importance_write(const char *path, const graft_importance_sums *tensors, size_t n,
                                    const graft_importance_source *source);

#endif
