/* core/cpu.h - which instruction sets this CPU and this system offer. */
#ifndef GRAFT_CORE_CPU_H
#define GRAFT_CORE_CPU_H

#include <stdbool.h>

#include "core/status.h"

/* Levels, weakest first; a level includes what it needs of the ones before it on x86. */
typedef enum graft_cpu_level {
    GRAFT_CPU_PORTABLE,
    GRAFT_CPU_BLAS,
    GRAFT_CPU_AVX2,       /* AVX2 + FMA + F16C */
    GRAFT_CPU_AVX512,     /* F, BW, DQ, VL */
    GRAFT_CPU_AVX512BF16, /* and VNNI */
    GRAFT_CPU_AMX,        /* AMX-TILE + AMX-BF16, granted by the kernel */
    GRAFT_CPU_N_LEVELS
} graft_cpu_level;

const char *graft_cpu_level_name(graft_cpu_level level); /* "avx2" */

/* True if CPU and OS (saved register state) can run the level. */
bool graft_cpu_has(graft_cpu_level level);

/* Parses a level name; GRAFT_E_CONFIG listing the known names, or saying that this CPU lacks it. */
graft_status graft_cpu_parse(graft_cpu_level *out, const char *name);

/* The level asked for in the environment (GRAFT_CPU), else the best one available.
 * GRAFT_E_CONFIG as graft_cpu_parse. */
graft_status graft_cpu_choose(graft_cpu_level *out);

/* CPUs this process could run on when it was first asked, at least 1. */
int graft_cpu_count(void);

/* Binds the calling thread to one of them: the index-th, counted round from one that differs from
 * process to process. What the system refuses is left as it is. */
void graft_cpu_bind(int index);

/* Tells the CPU that this thread waits for another one. */
static inline void graft_cpu_pause(void)
{
#if defined(__x86_64__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    __asm__ volatile("yield");
#endif
}

/* "AMD EPYC ..." from CPUID, or the machine name elsewhere. Never NULL. */
const char *graft_cpu_model_name(void);

#endif
