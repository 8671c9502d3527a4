/* pace.c - the reserve is for what is not known yet: speed varies, and replies of a model that has learnt
 * may be longer than those it was measured with. */
#include "train/pace.h"

#include <math.h>

#define RESERVE_STEPS 0.04   /* of the time of the steps left, and of evaluations between them */
#define RESERVE_END 0.25     /* of the evaluation at the end */
#define RESERVE_END_BASE 0.5 /* ... if it was measured of the base */
#define RESERVE_CLOSE 1.0    /* of writing the results, which is not measured */
#define SPREADS 2.0          /* ... or so many spreads of the speed, if that is more: taken to be another one ... */
#define SPREAD_SECONDS 60.0  /* ... every minute, so that long times average it out */
#define MOST_SPREAD 0.5      /* one step that took ages is no reason to plan half a night less */
#define SAMPLE_SECONDS 1.0   /* steps that take less are measured together */
#define WINDOW_SECONDS 600.0 /* speed is that of about the last ten minutes ... */
#define WINDOW_STEPS 10.0    /* ... or ten steps */
#define MORE 0.1             /* of the steps left are worth a new plan ... */
#define MORE_SECONDS 2.0     /* ... if they take so long: else the last moments are planned again and again */

uint64_t graft_pace_interval(double eval_steps, uint64_t per_epoch, uint64_t n_steps)
{
    double steps = eval_steps < 1 ? ceil(eval_steps * (double)n_steps) : eval_steps;
    if (!(eval_steps > 0)) {
        return per_epoch;
    }
    return steps >= 1 ? (uint64_t)steps : 1;
}

void graft_pace_measure(graft_pace_speed *s, double tokens, double seconds)
{
    tokens = s->fresh_tokens += tokens;
    seconds = s->fresh_seconds += seconds;
    if (seconds < SAMPLE_SECONDS) {
        return;
    }
    s->fresh_tokens = s->fresh_seconds = 0;
    double keep = exp(-seconds / fmax(WINDOW_SECONDS, WINDOW_STEPS * seconds));
    s->tokens = keep * s->tokens + tokens;
    s->seconds = keep * s->seconds + seconds;
    s->squares = keep * s->squares + (tokens > 0 ? seconds * seconds / tokens : 0);
}

double graft_pace_spread(const graft_pace_speed *s)
{
    if (!(s->tokens > 0 && s->seconds > 0)) {
        return 0;
    }
    double mean = s->seconds / s->tokens;
    double variance = s->squares / s->tokens - mean * mean;
    return variance > 0 ? sqrt(variance) / mean : 0;
}

/* What is added to seconds that are expected: grows with them, so that fewer steps always take less. */
static double reserve_of(const graft_pace_costs *c, double seconds, double least)
{
    double spread = fmin(c->spread, MOST_SPREAD);
    return seconds * fmax(least, SPREADS * spread / sqrt(1 + seconds / SPREAD_SECONDS));
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
    double kept = reserve_of(c, steps + between, RESERVE_STEPS) + reserve_of(c, end, end_reserve) +
                  RESERVE_CLOSE * c->close_seconds;
    return c->first_seconds + steps + between + end + c->close_seconds + reserve * kept;
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
    double seconds = (tokens_until(c, best) - tokens_until(c, n)) / c->tokens_per_second;
    bool worth_it = (double)(best - n) >= more && seconds >= MORE_SECONDS;
    return best == c->most || worth_it ? best : n;
}

/* --- notes --- */

/* Counts that are no numbers of steps any more. */
#define MOST_STEPS 1e15

/* From LATEST_TOKENS on: graft_pace_speed, which checkpoints of earlier versions do not have. */
enum { STEPS, WARMUP, RISE, FROM, TO, DECAYED, SPENT, SPEED, EVALUATION, OF_ADAPTER,
       LATEST_TOKENS, LATEST_SECONDS, LATEST_SQUARES, N_NOTES };

static const char *const names[N_NOTES] = {
    "pace.steps", "pace.warmup", "pace.rise", "pace.from", "pace.to", "pace.decayed",
    "pace.spent_seconds", "pace.tokens_per_second", "pace.evaluation_seconds", "pace.of_adapter",
    "pace.latest_tokens", "pace.latest_seconds", "pace.latest_squares"};

graft_status graft_pace_note(graft_trainer *t)
{
    graft_status status = GRAFT_OK;
    const graft_course *c = &t->course;
    const graft_pace_memory *m = &t->pace;
    const double values[N_NOTES] = {
        (double)t->n_steps, (double)c->n_warmup, (double)c->n_rise, (double)c->from,
        (double)c->to, c->decayed, m->spent, m->tokens_per_second, m->evaluation_seconds,
        m->of_adapter ? 1 : 0, m->speed.tokens, m->speed.seconds, m->speed.squares};
    for (size_t i = 0; m->planned && i < N_NOTES; i++) {
        GRAFT_TRY(graft_notes_set(&t->notes, names[i], values[i]));
    }
done:
    return status;
}

static bool is_sound(uint64_t step, const double *v)
{
    bool sound = v[STEPS] >= (double)step && v[RISE] <= v[WARMUP] && v[DECAYED] <= 1;
    for (size_t i = 0; i < N_NOTES; i++) {
        bool count = i <= TO;
        sound = sound && v[i] >= 0 && (!count || (v[i] <= MOST_STEPS && floor(v[i]) >= v[i]));
    }
    return sound;
}

graft_status graft_pace_recall(graft_trainer *t, const graft_notes *notes, uint64_t step,
                               const char *path)
{
    double v[N_NOTES];
    if (graft_notes_get(notes, names[STEPS], -1) < 0) {
        return GRAFT_OK;
    }
    for (size_t i = 0; i < N_NOTES; i++) {
        v[i] = graft_notes_get(notes, names[i], i < LATEST_TOKENS ? -1 : 0);
    }
    if (!is_sound(step, v)) {
        return graft_fail(GRAFT_E_CHECKPOINT, "%s: run/notes: what it says of \"pace\" is no plan of a "
                          "run at step %llu", path, (unsigned long long)step);
    }
    t->n_steps = v[STEPS] < (double)t->n_asked ? (uint64_t)v[STEPS] : t->n_asked;
    t->course = (graft_course){(uint64_t)v[WARMUP], (uint64_t)v[RISE], (uint64_t)v[FROM],
                               (uint64_t)v[TO], v[DECAYED]};
    t->pace = (graft_pace_memory){
        true, v[SPENT], v[SPEED], v[EVALUATION], v[OF_ADAPTER] > 0,
        {v[LATEST_TOKENS], v[LATEST_SECONDS], v[LATEST_SQUARES], 0, 0}};
    return GRAFT_OK;
}
