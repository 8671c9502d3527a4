/* train/notes.h - named numbers that are part of a run's state and of every checkpoint.
 *
 * For what is decided while a run goes on and has to hold after it is continued: a step size that was
 * lowered, a number of steps that was planned anew. Nothing is allocated. */
#ifndef GRAFT_TRAIN_NOTES_H
#define GRAFT_TRAIN_NOTES_H

#include "core/strings.h"

enum { GRAFT_NOTES_MAX = 32, GRAFT_NOTE_NAME = 48 };

typedef struct graft_notes {
    struct {
        char name[GRAFT_NOTE_NAME];
        double value;
    } items[GRAFT_NOTES_MAX];
    size_t n;
} graft_notes;

/* Sets a number, finite. Names are lower-case letters, digits, '_' and '.'; GRAFT_E_FAILED for
 * others, and if there is no room. */
graft_status graft_notes_set(graft_notes *notes, const char *name, double value);
/* `fallback` if it was never set. */
double graft_notes_get(const graft_notes *notes, const char *name, double fallback);

/* Lines "name: value" that read back to the same bits, in the order in which they were set first. */
graft_status graft_notes_format(const graft_notes *notes, graft_text *out);
/* Replaces all. GRAFT_E_CHECKPOINT names the line that is none. */
graft_status graft_notes_parse(graft_notes *notes, const char *text);

#endif
