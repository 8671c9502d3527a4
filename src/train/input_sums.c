/* input_sums.c - squares of the inputs of linear maps, summed while a model reads. */
#include "train/input_sums.h"

#include <math.h>
#include <string.h>

#include "core/memory.h"
#include "core/threads.h"

/* Columns that a thread sums at a time. */
enum { TILE = 256 };

graft_status graft_input_sums_init(graft_input_sums *sums, const graft_model *model)
{
    graft_status status = GRAFT_OK;
    memset(sums, 0, sizeof *sums);
    GRAFT_TRY(graft_alloc(&sums->of, model->n_slots, sizeof *sums->of));
    sums->n_slots = model->n_slots;
    for (size_t i = 0; i < model->n_slots; i++) {
        GRAFT_TRY(graft_alloc(&sums->of[i], model->slots[i].weight.n_in, sizeof **sums->of));
    }
done:
    return status;
}

void graft_input_sums_clear(graft_input_sums *sums)
{
    for (size_t i = 0; i < sums->n_slots; i++) {
        graft_free(sums->of[i]);
    }
    graft_free(sums->of);
    memset(sums, 0, sizeof *sums);
}

typedef struct looking {
    graft_input_sums *sums;
    const graft_model *model;
} looking;

/* One input at work. */
typedef struct addition {
    double *to;
    const graft_real *x;
    size_t ldx, n_tok, n_in;
} addition;

static void add_tile(void *context, size_t job, int thread)
{
    const addition *a = context;
    size_t begin = job * TILE, end = begin + TILE < a->n_in ? begin + TILE : a->n_in;
    (void)thread;
    for (size_t t = 0; t < a->n_tok; t++) {
        const graft_real *row = a->x + t * a->ldx;
        for (size_t i = begin; i < end; i++) {
            a->to[i] += (double)row[i] * (double)row[i];
        }
    }
}

static void see(void *context, const graft_weight *w, const graft_act *x, size_t ldx, size_t n_tok)
{
    const looking *l = context;
    for (size_t i = 0; i < l->model->n_slots; i++) {
        if (&l->model->slots[i].weight == w) {
            addition a = {l->sums->of[i], (const graft_real *)x, ldx, n_tok, w->n_in};
            graft_parallel((w->n_in + TILE - 1) / TILE, add_tile, &a);
            return;
        }
    }
}

/* Runs the layers for all rows, so that the last one sees them too. */
static graft_status run_pass(graft_model *model, graft_compute *compute, const graft_pass *pass)
{
    graft_status status = GRAFT_OK;
    graft_tape tape;
    graft_tensor *hidden;
    uint32_t *rows = NULL;
    GRAFT_TRY(graft_alloc(&rows, pass->n_tok, sizeof *rows));
    for (uint32_t i = 0; i < pass->n_tok; i++) {
        rows[i] = i;
    }
    graft_tape_begin(&tape, compute, false);
    GRAFT_TRY(graft_model_hidden(model, &tape, pass, NULL, 0,
                                 &(graft_rows_wanted){rows, pass->n_tok}, &hidden));
done:
    graft_free(rows);
    return status;
}

static graft_status check(const graft_input_sums *sums, const graft_model *model)
{
    for (size_t i = 0; i < sums->n_slots; i++) {
        for (size_t j = 0; j < model->slots[i].weight.n_in; j++) {
            if (!isfinite((float)sums->of[i][j])) {
                return graft_fail(GRAFT_E_NUMERICS, "what goes into %s is not finite",
                                  model->slots[i].name);
            }
        }
    }
    return GRAFT_OK;
}

graft_status graft_input_sums_read(graft_input_sums *sums, graft_model *model,
                                   graft_compute *compute, const int32_t *ids, uint32_t n)
{
    graft_status status = GRAFT_OK;
    uint32_t *positions = NULL;
    looking looks = {sums, model};
    graft_input_watch watch = {see, &looks};
    graft_span span = {0, n, 0, n, -1, 0};
    GRAFT_TRY(graft_model_prepare(model, compute));
    GRAFT_TRY(graft_alloc(&positions, n, sizeof *positions));
    for (uint32_t i = 0; i < n; i++) {
        positions[i] = i;
    }
    compute->watch = &watch;
    status = run_pass(model, compute, &(graft_pass){n, ids, positions, &span, 1, NULL, 0});
    compute->watch = NULL;
    GRAFT_TRY(status);
    sums->n_tok += n;
    GRAFT_TRY(check(sums, model));
done:
    graft_free(positions);
    return status;
}
