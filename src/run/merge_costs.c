/* merge_costs.c - how long it will take to merge models at the end of a run: from a small piece of that work. */
#include <string.h>

#include "core/clock.h"
#include "core/daytime.h"
#include "core/log.h"
#include "core/memory.h"
#include "core/rng.h"
#include "core/threads.h"
#include "kernels/symmetric.h"
#include "run/calibration.h"
#include "run/training.h"

/* Columns and rows of the piece. */
enum { COLUMNS = 1024, ROWS = GRAFT_ROUNDING_ROWS };

/* Seconds for one number of the moments and one token, for one of their factor and one column, and for one weight
 * and one column, all threads at work. */
typedef struct rates {
    double sum, factor, round;
} rates;

/* Has a merged model weights of less than 16 bits? */
static bool rounds_to_blocks(const graft_exporter *exporter, const char *type, const graft_model *model)
{
    static const char *const plain[] = {"adapter", "f32", "f16", "bf16"};
    if (!exporter->merges || strcmp(exporter->name, "hf") == 0) {
        return false;
    }
    if (type == NULL || strcmp(type, "same") == 0) {
        for (size_t i = 0; i < model->n_slots; i++) {
            if (model->slots[i].weight.format->block_elems > 1) {
                return true;
            }
        }
        return false;
    }
    for (size_t i = 0; i < sizeof plain / sizeof *plain; i++) {
        if (strcmp(type, plain[i]) == 0) {
            return false;
        }
    }
    return true;
}

/* Fills `moments` with sums over some inputs, and times that. */
static graft_status time_sums(rates *out, float *moments)
{
    graft_status status = GRAFT_OK;
    const size_t m = GRAFT_SYMMETRIC_ROWS;
    float *x = NULL, *packed = NULL;
    graft_rng rng;
    graft_rng_init(&rng, 1, GRAFT_RNG_TEST, 0);
    GRAFT_TRY(graft_alloc(&x, m, COLUMNS * sizeof *x));
    GRAFT_TRY(graft_alloc(&packed, graft_symmetric_packed(COLUMNS, m), sizeof *packed));
    for (size_t i = 0; i < m * COLUMNS; i++) {
        x[i] = (float)graft_rng_uniform(&rng) - 0.5f;
    }
    double begin = graft_clock_seconds();
    graft_symmetric_pack(packed, x, COLUMNS, COLUMNS, m);
    graft_symmetric_add(moments, COLUMNS, COLUMNS, packed, m, 1);
    out->sum = (graft_clock_seconds() - begin) / (double)(m * COLUMNS * COLUMNS);
done:
    graft_free(x);
    graft_free(packed);
    return status;
}

static graft_status time_rounding(rates *out, const graft_rounding *rounding)
{
    graft_status status = GRAFT_OK;
    const graft_levels *levels = &graft_levels_q4_1; /* two scales in a block: what takes longest */
    const graft_format *f = levels->format;
    float *values = NULL, *scratch = NULL;
    uint8_t *blocks = NULL;
    double costs[ROWS];
    size_t row_bytes = COLUMNS / f->block_elems * f->block_bytes;
    graft_rng rng;
    graft_rng_init(&rng, 1, GRAFT_RNG_TEST, 1);
    GRAFT_TRY(graft_alloc(&values, ROWS * COLUMNS, sizeof *values));
    GRAFT_TRY(graft_alloc(&scratch, graft_rounding_scratch(levels, COLUMNS), sizeof *scratch));
    GRAFT_TRY(graft_alloc(&blocks, ROWS, row_bytes));
    for (size_t i = 0; i < ROWS * COLUMNS; i++) {
        values[i] = (float)graft_rng_uniform(&rng) - 0.5f;
    }
    double begin = graft_clock_seconds();
    f->encode(values, blocks, ROWS * COLUMNS / f->block_elems, NULL);
    graft_rounding_run(rounding, &(graft_rounding_rows){.levels = levels, .values = values, .n_rows = ROWS,
                                                        .blocks = blocks, .row_bytes = row_bytes,
                                                        .costs = costs}, scratch);
    out->round = (graft_clock_seconds() - begin) / (double)(ROWS * COLUMNS * COLUMNS) / graft_threads();
done:
    graft_free(values);
    graft_free(scratch);
    graft_free(blocks);
    return status;
}

static graft_status measure(rates *out)
{
    graft_status status = GRAFT_OK;
    float *moments = NULL;
    graft_rounding rounding = {0};
    GRAFT_TRY(graft_alloc(&moments, (size_t)COLUMNS * COLUMNS, sizeof *moments));
    GRAFT_TRY(time_sums(out, moments));
    double begin = graft_clock_seconds();
    GRAFT_TRY(graft_rounding_open(&rounding, COLUMNS, moments));
    out->factor = (graft_clock_seconds() - begin) / ((double)COLUMNS * COLUMNS * COLUMNS);
    GRAFT_TRY(time_rounding(out, &rounding));
done:
    graft_rounding_close(&rounding);
    graft_free(moments);
    return status;
}

/* Of one model. Maps that share an input are counted as if each had its own. */
static double seconds_of(const graft_training *t, const rates *r)
{
    const graft_model *model = t->session.model;
    double moments = 0, seconds = 0;
    for (size_t i = 0; i < model->n_slots; i++) {
        const graft_weight *w = &model->slots[i].weight;
        double square = (double)w->n_in * (double)w->n_in;
        moments += square * sizeof(float);
        seconds += square * (GRAFT_CALIBRATION_TOKENS * r->sum + (double)w->n_in * r->factor +
                             (double)w->n_out * r->round);
    }
    double rounds = 1 + moments / (double)graft_calibration_limit(t->config);
    return seconds + rounds * GRAFT_CALIBRATION_TOKENS / t->trainer.pace.tokens_per_second;
}

graft_status graft_training_measure_merges(graft_training *t)
{
    graft_status status = GRAFT_OK;
    const graft_config *c = t->config;
    size_t n_aware = 0;
    double bytes_in_all = 0;
    rates r = {0};
    char span[32];
    if (t->pacing.knows_merges) {
        return GRAFT_OK;
    }
    for (size_t i = 0; i < c->export.n; i++) {
        const graft_exporter *exporter;
        const char *type;
        uint64_t bytes;
        GRAFT_TRY(graft_exporter_of_item(&exporter, &type, c->export.items[i]));
        GRAFT_TRY(graft_exporter_estimate(&bytes, exporter, type, t->session.model->file));
        bytes_in_all += (double)bytes;
        n_aware += c->export_rounding == GRAFT_EXPORT_ROUNDING_AWARE &&
                   rounds_to_blocks(exporter, type, t->session.model);
    }
    if (n_aware > 0) {
        GRAFT_TRY(measure(&r));
        t->pacing.merge_seconds = (double)n_aware * seconds_of(t, &r);
        graft_daytime_format_span(span, t->pacing.merge_seconds);
        graft_log(GRAFT_LOG_INFO, "merging at the end takes about %s (export_rounding: nearest takes none)", span);
    }
    t->pacing.merged_bytes = bytes_in_all;
    t->pacing.knows_merges = true;
done:
    return status;
}
