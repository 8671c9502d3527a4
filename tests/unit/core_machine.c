/* core/cpu.h, core/clock.h, core/version.h: what the machine says about itself. */
#include "support/test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/clock.h"
#include "core/cpu.h"
#include "core/memory.h"
#include "io/files.h"
#include "core/version.h"

static void levels_build_on_each_other(void **state)
{
    (void)state;
    assert_true(graft_cpu_has(GRAFT_CPU_PORTABLE));
    assert_true(graft_cpu_has(GRAFT_CPU_BLAS));
    for (int level = GRAFT_CPU_AVX512; level < GRAFT_CPU_N_LEVELS; level++) {
        if (graft_cpu_has((graft_cpu_level)level)) {
            assert_true(graft_cpu_has((graft_cpu_level)(level - 1)));
        }
    }
    assert_false(graft_cpu_has(GRAFT_CPU_N_LEVELS));
}

static void level_agrees_with_the_system(void **state)
{
    (void)state;
    FILE *file = fopen("/proc/cpuinfo", "r");
    char line[8192] = "";
    while (file != NULL && fgets(line, sizeof line, file) != NULL &&
           strncmp(line, "flags", 5) != 0) {
    }
    if (file != NULL) {
        fclose(file);
    }
    if (strncmp(line, "flags", 5) != 0) {
        test_skip("/proc/cpuinfo has no line \"flags\"");
    }
    line[strcspn(line, "\n")] = ' ';
    bool avx2 = strstr(line, " avx2 ") != NULL && strstr(line, " fma ") != NULL &&
                strstr(line, " f16c ") != NULL;
    bool avx512 = strstr(line, " avx512f ") != NULL && strstr(line, " avx512vl ") != NULL;
    assert_int_equal(graft_cpu_has(GRAFT_CPU_AVX2), avx2);
    assert_int_equal(graft_cpu_has(GRAFT_CPU_AVX512), avx512);
}

static void names_are_parsed_back(void **state)
{
    (void)state;
    for (int i = 0; i < GRAFT_CPU_N_LEVELS; i++) {
        graft_cpu_level level = GRAFT_CPU_N_LEVELS;
        const char *name = graft_cpu_level_name((graft_cpu_level)i);
        if (graft_cpu_has((graft_cpu_level)i)) {
            assert_ok(graft_cpu_parse(&level, name));
            assert_int_equal(level, i);
        } else {
            assert_fails(graft_cpu_parse(&level, name), GRAFT_E_CONFIG, "not on this machine");
        }
    }
    graft_cpu_level level;
    assert_fails(graft_cpu_parse(&level, "AVX2"), GRAFT_E_CONFIG,
                 "unknown; known: portable, blas, avx2, avx512, avx512bf16, amx");
}

static void environment_chooses_the_level(void **state)
{
    (void)state;
    const char *before = getenv("GRAFT_CPU");
    char *kept = NULL;
    if (before != NULL) {
        assert_ok(graft_strdup(&kept, before));
    }
    graft_cpu_level level;
    setenv("GRAFT_CPU", "portable", 1);
    assert_ok(graft_cpu_choose(&level));
    assert_int_equal(level, GRAFT_CPU_PORTABLE);
    setenv("GRAFT_CPU", "fast", 1);
    assert_fails(graft_cpu_choose(&level), GRAFT_E_CONFIG, "GRAFT_CPU: CPU level \"fast\"");
    setenv("GRAFT_CPU", "", 1);
    assert_ok(graft_cpu_choose(&level));
    for (int better = (int)level + 1; better < GRAFT_CPU_N_LEVELS; better++) {
        assert_false(graft_cpu_has((graft_cpu_level)better));
    }
    if (kept != NULL) {
        setenv("GRAFT_CPU", kept, 1);
        graft_free(kept);
    } else {
        unsetenv("GRAFT_CPU");
    }
}

static void machine_has_a_name(void **state)
{
    (void)state;
    const char *name = graft_cpu_model_name();
    assert_true(strlen(name) > 0 && name[0] != ' ' && name[strlen(name) - 1] != ' ');
}

static void time_goes_forward(void **state)
{
    (void)state;
    double start = graft_clock_seconds();
    assert_true(graft_clock_seconds() >= start);
    char text[32];
    int year, month, day, hour, minute, second;
    graft_clock_iso8601(text);
    assert_int_equal(strlen(text), 20);
    assert_int_equal(sscanf(text, "%4d-%2d-%2dT%2d:%2d:%2dZ", &year, &month, &day, &hour, &minute,
                            &second), 6);
    assert_in_range(year, 2024, 9999);
}

