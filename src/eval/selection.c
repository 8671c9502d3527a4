#include "eval/selection.h"

#include <math.h>
#include <string.h>

#include <graft/text.h>

static const char answer_f1[] = "answer_f1", loss[] = "loss";

static graft_status fail_unknown(const char *name)
{
    graft_status status = GRAFT_OK;
    const char *known[GRAFT_METRICS_MAX + 2];
    size_t n = 0;
    graft_text list;
    graft_text_init(&list);
    for (; n < graft_n_metrics; n++) {
        known[n] = graft_metrics[n]->name;
    }
    known[n++] = answer_f1;
    known[n++] = loss;
    for (size_t i = 0; i < n; i++) {
        GRAFT_TRY(graft_text_appendf(&list, "%s%s", i > 0 ? ", " : "", known[i]));
    }
    const char *nearest = graft_text_nearest(name, known, n);
    status = nearest != NULL
                 ? graft_fail(GRAFT_E_CONFIG, "metric_for_best_model: unknown score \"%s\" (did you "
                              "mean \"%s\"?)", name, nearest)
                 : graft_fail(GRAFT_E_CONFIG, "metric_for_best_model: unknown score \"%s\" (known: "
                              "%s)", name, graft_text_z(&list));
done:
    graft_text_clear(&list);
    return status;
}

graft_status graft_selection_read(graft_selection *out, const char *name)
{
    static const char prefix[] = "eval_";
    *out = (graft_selection){GRAFT_SELECT_METRIC, 0, name == NULL};
    const char *bare = name == NULL                          ? "exact"
                       : graft_str_starts_with(name, prefix) ? name + sizeof prefix - 1
                                                             : name;
    out->metric = graft_metric_find(bare);
    if (out->metric < graft_n_metrics) {
        return GRAFT_OK;
    }
    out->kind = strcmp(bare, loss) == 0 ? GRAFT_SELECT_LOSS : GRAFT_SELECT_F1;
    return out->kind == GRAFT_SELECT_LOSS || strcmp(bare, answer_f1) == 0 ? GRAFT_OK
                                                                         : fail_unknown(name);
}

/* A score nobody named has the loss standing in for it where nothing has that score. */
static graft_selection_kind kind_of(const graft_selection *s, size_t of)
{
    bool absent = s->kind == GRAFT_SELECT_METRIC && s->by_default && of == 0;
    return absent ? GRAFT_SELECT_LOSS : s->kind;
}

const char *graft_selection_name(const graft_selection *s, const graft_merit *score)
{
    graft_selection_kind kind = kind_of(s, score->of);
    return kind == GRAFT_SELECT_LOSS ? loss
           : kind == GRAFT_SELECT_F1 ? answer_f1
                                     : graft_metrics[s->metric]->name;
}

graft_status graft_selection_fail(const graft_selection *s)
{
    return graft_fail(GRAFT_E_CONFIG, "metric_for_best_model: nothing in the evaluation data asks "
                      "for %s", s->kind == GRAFT_SELECT_METRIC ? graft_metrics[s->metric]->name
                                : s->kind == GRAFT_SELECT_F1   ? answer_f1
                                                               : loss);
}

graft_status graft_selection_score(graft_merit *out, const graft_selection *s,
                                   const graft_eval_report *report)
{
    size_t n;
    graft_eval_score share = {0};
    if (s->kind == GRAFT_SELECT_METRIC) {
        share = graft_eval_report_score(report, s->metric);
    }
    graft_selection_kind kind = kind_of(s, share.of);
    *out = (graft_merit){(double)NAN, report->loss_per_token, share.hits, share.of};
    if (kind == GRAFT_SELECT_LOSS) {
        out->value = -report->loss_per_token;
    } else if (kind == GRAFT_SELECT_F1) {
        out->value = graft_eval_report_answer_f1(report, &n);
    } else if (share.of > 0) {
        out->value = (double)share.hits / (double)share.of;
    }
    return isnan(out->value) && !s->by_default ? graft_selection_fail(s) : GRAFT_OK;
}

graft_status graft_selection_format(graft_text *out, const graft_selection *s,
                                    const graft_merit *score)
{
    const char *name = graft_selection_name(s, score);
    if (score->of > 0) {
        return graft_text_appendf(out, "%s %llu/%llu", name, (unsigned long long)score->hits,
                                  (unsigned long long)score->of);
    }
    return graft_text_appendf(out, "%s %.4f", name, fabs(score->value));
}

graft_status graft_selection_is_asked(bool *out, const graft_selection *s,
                                      const graft_eval_reply *reply)
{
    graft_status status = GRAFT_OK;
    graft_eval_report report;
    graft_eval_report_init(&report);
    *out = s->kind == GRAFT_SELECT_LOSS;
    if (*out) {
        return GRAFT_OK;
    }
    GRAFT_TRY(graft_eval_report_add(&report, reply));
    *out = s->kind == GRAFT_SELECT_F1
               ? isfinite(report.items[0].answer_f1)
               : report.items[0].verdicts[s->metric] != GRAFT_VERDICT_NONE;
done:
    graft_eval_report_clear(&report);
    return status;
}
