/* forecast_json.c - a forecast for programs. */
#include "core/clock.h"
#include "run/forecast.h"

/* A new member of `parent` that holds the counts of a list; ends with key == NULL. */
typedef struct count {
    const char *key;
    uint64_t value;
} count;

static graft_status set_counts(graft_json *parent, const char *key, const count *counts)
{
    graft_status status = GRAFT_OK;
    graft_json *o = graft_json_new_object();
    for (const count *c = counts; c->key != NULL; c++) {
        GRAFT_TRY(graft_json_set_int(o, c->key, (int64_t)c->value));
    }
    GRAFT_TRY(graft_json_set(parent, key, graft_json_retain(o)));
done:
    graft_json_free(o);
    return status;
}

static graft_status set_time(graft_json *parent, const graft_forecast *f)
{
    graft_status status = GRAFT_OK;
    graft_json *o = graft_json_new_object();
    GRAFT_TRY(graft_json_set_double(o, "seconds", f->time.seconds));
    GRAFT_TRY(graft_json_set_double(o, "seconds_per_step",
                                    f->time.seconds / (double)f->steps.n_steps));
    GRAFT_TRY(graft_json_set_double(o, "tokens_per_second", f->time.tokens_per_second));
    GRAFT_TRY(graft_json_set_int(o, "measured_passes", (int64_t)f->time.n_passes));
    GRAFT_TRY(graft_json_set_int(o, "measured_tokens", (int64_t)f->time.n_computed));
    GRAFT_TRY(graft_json_set_double(o, "measured_seconds", f->time.measured_seconds));
    GRAFT_TRY(graft_json_set(parent, "time", graft_json_retain(o)));
done:
    graft_json_free(o);
    return status;
}

static graft_status set_limit(graft_json *parent, const graft_limit_figures *f)
{
    graft_status status = GRAFT_OK;
    char finishes_at[32];
    graft_json *o = graft_json_new_object();
    graft_clock_iso8601_of(finishes_at, f->finishes_at);
    GRAFT_TRY(graft_json_set_int(o, "steps", (int64_t)f->n_steps));
    GRAFT_TRY(graft_json_set_int(o, "of_steps", (int64_t)f->most));
    GRAFT_TRY(graft_json_set_double(o, "epochs", f->epochs));
    GRAFT_TRY(graft_json_set_double(o, "seconds_left", f->seconds_left));
    GRAFT_TRY(graft_json_set_double(o, "evaluation_seconds", f->evaluation_seconds));
    GRAFT_TRY(graft_json_set_string(o, "finishes_at", finishes_at));
    GRAFT_TRY(graft_json_set(parent, "limit", graft_json_retain(o)));
done:
    graft_json_free(o);
    return status;
}

static graft_status set_lengths(graft_json *o, const graft_length_figures *f)
{
    const count counts[] = {{"examples", f->n_examples}, {"unfit", f->n_unfit},
                            {"samples", f->n_samples},
                            {"tokens", f->n_tokens},     {"trained_tokens", f->n_trained},
                            {"shortest", f->shortest},   {"median", f->median},
                            {"p95", f->p95},             {"longest", f->longest},
                            {"max_seq_length", f->limit}, {"longer", f->n_long},
                            {"cut", f->n_cut},           {"windows", f->n_windows},
                            {"turns_left_out", f->n_lost},
                            {NULL, 0}};
    return set_counts(o, "lengths", counts);
}

static graft_status set_steps(graft_json *o, const graft_forecast *f)
{
    const graft_step_figures *s = &f->steps;
    const count counts[] = {{"steps", s->n_steps},
                            {"steps_per_epoch", s->steps_per_epoch},
                            {"largest_pass_tokens", f->memory.n_tok},
                            {"laid_out", s->n_laid},
                            {"passes", s->n_passes},
                            {"tokens", s->n_tokens},
                            {"saved_tokens", s->n_saved},
                            {"computed_tokens", s->n_computed},
                            {NULL, 0}};
    return set_counts(o, "steps", counts);
}

static graft_status set_memory(graft_json *o, const graft_memory_figures *m)
{
    const count counts[] = {{"base_bytes", m->base},       {"adapter_bytes", m->adapter},
                            {"scratch_bytes", m->scratch}, {"activation_bytes", m->activations},
                            {"saving_bytes", m->saving},   {"other_bytes", m->other},     {"peak_bytes", m->peak},
                            {"layers", m->n_layer},        {"layers_recomputed", m->n_recomputed},
                            {NULL, 0}};
    return set_counts(o, "memory", counts);
}

static graft_status set_space(graft_json *o, const graft_space_figures *s)
{
    const count counts[] = {{"checkpoints", s->n_checkpoints},
                            {"checkpoint_bytes", s->checkpoint},
                            {"exports", s->n_artefacts},
                            {"export_bytes", s->artefacts},
                            {"other_bytes", s->other},
                            {"need_bytes", s->all},
                            {s->knows_free ? "free_bytes" : NULL, s->free},
                            {NULL, 0}};
    return set_counts(o, "disk", counts);
}

static graft_status set_evaluations(graft_json *o, const graft_evaluation_figures *f)
{
    const count counts[] = {{"evaluations", f->n_evaluations},
                            {"every_steps", f->every},
                            {"examples", f->n_examples},
                            {"turns", f->n_turns},
                            {"asked", f->n_asked},
                            {NULL, 0}};
    return set_counts(o, "evaluations", counts);
}

graft_status graft_forecast_json(graft_text *out, const graft_forecast *f)
{
    graft_status status = GRAFT_OK;
    graft_json *o = graft_json_new_object();
    GRAFT_TRY(set_lengths(o, &f->lengths));
    if (f->has_steps) {
        GRAFT_TRY(set_steps(o, f));
        GRAFT_TRY(set_evaluations(o, &f->evaluations));
        GRAFT_TRY(set_memory(o, &f->memory));
        GRAFT_TRY(f->has_space ? set_space(o, &f->space) : GRAFT_OK);
        GRAFT_TRY(f->has_time ? set_time(o, f) : graft_json_set(o, "time", NULL));
    }
    if (f->has_limit) {
        GRAFT_TRY(set_limit(o, &f->limit));
    }
    GRAFT_TRY(graft_json_write(out, o, GRAFT_JSON_COMPACT));
    GRAFT_TRY(graft_text_append_char(out, '\n'));
done:
    graft_json_free(o);
    return status;
}
