/* forecast_text.c - a forecast for people. */
#include <stdio.h>

#include "core/daytime.h"
#include "run/forecast.h"

#define LABEL "  %-24s"
#define MIB(bytes) ((double)(bytes) / (1 << 20))

static double percent(size_t part, size_t whole)
{
    return whole > 0 ? 100 * (double)part / (double)whole : 0;
}

/* Whose tokens are counted. */
static const char *tokens_label(const graft_length_figures *f, const graft_config *c)
{
    return f->n_long == 0                                  ? "tokens"
           : c->truncation == GRAFT_TRUNCATION_TURNS ? "tokens once cut"
                                                           : "tokens of the others";
}

/* What happens to examples that are too long. */
static graft_status long_text(graft_text *out, const graft_length_figures *f,
                              const graft_config *c)
{
    static const char *const remarks[] = {": refused, as truncation: error says",
                                          ": left out, as truncation: drop says",
                                          ": cut or left out, as truncation: turns says"};
    graft_status status = GRAFT_OK;
    char label[64];
    snprintf(label, sizeof label, "longer than %zu", f->limit);
    GRAFT_TRY(graft_text_appendf(
        out, LABEL "%zu%s%s\n", label, f->n_long,
        c->max_seq_length == 0 ? " (the base's context)" : " (max_seq_length)",
        f->n_long == 0 ? "" : remarks[c->truncation]));
    if (f->n_long > 0 && c->truncation == GRAFT_TRUNCATION_TURNS) {
        GRAFT_TRY(graft_text_appendf(out, LABEL "%zu, into %zu windows\n", "cut between turns",
                                     f->n_cut, f->n_windows));
        GRAFT_TRY(graft_text_appendf(out, LABEL "%zu\n", "left out", f->n_long - f->n_cut));
        GRAFT_TRY(graft_text_appendf(out, LABEL "%zu\n", "trained turns left out", f->n_lost));
    }
done:
    return status;
}

static graft_status lengths_text(graft_text *out, const graft_length_figures *f,
                                 const graft_config *c)
{
    graft_status status = GRAFT_OK;
    GRAFT_TRY(graft_text_appendf(out, "Examples\n" LABEL "%zu\n", "in all", f->n_examples));
    if (f->n_unfit > 0) {
        GRAFT_TRY(graft_text_appendf(out, LABEL "%zu (template_loss)\n", "unfit, left out",
                                     f->n_unfit));
    }
    GRAFT_TRY(graft_text_appendf(out, LABEL "%zu, %zu of them trained (%.1f %%)\n",
                                 tokens_label(f, c), f->n_tokens,
                                 f->n_trained, percent(f->n_trained, f->n_tokens)));
    GRAFT_TRY(graft_text_appendf(out, LABEL "%zu\n", "shortest", f->shortest));
    GRAFT_TRY(graft_text_appendf(out, LABEL "%zu\n", "median", f->median));
    GRAFT_TRY(graft_text_appendf(out, LABEL "%zu\n", "95 % have at most", f->p95));
    GRAFT_TRY(graft_text_appendf(out, LABEL "%zu\n", "longest", f->longest));
    GRAFT_TRY(long_text(out, f, c));
done:
    return status;
}

static graft_status steps_text(graft_text *out, const graft_forecast *f, const graft_config *c)
{
    graft_status status = GRAFT_OK;
    const graft_step_figures *s = &f->steps;
    GRAFT_TRY(graft_text_appendf(out, "Steps\n" LABEL "%llu of %llu examples\n", "in all",
                                 (unsigned long long)s->n_steps,
                                 (unsigned long long)c->batch_size));
    GRAFT_TRY(graft_text_appendf(out, LABEL "%llu\n", "per epoch",
                                 (unsigned long long)s->steps_per_epoch));
    GRAFT_TRY(graft_text_appendf(out, LABEL "%.1f of at most %zu tokens\n", "passes per step",
                                 (double)s->n_passes / (double)s->n_laid,
                                 f->memory.n_tok));
    GRAFT_TRY(graft_text_appendf(out, LABEL "saves %zu of %zu tokens (%.1f %%) %s\n",
                                 "prefix sharing", s->n_saved, s->n_tokens,
                                 percent(s->n_saved, s->n_tokens),
                                 s->n_laid < s->steps_per_epoch ? "over all steps"
                                                                : "over the first epoch"));
done:
    return status;
}

