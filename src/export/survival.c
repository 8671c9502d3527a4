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
    *survival = (graft_survival){.kept = 1};
}

void graft_survival_clear(graft_survival *survival)
{
    for (size_t i = 0; i < survival->n; i++) {
        graft_free(survival->rows[i].name);
    }
    graft_free(survival->rows);
    graft_survival_init(survival);
}

/* <Q - W, D> / <D, D>, with Q - W = D + error */
static double share(double delta_squares, double product)
{
    return delta_squares > 0 ? 1 + product / delta_squares : 1;
}

graft_status graft_survival_add(graft_survival *survival, const char *name,
                                const graft_format *from, const graft_format *to,
                                const graft_survival_sums *sums)
{
    graft_status status = GRAFT_OK;
    graft_survival_row row = {.from = from, .to = to, .delta = sqrt(sums->delta),
                              .error = sqrt(sums->error), .kept = share(sums->delta, sums->product)};
    GRAFT_TRY(graft_reserve(&survival->rows, &survival->capacity, survival->n + 1,
                            sizeof *survival->rows));
    GRAFT_TRY(graft_strdup(&row.name, name));
    survival->rows[survival->n++] = row;
    double delta = 0, error = 0, product = 0;
    for (size_t i = 0; i < survival->n; i++) {
        const graft_survival_row *r = &survival->rows[i];
        delta += r->delta * r->delta;
        error += r->error * r->error;
        product += (r->kept - 1) * r->delta * r->delta;
    }
    survival->delta = sqrt(delta);
    survival->error = sqrt(error);
    survival->kept = share(delta, product);
done:
    return status;
}

static graft_survival_verdict judge(double delta, double error, double kept)
{
    if (delta == 0) {
        return GRAFT_SURVIVES;
    }
    if (kept < MOST) {
        return GRAFT_LOST;
    }
    if (kept < NEARLY_ALL) {
        return GRAFT_WEAKENED;
    }
    return error <= QUIET * delta ? GRAFT_SURVIVES : GRAFT_SURVIVES_WITH_NOISE;
}

graft_survival_verdict graft_survival_judge(const graft_survival *survival)
{
    return judge(survival->delta, survival->error, survival->kept);
}

graft_survival_verdict graft_survival_judge_row(const graft_survival_row *row)
{
    return judge(row->delta, row->error, row->kept);
}

graft_status graft_survival_words(const graft_survival *survival, graft_text *out)
{
    double kept = 100 * survival->kept;
    double ratio = survival->delta > 0 ? survival->error / survival->delta : 0;
    switch (graft_survival_judge(survival)) {
    case GRAFT_SURVIVES:
        return survival->error == 0
                   ? graft_text_append_z(out, "the fine-tune survives: nothing was rounded")
                   : graft_text_appendf(out, "the fine-tune survives: %.1f %% of the change, with "
                                        "rounding errors of %.2g times the change", kept, ratio);
    case GRAFT_SURVIVES_WITH_NOISE:
        return graft_text_appendf(out, "the fine-tune survives (%.1f %% of the change), but rounding "
                                  "adds noise of %.2g times the change; measure it (--prove), or "
                                  "take a larger type", kept, ratio);
    case GRAFT_WEAKENED:
        return graft_text_appendf(out, "the fine-tune is weakened: rounding leaves %.1f %% of the "
                                  "change; take a larger type", kept);
    case GRAFT_LOST:
        break;
    }
    return graft_text_appendf(out, "most of the fine-tune is lost: rounding leaves %.1f %% of the "
                              "change", kept);
}

static int worse_first(const void *a, const void *b)
{
    const graft_survival_row *x = *(const graft_survival_row *const *)a;
    const graft_survival_row *y = *(const graft_survival_row *const *)b;
    if (x->kept != y->kept) {
        return x->kept < y->kept ? -1 : 1;
    }
    return strcmp(x->name, y->name);
}

graft_status graft_survival_table(const graft_survival *survival, graft_text *out)
{
    graft_status status = GRAFT_OK;
    const graft_survival_row **order = NULL;
    GRAFT_TRY(graft_alloc(&order, survival->n, sizeof *order));
    for (size_t i = 0; i < survival->n; i++) {
        order[i] = &survival->rows[i];
    }
    qsort(order, survival->n, sizeof *order, worse_first);
    GRAFT_TRY(graft_text_appendf(out, "%-28s %-14s %10s %10s %8s\n", "merged tensor", "type",
                                 "|change|", "|error|", "survives"));
    for (size_t i = 0; i < survival->n && i < SHOWN_ROWS; i++) {
        const graft_survival_row *r = order[i];
        char type[32];
        snprintf(type, sizeof type, "%s%s%s", r->from->name, r->from == r->to ? "" : " > ",
                 r->from == r->to ? "" : r->to->name);
        GRAFT_TRY(graft_text_appendf(out, "%-28s %-14s %10.4g %10.4g %6.1f %%\n", r->name, type,
                                     r->delta, r->error, 100 * r->kept));
    }
    if (survival->n > SHOWN_ROWS) {
        GRAFT_TRY(graft_text_appendf(out, "... and %zu more, of which no less survives\n",
                                     survival->n - SHOWN_ROWS));
    }
    GRAFT_TRY(graft_text_appendf(out, "%-28s %-14s %10.4g %10.4g %6.1f %%\n", "all", "",
                                 survival->delta, survival->error, 100 * survival->kept));
done:
    graft_free(order);
    return status;
}

static graft_status row_json(const graft_survival_row *row, graft_json *tensors)
{
    graft_status status = GRAFT_OK;
    graft_json *o = graft_json_new_object();
    GRAFT_TRY(graft_json_set_string(o, "name", row->name));
    GRAFT_TRY(graft_json_set_string(o, "from", row->from->name));
    GRAFT_TRY(graft_json_set_string(o, "to", row->to->name));
    GRAFT_TRY(graft_json_set_double(o, "delta", row->delta));
    GRAFT_TRY(graft_json_set_double(o, "error", row->error));
    GRAFT_TRY(graft_json_set_double(o, "kept", row->kept));
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
    GRAFT_TRY(graft_json_set_double(o, "delta", survival->delta));
    GRAFT_TRY(graft_json_set_double(o, "error", survival->error));
    GRAFT_TRY(graft_json_set_double(o, "kept", survival->kept));
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
