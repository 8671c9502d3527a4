#include "kernels/avx2/avx2.h"
#include "kernels/avx2/vec.h"
#include "kernels/vector/act_real.h"
#include "kernels/vector/rope_tmpl.h"

void graft_avx2_rope(graft_kernels *table)
{
    table->rope_pairs = rope_pairs;
    table->rope_halves = rope_halves;
}
