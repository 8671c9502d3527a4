/* core/half.h: all 65536 values of both types, and every rounding boundary between them. */
#include "support/test.h"

#include <math.h>

#include "core/half.h"

/* The definition of binary16, in double. */
static double f16_value(uint16_t h)
{
    double sign = h & 0x8000 ? -1.0 : 1.0;
    int exponent = h >> 10 & 31, fraction = h & 1023;
    if (exponent == 31) {
        return fraction != 0 ? NAN : sign * INFINITY;
    }
    return sign * (exponent == 0 ? ldexp(fraction, -24) : ldexp(1024 + fraction, exponent - 25));
}

static void every_f16_decodes_and_returns(void **state)
{
    (void)state;
    for (uint32_t h = 0; h < 65536; h++) {
        float f = graft_f16_to_f32((uint16_t)h);
        double expected = f16_value((uint16_t)h);
        if (isnan(expected)) {
            assert_true(isnan(f));
            uint16_t back = graft_f32_to_f16(f);
            assert_true(isnan(graft_f16_to_f32(back)));
            assert_int_equal(back & 0x8000, h & 0x8000);
        } else {
            assert_true((double)f == expected && !signbit(f) == !signbit(expected));
            assert_int_equal(graft_f32_to_f16(f), h);
        }
    }
}

static void f16_rounds_to_nearest_even(void **state)
{
    (void)state;
    for (uint32_t h = 0; h < 0x7c00; h++) { /* up to the largest finite one and infinity */
        double low = f16_value((uint16_t)h);
        double high = h == 0x7bff ? 65536.0 : f16_value((uint16_t)(h + 1));
        float middle = (float)((low + high) / 2); /* exact: f32 has more bits */
        uint32_t even = h & 1 ? h + 1 : h;
        assert_int_equal(graft_f32_to_f16(middle), even);
        assert_int_equal(graft_f32_to_f16(nextafterf(middle, 0.0f)), h);
        assert_int_equal(graft_f32_to_f16(nextafterf(middle, INFINITY)), h + 1);
        assert_int_equal(graft_f32_to_f16(-middle), even | 0x8000);
    }
}

static void f16_extremes(void **state)
{
    (void)state;
    assert_int_equal(graft_f32_to_f16(0x1p-149f), 0);
    assert_int_equal(graft_f32_to_f16(-0x1p-149f), 0x8000);
    assert_int_equal(graft_f32_to_f16(65504.0f), 0x7bff);
    assert_int_equal(graft_f32_to_f16(1e30f), 0x7c00);
    assert_int_equal(graft_f32_to_f16(-INFINITY), 0xfc00);
    /* a NaN whose payload lies only in the bits that are cut */
    assert_true(isnan(graft_f16_to_f32(graft_f32_to_f16(graft_bits_float(0x7f800001)))));
}

static void every_bf16_returns(void **state)
{
    (void)state;
    for (uint32_t b = 0; b < 65536; b++) {
        float f = graft_bf16_to_f32((uint16_t)b);
        uint16_t back = graft_f32_to_bf16(f);
        if (isnan(f)) {
            assert_true(isnan(graft_bf16_to_f32(back)));
        } else {
            assert_int_equal(back, b);
        }
    }
}

static void bf16_rounds_to_nearest_even(void **state)
{
    (void)state;
    for (uint32_t b = 0; b < 0x7f80; b++) {
        uint32_t bits = b << 16;
        assert_int_equal(graft_f32_to_bf16(graft_bits_float(bits | 0x7fff)), b);
        assert_int_equal(graft_f32_to_bf16(graft_bits_float(bits | 0x8000)), b + (b & 1));
        assert_int_equal(graft_f32_to_bf16(graft_bits_float(bits | 0x8001)), b + 1);
    }
    assert_true(isnan(graft_bf16_to_f32(graft_f32_to_bf16(graft_bits_float(0x7f800001)))));
    assert_true(isnan(graft_bf16_to_f32(graft_f32_to_bf16(graft_bits_float(0xffffffff)))));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_f16_decodes_and_returns),
        cmocka_unit_test(f16_rounds_to_nearest_even),
        cmocka_unit_test(f16_extremes),
        cmocka_unit_test(every_bf16_returns),
        cmocka_unit_test(bf16_rounds_to_nearest_even),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
