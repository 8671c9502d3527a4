#include "kernels/avx2/avx2.h"
#include "kernels/avx2/vec.h"
#include "kernels/vector/act_real.h"
#include "kernels/vector/attention_tmpl.h"

void graft_avx2_attention(graft_kernels *table)
{
    table->attention = attention;
    table->attention_backward = attention_backward;
}
