/* support/emulated_amx.h - level amx over tiles in plain C; the rest is what the library uses. */
#include "support/emulated_amx.h"

#if defined(__x86_64__) && !defined(GRAFT_DOUBLE)
#pragma GCC target("avx512f,avx512bw,avx512dq,avx512vl,avx512bf16,fma,f16c,avx2")
#define GRAFT_AMX_EMULATED
#define graft_amx_gemm emulated_gemm
#define graft_amx_attention emulated_attention
#include "kernels/amx/attention.c"
#include "kernels/amx/gemm.c"

bool test_emulated_amx(graft_kernels *out)
{
    if (!graft_cpu_has(GRAFT_CPU_AVX512BF16)) { /* which all around the tiles is made of */
        return false;
    }
    assert_ok(graft_kernels_init(out, GRAFT_CPU_AVX512BF16, true));
    emulated_gemm(out);
    emulated_attention(out);
    return true;
}
#else
bool test_emulated_amx(graft_kernels *out)
{
    (void)out;
    return false;
}
#endif
