/* kernels/avx2/gemm.c - products in tiles of 6 x 16. */
#include "kernels/avx2/avx2.h"
#include "kernels/avx2/vec.h"
#include "kernels/vector/gemm_tmpl.h"

static const struct graft_gemm gemm = {GEMM_ROWS, KC, 1, sizeof(float), pack, unpack,
                                       multiply, outer, spin, SPIN_FLOPS, GRAFT_ROWS};

void graft_avx2_gemm(graft_kernels *table)
{
    table->gemm = &gemm;
    table->decode_row = decode_row;
}
