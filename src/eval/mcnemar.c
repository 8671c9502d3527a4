#include <math.h>

#include "eval/statistics.h"

double graft_mcnemar(size_t gained, size_t lost)
{
    size_t n = gained + lost, few = gained < lost ? gained : lost;
    if (n == 0 || gained == lost) {
        return 1;
    }
    /* twice the binomial tail up to `few`, from its largest term down */
    double term = exp(lgamma((double)n + 1) - lgamma((double)few + 1) -
                      lgamma((double)(n - few) + 1) - (double)n * log(2));
    double sum = 0;
    for (size_t i = few; term > 0; i--) {
        sum += term;
        term *= (double)i / (double)(n - i + 1); /* 0 for the last one */
    }
    return 2 * sum < 1 ? 2 * sum : 1;
}
