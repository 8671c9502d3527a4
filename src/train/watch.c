#include "train/watch.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define SPREADS 8.0        /* a loss so many spreads above the median is a spike */
#define LEAST_SPREAD 0.05  /* of the median: losses that hardly differ make no spike of a small one */
#define SIGMA_OF_MAD 1.4826
#define SIGMA_OF_TENTH 1.2816 /* a normal distribution has a tenth above so many deviations */

enum { ANCHOR_STEPS = 50, LEAST_ANCHOR_STEPS = 10, LOOK_BACK = 8 };

void graft_watch_init(graft_watch *w)
{
    *w = (graft_watch){.factor = 1, .first = (double)NAN, .lowest = (double)INFINITY};
}

/* --- losses --- */

static int ascending(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return x < y ? -1 : x > y ? 1 : 0;
}

/* The share `at` of sorted values, between neighbours if need be. */
static double quantile(const double *sorted, size_t n, double at)
{
    double place = at * (double)(n - 1);
    size_t i = (size_t)place;
    double next = sorted[i + 1 < n ? i + 1 : i];
    return sorted[i] + (place - (double)i) * (next - sorted[i]);
}

static size_t known(const graft_watch *w)
{
    return w->n_losses < GRAFT_WATCH_WINDOW ? (size_t)w->n_losses : GRAFT_WATCH_WINDOW;
}

graft_loss_band graft_watch_band(const graft_watch *w)
{
    double sorted[GRAFT_WATCH_WINDOW];
    size_t n = known(w);
    graft_loss_band band = {(double)NAN, (double)INFINITY};
    if (n < GRAFT_WATCH_LEAST) {
        return band;
    }
    memcpy(sorted, w->losses, n * sizeof *sorted);
    qsort(sorted, n, sizeof *sorted, ascending);
    band.median = quantile(sorted, n, 0.5);
    double tail = (quantile(sorted, n, 0.9) - band.median) / SIGMA_OF_TENTH;
    for (size_t i = 0; i < n; i++) {
        sorted[i] = fabs(sorted[i] - band.median);
    }
    qsort(sorted, n, sizeof *sorted, ascending);
    double spread = SIGMA_OF_MAD * quantile(sorted, n, 0.5);
    spread = fmax(fmax(spread, tail), LEAST_SPREAD * fabs(band.median));
    band.limit = band.median + SPREADS * spread;
    return band;
}

/* The median of the latest losses, of which there are enough. */
static double level_of(const graft_watch *w)
{
    double sorted[GRAFT_WATCH_LEVEL];
    for (size_t i = 0; i < GRAFT_WATCH_LEVEL; i++) {
        sorted[i] = w->losses[(w->n_losses - 1 - i) % GRAFT_WATCH_WINDOW];
    }
    qsort(sorted, GRAFT_WATCH_LEVEL, sizeof *sorted, ascending);
    return quantile(sorted, GRAFT_WATCH_LEVEL, 0.5);
}

bool graft_watch_take(graft_watch *w, double loss, double *from, double *level)
{
    w->losses[w->n_losses++ % GRAFT_WATCH_WINDOW] = loss;
    w->n_bad = 0;
    if (w->n_losses == 1) {
        w->first = loss;
    }
    if (w->n_losses < GRAFT_WATCH_LEVEL) {
        return false;
    }
    *level = level_of(w);
    *from = w->lowest < w->first ? w->lowest : w->first;
    w->lowest = *level < w->lowest ? *level : w->lowest;
    bool now = *level > 2 * *from && *level > *from + 1;
    bool said = w->diverged;
    w->diverged = w->diverged || now;
    return now && !said;
}

void graft_watch_skip(graft_watch *w)
{
    w->n_bad++;
    w->n_skipped++;
}

/* --- rollbacks --- */

bool graft_watch_is_stuck(const graft_watch *w, const graft_config *c)
{
    return w->n_bad > 0 && w->n_bad >= c->max_bad_steps;
}

