/* core/sensors.c - attributes of sysfs: small texts that are made anew when they are read at offset 0. */
#include "core/sensors.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/clock.h"
#include "core/memory.h"

/* Reading a frequency took 10 ms per core on some kernels: few of them, and not at every step. */
enum { MAX_TEMPERATURES = 128, MAX_FREQUENCIES = 8, MAX_COUNTERS = 256,
       NAME_BYTES = 48, PATH_BYTES = 512 };
#define MHZ_SECONDS 5.0

typedef struct sensor {
    int file;
    char name[NAME_BYTES];
} sensor;

typedef struct sensor_list {
    sensor *items;
    size_t n, capacity, most;
} sensor_list;

struct graft_sensors {
    sensor_list temperatures, frequencies, counters;
    uint64_t throttled; /* sum of the counters when they were opened */
    double mhz, mhz_at; /* last reading, and its clock */
};

/* --- small files --- */

static bool read_text(int file, char *out, size_t size)
{
    ssize_t n;
    do {
        n = pread(file, out, size - 1, 0);
    } while (n < 0 && errno == EINTR);
    out[n > 0 ? n : 0] = '\0';
    out[strcspn(out, "\n")] = '\0';
    return n > 0;
}

static bool read_number(int file, double *out)
{
    char text[64], *end = text;
    if (!read_text(file, text, sizeof text)) {
        return false;
    }
    *out = strtod(text, &end);
    return end != text && isfinite(*out);
}

/* The text of a file; "" if it cannot be read. */
static void read_path(const char *folder, const char *name, char *out, size_t size)
{
    char path[PATH_BYTES];
    out[0] = '\0';
    if (snprintf(path, sizeof path, "%s/%s", folder, name) >= (int)sizeof path) {
        return;
    }
    int file = open(path, O_RDONLY | O_CLOEXEC);
    if (file >= 0) {
        (void)read_text(file, out, size);
        close(file);
    }
}

/* Keeps a file open that has a number in it; others are left out. */
static graft_status add(sensor_list *list, const char *folder, const char *file, const char *name)
{
    graft_status status = GRAFT_OK;
    char path[PATH_BYTES];
    double value;
    int opened = -1;
    if (list->n == list->most ||
        snprintf(path, sizeof path, "%s/%s", folder, file) >= (int)sizeof path ||
        (opened = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)) < 0) {
        return GRAFT_OK;
    }
    if (read_number(opened, &value)) {
        GRAFT_TRY(graft_reserve(&list->items, &list->capacity, list->n + 1, sizeof *list->items));
        sensor *one = &list->items[list->n++];
        one->file = opened;
        snprintf(one->name, sizeof one->name, "%s", name);
        opened = -1;
    }
done:
    if (opened >= 0) {
        close(opened);
    }
    return status;
}

static void clear(sensor_list *list)
{
    for (size_t i = 0; i < list->n; i++) {
        close(list->items[i].file);
    }
    graft_free(list->items);
    *list = (sensor_list){.most = list->most};
}

/* --- temperatures --- */

static bool has_word(const char *name, const char *const *words)
{
    for (; *words != NULL; words++) {
        if (strstr(name, *words) != NULL) {
            return true;
        }
    }
    return false;
}

/* Drivers of hwmon, and types of thermal zones, that measure the processor. */
static bool is_processor(const char *name)
{
    static const char *const words[] = {"coretemp", "k8temp",  "k10temp", "zenpower", "cputemp",
                                        "x86_pkg",  "cpu",     "CPU",     "soc",      "cluster",
                                        "bigcore",  "littlecore", NULL};
    return has_word(name, words);
}

/* temp1_input, temp2_input, ... in one folder. Tctl of AMD may be more than the temperature, by a fixed
 * amount that steers fans: where there is a Tdie, that is the temperature. */
