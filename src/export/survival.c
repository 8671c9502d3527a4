/* export/survival.c - what is left of a fine-tune when its weights are rounded. */
#include "export/survival.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/memory.h"

/* Below the first most is lost; from the second on, and with errors below so many times the change,
 * rounding does no harm worth a word. */
#define MOST 0.5
#define NEARLY_ALL 0.9
#define QUIET 0.5

enum { SHOWN_ROWS = 8 };

static const char *const names[] = {"survives", "survives-with-noise", "weakened", "lost"};

void graft_survival_init(graft_survival *survival)
{
    const graft_survival_measure whole = {0, 0, 1};
    *survival = (graft_survival){.weights = whole, .outputs = whole};
}

void graft_survival_clear(graft_survival *survival)
{
    for (size_t i = 0; i < survival->n; i++) {
        graft_free(survival->rows[i].name);
    }
    graft_free(survival->rows);
    graft_free(survival->rounding);
    graft_free(survival->note);
    graft_survival_init(survival);
}

/* <Q - W, D> / <D, D>, with Q - W = D + error */
static double share(double delta_squares, double product)
{
    return delta_squares > 0 ? 1 + product / delta_squares : 1;
}

static graft_survival_measure measure(const graft_survival_sums *sums)
{
    return (graft_survival_measure){sqrt(sums->delta), sqrt(sums->error),
                                    share(sums->delta, sums->product)};
}

static void sum_up(graft_survival *survival)
{
    graft_survival_sums weights = {0}, outputs = {0};
    size_t n = 0;
    survival->has_outputs = survival->n > 0;
    for (size_t i = 0; i < survival->n; i++) {
        const graft_survival_row *r = &survival->rows[i];
        const double delta = r->weights.delta * r->weights.delta;
        weights.delta += delta;
        weights.error += r->weights.error * r->weights.error;
        weights.product += (r->weights.kept - 1) * delta;
        survival->has_outputs = survival->has_outputs && r->has_outputs;
        if (r->has_outputs && r->outputs.delta > 0) {
            double ratio = r->outputs.error / r->outputs.delta;
            outputs.error += ratio * ratio;
            outputs.product += r->outputs.kept - 1;
            n++;
        }
    }
    outputs.delta = n > 0;
    outputs.error /= n > 0 ? (double)n : 1;
    outputs.product /= n > 0 ? (double)n : 1;
    survival->weights = measure(&weights);
    survival->outputs = measure(&outputs);
}

graft_status graft_survival_add(graft_survival *survival, const char *name,
                                const graft_format *from, const graft_format *to,
                                const graft_survival_sums *weights,
                                const graft_survival_sums *outputs)
{
    graft_status status = GRAFT_OK;
    graft_survival_row row = {.from = from, .to = to, .weights = measure(weights),
                              .has_outputs = outputs != NULL};
    row.outputs = outputs != NULL ? measure(outputs) : (graft_survival_measure){0, 0, 1};
    GRAFT_TRY(graft_reserve(&survival->rows, &survival->capacity, survival->n + 1,
                            sizeof *survival->rows));
    GRAFT_TRY(graft_strdup(&row.name, name));
    survival->rows[survival->n++] = row;
    sum_up(survival);
done:
    return status;
}

graft_status graft_survival_set_rounding(graft_survival *survival, bool aware, const char *note)
{
    graft_status status = GRAFT_OK;
    GRAFT_TRY(graft_strdup(&survival->rounding, aware ? "aware" : "nearest"));
    GRAFT_TRY(note != NULL ? graft_strdup(&survival->note, note) : GRAFT_OK);
done:
    return status;
}

static graft_survival_verdict judge(const graft_survival_measure *m)
{
    if (m->delta == 0) {
        return GRAFT_SURVIVES;
    }
    if (m->kept < MOST) {
        return GRAFT_LOST;
    }
    if (m->kept < NEARLY_ALL) {
        return GRAFT_WEAKENED;
    }
    return m->error <= QUIET * m->delta ? GRAFT_SURVIVES : GRAFT_SURVIVES_WITH_NOISE;
}

