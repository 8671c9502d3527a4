/* eval/statistics.h - how much a count of hits says. */
#ifndef GRAFT_EVAL_STATISTICS_H
#define GRAFT_EVAL_STATISTICS_H

#include <stddef.h>

/* The 95 % score interval of a share of hits in n trials: Wilson, "Probable inference, the law of
 * succession, and statistical inference", JASA 1927. n == 0 gives [0, 1]. */
void graft_wilson(double *low, double *high, size_t hits, size_t n);

/* The exact two-sided p of McNemar's test: of the items whose verdict changed, `gained` became
 * right and `lost` wrong; how probable is a split at least as uneven if both are equally likely?
 * McNemar, Psychometrika 1947; the binomial form. 1 if nothing changed. */
double graft_mcnemar(size_t gained, size_t lost);

#endif