static graft_status add_inputs(sensor_list *list, const char *folder, const char *driver)
{
    graft_status status = GRAFT_OK;
    char file[32], label[NAME_BYTES], name[2 * NAME_BYTES];
    bool has_die = false;
    for (int pass = 0; pass < 2; pass++) {
        for (int i = 1; i <= MAX_TEMPERATURES; i++) {
            snprintf(file, sizeof file, "temp%d_label", i);
            read_path(folder, file, label, sizeof label);
            has_die = has_die || strcmp(label, "Tdie") == 0;
            if (pass == 0 || (has_die && strcmp(label, "Tctl") == 0)) {
                continue;
            }
            snprintf(file, sizeof file, "temp%d_input", i);
            snprintf(name, sizeof name, "%s%s%s", driver, label[0] != '\0' ? " " : "", label);
            GRAFT_TRY(add(list, folder, file, name));
        }
    }
done:
    return status;
}

static graft_status add_hwmon(sensor_list *list, const char *folder)
{
    graft_status status = GRAFT_OK;
    char driver[NAME_BYTES], device[PATH_BYTES];
    read_path(folder, "name", driver, sizeof driver);
    if (driver[0] == '\0' && /* as old kernels have it */
        snprintf(device, sizeof device, "%s/device", folder) < (int)sizeof device) {
        read_path(device, "name", driver, sizeof driver);
        folder = device;
    }
    if (is_processor(driver)) {
        GRAFT_TRY(add_inputs(list, folder, driver));
    }
done:
    return status;
}

static graft_status add_zone(sensor_list *list, const char *folder, bool any)
{
    char type[NAME_BYTES];
    read_path(folder, "type", type, sizeof type);
    return any || is_processor(type) ? add(list, folder, "temp", type) : GRAFT_OK;
}

typedef graft_status visit(sensor_list *list, const char *folder);

static graft_status add_known_zone(sensor_list *list, const char *folder)
{
    return add_zone(list, folder, false);
}

static graft_status add_any_zone(sensor_list *list, const char *folder)
{
    return add_zone(list, folder, true);
}

/* One more than the highest number of the entries PREFIX<digits> of a folder. */
static int count_numbered(const char *folder, const char *prefix)
{
    size_t n_prefix = strlen(prefix);
    int n = 0, number, end;
    DIR *entries = opendir(folder);
    if (entries == NULL) {
        return 0;
    }
    for (struct dirent *e; (e = readdir(entries)) != NULL;) {
        end = 0;
        if (strncmp(e->d_name, prefix, n_prefix) == 0 &&
            sscanf(e->d_name + n_prefix, "%4d%n", &number, &end) == 1 &&
            e->d_name[n_prefix + (size_t)end] == '\0' && number >= n) {
            n = number + 1;
        }
    }
    closedir(entries);
    return n;
}

/* Calls `what` for each folder root/class/PREFIX<number>, in order. */
static graft_status each(sensor_list *list, const char *root, const char *class, const char *prefix,
                         visit *what)
{
    graft_status status = GRAFT_OK;
    char path[PATH_BYTES], folder[PATH_BYTES + 32];
    if (snprintf(path, sizeof path, "%s/%s", root, class) >= (int)sizeof path) {
        return GRAFT_OK;
    }
    int n = count_numbered(path, prefix);
    for (int i = 0; i < n; i++) {
        snprintf(folder, sizeof folder, "%s/%s%d", path, prefix, i);
        GRAFT_TRY(what(list, folder));
    }
done:
    return status;
}

/* --- the processor's clock, and how often it slowed itself down --- */

static const char CPUS[] = "devices/system/cpu";

static graft_status add_frequency(sensor_list *list, const char *folder)
{
    return add(list, folder, "cpufreq/scaling_cur_freq", "");
}

/* Threads of one core share a counter, and so do the cores of a package. */
static bool is_first_of(const char *folder, const char *list_file)
{
    char siblings[64];
    const char *last = strrchr(folder, '/');
    read_path(folder, list_file, siblings, sizeof siblings);
    return siblings[0] == '\0' || strtol(siblings, NULL, 10) == strtol(last + 4, NULL, 10);
}

static graft_status add_counters(sensor_list *list, const char *folder)
{
    graft_status status = GRAFT_OK;
    if (is_first_of(folder, "topology/thread_siblings_list")) {
        GRAFT_TRY(add(list, folder, "thermal_throttle/core_throttle_count", ""));
    }
    if (is_first_of(folder, "topology/core_siblings_list")) {
        GRAFT_TRY(add(list, folder, "thermal_throttle/package_throttle_count", ""));
    }
done:
    return status;
}