static void memory_shows_in_the_process(void **state)
{
    (void)state;
    const size_t bytes = (size_t)64 << 20;
    size_t before = graft_rss_bytes();
    assert_true(before > 0 && graft_memory_available() > 0);
    char *block;
    assert_ok(graft_alloc(&block, bytes, 1));
    memset(block, 1, bytes);
    assert_true(graft_rss_bytes() >= before + bytes / 2);
    graft_free(block);
    assert_true(graft_rss_peak_bytes() >= before + bytes / 2);
}

/* --- memory that a control group may have --- */

static void put(const char *path, const char *text)
{
    char name[512];
    snprintf(name, sizeof name, "system%s", path);
    const char *file = test_temp_path(name);
    assert_ok(graft_file_write(file, text, strlen(text)));
}

static void make_system(const char *cgroup)
{
    assert_ok(graft_make_dirs(test_temp_path("system/proc/self")));
    assert_ok(graft_make_dirs(test_temp_path("system/sys/fs/cgroup/user/job")));
    assert_ok(graft_make_dirs(test_temp_path("system/sys/fs/cgroup/memory/docker/abc")));
    put("/proc/meminfo", "MemTotal:       65536000 kB\nMemFree: 5 kB\nMemAvailable:   32768000 kB\n");
    put("/proc/self/cgroup", cgroup);
    graft_memory_set_root(test_temp_path("system"));
}

static int real_system(void **state)
{
    (void)state;
    graft_memory_set_root("");
    return 0;
}

static void the_limit_of_a_container_is_the_memory_of_the_machine(void **state)
{
    (void)state;
    make_system("0::/user/job\n");
    assert_int_equal(graft_memory_total(), (size_t)65536000 << 10);
    put("/sys/fs/cgroup/user/job/memory.max", "max\n");
    put("/sys/fs/cgroup/user/memory.max", "4294967296\n"); /* of a group above it */
    put("/sys/fs/cgroup/user/memory.current", "3221225472\n");
    put("/sys/fs/cgroup/user/memory.stat", "anon 5\ninactive_file 1073741824\n");
    assert_int_equal(graft_memory_total(), (size_t)4 << 30);
    assert_int_equal(graft_memory_available(), (size_t)2 << 30);
    put("/sys/fs/cgroup/user/job/memory.high", "1073741824\n"); /* beyond it the system slows down */
    put("/sys/fs/cgroup/user/job/memory.current", "1073741825\n");
    assert_int_equal(graft_memory_total(), (size_t)1 << 30);
    assert_int_equal(graft_memory_available(), 0);
}

static void limits_of_the_first_version_of_groups_count_too(void **state)
{
    (void)state;
    make_system("5:cpu,cpuacct:/\n4:hugetlb,memory:/docker/abc\n1:name=systemd:/x\n");
    put("/sys/fs/cgroup/memory/memory.limit_in_bytes", "9223372036854771712\n");
    put("/sys/fs/cgroup/memory/memory.usage_in_bytes", "9\n");
    assert_int_equal(graft_memory_total(), (size_t)65536000 << 10);
    put("/sys/fs/cgroup/memory/docker/abc/memory.limit_in_bytes", "2147483648\n");
    put("/sys/fs/cgroup/memory/docker/abc/memory.usage_in_bytes", "1073741824\n");
    put("/sys/fs/cgroup/memory/docker/abc/memory.stat", "total_inactive_file 0\n");
    assert_int_equal(graft_memory_total(), (size_t)2 << 30);
    assert_int_equal(graft_memory_available(), (size_t)1 << 30);
}

static void version_has_three_numbers(void **state)
{
    (void)state;
    int a, b, c;
    assert_int_equal(sscanf(graft_version(), "%d.%d.%d", &a, &b, &c), 3);
    assert_true(strlen(graft_build()) > 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(levels_build_on_each_other),
        cmocka_unit_test(level_agrees_with_the_system),
        cmocka_unit_test(names_are_parsed_back),
        cmocka_unit_test(environment_chooses_the_level),
        cmocka_unit_test(machine_has_a_name),
        cmocka_unit_test(time_goes_forward),
        cmocka_unit_test(memory_shows_in_the_process),
        cmocka_unit_test_teardown(the_limit_of_a_container_is_the_memory_of_the_machine, real_system),
        cmocka_unit_test_teardown(limits_of_the_first_version_of_groups_count_too, real_system),
        cmocka_unit_test(version_has_three_numbers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
