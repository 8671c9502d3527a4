/* input_sums.c - squares of the inputs of linear maps, summed while a model reads. */
#include "train/input_sums.h"

#include <math.h>
#include <string.h>

#include "core/memory.h"
#include "core/threads.h"
#include "train/read_pass.h"

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

static void see(void *context, const graft_weight *w, const graft_act *x, size_t ldx, size_t n_tok,
                bool again)
{
    const looking *l = context;
    (void)again;
    size_t slot = graft_read_slot(l->model, w);
    if (slot < l->model->n_slots) {
        addition a = {l->sums->of[slot], (const graft_real *)x, ldx, n_tok, w->n_in};
        graft_parallel((w->n_in + TILE - 1) / TILE, add_tile, &a);
    }
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
    looking looks = {sums, model};
    graft_input_watch watch = {see, &looks};
    compute->watch = &watch;
    status = graft_read_pass(model, compute, ids, n);
    compute->watch = NULL;
    GRAFT_TRY(status);
    sums->n_tok += n;
    GRAFT_TRY(check(sums, model));
done:
    return status;
}
