#include "kernels/avx2bf16/avx2bf16.h"
#include "kernels/avx2bf16/act.h"
#include "kernels/vector/attention_tmpl.h"

void graft_avx2bf16_attention(graft_kernels *table)
{
    table->attention = attention;
    table->attention_backward = attention_backward;
}
