#include "run/bench_pass.h"

#include "core/clock.h"
#include "core/memory.h"
#include "core/rng.h"
#include "train/plan.h"

/* One example of random tokens that predicts everything. */
typedef struct synthetic {
    int32_t *ids;
    uint32_t *positions;
    graft_prediction *predictions;
    graft_span span;
    graft_pass pass;
} synthetic;

static void clear_pass(synthetic *s)
{
    graft_free(s->ids);
    graft_free(s->positions);
    graft_free(s->predictions);
}

static graft_status make_pass(synthetic *s, size_t n_tok, size_t n_vocab)
{
    graft_status status = GRAFT_OK;
    graft_rng rng;
    graft_rng_init(&rng, 1, GRAFT_RNG_TEST, 0);
    GRAFT_TRY(graft_alloc(&s->ids, n_tok, sizeof *s->ids));
    GRAFT_TRY(graft_alloc(&s->positions, n_tok, sizeof *s->positions));
    GRAFT_TRY(graft_alloc(&s->predictions, n_tok, sizeof *s->predictions));
    for (uint32_t i = 0; i < n_tok; i++) {
        s->ids[i] = (int32_t)graft_rng_below(&rng, n_vocab);
        s->positions[i] = i;
        if (i > 0) {
            s->predictions[i - 1] = (graft_prediction){i - 1, s->ids[i], 1.0f, 0, i};
        }
    }
    s->span = (graft_span){0, (uint32_t)n_tok, 0, (uint32_t)n_tok, -1, 0};
    s->pass = (graft_pass){n_tok, s->ids, s->positions, &s->span, 1, s->predictions, n_tok - 1};
done:
    return status;
}

graft_status graft_bench_one_pass(graft_session *session, const graft_pass *pass, double weight,
                                  size_t n_recomputed, double *loss)
{
    graft_status status = GRAFT_OK;
    graft_tape tape;
    *loss = 0;
    graft_adapter_zero_grad(session->adapter);
    graft_tape_begin(&tape, &session->compute, true);
    GRAFT_TRY(graft_model_loss(session->model, &tape, pass, n_recomputed, weight, loss, NULL));
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
                              const graft_hooks *hooks, size_t n_tok, double seconds)
{
    graft_status status = GRAFT_OK;
    graft_session session = {0};
    graft_plan plan;
    synthetic pass = {0};
    double best = 0, loss, begin;
    size_t n = 0;
    GRAFT_TRY(graft_session_open(&session, config));
    graft_model_set_context(session.model, n_tok);
    GRAFT_TRY(graft_session_new_adapter(&session));
    GRAFT_TRY(graft_plan_make(&plan, config, session.model, &session.compute.kernels,
                              session.adapter->n_params, false, n_tok));
    size_t n_recomputed = graft_plan_recomputed(&plan, session.model, &session.compute.kernels,
                                                n_tok);
    GRAFT_TRY(graft_model_prepare(session.model, &session.compute));
    GRAFT_TRY(make_pass(&pass, n_tok, session.model->hparams.n_vocab));
    begin = graft_clock_seconds();
    /* The first pass makes the arena and touches the weights: it does not count. */
    for (size_t i = 0; n == 0 || graft_clock_seconds() - begin < seconds; i++) {
        double start = graft_clock_seconds();
        GRAFT_TRY(graft_hooks_check(hooks));
        session.compute.profile = (graft_profile){0};
        GRAFT_TRY(graft_bench_one_pass(&session, &pass.pass, (double)(n_tok - 1), n_recomputed,
                                       &loss));
        double spent = graft_clock_seconds() - start;
        out->profiled_seconds = spent;
        if (i > 0) {
            best = n == 0 || spent < best ? spent : best;
            n++;
        }
    }
    *out = (graft_pass_figures){
        .profile = session.compute.profile,
        .profiled_seconds = out->profiled_seconds,
        .level = session.compute.kernels.level,
        .format = session.model->slots[0].weight.format->name,
        .n_tok = n_tok,
        .flop_per_token = flop_per_token(session.model),
        .tokens_per_second = (double)n_tok / best,
        .n_recomputed = n_recomputed,
    };
    out->gflops = out->flop_per_token * out->tokens_per_second * 1e-9;
done:
    clear_pass(&pass);
    graft_session_close(&session);
    return status;
}
