/* kernels/dispatch.c - the levels, weakest first; each overlays the table of the ones before. */
#include "kernels/levels.h"
#include "kernels/spans.h"

typedef struct level_row {
    graft_cpu_level level;
    bool half; /* knows bfloat16: what it overlays counts where activations are such */
    void (*overlay)(graft_kernels *table);
} level_row;

static const level_row levels[] = {
    {GRAFT_CPU_PORTABLE, false, graft_kernels_portable},
#ifndef GRAFT_DOUBLE /* where only the portable ones compute in double */
    {GRAFT_CPU_BLAS, false, graft_kernels_blas},
#ifdef __x86_64__
    {GRAFT_CPU_AVX2, false, graft_kernels_avx2},
    {GRAFT_CPU_AVX512, false, graft_kernels_avx512},
#endif
#endif
    {GRAFT_CPU_PORTABLE, true, graft_kernels_portable_half},
#if !defined GRAFT_DOUBLE && defined __x86_64__
    {GRAFT_CPU_AVX2, true, graft_kernels_avx2bf16},
    {GRAFT_CPU_AVX512BF16, true, graft_kernels_avx512bf16},
    {GRAFT_CPU_AMX, true, graft_kernels_amx},
#endif
};

graft_status graft_kernels_init(graft_kernels *out, graft_cpu_level level, bool half)
{
    if (!graft_cpu_has(level)) {
        return graft_fail(GRAFT_E_CONFIG, "this CPU has no %s", graft_cpu_level_name(level));
    }
    for (size_t i = 0; i < sizeof levels / sizeof *levels; i++) {
        if (levels[i].level <= level && (half || !levels[i].half)) {
            levels[i].overlay(out);
        }
    }
    out->level = level;
    return GRAFT_OK;
}

bool graft_kernels_know_half(graft_cpu_level level)
{
    return level >= GRAFT_CPU_AVX2;
}

bool graft_kernels_prefer_half(graft_cpu_level level)
{
    return level == GRAFT_CPU_AVX2 || level >= GRAFT_CPU_AVX512BF16;
}

/* avx512 and amx take bytes as the levels below them do, whose units are narrower. */
bool graft_kernels_prefer_bytes(graft_cpu_level level)
{
    return level == GRAFT_CPU_AVX2 || level == GRAFT_CPU_AVX512BF16;
}

size_t graft_act_ld(const graft_kernels *kernels, size_t n)
{
    if (!kernels->half) {
        return n;
    }
    size_t ld = (n + 31) / 32 * 32;
    return ld % 512 == 0 ? ld + 32 : ld; /* rows 1,024 bytes apart share lines */
}

size_t graft_attention_scratch(size_t d_head)
{
    return 6 * GRAFT_ATTENTION_ROWS * (d_head + GRAFT_KEY_BLOCK);
}
