#include "tokenizer/bytes.h"

#include "core/strings.h"

static bool is_printable(uint32_t byte)
{
    return (byte >= 0x21 && byte <= 0x7e) || (byte >= 0xa1 && byte <= 0xac) || byte >= 0xae;
}

static uint32_t codepoint_of(uint8_t byte)
{
    if (is_printable(byte)) {
        return byte;
    }
    /* how many bytes below this one are not printable either */
    return 0x100u + (byte <= 0x20 ? byte : byte <= 0xa0 ? 0x21u + byte - 0x7fu : 0x43u);
}

size_t graft_byte_spell(uint8_t byte, char out[4])
{
    return graft_utf8_encode(codepoint_of(byte), out);
}

bool graft_byte_unspell(const char *text, size_t n, char *out, size_t *n_out)
{
    size_t length = 0;
    for (size_t i = 0; i < n;) {
        uint32_t codepoint;
        size_t used = graft_utf8_decode(text + i, n - i, &codepoint);
        if (used == 0) {
            return false;
        }
        uint32_t byte = codepoint;
        if (codepoint >= 0x100) {
            uint32_t order = codepoint - 0x100;
            byte = order <= 0x20 ? order : order < 0x43 ? order - 0x21 + 0x7f : 0xad;
        }
        if (byte > 0xff || codepoint_of((uint8_t)byte) != codepoint) {
            return false;
        }
        out[length++] = (char)byte;
        i += used;
    }
    *n_out = length;
    return true;
}
