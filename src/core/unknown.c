#include "core/unknown.h"

#include <graft/text.h>
#include <string.h>

#include "core/strings.h"

graft_status graft_fail_unknown(const char *what, const char *name, const char *const *known,
                                size_t n)
{
    graft_status status = GRAFT_OK;
    const char *nearest = graft_text_nearest(name, known, n);
    graft_text list, shown;
    graft_text_init(&list);
    graft_text_init(&shown);
    for (size_t i = 0; i < n; i++) {
        GRAFT_TRY(graft_text_appendf(&list, "%s%s", i > 0 ? ", " : "", known[i]));
    }
    GRAFT_TRY(graft_text_append_escaped(&shown, name, strlen(name), false));
    status = graft_fail(GRAFT_E_CONFIG, "unknown %s \"%s\"%s%s%s (known: %s)", what,
                        graft_text_z(&shown), nearest ? "; did you mean \"" : "",
                        nearest ? nearest : "", nearest ? "\"?" : "", graft_text_z(&list));
done:
    graft_text_clear(&list);
    graft_text_clear(&shown);
    return status;
}
