/* convert/tensors.h - room-internal: which tensor of the files becomes which of the GGUF file. */
#ifndef GRAFT_CONVERT_TENSORS_H
#define GRAFT_CONVERT_TENSORS_H

#include "convert/architecture.h"
#include "convert/encoding.h"
#include "export/quantize.h"

/* One tensor and how its rows are made: read, reordered, shifted. */
typedef struct graft_hf_tensor {
    graft_hf_coded coded;  /* unless `values` is set */
    const float *values;   /* all of it */
    size_t n_cols;
    size_t d_head;         /* rows of heads of that width are interleaved; 0: they are not */
    float shift;           /* added to each number */
    const char *path;      /* of the file it lies in, for messages */
    const char *name;      /* there */
} graft_hf_tensor;

typedef struct graft_hf_plan {
    graft_hf_tensor *items;
    graft_tensor_source *sources; /* of the same index */
    size_t n;
} graft_hf_plan;

/* Everything lives in the arena; `weights` must outlive it. */
graft_status graft_hf_plan_make(graft_hf_plan *out, graft_hf_weights *weights,
                                   const graft_hf_model *model, graft_arena *arena);

#endif