/* Counters may be reset by others, who must not make this one negative. */
static uint64_t sum(const sensor_list *counters)
{
    double all = 0, value;
    for (size_t i = 0; i < counters->n; i++) {
        all += read_number(counters->items[i].file, &value) && value > 0 ? value : 0;
    }
    return all < 9e15 ? (uint64_t)all : 0;
}

/* --- all of them --- */

graft_status graft_sensors_open(graft_sensors **out, const char *root)
{
    graft_status status = GRAFT_OK;
    graft_sensors *s = NULL;
    *out = NULL;
    GRAFT_TRY(graft_alloc(&s, 1, sizeof *s));
    s->temperatures.most = MAX_TEMPERATURES;
    s->frequencies.most = MAX_FREQUENCIES;
    s->counters.most = MAX_COUNTERS;
    GRAFT_TRY(each(&s->temperatures, root, "class/hwmon", "hwmon", add_hwmon));
    GRAFT_TRY(each(&s->temperatures, root, "class/thermal", "thermal_zone", add_known_zone));
    if (s->temperatures.n == 0) {
        GRAFT_TRY(each(&s->temperatures, root, "class/thermal", "thermal_zone", add_any_zone));
    }
    GRAFT_TRY(each(&s->frequencies, root, CPUS, "cpu", add_frequency));
    GRAFT_TRY(each(&s->counters, root, CPUS, "cpu", add_counters));
    s->throttled = sum(&s->counters);
    s->mhz_at = -INFINITY;
    *out = s;
    s = NULL;
done:
    graft_sensors_close(s);
    return status;
}

void graft_sensors_close(graft_sensors *s)
{
    if (s != NULL) {
        clear(&s->temperatures);
        clear(&s->frequencies);
        clear(&s->counters);
        graft_free(s);
    }
}

bool graft_sensors_tell_temperature(const graft_sensors *s)
{
    return s->temperatures.n > 0;
}

double graft_sensors_celsius(const graft_sensors *s)
{
    double hottest = 0, value;
    for (size_t i = 0; i < s->temperatures.n; i++) {
        bool there = read_number(s->temperatures.items[i].file, &value);
        /* A sensor that is broken says -128 or 255 degrees and the like. */
        if (there && value > 0 && value < 200e3 && value > hottest) {
            hottest = value;
        }
    }
    return hottest / 1000;
}

static double mean_mhz(const graft_sensors *s)
{
    double all = 0, value;
    size_t n = 0;
    for (size_t i = 0; i < s->frequencies.n; i++) {
        if (read_number(s->frequencies.items[i].file, &value) && value > 0) {
            all += value / 1000;
            n++;
        }
    }
    return n > 0 ? all / (double)n : 0;
}

void graft_sensors_read(graft_sensors *s, graft_heat *out)
{
    double now = graft_clock_seconds();
    uint64_t throttled = sum(&s->counters);
    if (now - s->mhz_at >= MHZ_SECONDS) {
        s->mhz = mean_mhz(s);
        s->mhz_at = now;
    }
    *out = (graft_heat){.celsius = graft_sensors_celsius(s), .mhz = s->mhz,
                        .counts_throttling = s->counters.n > 0};
    out->throttled = throttled > s->throttled ? throttled - s->throttled : 0;
}

graft_status graft_sensors_describe(const graft_sensors *s, graft_text *out)
{
    graft_status status = GRAFT_OK;
    for (size_t i = 0; i < s->temperatures.n; i++) {
        GRAFT_TRY(graft_text_appendf(out, "%s%s", i > 0 ? ", " : "",
                                     s->temperatures.items[i].name));
    }
    GRAFT_TRY(graft_text_appendf(out, "%s%zu frequencies, %zu counters of throttling",
                                 s->temperatures.n > 0 ? "; " : "", s->frequencies.n,
                                 s->counters.n));
done:
    return status;
}
