/* core/cpu.c - what CPUID promises, reduced to what the system saves on a context switch. */
#include "core/cpu.h"

#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include <unistd.h>

static const char *const level_names[GRAFT_CPU_N_LEVELS] = {
    [GRAFT_CPU_PORTABLE] = "portable",         [GRAFT_CPU_BLAS] = "blas",
    [GRAFT_CPU_AVX2] = "avx2",                 [GRAFT_CPU_AVX512] = "avx512",
    [GRAFT_CPU_AVX512BF16] = "avx512bf16",     [GRAFT_CPU_AMX] = "amx",
};

#if defined(__x86_64__)
#include <cpuid.h>
#include <sys/syscall.h>

typedef struct cpuid_words {
    unsigned a, b, c, d;
} cpuid_words;

/* All zero where the CPU does not know the leaf. */
static cpuid_words cpuid(unsigned leaf, unsigned subleaf)
{
    cpuid_words w = {0};
    if (!__get_cpuid_count(leaf, subleaf, &w.a, &w.b, &w.c, &w.d)) {
        return (cpuid_words){0};
    }
    return w;
}

static bool bit(unsigned word, int n)
{
    return (word >> n & 1u) != 0;
}

/* The register state that the system saves; 0 without OSXSAVE. */
static uint64_t saved_state(void)
{
    if (!bit(cpuid(1, 0).c, 27)) {
        return 0;
    }
    uint32_t low, high;
    __asm__ volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
    return (uint64_t)high << 32 | low;
}

/* Linux gives the tile registers only to processes that ask (Documentation/arch/x86/xstate.rst). */
static bool tiles_granted(void)
{
    enum { ARCH_REQ_XCOMP_PERM = 0x1023, XFEATURE_XTILEDATA = 18 };
    return syscall(SYS_arch_prctl, ARCH_REQ_XCOMP_PERM, XFEATURE_XTILEDATA) == 0;
}

static unsigned detect(void)
{
    const uint64_t avx_state = 0x6, avx512_state = 0xe6, tile_state = 0x60000;
    unsigned levels = 1u << GRAFT_CPU_PORTABLE | 1u << GRAFT_CPU_BLAS;
    uint64_t saved = saved_state();
    cpuid_words basic = cpuid(1, 0), extended = cpuid(7, 0), extended1 = cpuid(7, 1);

    bool fma_f16c = bit(basic.c, 12) && bit(basic.c, 28) && bit(basic.c, 29);
    if ((saved & avx_state) != avx_state || !fma_f16c || !bit(extended.b, 5)) {
        return levels;
    }
    levels |= 1u << GRAFT_CPU_AVX2;
    bool f_dq_bw_vl = bit(extended.b, 16) && bit(extended.b, 17) && bit(extended.b, 30) &&
                      bit(extended.b, 31);
    if ((saved & avx512_state) != avx512_state || !f_dq_bw_vl) {
        return levels;
    }
    levels |= 1u << GRAFT_CPU_AVX512;
    if (!bit(extended1.a, 5) || !bit(extended.c, 11)) { /* every CPU with the first has VNNI */
        return levels;
    }
    levels |= 1u << GRAFT_CPU_AVX512BF16;
    bool tile_bf16 = bit(extended.d, 24) && bit(extended.d, 22);
    if ((saved & tile_state) == tile_state && tile_bf16 && tiles_granted()) {
        levels |= 1u << GRAFT_CPU_AMX;
    }
    return levels;
}

static void read_model_name(char out[64])
{
    out[0] = '\0';
    if (__get_cpuid_max(0x80000000u, NULL) < 0x80000004u) {
        return;
    }
    for (unsigned i = 0; i < 3; i++) {
        cpuid_words w = cpuid(0x80000002u + i, 0);
        memcpy(out + 16 * i, &w, sizeof w);
    }
    out[48] = '\0';
}
#else
static unsigned detect(void)
{
    return 1u << GRAFT_CPU_PORTABLE | 1u << GRAFT_CPU_BLAS;
}

static void read_model_name(char out[64])
{
    out[0] = '\0';
}
#endif

