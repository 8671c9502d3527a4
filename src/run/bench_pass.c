#include "run/bench_pass.h"

#include "core/clock.h"
#include "core/memory.h"
#include "core/rng.h"
#include "train/plan.h"

enum { N_TOK = GRAFT_BENCH_PASS_TOKENS };

/* One example of random tokens that predicts everything. */
typedef struct synthetic {
    int32_t ids[N_TOK];
    uint32_t positions[N_TOK];
    graft_prediction predictions[N_TOK - 1];
    graft_span span;
    graft_pass pass;
} synthetic;

static void make_pass(synthetic *s, size_t n_vocab)
{
    graft_rng rng;
    graft_rng_init(&rng, 1, GRAFT_RNG_TEST, 0);
    for (uint32_t i = 0; i < N_TOK; i++) {
        s->ids[i] = (int32_t)graft_rng_below(&rng, n_vocab);
        s->positions[i] = i;
        if (i > 0) {
            s->predictions[i - 1] = (graft_prediction){i - 1, s->ids[i], 1.0f, 0, i};
        }
    }
    s->span = (graft_span){0, N_TOK, 0, N_TOK, -1, 0};
    s->pass = (graft_pass){N_TOK, s->ids, s->positions, &s->span, 1, s->predictions, N_TOK - 1};
}

graft_status graft_bench_one_pass(graft_session *session, const graft_pass *pass, double weight,
                                  size_t n_recomputed, double *loss)
{
    graft_status status = GRAFT_OK;
    graft_tape tape;
    graft_tensor *hidden = NULL;
    *loss = 0;
    graft_adapter_zero_grad(session->adapter);
    graft_tape_begin(&tape, &session->compute, true);
    GRAFT_TRY(graft_model_hidden(session->model, &tape, pass, NULL, n_recomputed, &hidden));
    GRAFT_TRY(graft_model_loss(session->model, &tape, hidden, pass, weight, loss, NULL));
    GRAFT_TRY(graft_tape_backward(&tape));
done:
    return status;
}

static double flop_per_token(const graft_model *model)
{
    double weights = (double)model->head.n_out * (double)model->head.n_in;
    for (size_t i = 0; i < model->n_slots; i++) {
        weights += (double)model->slots[i].weight.n_out * (double)model->slots[i].weight.n_in;
    }
    return 4 * weights;
}

graft_status graft_bench_pass(graft_pass_figures *out, const graft_config *config,
                              const graft_hooks *hooks, double seconds)
{
    graft_status status = GRAFT_OK;
    graft_session session = {0};
    graft_plan plan;
    synthetic *pass = NULL;
    double best = 0, loss, begin;
    size_t n = 0;
    GRAFT_TRY(graft_alloc(&pass, 1, sizeof *pass));
    GRAFT_TRY(graft_session_open(&session, config));
    GRAFT_TRY(graft_session_new_adapter(&session));
    GRAFT_TRY(graft_plan_make(&plan, config, session.model, session.adapter->n_params, N_TOK));
    size_t n_recomputed = graft_plan_recomputed(&plan, session.model, N_TOK);
    graft_compute_sizes sizes = graft_model_sizes(session.model, N_TOK, N_TOK);
    GRAFT_TRY(graft_compute_prepare(&session.compute, &sizes));
    make_pass(pass, session.model->hparams.n_vocab);
    begin = graft_clock_seconds();
    /* The first pass makes the arena and touches the weights: it does not count. */
    for (size_t i = 0; n == 0 || graft_clock_seconds() - begin < seconds; i++) {
        double start = graft_clock_seconds();
        GRAFT_TRY(graft_hooks_check(hooks));
        GRAFT_TRY(graft_bench_one_pass(&session, &pass->pass, N_TOK - 1, n_recomputed, &loss));
        double spent = graft_clock_seconds() - start;
        if (i > 0) {
            best = n == 0 || spent < best ? spent : best;
            n++;
        }
    }
    *out = (graft_pass_figures){
        .level = session.compute.kernels.level,
        .format = session.model->slots[0].weight.format->name,
        .n_tok = N_TOK,
        .flop_per_token = flop_per_token(session.model),
        .tokens_per_second = N_TOK / best,
        .n_recomputed = n_recomputed,
    };
    out->gflops = out->flop_per_token * out->tokens_per_second * 1e-9;
done:
    graft_free(pass);
    graft_session_close(&session);
    return status;
}
