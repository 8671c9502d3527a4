/* io/files.c - small files, paths, folders. */
#include "io/files.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/interrupt.h"
#include "core/memory.h"
#include "io/calls.h"
#include "io/files_internal.h"

graft_status graft_io__open_readable(int *out, struct stat *info, const char *path)
{
    int fd = graft_io__calls()->open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK, 0);
    *out = -1;
    if (fd < 0) {
        return graft_io__disk_fail(path, "cannot open", errno);
    }
    if (fstat(fd, info) != 0) {
        int error = errno;
        close(fd);
        return graft_io__disk_fail(path, "cannot stat", error);
    }
    if (S_ISDIR(info->st_mode)) {
        close(fd);
        return graft_fail(GRAFT_E_DISK, "%s: is a directory", path);
    }
    *out = fd;
    return GRAFT_OK;
}

static void make_blocking(int fd)
{
    int flags = fcntl(fd, F_GETFL);
    if (flags >= 0) {
        (void)fcntl(fd, F_SETFL, flags & ~O_NONBLOCK);
    }
}

graft_status graft_file_read(graft_text *out, const char *path, size_t limit)
{
    enum { CHUNK = 1 << 16 };
    graft_status status = GRAFT_OK;
    struct stat info;
    char *chunk = NULL;
    int fd = -1;
    graft_text_clear(out);
    GRAFT_TRY(graft_io__open_readable(&fd, &info, path));
    if (S_ISREG(info.st_mode) && (uint64_t)info.st_size > limit) {
        status = graft_fail(GRAFT_E_DISK, "%s: %lld bytes, at most %zu are read", path,
                            (long long)info.st_size, limit);
        goto done;
    }
    make_blocking(fd);
    GRAFT_TRY(graft_alloc(&chunk, CHUNK, 1));
    for (;;) {
        ssize_t got = graft_io__read(fd, chunk, CHUNK);
        if (got < 0) {
            status = graft_io__disk_fail(path, "cannot read", errno);
            goto done;
        }
        if (got == 0) {
            break;
        }
        if ((size_t)got > limit - out->len) {
            status = graft_fail(GRAFT_E_DISK, "%s: more than %zu bytes", path, limit);
            goto done;
        }
        GRAFT_TRY(graft_text_append(out, chunk, (size_t)got));
    }
done:
    if (status != GRAFT_OK) {
        graft_text_clear(out);
    }
    graft_free(chunk);
    if (fd >= 0) {
        close(fd);
    }
    return status;
}

graft_status graft_file_hash(graft_sha256 *hash, const char *path)
{
    enum { CHUNK = 1 << 20 };
    graft_status status = GRAFT_OK;
    struct stat info;
    char *chunk = NULL;
    uint64_t total = 0;
    int fd = -1;
    GRAFT_TRY(graft_io__open_readable(&fd, &info, path));
    make_blocking(fd);
    GRAFT_TRY(graft_alloc(&chunk, CHUNK, 1));
    for (;;) {
        GRAFT_TRY(graft_interrupt_check());
        ssize_t got = graft_io__read(fd, chunk, CHUNK);
        if (got < 0) {
            status = graft_io__disk_fail(path, "cannot read", errno);
            goto done;
        }
        if (got == 0) {
            break;
        }
        graft_sha256_update(hash, chunk, (size_t)got);
        total += (uint64_t)got;
    }
    if (S_ISREG(info.st_mode) && total != (uint64_t)info.st_size) {
        status = graft_fail(GRAFT_E_DISK, "%s: its size changed while it was read", path);
    }
done:
    graft_free(chunk);
    if (fd >= 0) {
        close(fd);
    }
    return status;
}

graft_status graft_file_sha256(char out[65], const char *path)
{
    graft_status status = GRAFT_OK;
    graft_sha256 hash;
    uint8_t digest[32];
    out[0] = '\0';
    graft_sha256_init(&hash);
    GRAFT_TRY(graft_file_hash(&hash, path));
    graft_sha256_final(&hash, digest);
    graft_sha256_hex(digest, out);
done:
    return status;
}

bool graft_path_exists(const char *path)
{
    struct stat info;
    /* what cannot be looked at is not taken for missing: who opens it learns why */
    return stat(path, &info) == 0 || (errno != ENOENT && errno != ENOTDIR);
}

bool graft_path_is_dir(const char *path)
{
    struct stat info;
    return stat(path, &info) == 0 && S_ISDIR(info.st_mode);
}

bool graft_path_is_stream(const char *path)
{
    struct stat info;
    return stat(path, &info) == 0 && !S_ISREG(info.st_mode) && !S_ISDIR(info.st_mode);
}

bool graft_path_same(const char *a, const char *b)
{
    struct stat x, y;
    return stat(a, &x) == 0 && stat(b, &y) == 0 && x.st_dev == y.st_dev && x.st_ino == y.st_ino;
}

graft_status graft_path_check_output(const char *out, const char *in)
{
    return in != NULL && graft_path_same(in, out)
               ? graft_fail(GRAFT_E_CONFIG, "%s: would be written over itself; name another file",
                            out)
               : GRAFT_OK;
}

