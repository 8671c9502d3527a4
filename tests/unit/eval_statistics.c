/* Intervals and tests against values from the literature and from exact sums. */
#include "support/test.h"

#include <math.h>

#include "eval/statistics.h"

static void near(double got, double wanted, double tolerance)
{
    if (!(fabs(got - wanted) <= tolerance)) {
        fail_msg("%.12g is not %.12g", got, wanted);
    }
}

static void wilson_intervals(void **state)
{
    (void)state;
    /* the first four from Newcombe, Statistics in Medicine 1998, table I (method 3), 4 decimals */
    const struct { size_t hits, n; double low, high; } cases[] = {
        {81, 263, 0.2553, 0.3662}, {15, 148, 0.0624, 0.1605}, {0, 20, 0.0, 0.1611},
        {1, 29, 0.0061, 0.1718},   {29, 29, 0.8830, 1.0},     {37, 40, 0.8014, 0.9742},
        {24, 40, 0.4460, 0.7365},  {1, 1, 0.2065, 1.0},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        double low, high;
        graft_wilson(&low, &high, cases[i].hits, cases[i].n);
        near(low, cases[i].low, 0.00005);
        near(high, cases[i].high, 0.00005);
    }
    double low, high;
    graft_wilson(&low, &high, 0, 0);
    near(low, 0, 0);
    near(high, 1, 0);
    graft_wilson(&low, &high, 0, 7);
    near(low, 0, 0);
    graft_wilson(&low, &high, 7, 7);
    near(high, 1, 0);
}

/* 2 * sum over i <= few of C(n, i) / 2^n, with integers while they fit. */
static double exact_p(unsigned gained, unsigned lost)
{
    unsigned n = gained + lost, few = gained < lost ? gained : lost;
    uint64_t sum = 0, term = 1;
    for (unsigned i = 0; i <= few; i++) {
        sum += term;
        term = term * (n - i) / (i + 1);
    }
    double p = 2 * ldexp((double)sum, -(int)n);
    return p < 1 ? p : 1;
}

static void mcnemar_by_the_binomial(void **state)
{
    (void)state;
    for (unsigned a = 0; a <= 25; a++) {
        for (unsigned b = 0; b <= 25; b++) {
            double wanted = exact_p(a, b);
            near(graft_mcnemar(a, b), wanted, 1e-12 * wanted);
        }
    }
    near(graft_mcnemar(0, 0), 1, 0);
    near(graft_mcnemar(8, 0), 0.0078125, 1e-15);
    near(graft_mcnemar(37, 0), ldexp(1, -36), 1e-24);
    /* the sum in rational numbers */
    near(graft_mcnemar(121, 59), 4.434449263755176e-06, 1e-17);
    assert_true(graft_mcnemar(5000, 0) == 0);
    near(graft_mcnemar(100000, 100001), 1, 1e-6);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(wilson_intervals),
        cmocka_unit_test(mcnemar_by_the_binomial),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
