/* io/folder.c - folders that appear whole or not at all. */
#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/memory.h"
#include "io/calls.h"
#include "io/files.h"

enum { NAME_TRIES = 100, DEEPEST = 8 };

struct graft_folder {
    char *path, *temporary;
    const char *mark;
};

/* Removes a folder with all that is in it; links are removed, not followed. */
static graft_status remove_tree(const char *path, int depth)
{
    graft_status status = GRAFT_OK;
    char **names = NULL, *inner = NULL;
    size_t n = 0;
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
    GRAFT_TRY(graft_dir_list(&names, &n, path));
    for (size_t i = 0; i < n; i++) {
        GRAFT_TRY(graft_path_join(&inner, path, names[i]));
        GRAFT_TRY(remove_tree(inner, depth + 1));
        graft_free(inner);
        inner = NULL;
    }
    if (rmdir(path) != 0) {
        status = graft_io__disk_fail(path, "cannot remove", errno);
    }
done:
    graft_free(inner);
    graft_dir_free(names, n);
    return status;
}

static void folder_free(graft_folder *folder)
{
    if (folder == NULL) {
        return;
    }
    if (folder->temporary != NULL) {
        (void)remove_tree(folder->temporary, 0);
    }
    graft_free(folder->path);
    graft_free(folder->temporary);
    graft_free(folder);
}

/* What stands at the path already may be replaced if it is empty or was made like this. */
static graft_status check_old(const graft_folder *folder)
{
    graft_status status = GRAFT_OK;
    char **names = NULL;
    size_t n = 0;
    bool ours = false;
    if (!graft_path_exists(folder->path)) {
        return GRAFT_OK;
    }
    if (!graft_path_is_dir(folder->path)) {
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

graft_status graft_folder_commit(graft_folder **folder_pointer)
{
    graft_status status = GRAFT_OK;
    graft_folder *folder = *folder_pointer;
    char *old = NULL;
    *folder_pointer = NULL;
    GRAFT_TRY(check_old(folder)); /* it may have changed meanwhile */
    if (graft_path_exists(folder->path)) {
        GRAFT_TRY(take_name(&old, folder->path, "old", folder->path));
    }
    if (graft_io__calls()->rename(folder->temporary, folder->path) != 0) {
        status = graft_io__disk_fail(folder->path, "cannot rename the new folder to it", errno);
        if (old != NULL) {
            (void)graft_io__calls()->rename(old, folder->path);
        }
        goto done;
    }
    graft_free(folder->temporary);
    folder->temporary = NULL;
    GRAFT_TRY(graft_io__sync_parent(folder->path));
    if (old != NULL) {
        GRAFT_TRY(remove_tree(old, 0));
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
