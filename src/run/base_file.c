#include "run/base_file.h"

#include <string.h>

#include "core/interrupt.h"
#include "core/log.h"

static graft_status compare(graft_gguf *file, const char *path, const char *sha256)
{
    graft_status status = GRAFT_OK;
    char now[65];
    if (sha256 == NULL) {
        graft_log(GRAFT_LOG_WARN, "%s was written to while it was used: if its bytes are others now, "
                  "the results are of neither model", path);
        graft_gguf_mark(file);
        return GRAFT_OK;
    }
    graft_gguf_mark(file);
    graft_interrupt_hold(); /* whoever wants to stop wants to know whether what there is may be saved */
    status = graft_gguf_sha256(file, now);
    graft_interrupt_release();
    GRAFT_TRY(status);
    if (strcmp(now, sha256) != 0) {
        status = graft_fail(GRAFT_E_MODEL, "%s: was changed while it was used: its digest is "
                            "%.12s... and was %.12s...", path, now, sha256);
        goto done;
    }
    graft_log(GRAFT_LOG_INFO, "%s has another time of change and the same bytes: nothing is lost", path);
done:
    return status;
}

graft_status graft_base_check(graft_base *base)
{
    const char *path = "";
    graft_gguf *file = base->file;
    switch (graft_gguf_fate(file, &path)) {
    case GRAFT_FILE_SAME:
        return GRAFT_OK;
    case GRAFT_FILE_REPLACED:
        if (!base->replaced) {
            base->replaced = true;
            graft_log(GRAFT_LOG_WARN, "%s was moved, removed or replaced: this process still has the "
                      "file that it began with and goes on; to continue the run later, put that file "
                      "back", path);
        }
        return GRAFT_OK;
    case GRAFT_FILE_TOUCHED:
        return compare(file, path, base->sha256);
    case GRAFT_FILE_RESIZED:
        break;
    }
    return graft_fail(GRAFT_E_MODEL, "%s: was changed while it was used: it has another size now", path);
}
