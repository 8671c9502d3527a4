/* schema/ecma.h - patterns of ECMA 262 in PCRE2's spelling. Room-internal. */
#ifndef GRAFT_SCHEMA_ECMA_H
#define GRAFT_SCHEMA_ECMA_H

#include "core/strings.h"

/* Appends the pattern text[0..n) for GRAFT_PATTERN_HOSTILE. GRAFT_E_DATA "at character 5: what" for
 * what ECMA 262 (with the flag u) does not have and PCRE2 would take for something else; the rest
 * of the syntax is left to PCRE2. */
graft_status graft_schema__translate(graft_text *out, const char *text, size_t n);

#endif
