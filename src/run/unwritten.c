#include "run/unwritten.h"

#include <string.h>

#include "core/log.h"
#include "core/memory.h"
#include "io/files.h"

static void file_clear(graft_unwritten_file *file)
{
    graft_free(file->path);
    graft_text_clear(&file->bytes);
    *file = (graft_unwritten_file){0};
}

void graft_unwritten_clear(graft_unwritten *unwritten)
{
    for (size_t i = 0; i < unwritten->n; i++) {
        file_clear(&unwritten->files[i]);
    }
    graft_free(unwritten->files);
    *unwritten = (graft_unwritten){0};
}

static void forget(graft_unwritten *u, size_t i)
{
    file_clear(&u->files[i]);
    u->n--;
    memmove(&u->files[i], &u->files[i + 1], (u->n - i) * sizeof *u->files);
}

static graft_status keep(graft_unwritten *u, const char *path, const char *bytes, size_t n)
{
    graft_status status = GRAFT_OK;
    graft_unwritten_file file = {0};
    GRAFT_TRY(graft_reserve(&u->files, &u->capacity, u->n + 1, sizeof *u->files));
    GRAFT_TRY(graft_strdup(&file.path, path));
    GRAFT_TRY(graft_text_append(&file.bytes, bytes, n));
    u->files[u->n++] = file;
    file = (graft_unwritten_file){0};
done:
    file_clear(&file);
    return status;
}

graft_status graft_unwritten_write(graft_unwritten *u, const char *path, const char *bytes, size_t n)
{
    for (size_t i = 0; i < u->n; i++) {
        if (strcmp(u->files[i].path, path) == 0) {
            forget(u, i);
            break;
        }
    }
    graft_status status = graft_file_write(path, bytes, n);
    if (status != GRAFT_E_DISK) {
        return status;
    }
    graft_log(GRAFT_LOG_WARN, "%s; the run goes on, and the file is written when that is possible",
              graft_error_message());
    return keep(u, path, bytes, n);
}

graft_status graft_unwritten_retry(graft_unwritten *u)
{
    while (u->n > 0) {
        graft_unwritten_file *file = &u->files[0];
        graft_status status = graft_file_write(file->path, graft_text_z(&file->bytes), file->bytes.len);
        if (status != GRAFT_OK) {
            return status;
        }
        graft_log(GRAFT_LOG_INFO, "%s: written now", file->path);
        forget(u, 0);
    }
    return GRAFT_OK;
}
