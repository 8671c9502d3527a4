#include "run/rate.h"

#include <stdlib.h>
#include <string.h>

#define OUTLIER 16 /* times the median */

void graft_rate_add(graft_rate *rate, double seconds)
{
    rate->seconds[rate->n++ % GRAFT_RATE_STEPS] = seconds > 0 ? seconds : 0;
}

static int compare(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

double graft_rate_step(const graft_rate *rate)
{
    double sorted[GRAFT_RATE_STEPS], sum = 0;
    size_t n = rate->n < GRAFT_RATE_STEPS ? rate->n : GRAFT_RATE_STEPS, taken = 0;
    if (n == 0) {
        return 0;
    }
    memcpy(sorted, rate->seconds, n * sizeof *sorted);
    qsort(sorted, n, sizeof *sorted, compare);
    double median = sorted[(n - 1) / 2];
    for (; taken < n && sorted[taken] <= OUTLIER * median; taken++) {
        sum += sorted[taken];
    }
    return sum / (double)taken;
}
