#include "kernels/avx2bf16/avx2bf16.h"
#include "kernels/avx2bf16/act.h"
#include "kernels/vector/rope_tmpl.h"

void graft_avx2bf16_rope(graft_kernels *table)
{
    table->rope_pairs = rope_pairs;
    table->rope_halves = rope_halves;
}