/* Outputs where they are known: they are what a fine-tune is for. */
graft_survival_verdict graft_survival_judge(const graft_survival *survival)
{
    return judge(survival->has_outputs ? &survival->outputs : &survival->weights);
}

graft_survival_verdict graft_survival_judge_row(const graft_survival_row *row)
{
    return judge(row->has_outputs ? &row->outputs : &row->weights);
}

graft_status graft_survival_words(const graft_survival *survival, graft_text *out)
{
    graft_status status = GRAFT_OK;
    const graft_survival_measure *m = survival->has_outputs ? &survival->outputs
                                                            : &survival->weights;
    const char *what = survival->has_outputs ? "of what the change does to outputs" : "of the change";
    double kept = 100 * m->kept, ratio = m->delta > 0 ? m->error / m->delta : 0;
    switch (graft_survival_judge(survival)) {
    case GRAFT_SURVIVES:
        status = survival->weights.error == 0
                     ? graft_text_append_z(out, "the fine-tune survives: nothing was rounded")
                     : graft_text_appendf(out, "the fine-tune survives: %.1f %% %s, with rounding "
                                          "errors of %.2g times the change", kept, what, ratio);
        break;
    case GRAFT_SURVIVES_WITH_NOISE:
        status = graft_text_appendf(out, "the fine-tune survives (%.1f %% %s), but rounding adds noise "
                                    "of %.2g times the change; measure it (--prove), or take a larger "
                                    "type", kept, what, ratio);
        break;
    case GRAFT_WEAKENED:
        status = graft_text_appendf(out, "the fine-tune is weakened: rounding leaves %.1f %% %s; take "
                                    "a larger type", kept, what);
        break;
    case GRAFT_LOST:
        status = graft_text_appendf(out, "most of the fine-tune is lost: rounding leaves %.1f %% %s",
                                    kept, what);
        break;
    }
    if (status == GRAFT_OK && survival->has_outputs && survival->weights.error > 0) {
        status = graft_text_appendf(out, " (weight by weight %.1f %%, errors %.2g times the change)",
                                    100 * survival->weights.kept,
                                    survival->weights.delta > 0
                                        ? survival->weights.error / survival->weights.delta : 0);
    }
    return status;
}

/* What rows are ordered by: of outputs, if they are known. */
static double kept_of(const graft_survival_row *row)
{
    return row->has_outputs ? row->outputs.kept : row->weights.kept;
}

static int worse_first(const void *a, const void *b)
{
    const graft_survival_row *x = *(const graft_survival_row *const *)a;
    const graft_survival_row *y = *(const graft_survival_row *const *)b;
    if (kept_of(x) != kept_of(y)) {
        return kept_of(x) < kept_of(y) ? -1 : 1;
    }
    return strcmp(x->name, y->name);
}

static graft_status append_row(graft_text *out, const char *name, const char *type,
                               const graft_survival_measure *weights,
                               const graft_survival_measure *outputs)
{
    graft_status status = GRAFT_OK;
    GRAFT_TRY(graft_text_appendf(out, "%-28s %-14s %10.4g %10.4g %6.1f %%", name, type,
                                 weights->delta, weights->error, 100 * weights->kept));
    if (outputs != NULL) {
        GRAFT_TRY(graft_text_appendf(out, " %7.3g x %6.1f %%",
                                     outputs->delta > 0 ? outputs->error / outputs->delta : 0,
                                     100 * outputs->kept));
    }
    GRAFT_TRY(graft_text_append_char(out, '\n'));
done:
    return status;
}

