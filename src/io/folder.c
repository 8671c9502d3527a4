/* io/folder.c - folders that appear whole or not at all. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "core/memory.h"
#include "io/calls.h"
#include "io/files_internal.h"

enum { NAME_TRIES = 100, DEEPEST = 8, NAMES_BYTES = 2048 };

struct graft_folder {
    char *path, *temporary;
    const char *mark;
};

/* Removes what is in the folder that fd is open on and path[0 .. n) names. Nothing is allocated, since folders are
 * given up where memory is short. */
static graft_status remove_names(int fd, char *path, size_t n, int depth);

static graft_status remove_one(char *path, size_t n, int depth)
{
    struct stat info;
    if (lstat(path, &info) != 0) {
        return errno == ENOENT ? GRAFT_OK : graft_io__disk_fail(path, "cannot remove", errno);
    }
    if (!S_ISDIR(info.st_mode)) {
        return graft_file_remove(path);
    }
    if (depth >= DEEPEST) {
        return graft_fail(GRAFT_E_DISK, "%s: is too deep to be removed", path);
    }
    int fd = graft_io__calls()->open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC, 0);
    graft_status status = fd < 0 ? graft_io__disk_fail(path, "cannot list", errno)
                                 : remove_names(fd, path, n, depth);
    if (fd >= 0) {
        (void)close(fd);
    }
    if (status == GRAFT_OK && rmdir(path) != 0) {
        status = graft_io__disk_fail(path, "cannot remove", errno);
    }
    return status;
}

/* One of those in it; path is as before afterwards. */
static graft_status remove_named(char *path, size_t n, const char *name, int depth)
{
    int more = snprintf(path + n, PATH_MAX - n, "/%s", name);
    graft_status status = more < 0 || (size_t)more >= PATH_MAX - n
                              ? graft_fail(GRAFT_E_DISK, "%.*s: holds names that are too long", (int)n, path)
                              : remove_one(path, n + (size_t)more, depth + 1);
    path[n] = '\0';
    return status;
}

static graft_status remove_names(int fd, char *path, size_t n, int depth)
{
    graft_status status = GRAFT_OK;
    _Alignas(struct dirent64) char names[NAMES_BYTES];
    long filled = 1;
    for (bool removed = true; removed && filled >= 0;) { /* what is removed may hide what lies behind it */
        removed = false;
        (void)lseek(fd, 0, SEEK_SET);
        while ((filled = syscall(SYS_getdents64, fd, names, sizeof names)) > 0) {
            for (long at = 0; at < filled;) {
                const struct dirent64 *entry = (const void *)(names + at);
                at += entry->d_reclen;
                if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0) {
                    GRAFT_TRY(remove_named(path, n, entry->d_name, depth));
                    removed = true;
                }
            }
        }
    }
    status = filled == 0 ? GRAFT_OK : graft_io__disk_fail(path, "cannot list", errno);
done:
    return status;
}

static graft_status remove_tree(const char *path)
{
    char own[PATH_MAX];
    size_t n = strlen(path);
    if (n >= sizeof own) {
        return graft_fail(GRAFT_E_DISK, "%s: is too long a path", path);
    }
    memcpy(own, path, n + 1);
    return remove_one(own, n, 0);
}

graft_status graft_io__remove_tree(const char *path)
{
    return remove_tree(path);
}

static void folder_free(graft_folder *folder)
{
    if (folder == NULL) {
        return;
    }
    if (folder->temporary != NULL) {
        (void)remove_tree(folder->temporary);
    }
    graft_free(folder->path);
    graft_free(folder->temporary);
    graft_free(folder);
}

/* What stands at the path already may be replaced if it is empty, or was made like this and is as it was. */
static graft_status check_old(const graft_folder *folder)
{
    graft_status status = GRAFT_OK;
    char **names = NULL;
    size_t n = 0;
    bool ours = false;
    struct stat info;
    if (stat(folder->path, &info) != 0) {
        return errno == ENOENT || errno == ENOTDIR
                   ? GRAFT_OK : graft_io__disk_fail(folder->path, "cannot be looked at", errno);
    }
    if (!S_ISDIR(info.st_mode)) {
        return graft_fail(GRAFT_E_CONFIG, "%s: is a file, and a folder is to be written; name "
                          "another", folder->path);
    }
    GRAFT_TRY(graft_dir_list(&names, &n, folder->path));
    for (size_t i = 0; i < n; i++) {
        ours = ours || strcmp(names[i], folder->mark) == 0;
    }
    if (n > 0 && !ours) {
        status = graft_fail(GRAFT_E_CONFIG, "%s: is a folder with files of its own (no %s in it); "
                            "name one that does not exist", folder->path, folder->mark);
        goto done;
    }
    if (n > 0) {
        GRAFT_TRY(graft_io__check_owned(folder->path, folder->mark));
    }
done:
    graft_dir_free(names, n);
    return status;
}

