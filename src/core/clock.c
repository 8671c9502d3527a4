/* core/clock.c - clocks of the system, and memory as /proc and the control groups tell it. */
#include "core/clock.h"

#include <fcntl.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static double (*other_clock)(void);
static const char *root = "";

void graft_clock_set(double (*now)(void))
{
    other_clock = now;
}

void graft_memory_set_root(const char *folder)
{
    root = folder;
}

double graft_clock_seconds(void)
{
    if (other_clock != NULL) {
        return other_clock();
    }
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec * 1e-9;
}

double graft_clock_wall(void)
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    return (double)now.tv_sec + (double)now.tv_nsec * 1e-9;
}

void graft_clock_iso8601_of(char out[32], double moment)
{
    time_t seconds = (time_t)moment;
    struct tm utc;
    out[0] = '\0';
    if (gmtime_r(&seconds, &utc) != NULL) {
        strftime(out, 32, "%Y-%m-%dT%H:%M:%SZ", &utc);
    }
}

void graft_clock_iso8601(char out[32])
{
    graft_clock_iso8601_of(out, graft_clock_wall());
}

/* A file of the system, or of the folder that a test has set. */
static FILE *open_file(const char *path)
{
    char under[1024];
    int n = snprintf(under, sizeof under, "%s%s", root, path);
    return n > 0 && (size_t)n < sizeof under ? fopen(under, "re") : NULL;
}

/* The number after `key` at the start of a line, e.g. "VmHWM:" or "inactive_file". */
static bool read_keyed(const char *path, const char *key, size_t *out)
{
    FILE *file = open_file(path);
    if (file == NULL) {
        return false;
    }
    char line[512];
    bool found = false;
    size_t key_len = strlen(key);
    while (!found && fgets(line, sizeof line, file) != NULL) {
        char next = strncmp(line, key, key_len) == 0 ? line[key_len] : '\0';
        if (next == ' ' || next == '\t') {
            *out = (size_t)strtoull(line + key_len, NULL, 10);
            found = true;
        }
    }
    fclose(file);
    return found;
}

static size_t status_kib(const char *key)
{
    size_t kib = 0;
    return read_keyed("/proc/self/status", key, &kib) ? kib * 1024 : 0;
}

/* Asked for after every step: without stdio, which allocates. */
static bool resident_pages(unsigned long long *all, unsigned long long *shared)
{
    char text[128];
    unsigned long long total;
    int fd = open("/proc/self/statm", O_RDONLY | O_CLOEXEC);
    ssize_t n = fd < 0 ? -1 : read(fd, text, sizeof text - 1);
    if (fd >= 0) {
        close(fd);
    }
    text[n > 0 ? n : 0] = '\0';
    return sscanf(text, "%llu %llu %llu", &total, all, shared) == 3;
}

static size_t page_bytes(void)
{
    long page = sysconf(_SC_PAGESIZE);
    return page > 0 ? (size_t)page : 0;
}

size_t graft_rss_bytes(void)
{
    unsigned long long all, shared;
    return resident_pages(&all, &shared) ? (size_t)all * page_bytes() : 0;
}

size_t graft_rss_private_bytes(void)
{
    unsigned long long all, shared;
    return resident_pages(&all, &shared) && all > shared ? (size_t)(all - shared) * page_bytes() : 0;
}

size_t graft_rss_peak_bytes(void)
{
    /* The kernel updates the mark late; the present size is a lower bound. */
    size_t mark = status_kib("VmHWM:"), now = graft_rss_bytes();
    return mark > now ? mark : now;
}

/* false if the file is missing or says "max". */
static bool read_number(const char *folder, const char *name, size_t *out)
{
    char path[768], text[64];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    FILE *file = open_file(path);
    if (file == NULL) {
        return false;
    }
    char *end = text;
    if (fgets(text, sizeof text, file) != NULL) {
        *out = (size_t)strtoull(text, &end, 10);
    }
    fclose(file);
    return end != text;
}

/* A control group's limit, and what of it is left; SIZE_MAX without one. */
typedef struct room {
    size_t limit, left;
} room;

static void take_smaller(room *out, size_t limit, size_t left)
{
    out->limit = limit < out->limit ? limit : out->limit;
    out->left = left < out->left ? left : out->left;
}

/* One group. Page cache that can be dropped is not counted as used. At memory.high the system does not
 * kill yet, but holds whoever asks for more. */
static void add_group(room *out, const char *folder, bool v2)
{
    static const char *const names[2][2] = {{"memory.limit_in_bytes", ""}, {"memory.max", "memory.high"}};
    char stat[672];
    size_t used = 0, cache = 0;
    snprintf(stat, sizeof stat, "%s/memory.stat", folder);
    bool known = read_number(folder, v2 ? "memory.current" : "memory.usage_in_bytes", &used);
    if (known) {
        read_keyed(stat, v2 ? "inactive_file" : "total_inactive_file", &cache);
        used -= cache < used ? cache : used;
    }
    for (int i = 0; i < 1 + v2; i++) {
        size_t limit = 0;
        if (read_number(folder, names[v2][i], &limit)) {
            take_smaller(out, limit, !known ? limit : limit > used ? limit - used : 0);
        }
    }
}

/* The groups from `top``path` up to `top`. */
static void add_groups(room *out, const char *top, char *path, bool v2)
{
    for (;;) {
        char folder[640];
        snprintf(folder, sizeof folder, "%s%s", top, strcmp(path, "/") == 0 ? "" : path);
        add_group(out, folder, v2);
        char *slash = strrchr(path, '/');
        if (slash == NULL || path[0] == '\0' || strcmp(path, "/") == 0) {
            return;
        }
        *slash = '\0';
        if (slash == path) {
            strcpy(path, "/");
        }
    }
}

static bool has_word(const char *list, const char *word)
{
    size_t n = strlen(word);
    for (const char *at = list; (at = strstr(at, word)) != NULL; at += n) {
        if ((at == list || at[-1] == ',') && (at[n] == ',' || at[n] == '\0')) {
            return true;
        }
    }
    return false;
}

/* Lines of /proc/self/cgroup are "id:controllers:path"; of version 2 there are no controllers. */
static room cgroup_room(void)
{
    room out = {SIZE_MAX, SIZE_MAX};
    char line[512];
    FILE *file = open_file("/proc/self/cgroup");
    while (file != NULL && fgets(line, sizeof line, file) != NULL) {
        line[strcspn(line, "\n")] = '\0';
        char *controllers = strchr(line, ':');
        char *path = controllers != NULL ? strchr(controllers + 1, ':') : NULL;
        if (path == NULL) {
            continue;
        }
        *path++ = '\0';
        if (strcmp(controllers + 1, "") == 0) {
            add_groups(&out, "/sys/fs/cgroup", path, true);
        } else if (has_word(controllers + 1, "memory")) {
            add_groups(&out, "/sys/fs/cgroup/memory", path, false);
        }
    }
    if (file != NULL) {
        fclose(file);
    }
    return out;
}

size_t graft_memory_total(void)
{
    size_t kib = 0, limit = cgroup_room().limit;
    if (!read_keyed("/proc/meminfo", "MemTotal:", &kib)) {
        return limit == SIZE_MAX ? 0 : limit;
    }
    return kib * 1024 < limit ? kib * 1024 : limit;
}

size_t graft_memory_available(void)
{
    size_t kib = 0, left = cgroup_room().left;
    if (!read_keyed("/proc/meminfo", "MemAvailable:", &kib)) {
        return left == SIZE_MAX ? 0 : left;
    }
    return kib * 1024 < left ? kib * 1024 : left;
}
