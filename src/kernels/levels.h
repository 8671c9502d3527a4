/* kernels/levels.h - each instruction-set folder fills in what it makes faster. Private. */
#ifndef GRAFT_KERNELS_LEVELS_H
#define GRAFT_KERNELS_LEVELS_H

#include "kernels/kernels.h"

void graft_kernels_portable(graft_kernels *table); /* every slot */
void graft_kernels_blas(graft_kernels *table);
void graft_kernels_avx2(graft_kernels *table);
void graft_kernels_avx512(graft_kernels *table);

/* Activations in bfloat16: every slot that knows their type, over a table of single precision. */
void graft_kernels_portable_half(graft_kernels *table);
void graft_kernels_avx2bf16(graft_kernels *table);
void graft_kernels_avx512bf16(graft_kernels *table);
void graft_kernels_amx(graft_kernels *table);

#endif
