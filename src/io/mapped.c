/* io/mapped.c - files mapped for reading, and what becomes of them meanwhile. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "core/memory.h"
#include "io/calls.h"
#include "io/files_internal.h"
#include "io/held.h"

static graft_file_mark mark_of(const struct stat *info)
{
    return (graft_file_mark){
        .device = (uint64_t)info->st_dev,
        .inode = (uint64_t)info->st_ino,
        .size = (uint64_t)info->st_size,
        .changed = (int64_t)info->st_mtim.tv_sec * 1000000000 + (int64_t)info->st_mtim.tv_nsec,
    };
}

graft_status graft_mapped_open(graft_mapped *out, const char *path)
{
    graft_status status = GRAFT_OK;
    struct stat info;
    int fd = -1;
    graft_mapped mapped = {0};
    *out = (graft_mapped){0};
    GRAFT_TRY(graft_io__open_readable(&fd, &info, path));
    if (!S_ISREG(info.st_mode)) {
        status = graft_fail(GRAFT_E_DISK, "%s: is not a regular file", path);
        goto done;
    }
    if (info.st_size > 0) {
        GRAFT_TRY(graft_strdup(&mapped.path, path));
        void *data = graft_io__calls()->mmap(NULL, (size_t)info.st_size, PROT_READ, MAP_PRIVATE,
                                             fd, 0);
        if (data == MAP_FAILED) {
            status = graft_io__disk_fail(path, "cannot map", errno);
            goto done;
        }
        mapped.data = data;
        mapped.size = (size_t)info.st_size;
        mapped.mark = mark_of(&info);
        graft_held__add_mapping(data, mapped.size, mapped.path);
        *out = mapped;
        mapped.path = NULL;
    }
done:
    graft_free(mapped.path);
    if (fd >= 0) {
        close(fd);
    }
    return status;
}

void graft_mapped_close(graft_mapped *mapped)
{
    if (mapped != NULL && mapped->data != NULL) {
        graft_held__drop_mapping(mapped->data);
        munmap((void *)(uintptr_t)mapped->data, mapped->size);
        graft_free(mapped->path);
        *mapped = (graft_mapped){0};
    }
}

graft_file_fate graft_mapped_fate(const graft_mapped *mapped)
{
    struct stat info;
    const graft_file_mark *then = &mapped->mark;
    if (mapped->data == NULL) {
        return GRAFT_FILE_SAME;
    }
    if (stat(mapped->path, &info) != 0) {
        return GRAFT_FILE_REPLACED;
    }
    graft_file_mark now = mark_of(&info);
    return now.device != then->device || now.inode != then->inode ? GRAFT_FILE_REPLACED
           : now.size != then->size                                ? GRAFT_FILE_RESIZED
           : now.changed != then->changed                          ? GRAFT_FILE_TOUCHED
                                                                   : GRAFT_FILE_SAME;
}

void graft_mapped_mark(graft_mapped *mapped)
{
    struct stat info;
    if (mapped->data != NULL && stat(mapped->path, &info) == 0) {
        mapped->mark = mark_of(&info);
    }
}

void graft_mapped_forget(const void *data, size_t n)
{
    long page = sysconf(_SC_PAGESIZE);
    uintptr_t size = page > 0 ? (uintptr_t)page : 4096;
    uintptr_t begin = ((uintptr_t)data + size - 1) / size * size;
    uintptr_t end = ((uintptr_t)data + n) / size * size;
    if (end > begin) {
        (void)madvise((void *)begin, end - begin, MADV_DONTNEED); /* a hint: nothing depends on it */
    }
}
