/* pace.c - the reserve is for what is not known yet: speed varies, and replies of a model that has learnt
 * may be longer than those it was measured with. */
#include "train/pace.h"

#include <math.h>
#include <string.h>

#define RESERVE_STEPS 0.04   /* of the time of the steps left, and of evaluations between them */
#define RESERVE_END 0.25     /* of the evaluation at the end */
#define RESERVE_END_BASE 0.5 /* ... if it was measured of the base */
#define RESERVE_CLOSE 1.0    /* of writing the results, which is not measured */
#define MORE 0.1             /* of the steps left are worth a new plan */

uint64_t graft_pace_interval(double eval_steps, uint64_t per_epoch, uint64_t n_steps)
{
    double steps = eval_steps < 1 ? ceil(eval_steps * (double)n_steps) : eval_steps;
    if (!(eval_steps > 0)) {
        return per_epoch;
    }
    return steps >= 1 ? (uint64_t)steps : 1;
}

static double tokens_until(const graft_pace_costs *c, uint64_t step)
{
    double epoch = c->first_epoch[c->per_epoch];
    if (step <= c->per_epoch) {
        return c->first_epoch[step];
    }
    return epoch / (double)c->per_epoch * (double)step;
}

/* Evaluations before the last step. */
static uint64_t count_between(const graft_pace_costs *c, uint64_t n)
{
    uint64_t every = graft_pace_interval(c->eval_steps, c->per_epoch, n);
    bool due = c->step > 0 && c->step % every == 0 && !c->evaluated;
    if (!c->between || n <= c->step) {
        return 0;
    }
    return (n - 1) / every - c->step / every + due;
}

double graft_pace_seconds(const graft_pace_costs *c, uint64_t n, double reserve)
{
    double tokens = tokens_until(c, n) - tokens_until(c, c->step);
    double steps = tokens / c->tokens_per_second;
    double between = (double)count_between(c, n) * c->evaluation_seconds;
    double end = c->evaluates_end ? c->evaluation_seconds : 0;
    double end_reserve = c->of_base ? RESERVE_END_BASE : RESERVE_END;
    return c->first_seconds + (steps + between) * (1 + RESERVE_STEPS * reserve) + end * (1 + end_reserve * reserve) +
           c->close_seconds * (1 + RESERVE_CLOSE * reserve);
}

static bool fits(const graft_pace_costs *c, uint64_t n, double reserve)
{
    return graft_pace_seconds(c, n, reserve) <= c->seconds_left;
}

uint64_t graft_pace_fit(const graft_pace_costs *c)
{
    uint64_t low = c->step, high = c->most;
    if (high <= low || fits(c, high, 1)) {
        return high > low ? high : low;
    }
    while (high - low > 1) { /* high does not fit; low does, or is where the run is */
        uint64_t middle = low + (high - low) / 2;
        if (fits(c, middle, 1)) {
            low = middle;
        } else {
            high = middle;
        }
    }
    return low;
}

uint64_t graft_pace_decide(const graft_pace_costs *c, uint64_t n)
{
    uint64_t best = graft_pace_fit(c);
    double more = fmax(2, MORE * (double)(n > c->step ? n - c->step : 0));
    if (best < n) {
        return fits(c, n, 0.5) ? n : best;
    }
    return best == c->most || (double)(best - n) >= more ? best : n;
}

/* --- checkpoints --- */

static const char NAME[] = "run/pace";

enum { COUNTERS = 7, NUMBERS = 4, WORDS = COUNTERS + NUMBERS, OF_ADAPTER = 1 };

graft_status graft_pace_put(graft_h5 *image, const graft_trainer *t)
{
    const graft_course *c = &t->course;
    const graft_pace_memory *m = &t->pace;
    const double numbers[NUMBERS] = {c->decayed, m->spent, m->tokens_per_second,
                                     m->evaluation_seconds};
    uint64_t words[WORDS] = {t->n_steps, c->n_warmup, c->n_rise, c->from, c->to,
                             m->of_adapter ? OF_ADAPTER : 0, 0};
    memcpy(&words[COUNTERS], numbers, sizeof numbers);
    return m->planned ? graft_h5_put_u64(image, NAME, words, WORDS) : GRAFT_OK;
}

static bool is_sound(const graft_trainer *t, uint64_t step, const uint64_t *words,
                     const double *numbers)
{
    bool ordered = step <= words[0] && words[0] <= t->n_asked && words[4] <= t->n_asked &&
                   words[2] <= words[1];
    for (size_t i = 0; i < NUMBERS; i++) {
        ordered = ordered && isfinite(numbers[i]) && numbers[i] >= 0;
    }
    return ordered && numbers[0] <= 1;
}

graft_status graft_pace_get(const graft_h5 *image, graft_trainer *t, uint64_t step,
                            const char *path)
{
    graft_status status = GRAFT_OK;
    uint64_t words[WORDS];
    double numbers[NUMBERS];
    size_t n = 0;
    if (graft_h5_size(image, NAME, &n) != GRAFT_OK) {
        return GRAFT_OK;
    }
    GRAFT_TRY(graft_h5_get_u64(image, NAME, words, WORDS));
    memcpy(numbers, &words[COUNTERS], sizeof numbers);
    if (!is_sound(t, step, words, numbers)) {
        status = graft_fail(GRAFT_E_CHECKPOINT, "%s: %s: no plan of a run of %llu steps", path,
                            NAME, (unsigned long long)t->n_asked);
        goto done;
    }
    t->n_steps = words[0];
    t->course = (graft_course){words[1], words[2], words[3], words[4], numbers[0]};
    t->pace = (graft_pace_memory){true, numbers[1], numbers[2], numbers[3],
                                  (words[5] & OF_ADAPTER) != 0};
done:
    return status;
}