graft_status graft_survival_table(const graft_survival *survival, graft_text *out)
{
    graft_status status = GRAFT_OK;
    const graft_survival_row **order = NULL;
    bool outputs = survival->has_outputs;
    GRAFT_TRY(graft_alloc(&order, survival->n, sizeof *order));
    for (size_t i = 0; i < survival->n; i++) {
        order[i] = &survival->rows[i];
    }
    qsort(order, survival->n, sizeof *order, worse_first);
    GRAFT_TRY(graft_text_appendf(out, "%-28s %-14s %10s %10s %8s%s\n", "merged tensor", "type",
                                 "|change|", "|error|", "survives",
                                 outputs ? "  outputs: error, survives" : ""));
    for (size_t i = 0; i < survival->n && i < SHOWN_ROWS; i++) {
        const graft_survival_row *r = order[i];
        char type[32];
        snprintf(type, sizeof type, "%s%s%s", r->from->name, r->from == r->to ? "" : " > ",
                 r->from == r->to ? "" : r->to->name);
        GRAFT_TRY(append_row(out, r->name, type, &r->weights, outputs ? &r->outputs : NULL));
    }
    if (survival->n > SHOWN_ROWS) {
        GRAFT_TRY(graft_text_appendf(out, "... and %zu more, of which no less survives\n",
                                     survival->n - SHOWN_ROWS));
    }
    GRAFT_TRY(append_row(out, "all", "", &survival->weights, outputs ? &survival->outputs : NULL));
    if (survival->rounding != NULL) {
        GRAFT_TRY(graft_text_appendf(out, "rounding  %s%s%s\n", survival->rounding,
                                     survival->note != NULL ? ": " : "",
                                     survival->note != NULL ? survival->note : ""));
    }
done:
    graft_free(order);
    return status;
}

static graft_status measure_json(const graft_survival_measure *m, bool delta, graft_json *o)
{
    graft_status status = GRAFT_OK;
    if (delta) {
        GRAFT_TRY(graft_json_set_double(o, "delta", m->delta));
    }
    GRAFT_TRY(graft_json_set_double(o, "error", m->error));
    GRAFT_TRY(graft_json_set_double(o, "kept", m->kept));
done:
    return status;
}

static graft_status outputs_json(const graft_survival_measure *m, bool delta, graft_json *o)
{
    graft_status status = GRAFT_OK;
    graft_json *outputs = graft_json_new_object();
    GRAFT_TRY(measure_json(m, delta, outputs));
    GRAFT_TRY(graft_json_set(o, "outputs", graft_json_retain(outputs)));
done:
    graft_json_free(outputs);
    return status;
}

static graft_status row_json(const graft_survival_row *row, graft_json *tensors)
{
    graft_status status = GRAFT_OK;
    graft_json *o = graft_json_new_object();
    GRAFT_TRY(graft_json_set_string(o, "name", row->name));
    GRAFT_TRY(graft_json_set_string(o, "from", row->from->name));
    GRAFT_TRY(graft_json_set_string(o, "to", row->to->name));
    GRAFT_TRY(measure_json(&row->weights, true, o));
    if (row->has_outputs) {
        GRAFT_TRY(outputs_json(&row->outputs, true, o));
    }
    GRAFT_TRY(graft_json_set_string(o, "verdict", names[graft_survival_judge_row(row)]));
    GRAFT_TRY(graft_json_push(tensors, graft_json_retain(o)));
done:
    graft_json_free(o);
    return status;
}

graft_status graft_survival_json(const graft_survival *survival, graft_json **out)
{
    graft_status status = GRAFT_OK;
    graft_json *o = graft_json_new_object(), *tensors = graft_json_new_array();
    graft_text words;
    graft_text_init(&words);
    *out = NULL;
    GRAFT_TRY(graft_survival_words(survival, &words));
    GRAFT_TRY(graft_json_set_string(o, "verdict", names[graft_survival_judge(survival)]));
    GRAFT_TRY(graft_json_set_string(o, "words", graft_text_z(&words)));
    if (survival->rounding != NULL) {
        GRAFT_TRY(graft_json_set_string(o, "rounding", survival->rounding));
    }
    if (survival->note != NULL) {
        GRAFT_TRY(graft_json_set_string(o, "rounding_data", survival->note));
    }
    GRAFT_TRY(measure_json(&survival->weights, true, o));
    if (survival->has_outputs) {
        GRAFT_TRY(outputs_json(&survival->outputs, false, o));
    }
    for (size_t i = 0; i < survival->n; i++) {
        GRAFT_TRY(row_json(&survival->rows[i], tensors));
    }
    GRAFT_TRY(graft_json_set(o, "tensors", graft_json_retain(tensors)));
    *out = graft_json_retain(o);
done:
    graft_text_clear(&words);
    graft_json_free(tensors);
    graft_json_free(o);
    return status;
}
