/* text.h - for programs that talk to people: safe text, and "did you mean". */
#ifndef GRAFT_TEXT_H
#define GRAFT_TEXT_H

#include <stddef.h>

#include <graft/status.h>

/* *out = the bytes so that a terminal cannot be steered by them, zero-terminated: control
 * characters, bidi overrides and invalid UTF-8 become \xNN or \u{...}; with keep_lines newline and
 * tab stay. Freed with graft_text_free (job.h). GRAFT_E_MEMORY. */
GRAFT_API graft_status graft_text_escape(char **out, const char *bytes, size_t n, int keep_lines);

/* The one of known[0..n) that `name` probably was meant to be (few letters differ, `-` and `_`
 * are alike), or NULL. Borrowed from `known`. */
GRAFT_API const char *graft_text_nearest(const char *name, const char *const *known, size_t n);

#endif
