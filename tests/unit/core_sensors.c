/* core/sensors.h on folders like /sys of several machines. */
#include "support/test.h"

#include <stdio.h>
#include <string.h>

#include "core/memory.h"
#include "core/sensors.h"
#include "io/files.h"

static const char *root;

static void put(const char *path, const char *text)
{
    char *whole = NULL, *slash;
    assert_ok(graft_path_join(&whole, root, path));
    slash = strrchr(whole, '/');
    *slash = '\0';
    assert_ok(graft_make_dirs(whole));
    *slash = '/';
    FILE *file = fopen(whole, "w"); /* in place: the sensors keep it open */
    assert_non_null(file);
    assert_true(fputs(text, file) >= 0 && fclose(file) == 0);
    graft_free(whole);
}

static graft_sensors *opened(const char *description)
{
    graft_sensors *sensors = NULL;
    graft_text text;
    graft_text_init(&text);
    assert_ok(graft_sensors_open(&sensors, root));
    assert_ok(graft_sensors_describe(sensors, &text));
    assert_string_equal(graft_text_z(&text), description);
    graft_text_clear(&text);
    return sensors;
}

static void assert_heat(graft_sensors *sensors, double celsius, double mhz, int throttled)
{
    graft_heat heat;
    graft_sensors_read(sensors, &heat);
    assert_float_equal(heat.celsius, celsius, 1e-9);
    assert_float_equal(heat.mhz, mhz, 1e-9);
    assert_int_equal(heat.counts_throttling, throttled >= 0);
    assert_int_equal(heat.throttled, throttled >= 0 ? throttled : 0);
}

static void nothing_is_no_failure(void **state)
{
    (void)state;
    root = test_temp_path("nothing");
    graft_sensors *sensors = opened("0 frequencies, 0 counters of throttling");
    assert_false(graft_sensors_tell_temperature(sensors));
    assert_heat(sensors, 0, 0, -1);
    graft_sensors_close(sensors);
    graft_sensors_close(NULL);
}

/* A desktop: the disk is hotter than the processor, which does not matter. */
static void the_processor_is_told_from_the_rest(void **state)
{
    (void)state;
    root = test_temp_path("intel");
    put("class/hwmon/hwmon0/name", "nvme\n");
    put("class/hwmon/hwmon0/temp1_input", "84850\n");
    put("class/hwmon/hwmon0/temp1_label", "Composite\n");
    put("class/hwmon/hwmon10/name", "coretemp\n");
    put("class/hwmon/hwmon10/temp1_label", "Package id 0\n");
    put("class/hwmon/hwmon10/temp1_input", "71000\n");
    put("class/hwmon/hwmon10/temp3_label", "Core 1\n");
    put("class/hwmon/hwmon10/temp3_input", "73500\n");
    put("class/hwmon/hwmon2/name", "coretemp\n");
    put("class/hwmon/hwmon2/temp1_input", "66000\n");
    put("class/thermal/thermal_zone0/type", "acpitz\n");
    put("class/thermal/thermal_zone0/temp", "90000\n");
    put("class/thermal/thermal_zone1/type", "x86_pkg_temp\n");
    put("class/thermal/thermal_zone1/temp", "72000\n");
    put("class/thermal/cooling_device0/type", "Processor\n");
    graft_sensors *sensors = opened("coretemp, coretemp Package id 0, coretemp Core 1, x86_pkg_temp; "
                                    "0 frequencies, 0 counters of throttling");
    assert_true(graft_sensors_tell_temperature(sensors));
    assert_heat(sensors, 73.5, 0, -1);
    put("class/hwmon/hwmon10/temp1_input", "95000\n");
    assert_heat(sensors, 95, 0, -1);
    graft_sensors_close(sensors);
}

static void an_offset_for_fans_is_no_temperature(void **state)
{
    (void)state;
    root = test_temp_path("amd");
    put("class/hwmon/hwmon3/name", "k10temp\n");
    put("class/hwmon/hwmon3/temp1_input", "92000\n");
    put("class/hwmon/hwmon3/temp1_label", "Tctl\n");
    put("class/hwmon/hwmon3/temp2_input", "65000\n");
    put("class/hwmon/hwmon3/temp2_label", "Tdie\n");
    graft_sensors *sensors = opened("k10temp Tdie; 0 frequencies, 0 counters of throttling");
    assert_heat(sensors, 65, 0, -1);
    graft_sensors_close(sensors);
    put("class/hwmon/hwmon3/temp2_label", "Tccd1\n");
    sensors = opened("k10temp Tctl, k10temp Tccd1; 0 frequencies, 0 counters of throttling");
    assert_heat(sensors, 92, 0, -1);
    graft_sensors_close(sensors);
}