bool graft_watch_may_roll_back(const graft_watch *w)
{
    return w->n_rollbacks < GRAFT_MAX_ROLLBACKS;
}

uint64_t graft_watch_anchor_steps(const graft_config *c)
{
    if (c->max_bad_steps == 0 || (c->save_steps == 0 && !(c->save_minutes > 0))) {
        return 0;
    }
    if (c->save_steps == 0) {
        return ANCHOR_STEPS;
    }
    return (LEAST_ANCHOR_STEPS + c->save_steps - 1) / c->save_steps * c->save_steps;
}

bool graft_watch_is_anchor(const graft_config *c, uint64_t step)
{
    uint64_t every = graft_watch_anchor_steps(c);
    return every > 0 && step > 0 && step % every == 0;
}

uint64_t graft_watch_target(const graft_watch *w, const graft_config *c, uint64_t step)
{
    uint64_t every = graft_watch_anchor_steps(c);
    uint64_t back = w->n_bad + LOOK_BACK;
    return every == 0 || step <= back ? 0 : (step - back) / every * every;
}

bool graft_watch_needs(const graft_watch *w, const graft_config *c, uint64_t step,
                       uint64_t saved)
{
    uint64_t every = graft_watch_anchor_steps(c);
    return graft_watch_is_anchor(c, saved) && saved + every >= graft_watch_target(w, c, step);
}

void graft_watch_roll_back(graft_watch *w, const graft_watch *before)
{
    w->n_rollbacks = before->n_rollbacks + 1;
    w->factor = before->factor / 2;
    w->n_bad = 0;
}

/* --- checkpoints --- */

enum { COUNTERS = 5, REALS = 3, WORDS = COUNTERS + REALS + GRAFT_WATCH_WINDOW };

static const char array_name[] = "run/watch";

/* Doubles stand there as their bits. */
static void pack(uint64_t *out, const double *values, size_t n)
{
    memcpy(out, values, n * sizeof *out);
}

graft_status graft_watch_put(const graft_watch *w, graft_h5_writer *image)
{
    uint64_t words[WORDS] = {w->n_rollbacks, w->n_bad, w->n_skipped, w->n_losses, w->diverged};
    double reals[REALS] = {w->factor, w->first, w->lowest};
    pack(&words[COUNTERS], reals, REALS);
    pack(&words[COUNTERS + REALS], w->losses, GRAFT_WATCH_WINDOW);
    return graft_h5_put_u64(image, array_name, words, WORDS);
}

static bool all_finite(const double *values, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (!isfinite(values[i])) {
            return false;
        }
    }
    return true;
}

graft_status graft_watch_get(graft_watch *w, const graft_h5 *image, const char *path,
                             uint64_t step)
{
    graft_status status = GRAFT_OK;
    uint64_t words[WORDS];
    double reals[REALS];
    graft_watch_init(w);
    GRAFT_TRY(graft_h5_get_u64(image, array_name, words, WORDS));
    memcpy(reals, &words[COUNTERS], sizeof reals);
    w->n_rollbacks = words[0];
    w->n_bad = words[1];
    w->n_skipped = words[2];
    w->n_losses = words[3];
    w->diverged = words[4] != 0;
    w->factor = reals[0];
    w->first = reals[1];
    w->lowest = reals[2];
    memcpy(w->losses, &words[COUNTERS + REALS], sizeof w->losses);
    if (!(w->factor > 0 && w->factor <= 1) || !all_finite(w->losses, known(w)) ||
        w->n_rollbacks > GRAFT_MAX_ROLLBACKS || w->n_skipped > step || w->n_bad > w->n_skipped) {
        status = graft_fail(GRAFT_E_CHECKPOINT, "%s: \"%s\" cannot be true: %llu of %llu steps were "
                            "not applied, %llu rollbacks, factor %g", path, array_name,
                            (unsigned long long)w->n_skipped, (unsigned long long)step,
                            (unsigned long long)w->n_rollbacks, w->factor);
        graft_watch_init(w);
    }
done:
    return status;
}
