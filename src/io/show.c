/* io/show.c - names from files, made safe and short for a message. */
#include "io/show.h"

#include <stdbool.h>
#include <string.h>

#include "core/strings.h"

enum { LIMIT = 80 };

/* Line and paragraph separators and everything that changes the direction of writing. */
static bool steers_terminal(uint32_t c)
{
    return c < 0x20 || (c >= 0x7f && c < 0xa0) || (c >= 0x200e && c <= 0x200f) ||
           (c >= 0x2028 && c <= 0x202e) || (c >= 0x2066 && c <= 0x2069);
}

const char *graft_io__show(char out[GRAFT_IO_SHOWN], const char *bytes, size_t n)
{
    static const char hex[] = "0123456789abcdef";
    size_t at = 0, i = 0;
    while (i < n && i < LIMIT) {
        uint32_t c = 0;
        size_t used = graft_utf8_decode(bytes + i, n - i, &c);
        if (used > 0 && !steers_terminal(c)) {
            memcpy(out + at, bytes + i, used);
            at += used;
            i += used;
            continue;
        }
        out[at++] = '\\';
        out[at++] = 'x';
        out[at++] = hex[(unsigned char)bytes[i] >> 4];
        out[at++] = hex[bytes[i] & 15];
        i++;
    }
    memcpy(out + at, i < n ? "..." : "", i < n ? 4 : 1);
    return out;
}
