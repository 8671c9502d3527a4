/* quant/tq1_0.c - 256 values -1, 0 or 1 times f16 d: bytes of five digits to base 3, then d.
 *
 * A byte holds the digits as a fraction: its product with 3, 9, 27, 81 (modulo 256) has the next
 * digit in front, which is what a multiplication by 3 carries out of the byte. 32 bytes hold values
 * 0-159 (32 first digits, 32 second ones ...), 16 bytes 160-239, 4 bytes (of four digits) the rest. */
#include "quant/bytes.h"
#include "quant/formats.h"

enum { N = 256, BYTES = 54 };

static float *decode_digits(const uint8_t *q, int n_bytes, int n_digits, float d, float *out)
{
    for (int digit = 0, power = 1; digit < n_digits; digit++, power *= 3) {
        for (int i = 0; i < n_bytes; i++) {
            int value = (q[i] * power & 255) * 3 >> 8;
            *out++ = d * (float)(value - 1);
        }
    }
    return out;
}

static void decode(const void *blocks, float *out, size_t n_blocks)
{
    const uint8_t *b = blocks;
    for (size_t i = 0; i < n_blocks; i++, b += BYTES) {
        float d = graft_get_f16(b + 52);
        out = decode_digits(b, 32, 5, d, out);
        out = decode_digits(b + 32, 16, 5, d, out);
        out = decode_digits(b + 48, 4, 4, d, out);
    }
}

const graft_format graft_format_tq1_0 = {"TQ1_0", 34, N, BYTES, decode, NULL};
