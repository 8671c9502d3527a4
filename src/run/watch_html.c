#include "run/watch_html.h"

#include <string.h>

#include "core/memory.h"
#include "io/files.h"
#include "io/json.h"
#include "io/lines.h"
#include "run/html.h"

enum { ROWS_SHOWN = 200 };

static const struct {
    const char *event, *label;
} kinds[] = {
    {"bad_step", "step not applied"}, {"spike", "loss spike"},        {"rollback", "rollback"},
    {"divergence", "divergence"},     {"recheck", "computing error"}, {"unexported", "not exported"},
};

/* Of an event that belongs here; else NULL. */
static const char *label_of(const graft_json *record)
{
    const char *event = graft_json_string(graft_json_get(record, "event"), NULL);
    for (size_t i = 0; event != NULL && i < sizeof kinds / sizeof *kinds; i++) {
        if (strcmp(kinds[i].event, event) == 0) {
            return kinds[i].label;
        }
    }
    return NULL;
}

static graft_status append_row(graft_text *out, const graft_json *record, const char *label)
{
    graft_status status = GRAFT_OK;
    const char *message = graft_json_string(graft_json_get(record, "message"), NULL);
    message = message == NULL ? "" : message;
    GRAFT_TRY(graft_text_appendf(out, "<tr><td>%lld</td><td>%s</td><td>",
                                 (long long)graft_json_int(graft_json_get(record, "step")), label));
    GRAFT_TRY(graft_html_append(out, message, strlen(message)));
    GRAFT_TRY(graft_text_append_z(out, "</td></tr>\n"));
done:
    return status;
}

/* Counts the rows, of which the first ones are appended. */
static graft_status append_rows(graft_text *out, graft_lines *lines, size_t *n)
{
    graft_status status = GRAFT_OK;
    graft_json *record = NULL;
    const char *line = NULL;
    size_t length = 0;
    for (;;) {
        GRAFT_TRY(graft_lines_next(lines, &line, &length));
        if (line == NULL) {
            break;
        }
        GRAFT_TRY(graft_json_parse(&record, line, length));
        const char *label = label_of(record);
        if (label != NULL && (*n)++ < ROWS_SHOWN) {
            GRAFT_TRY(append_row(out, record, label));
        }
        graft_json_free(record);
        record = NULL;
    }
done:
    graft_json_free(record);
    return status;
}

graft_status graft_watch_html_append(graft_text *out, const char *folder)
{
    graft_status status = GRAFT_OK;
    graft_lines *lines = NULL;
    graft_text rows;
    char *path = NULL;
    size_t n = 0;
    graft_text_init(&rows);
    GRAFT_TRY(graft_path_join(&path, folder, "metrics.jsonl"));
    if (!graft_path_exists(path)) {
        goto done;
    }
    GRAFT_TRY(graft_lines_open(&lines, path));
    GRAFT_TRY(append_rows(&rows, lines, &n));
    if (n > 0) {
        GRAFT_TRY(graft_text_appendf(out, "<h2>What went wrong on the way (%zu)</h2>\n<table>"
                                     "<tr><th>step</th><th></th><th></th></tr>\n%s</table>\n", n,
                                     graft_text_z(&rows)));
    }
    if (n > ROWS_SHOWN) {
        GRAFT_TRY(graft_text_appendf(out, "<p class=\"note\">%zu more are in metrics.jsonl.</p>\n",
                                     n - ROWS_SHOWN));
    }
done:
    graft_lines_close(lines);
    graft_text_clear(&rows);
    graft_free(path);
    return status;
}