/* Makes a folder beside `path` under a name nobody else has, or moves `from` there. */
static graft_status take_name(char **out, const char *path, const char *what, const char *from)
{
    graft_status status = GRAFT_OK;
    graft_text name;
    graft_text_init(&name);
    for (int i = 0; i < NAME_TRIES; i++) {
        graft_text_clear(&name);
        GRAFT_TRY(graft_text_appendf(&name, "%s.%s-%ld-%d", path, what, (long)getpid(), i));
        if (mkdir(graft_text_z(&name), 0777) == 0) {
            if (from != NULL && graft_io__calls()->rename(from, graft_text_z(&name)) != 0) {
                status = graft_io__disk_fail(from, "cannot move aside", errno);
                (void)rmdir(graft_text_z(&name));
                goto done;
            }
            GRAFT_TRY(graft_text_take(&name, out));
            goto done;
        }
        if (errno != EEXIST) {
            break;
        }
    }
    status = graft_io__disk_fail(path, "cannot make the folder", errno);
done:
    graft_text_clear(&name);
    return status;
}

graft_status graft_folder_open(graft_folder **out, const char *path, const char *mark)
{
    graft_status status = GRAFT_OK;
    graft_folder *folder = NULL;
    size_t n = strlen(path);
    *out = NULL;
    while (n > 1 && path[n - 1] == '/') {
        n--;
    }
    GRAFT_TRY(graft_alloc(&folder, 1, sizeof *folder));
    folder->mark = mark;
    GRAFT_TRY(graft_strndup(&folder->path, path, n));
    GRAFT_TRY(check_old(folder));
    GRAFT_TRY(take_name(&folder->temporary, folder->path, "tmp", NULL));
    *out = folder;
    folder = NULL;
done:
    folder_free(folder);
    return status;
}

const char *graft_folder_path(const graft_folder *folder)
{
    return folder->temporary;
}

/* The new folder takes the name; *old: where the one is that had it. Both are whole at every moment, but on file
 * systems that cannot exchange names there is one at which neither has the name. */
static graft_status take_place(graft_folder *folder, char **old)
{
    graft_status status = GRAFT_OK;
    bool replaces = graft_path_exists(folder->path);
    if (replaces && graft_io__calls()->exchange(folder->temporary, folder->path) == 0) {
        *old = folder->temporary;
        folder->temporary = NULL;
        return GRAFT_OK;
    }
    if (replaces && errno != EINVAL && errno != ENOSYS && errno != EOPNOTSUPP) {
        return graft_io__disk_fail(folder->path, "cannot exchange the new folder for it", errno);
    }
    if (replaces) {
        GRAFT_TRY(take_name(old, folder->path, "old", folder->path));
    }
    if (graft_io__calls()->rename(folder->temporary, folder->path) != 0) {
        status = graft_io__disk_fail(folder->path, "cannot rename the new folder to it", errno);
        if (replaces) {
            (void)graft_io__calls()->rename(*old, folder->path);
        }
        goto done;
    }
    graft_free(folder->temporary);
    folder->temporary = NULL;
done:
    return status;
}

graft_status graft_folder_commit(graft_folder **folder_pointer)
{
    graft_status status = GRAFT_OK;
    graft_folder *folder = *folder_pointer;
    char *old = NULL;
    *folder_pointer = NULL;
    GRAFT_TRY(check_old(folder)); /* it may have changed meanwhile */
    GRAFT_TRY(take_place(folder, &old));
    status = graft_io__sync_parent(folder->path);
    if (status != GRAFT_OK && old != NULL && graft_io__calls()->exchange(old, folder->path) == 0) {
        (void)remove_tree(old); /* the new one: a name that is not safe must not cost the old one */
    }
    GRAFT_TRY(status);
    if (old != NULL) {
        GRAFT_TRY(remove_tree(old));
    }
done:
    graft_free(old);
    folder_free(folder);
    return status;
}

void graft_folder_discard(graft_folder **folder)
{
    if (folder != NULL) {
        folder_free(*folder);
        *folder = NULL;
    }
}
