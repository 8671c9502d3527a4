/* tokenizer/sound.h - text as the runtime reads it where it is not UTF-8.
 *
 * llama.cpp (src/unicode.cpp) decodes loosely: a first byte says how many follow, and those only
 * have to look like it. A byte that does not fit becomes U+FFFD; overlong forms become the
 * character they mean; surrogates stay. What would be beyond U+10FFFF makes the runtime stop; here
 * its bytes do not fit. Text that went through is *sound*. */
#ifndef GRAFT_TOKENIZER_SOUND_H
#define GRAFT_TOKENIZER_SOUND_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/strings.h"

bool graft_sound_is_ascii(const char *text, size_t n);

/* Decodes the first character of sound text; returns its bytes. */
size_t graft_sound_decode(const char *text, uint32_t *codepoint);

/* Sets *out to text[0..n) made sound, and (*origins)[i] (owned by the caller, out->len numbers) to
 * how many bytes of text lie before the end of out's byte i; a character counts when it is
 * complete. */
graft_status graft_sound_make(graft_text *out, uint32_t **origins, const char *text, size_t n);

#endif
