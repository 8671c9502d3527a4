/* io/space.c - is there room, and may one write? */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/memory.h"
#include "io/calls.h"
#include "io/files_internal.h"

/* File systems that do not know how large they are say that they have no blocks. */
bool graft_space_free(uint64_t *bytes, const char *path)
{
    struct statvfs info;
    char *folder = NULL;
    bool known = graft_io__folder_of(&folder, path) == GRAFT_OK &&
                 graft_io__calls()->statvfs(folder, &info) == 0 && info.f_blocks > 0;
    if (known) {
        *bytes = (uint64_t)info.f_bavail * (uint64_t)(info.f_frsize ? info.f_frsize : info.f_bsize);
    }
    graft_free(folder);
    return known;
}

graft_status graft_folder_look(char **nearest, const char *path)
{
    graft_status status = GRAFT_OK;
    char *at = NULL, *above = NULL;
    struct stat info;
    *nearest = NULL;
    GRAFT_TRY(graft_strdup(&at, path));
    while (stat(at, &info) != 0) {
        int error = errno;
        GRAFT_TRY(graft_io__folder_of(&above, at));
        if ((error != ENOENT && error != ENOTDIR) || strcmp(above, at) == 0) {
            status = graft_io__disk_fail(at, "cannot be looked at", error);
            goto done;
        }
        graft_free(at);
        at = above;
        above = NULL;
    }
    if (!S_ISDIR(info.st_mode)) {
        status = graft_fail(GRAFT_E_DISK, "%s: is a file and not a folder", at);
    } else if (access(at, W_OK | X_OK) != 0) {
        status = graft_io__disk_fail(at, "cannot be written to", errno);
    } else {
        *nearest = at;
        at = NULL;
    }
done:
    graft_free(at);
    graft_free(above);
    return status;
}

graft_status graft_space_fits(const char *path, uint64_t bytes)
{
    uint64_t free_bytes = 0;
    if (graft_space_free(&free_bytes, path) && free_bytes < bytes) {
        return graft_fail(GRAFT_E_DISK, "%s: needs %.1f MiB, and %.1f MiB are free there", path,
                          (double)bytes / 1048576, (double)free_bytes / 1048576);
    }
    return GRAFT_OK;
}

graft_status graft_space_check(const char *path, uint64_t bytes)
{
    graft_status status = GRAFT_OK;
    graft_writer *writer = NULL;
    GRAFT_TRY(graft_writer_open(&writer, path));
    GRAFT_TRY(graft_space_fits(path, bytes));
done:
    graft_writer_discard(&writer);
    return status;
}

/* "NAME.tmp-PID-NUMBER", as writer.c makes it. */
static bool is_leftover(const char *name)
{
    long pid;
    int number, end = 0;
    const char *at = NULL;
    for (const char *p = strstr(name, ".tmp-"); p != NULL; p = strstr(p + 1, ".tmp-")) {
        at = p;
    }
    return at != NULL && at != name && sscanf(at, ".tmp-%ld-%d%n", &pid, &number, &end) == 2 &&
           end > 0 && at[end] == '\0' && pid > 0 && number >= 0;
}

graft_status graft_leftovers_remove(const char *folder, size_t *n)
{
    graft_status status = GRAFT_OK;
    char **names = NULL, *path = NULL;
    size_t n_names = 0;
    *n = 0;
    GRAFT_TRY(graft_dir_list(&names, &n_names, folder));
    for (size_t i = 0; i < n_names; i++) {
        if (is_leftover(names[i])) {
            GRAFT_TRY(graft_path_join(&path, folder, names[i]));
            GRAFT_TRY(graft_io__remove_tree(path)); /* a file, or the folder of an artefact */
            graft_free(path);
            path = NULL;
            ++*n;
        }
    }
done:
    graft_free(path);
    graft_dir_free(names, n_names);
    return status;
}
