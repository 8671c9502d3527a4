/* quant/format.h - what the bits of a tensor mean.
 *
 * A format stores a row of numbers as blocks: `block_elems` numbers in `block_bytes` bytes. Each
 * format is one file that fills one row of the table in formats.c. Layouts follow ggml
 * (ggml-common.h, ggml-quants.c): what llama.cpp computes from a block is what graft computes,
 * bit for bit in f32. */
#ifndef GRAFT_QUANT_FORMAT_H
#define GRAFT_QUANT_FORMAT_H

#include <stddef.h>
#include <stdint.h>

#include "core/status.h"

typedef struct graft_format {
    const char *name;      /* as the field writes it: "Q4_K" */
    uint32_t ggml_type;    /* the number GGUF files carry */
    uint32_t block_elems;  /* 1, or a power of two from 32 to 256 */
    uint32_t block_bytes;
    /* out[0 .. n_blocks * block_elems) = the values of n_blocks blocks. Blocks need no alignment.
     * Defined for every bit pattern (a broken scale gives a non-finite value, nothing worse). */
    void (*decode)(const void *blocks, float *out, size_t n_blocks);
    /* The reverse: the blocks that ggml's quantisers make. `importance` has one weight >= 0 per value
     * for the squared errors, or is NULL: all alike. With one the blocks must be a whole row, since
     * some formats look at its mean square; formats of 8 bits and more ignore it. Values that
     * are not finite give any block. NULL where graft does not write the format. */
    void (*encode)(const float *values, void *blocks, size_t n_blocks, const float *importance);
} graft_format;

extern const graft_format *const graft_formats[]; /* NULL-terminated */

const graft_format *graft_format_find(uint32_t ggml_type);      /* NULL if unknown */
const graft_format *graft_format_by_name(const char *name);     /* case-insensitive; NULL */

/* Bytes of a row of n numbers; GRAFT_E_MODEL unless n is a multiple of block_elems and fits. */
graft_status graft_format_row_bytes(const graft_format *format, size_t n, size_t *out);

/* The plain formats other rooms name directly. */
extern const graft_format graft_format_f32, graft_format_f16, graft_format_bf16;

#endif