static void unknown_zones_are_better_than_none(void **state)
{
    (void)state;
    root = test_temp_path("board");
    put("class/thermal/thermal_zone0/type", "acpitz\n");
    put("class/thermal/thermal_zone0/temp", "48000\n");
    put("class/thermal/thermal_zone1/type", "pch\n");
    put("class/thermal/thermal_zone1/temp", "not a number\n");
    graft_sensors *sensors = opened("acpitz; 0 frequencies, 0 counters of throttling");
    assert_heat(sensors, 48, 0, -1);
    graft_sensors_close(sensors);
}

static void frequencies_and_throttling(void **state)
{
    (void)state;
    root = test_temp_path("cpus");
    for (int i = 0; i < 4; i++) { /* two cores with two threads each */
        char path[128];
        snprintf(path, sizeof path, "devices/system/cpu/cpu%d/cpufreq/scaling_cur_freq", i);
        put(path, i < 2 ? "1000000\n" : "3000000\n");
        snprintf(path, sizeof path, "devices/system/cpu/cpu%d/topology/thread_siblings_list", i);
        put(path, i % 2 == 0 ? "0,2\n" : "1,3\n");
        snprintf(path, sizeof path, "devices/system/cpu/cpu%d/topology/core_siblings_list", i);
        put(path, "0-3\n");
        snprintf(path, sizeof path, "devices/system/cpu/cpu%d/thermal_throttle/core_throttle_count", i);
        put(path, "100\n");
        snprintf(path, sizeof path, "devices/system/cpu/cpu%d/thermal_throttle/package_throttle_count", i);
        put(path, "7\n");
    }
    put("devices/system/cpu/cpufreq/boost", "1\n");
    put("devices/system/cpu/cpuidle/current_driver", "none\n");
    graft_sensors *sensors = opened("4 frequencies, 3 counters of throttling");
    assert_heat(sensors, 0, 2000, 0);
    put("devices/system/cpu/cpu1/thermal_throttle/core_throttle_count", "103\n");
    put("devices/system/cpu/cpu3/thermal_throttle/core_throttle_count", "103\n");
    put("devices/system/cpu/cpu0/thermal_throttle/package_throttle_count", "8\n");
    assert_heat(sensors, 0, 2000, 4);
    put("devices/system/cpu/cpu1/thermal_throttle/core_throttle_count", "0\n");
    assert_heat(sensors, 0, 2000, 0);
    graft_sensors_close(sensors);
}

static void what_goes_away_is_unknown(void **state)
{
    (void)state;
    root = test_temp_path("lost");
    put("class/thermal/thermal_zone0/type", "cpu-thermal\n");
    put("class/thermal/thermal_zone0/temp", "51000\n");
    graft_sensors *sensors = opened("cpu-thermal; 0 frequencies, 0 counters of throttling");
    assert_heat(sensors, 51, 0, -1);
    put("class/thermal/thermal_zone0/temp", "-274000\n");
    assert_heat(sensors, 0, 0, -1);
    put("class/thermal/thermal_zone0/temp", "");
    assert_heat(sensors, 0, 0, -1);
    put("class/thermal/thermal_zone0/temp", "53000\n");
    assert_heat(sensors, 53, 0, -1);
    graft_sensors_close(sensors);
}

static void reading_allocates_nothing(void **state)
{
    graft_heat heat;
    (void)state;
    root = test_temp_path("intel");
    graft_sensors *sensors = NULL;
    assert_ok(graft_sensors_open(&sensors, root));
    uint64_t before = graft_alloc_count();
    for (int i = 0; i < 10; i++) {
        graft_sensors_read(sensors, &heat);
    }
    assert_int_equal(graft_alloc_count(), before);
    graft_sensors_close(sensors);
}

static void memory_may_be_short(void **state)
{
    (void)state;
    root = test_temp_path("intel");
    for (uint64_t n = 1;; n++) {
        graft_sensors *sensors = NULL;
        graft_alloc_fail_at(n);
        graft_status status = graft_sensors_open(&sensors, root);
        graft_alloc_fail_at(0);
        if (status == GRAFT_OK) {
            assert_true(n > 1);
            graft_sensors_close(sensors);
            break;
        }
        assert_int_equal(status, GRAFT_E_MEMORY);
        assert_null(sensors);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_is_no_failure),
        cmocka_unit_test(the_processor_is_told_from_the_rest),
        cmocka_unit_test(an_offset_for_fans_is_no_temperature),
        cmocka_unit_test(unknown_zones_are_better_than_none),
        cmocka_unit_test(frequencies_and_throttling),
        cmocka_unit_test(what_goes_away_is_unknown),
        cmocka_unit_test(reading_allocates_nothing),
        cmocka_unit_test(memory_may_be_short),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
