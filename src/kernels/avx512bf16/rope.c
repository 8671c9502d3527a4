#include "kernels/avx512bf16/avx512bf16.h"
#include "kernels/avx512bf16/vec.h"
#include "kernels/vector/rope_tmpl.h"

void graft_avx512bf16_rope(graft_kernels *table)
{
    table->rope_pairs = rope_pairs;
    table->rope_halves = rope_halves;
}
