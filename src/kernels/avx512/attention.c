#include "kernels/avx512/avx512.h"
#include "kernels/avx512/vec.h"
#include "kernels/vector/attention_tmpl.h"

void graft_avx512_attention(graft_kernels *table)
{
    table->attention = attention;
    table->attention_backward_q = attention_backward_q;
    table->attention_backward_kv = attention_backward_kv;
}
