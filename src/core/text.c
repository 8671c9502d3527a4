/* core/text.c - the helpers of <graft/text.h>, and freeing text that went to the outside. */
#include <graft/job.h>
#include <graft/text.h>

#include <string.h>

#include "core/memory.h"
#include "core/strings.h"

enum { LONGEST_NAME = 64, FAR_AWAY = 3 };

void graft_text_free(char *text)
{
    graft_free(text);
}

graft_status graft_text_escape(char **out, const char *bytes, size_t n, int keep_lines)
{
    graft_status status = GRAFT_OK;
    graft_text text;
    graft_text_init(&text);
    *out = NULL;
    GRAFT_TRY(graft_text_append_escaped(&text, bytes, n, keep_lines != 0));
    GRAFT_TRY(graft_text_take(&text, out));
done:
    graft_text_clear(&text);
    return status;
}

/* Copies a name with `_` as `-`; false if it is longer than any name. */
static bool canonical(char out[LONGEST_NAME], const char *name)
{
    size_t n = strlen(name);
    if (n >= LONGEST_NAME) {
        return false;
    }
    for (size_t i = 0; i <= n; i++) {
        out[i] = name[i] == '_' ? '-' : name[i];
    }
    return true;
}

const char *graft_text_nearest(const char *name, const char *const *known, size_t n)
{
    char wanted[LONGEST_NAME], candidate[LONGEST_NAME];
    const char *nearest = NULL;
    size_t best = FAR_AWAY + 1;
    if (!canonical(wanted, name)) {
        return NULL;
    }
    for (size_t i = 0; i < n; i++) {
        if (canonical(candidate, known[i])) {
            size_t distance = graft_edit_distance(wanted, candidate, FAR_AWAY);
            /* A short name is near to everything: it has to share most of its letters. */
            if (distance < best && 2 * distance < strlen(candidate)) {
                best = distance;
                nearest = known[i];
            }
        }
    }
    return nearest;
}
