/* kernels/weight.c - rows of a weight through the decoder of its format. */
#include <string.h>

#include "kernels/gemm.h"

enum { CHUNK = 256 }; /* a multiple of every block */

graft_weight graft_weight_dense(const graft_real *data, size_t n_out, size_t n_in)
{
    return (graft_weight){data, NULL, n_out, n_in, n_in * sizeof *data};
}

/* Whole blocks. */
static void decode_blocks(const graft_format *format, const uint8_t *blocks, graft_real *out,
                          size_t n)
{
#ifdef GRAFT_DOUBLE
    float values[CHUNK];
    for (size_t i = 0; i < n; i += CHUNK) {
        size_t count = n - i < CHUNK ? n - i : CHUNK;
        format->decode(blocks + i / format->block_elems * format->block_bytes, values,
                       count / format->block_elems);
        for (size_t j = 0; j < count; j++) {
            out[i + j] = values[j];
        }
    }
#else
    format->decode(blocks, out, n / format->block_elems);
#endif
}

void graft_weight_part(const graft_weight *w, size_t row, size_t begin, size_t n, graft_real *out)
{
    const uint8_t *data = (const uint8_t *)w->data + row * w->row_bytes;
    if (w->format == NULL) {
        memcpy(out, data + begin * sizeof *out, n * sizeof *out);
        return;
    }
    size_t block = w->format->block_elems;
    while (n > 0) {
        size_t skip = begin % block;
        const uint8_t *at = data + begin / block * w->format->block_bytes;
        size_t count = n / block * block;
        if (skip == 0 && count > 0) {
            decode_blocks(w->format, at, out, count);
        } else {
            graft_real values[CHUNK];
            decode_blocks(w->format, at, values, block);
            count = n < block - skip ? n : block - skip;
            memcpy(out, values + skip, count * sizeof *out);
        }
        begin += count;
        out += count;
        n -= count;
    }
}
