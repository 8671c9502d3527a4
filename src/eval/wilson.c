#include <math.h>

#include "eval/statistics.h"

void graft_wilson(double *low, double *high, size_t hits, size_t n)
{
    const double z = 1.9599639845400545; /* the normal distribution's 97.5 % quantile */
    if (n == 0) {
        *low = 0;
        *high = 1;
        return;
    }
    double share = (double)hits / (double)n, zz = z * z / (double)n;
    double centre = share + zz / 2;
    double half = z * sqrt((share * (1 - share) + zz / 4) / (double)n);
    /* at the ends the formula gives 0 and 1 but for rounding */
    *low = hits == 0 ? 0 : (centre - half) / (1 + zz);
    *high = hits == n ? 1 : (centre + half) / (1 + zz);
}
