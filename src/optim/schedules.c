#include <math.h>
#include <string.h>

#include "optim/optimizer.h"

static double progress(uint64_t step, uint64_t n_warmup, uint64_t n_steps)
{
    uint64_t rest = n_steps > n_warmup ? n_steps - n_warmup : 1;
    return (double)(step - n_warmup) / (double)rest;
}

static double warmup(uint64_t step, uint64_t n_warmup)
{
    return (double)(step + 1) / (double)n_warmup;
}

static double constant(uint64_t step, uint64_t n_warmup, uint64_t n_steps)
{
    (void)n_steps;
    return step < n_warmup ? warmup(step, n_warmup) : 1.0;
}

static double linear(uint64_t step, uint64_t n_warmup, uint64_t n_steps)
{
    if (step < n_warmup) {
        return warmup(step, n_warmup);
    }
    return fmax(0.0, 1.0 - progress(step, n_warmup, n_steps));
}

static double cosine(uint64_t step, uint64_t n_warmup, uint64_t n_steps)
{
    const double pi = 3.14159265358979323846;
    if (step < n_warmup) {
        return warmup(step, n_warmup);
    }
    return fmax(0.0, 0.5 * (1.0 + cos(pi * progress(step, n_warmup, n_steps))));
}

const graft_schedule graft_schedules[] = {
    {"cosine", cosine}, {"linear", linear}, {"constant", constant}, {NULL, NULL}};

const graft_schedule *graft_schedule_find(const char *name)
{
    for (const graft_schedule *s = graft_schedules; s->name != NULL; s++) {
        if (strcmp(s->name, name) == 0) {
            return s;
        }
    }
    return NULL;
}
