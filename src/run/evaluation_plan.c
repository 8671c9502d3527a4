/* evaluation_plan.c - when a run is evaluated and by what, before the first step. */
#include <stdio.h>

#include "core/log.h"
#include "run/training.h"

typedef unsigned long long ull;

void graft_training_name_moment(char out[GRAFT_MOMENT_BYTES], const graft_training *t,
                                uint64_t step, char between)
{
    uint64_t per_epoch = t->trainer.steps_per_epoch;
    bool ends_epoch = step % per_epoch == 0 || step == t->trainer.n_asked;
    bool steps = t->config->eval_strategy == GRAFT_EVAL_STEPS || !ends_epoch;
    snprintf(out, GRAFT_MOMENT_BYTES, "%s%c%llu", steps ? "step" : "epoch", between,
             steps ? (ull)step : (ull)((step + per_epoch - 1) / per_epoch));
}

static graft_status is_asked(bool *out, const graft_selection *selection,
                             const graft_conversation *c, size_t turn)
{
    graft_status status = GRAFT_OK;
    graft_json *calls = graft_json_new_array();
    graft_eval_reply reply = {.output = "",
                              .calls = calls,
                              .content = "",
                              .message = graft_json_at(c->messages, turn),
                              .alternatives = c->expected,
                              .tools = c->tools};
    if (turn > 0 && c->turns[turn - 1].role == GRAFT_ROLE_TOOL) {
        GRAFT_TRY(graft_result_is_error(&reply.after_error, graft_json_at(c->messages, turn - 1)));
    }
    GRAFT_TRY(graft_selection_is_asked(out, selection, &reply));
done:
    graft_json_free(calls);
    return status;
}

graft_status graft_training_read_gates(graft_gates *gates, const graft_config *config)
{
    bool evaluates = config->eval_after && (config->eval_dataset.n > 0 || config->val_set_size > 0);
    if (config->require.n > 0 && !evaluates) {
        return graft_fail(GRAFT_E_CONFIG, "require: scores are asked for, but nothing is evaluated "
                                          "at the end: set eval_dataset or val_set_size, and "
                                          "eval_after");
    }
    return graft_gates_read(gates, (const char *const *)config->require.items, config->require.n);
}

graft_status graft_training_check_metric(graft_training *t)
{
    graft_status status = GRAFT_OK;
    const graft_dataset *data = &t->eval.dataset;
    GRAFT_TRY(graft_selection_read(&t->selection, t->config->metric_for_best_model));
    bool asked = t->selection.by_default || data->n == 0;
    for (size_t i = 0; i < data->n && !asked; i++) {
        const graft_conversation *c = &data->conversations[i];
        bool replied = false;
        for (size_t k = 0; k <= c->n_turns && !asked; k++) {
            bool reply = k < c->n_turns && c->turns[k].role == GRAFT_ROLE_ASSISTANT;
            if (reply || (k == c->n_turns && !replied)) {
                GRAFT_TRY(is_asked(&asked, &t->selection, c, k));
            }
            replied = replied || reply;
        }
    }
    if (!asked) {
        status = graft_selection_fail(&t->selection);
    }
done:
    return status;
}

uint64_t graft_training_interval(const graft_training *t)
{
    const graft_config *c = t->config;
    return graft_pace_interval(c->eval_strategy == GRAFT_EVAL_STEPS ? c->eval_steps : 0,
                               t->trainer.steps_per_epoch, t->trainer.n_steps);
}

typedef struct look {
    const graft_selection *selection;
    bool asked;
} look;

static graft_status look_at_item(void *context, const graft_conversation *c, size_t turn)
{
    look *l = context;
    return l->asked ? GRAFT_OK : is_asked(&l->asked, l->selection, c, turn);
}

/* Which items there are follows from eval_samples, eval_turns and what truncation leaves of the data. */
static graft_status check_items(graft_training *t)
{
    graft_status status = GRAFT_OK;
    const graft_config *c = t->config;
    bool decides = t->scores_between || c->eval_before;
    look l = {&t->selection, t->selection.by_default || !decides};
    if (t->eval.n_units == 0 || (!decides && !c->eval_after)) {
        return GRAFT_OK;
    }
    GRAFT_TRY(graft_score_look(&t->session, &t->eval, look_at_item, &l));
    if (!l.asked) {
        (void)graft_selection_fail(&t->selection);
        status = graft_fail(GRAFT_E_CONFIG, "%s, as far as eval_samples, eval_turns and truncation take "
                            "it", graft_error_message());
    }
done:
    return status;
}

graft_status graft_training_plan_evaluations(graft_training *t)
{
    graft_status status = GRAFT_OK;
    const graft_config *c = t->config;
    const graft_trainer *r = &t->trainer;
    char hash[65];
    t->scores_between = t->eval.n_units > 0 && c->eval_strategy != GRAFT_EVAL_NO &&
                        graft_training_interval(t) < r->n_steps;
    if (c->early_stopping_patience > 0 && !t->scores_between) {
        graft_log(GRAFT_LOG_WARN, "early_stopping_patience: nothing is evaluated before the last "
                  "step, so nothing can stop this run early");
    }
    GRAFT_TRY(check_items(t));
    if (!t->scores_between) {
        return GRAFT_OK;
    }
    graft_corpus_hash(&t->eval, hash);
    GRAFT_TRY(graft_text_appendf(&t->best.basis, "%s %d %zu; %llu %llu %d; %s", hash,
                                 (int)t->selection.kind, t->selection.metric,
                                 (ull)c->eval_samples, (ull)c->eval_max_new_tokens, c->eval_turns,
                                 graft_chat_dialect(t->session.chat)->name));
done:
    return status;
}

bool graft_training_measures_between(const graft_training *t)
{
    return t->scores_between || t->replay.corpus.n_samples > 0 || t->general.corpus.n_samples > 0;
}

uint64_t graft_training_n_evaluations(const graft_training *t)
{
    const graft_config *c = t->config;
    if (t->eval.n_units == 0) {
        return 0;
    }
    if (!t->scores_between) {
        return (uint64_t)c->eval_before + (uint64_t)c->eval_after;
    }
    uint64_t every = graft_training_interval(t);
    return (uint64_t)c->eval_before + (t->trainer.n_steps + every - 1) / every;
}

uint64_t graft_training_n_items(const graft_training *t)
{
    const graft_dataset *data = &t->eval.dataset;
    bool only_last = t->config->eval_turns == GRAFT_EVAL_TURNS_LAST;
    uint64_t n = 0, limit = t->config->eval_samples;
    for (size_t i = 0; i < data->n; i++) {
        const graft_conversation *c = &data->conversations[i];
        size_t replies = 0;
        for (size_t k = 0; k < c->n_turns; k++) {
            replies += c->turns[k].role == GRAFT_ROLE_ASSISTANT;
        }
        n += replies > 0 && !only_last ? replies : 1;
    }
    return limit > 0 && limit < n ? limit : n;
}