const char *graft_cpu_level_name(graft_cpu_level level)
{
    return (unsigned)level < GRAFT_CPU_N_LEVELS ? level_names[level] : "unknown";
}

bool graft_cpu_has(graft_cpu_level level)
{
    static atomic_uint known; /* 0: not detected yet; portable is always set */
    unsigned levels = atomic_load(&known);
    if (levels == 0) {
        levels = detect();
        atomic_store(&known, levels);
    }
    return (unsigned)level < GRAFT_CPU_N_LEVELS && (levels >> level & 1u) != 0;
}

/* "portable, blas, avx2": all names, or those this CPU has. */
static void list_levels(char *out, size_t size, bool only_available)
{
    size_t used = 0;
    out[0] = '\0';
    for (int i = 0; i < GRAFT_CPU_N_LEVELS; i++) {
        if (!only_available || graft_cpu_has((graft_cpu_level)i)) {
            int n = snprintf(out + used, size - used, "%s%s", used > 0 ? ", " : "",
                             level_names[i]);
            used += (size_t)n;
        }
    }
}

graft_status graft_cpu_parse(graft_cpu_level *out, const char *name)
{
    char list[128];
    for (int i = 0; i < GRAFT_CPU_N_LEVELS; i++) {
        if (strcmp(name, level_names[i]) == 0) {
            *out = (graft_cpu_level)i;
            if (graft_cpu_has(*out)) {
                return GRAFT_OK;
            }
            list_levels(list, sizeof list, true);
            return graft_fail(GRAFT_E_CONFIG, "CPU level \"%s\": not on this machine; it has: %s",
                              name, list);
        }
    }
    list_levels(list, sizeof list, false);
    return graft_fail(GRAFT_E_CONFIG, "CPU level \"%s\": unknown; known: %s", name, list);
}

graft_status graft_cpu_choose(graft_cpu_level *out)
{
    const char *asked = getenv("GRAFT_CPU");
    if (asked != NULL && asked[0] != '\0') {
        graft_status status = graft_cpu_parse(out, asked);
        return status == GRAFT_OK ? GRAFT_OK : graft_fail_prefix("GRAFT_CPU");
    }
    int best = GRAFT_CPU_N_LEVELS - 1;
    while (best > GRAFT_CPU_PORTABLE && !graft_cpu_has((graft_cpu_level)best)) {
        best--;
    }
    *out = (graft_cpu_level)best;
    return GRAFT_OK;
}

static cpu_set_t given;

static void read_given_cpus(void)
{
    if (sched_getaffinity(0, sizeof given, &given) != 0) {
        CPU_ZERO(&given);
    }
}

/* The CPUs that the process was given, before it bound threads to some of them. */
static const cpu_set_t *given_cpus(void)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, read_given_cpus);
    return &given;
}

int graft_cpu_count(void)
{
    int n = CPU_COUNT(given_cpus());
    return n > 0 ? n : 1;
}

void graft_cpu_bind(int index)
{
    const cpu_set_t *all = given_cpus();
    unsigned n = (unsigned)graft_cpu_count(), place = ((unsigned)index + (unsigned)getpid()) % n;
    for (size_t cpu = 0; cpu < CPU_SETSIZE; cpu++) {
        if (CPU_ISSET(cpu, all) && place-- == 0) {
            cpu_set_t one;
            CPU_ZERO(&one);
            CPU_SET(cpu, &one);
            sched_setaffinity(0, sizeof one, &one);
            return;
        }
    }
}

const char *graft_cpu_model_name(void)
{
    static _Thread_local char name[64];
    char raw[64];
    read_model_name(raw);
    char *start = raw + strspn(raw, " ");
    size_t n = strlen(start);
    while (n > 0 && start[n - 1] == ' ') {
        n--;
    }
    struct utsname system;
    if (n > 0) {
        memcpy(name, start, n);
        name[n] = '\0';
    } else if (uname(&system) == 0) {
        snprintf(name, sizeof name, "%.63s", system.machine);
    } else {
        snprintf(name, sizeof name, "unknown");
    }
    return name;
}
