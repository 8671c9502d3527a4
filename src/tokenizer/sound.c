#include "tokenizer/sound.h"

#include <string.h>

#include "core/memory.h"

bool graft_sound_is_ascii(const char *text, size_t n)
{
    size_t i = 0;
    for (uint64_t word; i + sizeof word <= n; i += sizeof word) {
        memcpy(&word, text + i, sizeof word);
        if (word & 0x8080808080808080u) {
            return false;
        }
    }
    for (; i < n; i++) {
        if (text[i] & 0x80) {
            return false;
        }
    }
    return true;
}

/* Bytes of the character that begins with `lead`; 0 if none does. */
static size_t length_of(unsigned char lead)
{
    return lead < 0x80   ? 1
           : lead < 0xc0 ? 0
           : lead < 0xe0 ? 2
           : lead < 0xf0 ? 3
           : lead < 0xf8 ? 4
                         : 0;
}

size_t graft_sound_decode(const char *text, uint32_t *codepoint)
{
    const unsigned char *p = (const unsigned char *)text;
    size_t length = length_of(*p);
    uint32_t c = length > 1 ? *p & (0x7fu >> length) : *p;
    for (size_t i = 1; i < length; i++) {
        c = c << 6 | (p[i] & 0x3f);
    }
    *codepoint = c;
    return length;
}

/* As the runtime decodes text[0..n); returns 0 if the first byte does not fit. */
static size_t decode_loosely(const char *text, size_t n, uint32_t *codepoint)
{
    size_t length = length_of((unsigned char)*text);
    if (length == 0 || length > n) {
        return 0;
    }
    for (size_t i = 1; i < length; i++) {
        if ((text[i] & 0xc0) != 0x80) {
            return 0;
        }
    }
    graft_sound_decode(text, codepoint);
    return *codepoint <= 0x10ffff ? length : 0;
}

graft_status graft_sound_make(graft_text *out, uint32_t **origins, const char *text, size_t n)
{
    graft_status status = GRAFT_OK;
    size_t most, k = 0;
    out->len = 0;
    *origins = NULL;
    if (!graft_size_mul(n, 3, &most)) {
        return graft_fail(GRAFT_E_MEMORY, "out of memory: text");
    }
    GRAFT_TRY(graft_alloc(origins, most, sizeof **origins));
    for (size_t i = 0; i < n;) {
        uint32_t codepoint;
        char bytes[4];
        size_t used = decode_loosely(text + i, n - i, &codepoint);
        size_t length = graft_utf8_encode(used != 0 ? codepoint : 0xfffd, bytes);
        used += used == 0;
        GRAFT_TRY(graft_text_append(out, bytes, length));
        for (size_t b = 1; b <= length; b++) {
            (*origins)[k++] = (uint32_t)(b == length ? i + used : i);
        }
        i += used;
    }
done:
    if (status != GRAFT_OK) {
        graft_free(*origins);
        *origins = NULL;
    }
    return status;
}