static graft_status memory_text(graft_text *out, const graft_memory_figures *m)
{
    graft_status status = GRAFT_OK;
    const struct {
        const char *label;
        size_t bytes;
    } rows[] = {{"base file", m->base},
                {"adapter, optimiser", m->adapter},
                {"saving", m->saving},
                {"scratch", m->scratch},
                {"program, data", m->other},
                {"activations of a pass", m->activations}};
    GRAFT_TRY(graft_text_append_z(out, "Memory (MiB)\n"));
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        GRAFT_TRY(graft_text_appendf(out, LABEL "%.0f\n", rows[i].label, MIB(rows[i].bytes)));
    }
    GRAFT_TRY(graft_text_appendf(out, LABEL "%.0f\n", "peak", MIB(m->peak)));
    GRAFT_TRY(graft_text_appendf(out, LABEL "%zu of %zu\n", "layers recomputed", m->n_recomputed,
                                 m->n_layer));
done:
    return status;
}

static graft_status space_text(graft_text *out, const graft_space_figures *s)
{
    graft_status status = GRAFT_OK;
    GRAFT_TRY(graft_text_appendf(out, "Disk (MiB)\n" LABEL "%llu of %.1f\n", "checkpoints",
                                 (unsigned long long)s->n_checkpoints, MIB(s->checkpoint)));
    GRAFT_TRY(graft_text_appendf(out, LABEL "%.1f (%llu)\n", "exports", MIB(s->artefacts),
                                 (unsigned long long)s->n_artefacts));
    GRAFT_TRY(graft_text_appendf(out, LABEL "%.1f\n", "scores, logs, report", MIB(s->other)));
    GRAFT_TRY(graft_text_appendf(out, LABEL "%.1f", "in all", MIB(s->all)));
    if (s->knows_free) {
        GRAFT_TRY(graft_text_appendf(out, ", and %.1f are free", MIB(s->free)));
    }
    GRAFT_TRY(graft_text_append_char(out, '\n'));
done:
    return status;
}

static graft_status append_duration(graft_text *out, double seconds)
{
    char span[32];
    graft_daytime_format_span(span, seconds);
    return graft_text_append_z(out, span);
}

static graft_status evaluations_text(graft_text *out, const graft_evaluation_figures *f)
{
    graft_status status = GRAFT_OK;
    if (f->n_evaluations == 0) {
        return graft_text_appendf(out, LABEL "none\n", "evaluations");
    }
    GRAFT_TRY(graft_text_appendf(out, LABEL "%llu of %zu examples", "evaluations",
                                 (unsigned long long)f->n_evaluations, f->n_examples));
    if (f->n_asked < f->n_turns) {
        GRAFT_TRY(graft_text_appendf(out, ", %zu of %zu turns asked for", f->n_asked, f->n_turns));
    }
    if (f->every > 0) {
        GRAFT_TRY(graft_text_appendf(out, ", one every %llu steps", (unsigned long long)f->every));
    }
    GRAFT_TRY(graft_text_append_char(out, '\n'));
done:
    return status;
}

static graft_status time_text(graft_text *out, const graft_forecast *forecast)
{
    graft_status status = GRAFT_OK;
    const graft_time_figures *f = &forecast->time;
    unsigned long long n = forecast->evaluations.n_evaluations;
    GRAFT_TRY(graft_text_appendf(out, "Time\n" LABEL "about ", "training"));
    GRAFT_TRY(append_duration(out, f->seconds));
    if (n > 0) {
        GRAFT_TRY(graft_text_appendf(out, " (%llu evaluation%s on top)", n,
                                     n == 1 ? " comes" : "s come"));
    }
    GRAFT_TRY(graft_text_appendf(out, "\n" LABEL "%.3g s\n", "a step",
                                 f->seconds / (double)forecast->steps.n_steps));
    GRAFT_TRY(graft_text_appendf(out, LABEL "%.0f\n", "tokens per second", f->tokens_per_second));
    GRAFT_TRY(graft_text_appendf(out, LABEL "%zu passes, %zu tokens, %.1f s\n", "measured",
                                 f->n_passes, f->n_computed, f->measured_seconds));
    if (forecast->has_limit) {
        GRAFT_TRY(graft_text_appendf(out, LABEL "%s\n", "time limit", forecast->limit.text));
    }
done:
    return status;
}

graft_status graft_forecast_text(graft_text *out, const graft_forecast *f,
                                 const graft_config *config)
{
    graft_status status = GRAFT_OK;
    GRAFT_TRY(lengths_text(out, &f->lengths, config));
    if (f->has_steps) {
        GRAFT_TRY(graft_text_append_char(out, '\n'));
        GRAFT_TRY(steps_text(out, f, config));
        GRAFT_TRY(evaluations_text(out, &f->evaluations));
        GRAFT_TRY(graft_text_append_char(out, '\n'));
        GRAFT_TRY(memory_text(out, &f->memory));
    }
    if (f->has_space) {
        GRAFT_TRY(graft_text_append_char(out, '\n'));
        GRAFT_TRY(space_text(out, &f->space));
    }
    if (f->has_time) {
        GRAFT_TRY(graft_text_append_char(out, '\n'));
        GRAFT_TRY(time_text(out, f));
    }
done:
    return status;
}
