/* convert/encoding.h - room-internal: how the numbers of a weight lie in safetensors files.
 *
 * Plainly (F32, F16, BF16), or coded with the help of further tensors (scales). An encoding is one
 * file and one row of encodings.c; the first row that knows a tensor reads it. */
#ifndef GRAFT_CONVERT_ENCODING_H
#define GRAFT_CONVERT_ENCODING_H

#include "convert/config.h"
#include "convert/weights.h"
#include "core/arena.h"

typedef struct graft_hf_encoding graft_hf_encoding;

/* A weight ready to be read. */
typedef struct graft_hf_coded {
    const graft_hf_encoding *encoding;
    const graft_safetensors_tensor *tensor;
    uint32_t n_dims;
    uint64_t shape[8];          /* outermost first, of the numbers and not of their code */
    size_t n_rows, n_cols;      /* n_cols: the last dimension */
    const graft_format *origin; /* F32, F16 or BF16: the least of them that holds the numbers */
    const void *state;          /* the encoding's own, in the arena */
} graft_hf_coded;

typedef struct graft_hf_opening {
    graft_hf_weights *weights;
    const graft_hf_config *config;
    graft_arena *arena;
    graft_hf_coded *out; /* encoding and tensor are set, the rest is filled */
} graft_hf_opening;

struct graft_hf_encoding {
    const char *name; /* for people */
    bool (*knows)(const graft_hf_weights *weights, const graft_safetensors_tensor *tensor);
    /* Finds and checks what belongs to the tensor; marks it as used. */
    graft_status (*open)(graft_hf_opening *opening);
    /* out[0 .. n_cols) = row `row`. May be called from several threads. */
    void (*read)(const graft_hf_coded *coded, size_t row, float *out);
};

extern const graft_hf_encoding *const graft_hf_encodings[]; /* NULL-terminated */
extern const graft_hf_encoding graft_hf_encoding_plain, graft_hf_encoding_fp8,
    graft_hf_encoding_bnb4;

/* Opens the weight `tensor`; GRAFT_E_MODEL "FILE: tensor ..." for a type that no encoding knows. */
graft_status graft_hf_coded_open(graft_hf_coded *out, graft_hf_weights *weights,
                                 const graft_hf_config *config, graft_arena *arena,
                                 const graft_safetensors_tensor *tensor);

/* Fills the fields about shape from the tensor's own. */
void graft_hf__own_shape(graft_hf_coded *coded);

/* What accompanies a weight and is not read: scales of activations. */
bool graft_hf__unused_companion(const char *name);

/* GRAFT_E_MODEL if quantization_config names a method that no encoding knows. */
graft_status graft_hf__check_quantization(const graft_hf_config *config);

/* Companion NAME.SUFFIX of a weight as numbers: F32, F16 or BF16 become f32 in the arena. *out =
 * NULL if there is none. */
graft_status graft_hf__companion(graft_hf_opening *opening, const char *suffix,
                                 const graft_safetensors_tensor **tensor, const float **out);

#endif
