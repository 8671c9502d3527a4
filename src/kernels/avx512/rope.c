#include "kernels/avx512/avx512.h"
#include "kernels/avx512/vec.h"
#include "kernels/vector/act_real.h"
#include "kernels/vector/rope_tmpl.h"

void graft_avx512_rope(graft_kernels *table)
{
    table->rope_pairs = rope_pairs;
    table->rope_halves = rope_halves;
}
