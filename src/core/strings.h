/* core/strings.h - growing byte strings, UTF-8, escaping for terminals. */
#ifndef GRAFT_CORE_STRINGS_H
#define GRAFT_CORE_STRINGS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/status.h"

/* A growing byte string. `data` is NULL while empty and nothing was ever appended, otherwise zero
 * terminated (the terminator is not counted); it may hold zero bytes of its own. */
typedef struct graft_text {
    char *data;
    size_t len, capacity;
} graft_text;

void graft_text_init(graft_text *text);
void graft_text_clear(graft_text *text);                /* frees; text is empty again */
graft_status graft_text_append(graft_text *text, const char *bytes, size_t n);
graft_status graft_text_append_z(graft_text *text, const char *zero_terminated);
graft_status graft_text_append_char(graft_text *text, char c);
graft_status graft_text_appendf(graft_text *text, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
graft_status graft_text_append_codepoint(graft_text *text, uint32_t codepoint);
/* Never NULL: "" while nothing was appended. */
const char *graft_text_z(const graft_text *text);
/* Moves the bytes out (caller frees with graft_free; never NULL on success) and leaves it empty. */
graft_status graft_text_take(graft_text *text, char **out);

/* Decodes one code point of bytes[0..n), n >= 1; returns the bytes used (1..4) or 0 if invalid
 * (overlong, surrogate, > U+10FFFF or cut). */
size_t graft_utf8_decode(const char *bytes, size_t n, uint32_t *codepoint);
/* Writes 1..4 bytes, returns how many. */
size_t graft_utf8_encode(uint32_t codepoint, char out[4]);
bool graft_utf8_valid(const char *bytes, size_t n, size_t *bad_offset); /* bad_offset may be NULL */

/* Appends bytes so that a terminal cannot be steered by them: C0/C1 controls (newline and tab
 * kept when keep_lines), DEL, bidi overrides and invalid UTF-8 become \xNN or \u{...}. */
graft_status graft_text_append_escaped(graft_text *text, const char *bytes, size_t n,
                                       bool keep_lines);

/* Appends a word of a shell's command: as it is, or between single quotes if it holds more than letters, digits
 * and what paths and addresses are made of. */
graft_status graft_text_append_word(graft_text *text, const char *word);

/* Restricted Damerau-Levenshtein distance, at most `limit` (returns limit + 1 beyond it). For "did you mean". */
size_t graft_edit_distance(const char *a, const char *b, size_t limit);

/* ASCII only, locale-free. */
bool graft_str_ends_with(const char *text, const char *suffix);
bool graft_str_starts_with(const char *text, const char *prefix);

#endif