graft_status graft_path_beside(char **out, const char *path, const char *name)
{
    graft_status status = GRAFT_OK;
    const char *slash = strrchr(path, '/');
    char *folder = NULL;
    *out = NULL;
    if (graft_path_is_dir(path)) {
        return graft_path_join(out, path, name);
    }
    GRAFT_TRY(slash != NULL ? graft_strndup(&folder, path, (size_t)(slash - path) + 1)
                            : graft_strdup(&folder, "."));
    GRAFT_TRY(graft_path_join(out, folder, name));
done:
    graft_free(folder);
    return status;
}

graft_status graft_path_join(char **out, const char *dir, const char *name)
{
    graft_status status = GRAFT_OK;
    graft_text text;
    graft_text_init(&text);
    *out = NULL;
    if (name[0] != '/' && dir[0] != '\0') {
        GRAFT_TRY(graft_text_append_z(&text, dir));
        if (dir[strlen(dir) - 1] != '/') {
            GRAFT_TRY(graft_text_append_char(&text, '/'));
        }
    }
    GRAFT_TRY(graft_text_append_z(&text, name));
    GRAFT_TRY(graft_text_take(&text, out));
done:
    graft_text_clear(&text);
    return status;
}

/* Makes one folder, durably: files that are synced in it would else be lost with it. */
static graft_status make_dir(const char *path)
{
    graft_status status = GRAFT_OK;
    char *parent = NULL;
    struct stat info;
    int error = graft_io__calls()->mkdir(path, 0777) == 0 ? 0 : errno;
    if (error != 0) {
        bool known = stat(path, &info) == 0;
        if (known && S_ISDIR(info.st_mode)) {
            return GRAFT_OK;
        }
        return known || error == ENOTDIR
                   ? graft_fail(GRAFT_E_DISK, "%s: is a file and not a folder", path)
                   : graft_io__disk_fail(path, "cannot make the folder",
                                         error == EEXIST ? errno : error);
    }
    GRAFT_TRY(graft_io__folder_of(&parent, path));
    if (access(parent, R_OK) == 0) { /* else it cannot be synced */
        status = graft_io__sync_folder(parent);
    }
done:
    graft_free(parent);
    return status;
}

graft_status graft_make_dirs(const char *path)
{
    graft_status status = GRAFT_OK;
    char *copy = NULL;
    GRAFT_TRY(graft_strdup(&copy, path));
    for (char *at = copy + 1; copy[0] != '\0'; at++) {
        if (*at != '/' && *at != '\0') {
            continue;
        }
        char kept = *at;
        *at = '\0';
        GRAFT_TRY(make_dir(copy));
        *at = kept;
        if (kept == '\0') {
            break;
        }
    }
done:
    graft_free(copy);
    return status;
}

bool graft_dir_holds(const char *folder, const char *name)
{
    char path[PATH_MAX]; /* no allocation, whose failure would look like a file that is missing */
    int n = snprintf(path, sizeof path, "%s/%s", folder, name);
    return n > 0 && (size_t)n < sizeof path && graft_path_exists(path);
}

graft_status graft_file_remove(const char *path)
{
    if (graft_io__calls()->unlink(path) != 0 && errno != ENOENT) {
        return graft_io__disk_fail(path, "cannot remove", errno);
    }
    return GRAFT_OK;
}

graft_status graft_file_rename(const char *from, const char *to)
{
    return graft_io__calls()->rename(from, to) == 0 ? GRAFT_OK
                                                    : graft_io__disk_fail(from, "cannot rename", errno);
}

static int compare_names(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

graft_status graft_dir_list(char ***out, size_t *n, const char *path)
{
    graft_status status = GRAFT_OK;
    char **names = NULL;
    size_t count = 0, capacity = 0;
    DIR *dir = opendir(path);
    *out = NULL;
    *n = 0;
    if (dir == NULL) {
        return graft_io__disk_fail(path, "cannot list", errno);
    }
    for (;;) {
        errno = 0;
        const struct dirent *entry = readdir(dir);
        if (entry == NULL) {
            if (errno != 0) {
                status = graft_io__disk_fail(path, "cannot list", errno);
                goto done;
            }
            break;
        }
        if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0) {
            continue;
        }
        GRAFT_TRY(graft_reserve(&names, &capacity, count + 1, sizeof *names));
        GRAFT_TRY(graft_strdup(&names[count], entry->d_name));
        count++;
    }
    if (names == NULL) {
        GRAFT_TRY(graft_alloc(&names, 1, sizeof *names));
    }
    qsort(names, count, sizeof *names, compare_names);
    *out = names;
    *n = count;
    names = NULL;
done:
    graft_dir_free(names, count);
    closedir(dir);
    return status;
}

void graft_dir_free(char **names, size_t n)
{
    if (names == NULL) {
        return;
    }
    for (size_t i = 0; i < n; i++) {
        graft_free(names[i]);
    }
    graft_free(names);
}
