#include <math.h>
#include <string.h>

#include "optim/optimizer.h"

static double constant(double progress)
{
    (void)progress;
    return 1.0;
}

static double linear(double progress)
{
    return fmax(0.0, 1.0 - progress);
}

static double cosine(double progress)
{
    const double pi = 3.14159265358979323846;
    return fmax(0.0, 0.5 * (1.0 + cos(pi * progress)));
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

graft_course graft_course_of(uint64_t n_warmup, uint64_t n_steps)
{
    return (graft_course){n_warmup, n_warmup, n_warmup, n_steps, 0};
}

double graft_course_progress(const graft_course *c, uint64_t step)
{
    uint64_t rest = c->to > c->from ? c->to - c->from : 1;
    double done = step > c->from ? (double)(step - c->from) / (double)rest : 0;
    return c->decayed + (1 - c->decayed) * done;
}

void graft_course_turn(graft_course *c, uint64_t step, uint64_t n_steps)
{
    if (step < c->n_rise) { /* nothing has decayed yet */
        uint64_t half = step + (n_steps - step) / 2;
        c->n_rise = c->n_warmup < half ? c->n_warmup : half;
        c->from = c->n_rise;
    } else {
        c->decayed = graft_course_progress(c, step);
        c->from = step;
    }
    c->to = n_steps;
}

double graft_course_factor(const graft_course *c, const graft_schedule *schedule, uint64_t step)
{
    double peak = c->n_rise < c->n_warmup ? (double)c->n_rise / (double)c->n_warmup : 1.0;
    if (step < c->n_rise) {
        return (double)(step + 1) / (double)c->n_warmup;
    }
    return peak * schedule->factor(graft_course_progress(c, step));
}
