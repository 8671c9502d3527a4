/* run/rate.h - how long a step takes: of the latest ones, without those in which the machine did something
 * else.
 *
 * A virtual machine that was stopped, or a process that was (SIGSTOP), finds hours in one step. What
 * is left of the run is not estimated by them. */
#ifndef GRAFT_RUN_RATE_H
#define GRAFT_RUN_RATE_H

#include <stddef.h>

enum { GRAFT_RATE_STEPS = 32 };

typedef struct graft_rate {
    double seconds[GRAFT_RATE_STEPS];
    size_t n; /* added in all */
} graft_rate;

void graft_rate_add(graft_rate *rate, double seconds);

/* Seconds of a usual step: the mean of the latest, those beyond sixteen times their median left out. 0
 * before the first one. */
double graft_rate_step(const graft_rate *rate);

#endif
