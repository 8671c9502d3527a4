/* kernels/dispatch.c - the levels, weakest first; each overlays the table of the ones before. */
#include "kernels/levels.h"
#include "kernels/spans.h"

typedef struct level_row {
    graft_cpu_level level;
    void (*overlay)(graft_kernels *table);
} level_row;

static const level_row levels[] = {
    {GRAFT_CPU_PORTABLE, graft_kernels_portable},
#ifndef GRAFT_DOUBLE /* where only the portable ones compute in double */
    {GRAFT_CPU_BLAS, graft_kernels_blas},
#ifdef __x86_64__
    {GRAFT_CPU_AVX2, graft_kernels_avx2},
    {GRAFT_CPU_AVX512, graft_kernels_avx512},
#endif
#endif
};

graft_status graft_kernels_init(graft_kernels *out, graft_cpu_level level)
{
    if (!graft_cpu_has(level)) {
        return graft_fail(GRAFT_E_CONFIG, "this CPU has no %s", graft_cpu_level_name(level));
    }
    for (size_t i = 0; i < sizeof levels / sizeof *levels; i++) {
        if (levels[i].level <= level) {
            levels[i].overlay(out);
            out->level = levels[i].level;
        }
    }
    return GRAFT_OK;
}

size_t graft_attention_scratch(size_t n_key_total, size_t d_head)
{
    (void)n_key_total; /* blocks: linear in nothing but the width of a head */
    return 2 * GRAFT_ATTENTION_ROWS * (d_head + GRAFT_KEY_BLOCK);
}
