/* core/pattern.h - the door to PCRE2: regular expressions over bytes or UTF-8.
 *
 * A compiled pattern is constant and may be used by many threads; each takes a matcher of its own,
 * which serves any number of patterns. */
#ifndef GRAFT_CORE_PATTERN_H
#define GRAFT_CORE_PATTERN_H

#include <stdbool.h>
#include <stddef.h>

#include "core/status.h"

typedef struct graft_pattern graft_pattern;
typedef struct graft_matcher graft_matcher;

/* TRUSTED: part of graft. A character is a byte, classes such as \d are ASCII's, the pattern
 * becomes machine code where that is possible, and matches are never empty.
 * HOSTILE: from a file, over UTF-8. Classes are ASCII's, $ is the very end, [] is allowed, as ECMA
 * 262 has it; matching takes from a budget of steps, whatever the pattern. */
typedef enum graft_pattern_kind { GRAFT_PATTERN_TRUSTED, GRAFT_PATTERN_HOSTILE } graft_pattern_kind;

/* GRAFT_E_DATA "at character 5: what is wrong". */
graft_status graft_pattern_new(graft_pattern **out, const char *text, size_t n,
                               graft_pattern_kind kind);
void graft_pattern_free(graft_pattern *pattern);
size_t graft_pattern_bytes(const graft_pattern *pattern); /* what it takes, but for machine code */

graft_status graft_matcher_new(graft_matcher **out);
void graft_matcher_free(graft_matcher *matcher);

/* Finds the first match in text[from..n): [*start, *end), if *found. `budget` is what a HOSTILE
 * pattern may still take and is reduced by what it took (a step is some tens of nanoseconds); NULL
 * for a TRUSTED one, which PCRE2's own limits bound. GRAFT_E_DATA if that was not enough, or if a
 * HOSTILE pattern meets text that is not UTF-8. */
typedef struct graft_match {
    bool found;
    size_t start, end;
} graft_match;
graft_status graft_pattern_find(graft_match *out, const graft_pattern *pattern,
                                graft_matcher *matcher, const char *text, size_t n, size_t from,
                                size_t *budget);

#endif
