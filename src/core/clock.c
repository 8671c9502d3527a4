/* core/clock.c - clocks of the system, and memory as /proc and the control groups tell it. */
#include "core/clock.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

double graft_clock_seconds(void)
{
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

/* The number after `key` at the start of a line, e.g. "VmHWM:" or "inactive_file". */
static bool read_keyed(const char *path, const char *key, size_t *out)
{
    FILE *file = fopen(path, "re");
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

static bool resident_pages(unsigned long long *all, unsigned long long *shared)
{
    FILE *file = fopen("/proc/self/statm", "re");
    if (file == NULL) {
        return false;
    }
    unsigned long long total;
    int n = fscanf(file, "%llu %llu %llu", &total, all, shared);
    fclose(file);
    return n == 3;
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
    FILE *file = fopen(path, "re");
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

/* What the groups from `root``path` up to `root` leave; page cache that can be dropped is not
 * counted as used. */
static size_t group_room(const char *root, char *path, bool v2)
{
    size_t room = SIZE_MAX;
    for (;;) {
        char folder[640], stat[672];
        size_t limit = 0, used = 0, cache = 0;
        snprintf(folder, sizeof folder, "%s%s", root, strcmp(path, "/") == 0 ? "" : path);
        snprintf(stat, sizeof stat, "%s/memory.stat", folder);
        if (read_number(folder, v2 ? "memory.max" : "memory.limit_in_bytes", &limit) &&
            read_number(folder, v2 ? "memory.current" : "memory.usage_in_bytes", &used)) {
            read_keyed(stat, v2 ? "inactive_file" : "total_inactive_file", &cache);
            used -= cache < used ? cache : used;
            size_t left = limit > used ? limit - used : 0;
            room = left < room ? left : room;
        }
        char *slash = strrchr(path, '/');
        if (slash == NULL || path[0] == '\0' || strcmp(path, "/") == 0) {
            return room;
        }
        *slash = '\0';
        if (slash == path) {
            strcpy(path, "/");
        }
    }
}

/* SIZE_MAX without a limit. Lines of /proc/self/cgroup are "id:controllers:path". */
static size_t cgroup_room(void)
{
    FILE *file = fopen("/proc/self/cgroup", "re");
    if (file == NULL) {
        return SIZE_MAX;
    }
    char line[512];
    size_t room = SIZE_MAX;
    while (fgets(line, sizeof line, file) != NULL) {
        line[strcspn(line, "\n")] = '\0';
        char *controllers = strchr(line, ':');
        char *path = controllers != NULL ? strchr(controllers + 1, ':') : NULL;
        if (path == NULL) {
            continue;
        }
        *path++ = '\0';
        size_t left = SIZE_MAX;
        if (strcmp(controllers + 1, "") == 0) {
            left = group_room("/sys/fs/cgroup", path, true);
        } else if (strcmp(controllers + 1, "memory") == 0) {
            left = group_room("/sys/fs/cgroup/memory", path, false);
        }
        room = left < room ? left : room;
    }
    fclose(file);
    return room;
}

size_t graft_memory_total(void)
{
    size_t kib = 0;
    return read_keyed("/proc/meminfo", "MemTotal:", &kib) ? kib * 1024 : 0;
}

size_t graft_memory_available(void)
{
    size_t kib = 0;
    size_t room = cgroup_room();
    if (!read_keyed("/proc/meminfo", "MemAvailable:", &kib)) {
        return room == SIZE_MAX ? 0 : room;
    }
    return kib * 1024 < room ? kib * 1024 : room;
}
