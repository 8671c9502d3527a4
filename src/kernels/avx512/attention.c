#include "kernels/avx512/avx512.h"
#include "kernels/avx512/vec.h"
#include "kernels/vector/act_real.h"
#include "kernels/vector/attention_tmpl.h"

void graft_avx512_attention(graft_kernels *table)
{
    table->attention = attention;
    table->attention_backward = attention_backward;
}
