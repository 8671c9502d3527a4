#include "train/notes.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char letters[] = "abcdefghijklmnopqrstuvwxyz0123456789_.";

static size_t find(const graft_notes *notes, const char *name)
{
    size_t i = 0;
    while (i < notes->n && strcmp(notes->items[i].name, name) != 0) {
        i++;
    }
    return i;
}

graft_status graft_notes_set(graft_notes *notes, const char *name, double value)
{
    size_t n = strlen(name), i = find(notes, name);
    if (n == 0 || n >= GRAFT_NOTE_NAME || strspn(name, letters) != n || !isfinite(value)) {
        return graft_fail(GRAFT_E_FAILED, "\"%.60s: %g\" cannot be noted", name, value);
    }
    if (i == GRAFT_NOTES_MAX) {
        return graft_fail(GRAFT_E_FAILED, "there is no room to note \"%s\"", name);
    }
    if (i == notes->n) {
        memcpy(notes->items[notes->n++].name, name, n + 1);
    }
    notes->items[i].value = value;
    return GRAFT_OK;
}

double graft_notes_get(const graft_notes *notes, const char *name, double fallback)
{
    size_t i = find(notes, name);
    return i < notes->n ? notes->items[i].value : fallback;
}

graft_status graft_notes_format(const graft_notes *notes, graft_text *out)
{
    graft_status status = GRAFT_OK;
    for (size_t i = 0; i < notes->n; i++) {
        GRAFT_TRY(graft_text_appendf(out, "%s: %.17g\n", notes->items[i].name,
                                     notes->items[i].value));
    }
done:
    return status;
}

/* One line of n bytes; false if it is none. */
static bool parse_line(graft_notes *notes, const char *line, size_t n)
{
    char name[GRAFT_NOTE_NAME], *end = NULL;
    size_t n_name = strspn(line, letters);
    bool split = n_name > 0 && n_name < GRAFT_NOTE_NAME && strncmp(line + n_name, ": ", 2) == 0;
    if (split) {
        memcpy(name, line, n_name);
        name[n_name] = '\0';
        const char *number = line + n_name + 2;
        double value = strtod(number, &end);
        split = end == line + n && end > number && find(notes, name) == notes->n &&
                graft_notes_set(notes, name, value) == GRAFT_OK;
    }
    return split;
}

graft_status graft_notes_parse(graft_notes *notes, const char *text)
{
    notes->n = 0;
    for (const char *line = text; *line != '\0';) {
        size_t n = strcspn(line, "\n");
        if (!parse_line(notes, line, n)) {
            notes->n = 0;
            return graft_fail(GRAFT_E_CHECKPOINT, "run/notes: at byte %zu stands no line "
                              "\"name: number\"", (size_t)(line - text));
        }
        line += n + (line[n] == '\n');
    }
    return GRAFT_OK;
}
