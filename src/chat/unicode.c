/* chat/unicode.c - what Python's str knows about characters. */
#include <string.h>

#include "chat/text.h"
#include "chat/unicode_tables.h"

static bool in_ranges(const graft_unicode_range *ranges, size_t n, uint32_t c)
{
    size_t low = 0, high = n;
    while (low < high) {
        size_t middle = (low + high) / 2;
        const graft_unicode_range *r = &ranges[middle];
        if (c < r->first) {
            high = middle;
        } else if (c > r->last) {
            low = middle + 1;
        } else {
            return (c - r->first) % r->step == 0;
        }
    }
    return false;
}

bool graft_unicode__is_space(uint32_t c)
{
    if (c < 0x80) {
        return (c >= '\t' && c <= '\r') || (c >= 0x1c && c <= ' ');
    }
    return c == 0x85 || c == 0xa0 || c == 0x1680 || (c >= 0x2000 && c <= 0x200a) || c == 0x2028 ||
           c == 0x2029 || c == 0x202f || c == 0x205f || c == 0x3000;
}

bool graft_unicode__is_printable(uint32_t c)
{
    if (c < 0x7f) {
        return c >= ' ';
    }
    return !in_ranges(graft_unicode__not_printable, graft_unicode__n_not_printable, c);
}

bool graft_unicode__is_upper(uint32_t c)
{
    return in_ranges(graft_unicode__upper, graft_unicode__n_upper, c);
}

bool graft_unicode__is_lower(uint32_t c)
{
    return in_ranges(graft_unicode__lower, graft_unicode__n_lower, c);
}

bool graft_unicode__is_alpha(uint32_t c)
{
    return in_ranges(graft_unicode__alpha, graft_unicode__n_alpha, c);
}

bool graft_unicode__is_digit(uint32_t c)
{
    return in_ranges(graft_unicode__decimal, graft_unicode__n_decimal, c);
}

static bool is_title(uint32_t c)
{
    return c == 0x1c5 || c == 0x1c8 || c == 0x1cb || c == 0x1f2 || (c >= 0x1f88 && c <= 0x1f8f) ||
           (c >= 0x1f98 && c <= 0x1f9f) || (c >= 0x1fa8 && c <= 0x1faf) || c == 0x1fbc ||
           c == 0x1fcc || c == 0x1ffc;
}

bool graft_unicode__is_cased(uint32_t c)
{
    return graft_unicode__is_upper(c) || graft_unicode__is_lower(c) || is_title(c);
}

/* The common ones: apostrophes, dots and combining marks inside of words. */
bool graft_unicode__is_case_ignorable(uint32_t c)
{
    return c == '\'' || c == '.' || c == ':' || c == '^' || c == '`' || c == 0xa8 || c == 0xad ||
           c == 0xaf || c == 0xb4 || c == 0xb7 || c == 0xb8 || (c >= 0x2b0 && c <= 0x36f) ||
           c == 0x2018 || c == 0x2019;
}

static size_t map(uint32_t c, const graft_unicode_shift *shifts, size_t n_shifts,
                  const graft_unicode_special *special, size_t n_special, uint32_t out[3])
{
    for (size_t i = 0; i < n_special && c >= 0x80; i++) {
        if (special[i].c == c) {
            memcpy(out, special[i].to, sizeof special[i].to);
            return out[1] == 0 ? 1 : out[2] == 0 ? 2 : 3;
        }
    }
    for (size_t low = 0, high = n_shifts; low < high;) {
        size_t middle = (low + high) / 2;
        if (c > shifts[middle].last) {
            low = middle + 1;
        } else if (c < shifts[middle].first) {
            high = middle;
        } else {
            if ((c - shifts[middle].first) % shifts[middle].step == 0) {
                out[0] = (uint32_t)((int32_t)c + shifts[middle].by);
                return 1;
            }
            break;
        }
    }
    return 0;
}

size_t graft_unicode__to_upper(uint32_t c, uint32_t out[3])
{
    size_t n = map(c, graft_unicode__upper_of, graft_unicode__n_upper_of,
                   graft_unicode__upper_of_special, graft_unicode__n_upper_of_special, out);
    out[0] = n == 0 ? c : out[0];
    return n == 0 ? 1 : n;
}

size_t graft_unicode__to_lower(uint32_t c, uint32_t out[3])
{
    size_t n = map(c, graft_unicode__lower_of, graft_unicode__n_lower_of,
                   graft_unicode__lower_of_special, graft_unicode__n_lower_of_special, out);
    out[0] = n == 0 ? c : out[0];
    return n == 0 ? 1 : n;
}

size_t graft_unicode__to_folded(uint32_t c, uint32_t out[3])
{
    uint32_t upper[3], lower[3];
    if ((c >= 0x13a0 && c <= 0x13fd) || (c >= 0xab70 && c <= 0xabbf)) { /* Cherokee */
        return graft_unicode__to_upper(c, out);
    }
    if (c == 0x131) { /* a dotless i stays one */
        return graft_unicode__to_lower(c, out);
    }
    size_t n = graft_unicode__to_upper(c == 0x1e9e ? 0xdf : c, upper); /* of two sharp s */
    if (n == 1) {
        return graft_unicode__to_lower(upper[0], out);
    }
    for (size_t i = 0; i < n; i++) {
        graft_unicode__to_lower(upper[i], lower);
        out[i] = lower[0];
    }
    return n;
}

size_t graft_unicode__to_title(uint32_t c, uint32_t out[3])
{
    size_t n = map(c, graft_unicode__title_of, graft_unicode__n_title_of,
                   graft_unicode__title_of_special, graft_unicode__n_title_of_special, out);
    return n == 0 ? graft_unicode__to_upper(c, out) : n;
}
