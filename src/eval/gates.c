#include "eval/gates.h"

#include <stdlib.h>
#include <string.h>

static graft_status fail_unknown(const char *text, size_t n_name)
{
    graft_status status = GRAFT_OK;
    graft_text known;
    graft_text_init(&known);
    for (size_t i = 0; i < graft_n_metrics; i++) {
        GRAFT_TRY(graft_text_appendf(&known, "%s%s", i > 0 ? ", " : "", graft_metrics[i]->name));
    }
    status = graft_fail(GRAFT_E_CONFIG, "require: unknown score \"%.*s\" (known: %s)", (int)n_name,
                        text, graft_text_z(&known));
done:
    graft_text_clear(&known);
    return status;
}

static size_t find_metric(const char *name, size_t n)
{
    size_t i = 0;
    while (i < graft_n_metrics && (strlen(graft_metrics[i]->name) != n ||
                                   memcmp(graft_metrics[i]->name, name, n) != 0)) {
        i++;
    }
    return i;
}

graft_status graft_gates_read(graft_gates *out, const char *const *texts, size_t n)
{
    *out = (graft_gates){0};
    for (size_t i = 0; i < n; i++) {
        size_t n_name = strcspn(texts[i], "=");
        const char *number = texts[i] + n_name + (texts[i][n_name] != '\0');
        size_t metric = find_metric(texts[i], n_name);
        char *end;
        if (metric == graft_n_metrics) {
            return fail_unknown(texts[i], n_name);
        }
        double share = strtod(number, &end);
        if (end == number || *end != '\0' || !(share >= 0 && share <= 1)) {
            return graft_fail(GRAFT_E_CONFIG, "require: \"%s\" is not SCORE=SHARE with a share from "
                              "0 to 1", texts[i]);
        }
        for (size_t k = 0; k < out->n; k++) {
            if (out->items[k].metric == metric) {
                return graft_fail(GRAFT_E_CONFIG, "require: %s stands there twice",
                                  graft_metrics[metric]->name);
            }
        }
        out->items[out->n].metric = metric;
        out->items[out->n++].share = share;
    }
    return GRAFT_OK;
}

graft_status graft_gates_check(const graft_gates *gates, const graft_eval_report *report)
{
    graft_status status = GRAFT_OK;
    graft_text low;
    graft_text_init(&low);
    for (size_t i = 0; i < gates->n; i++) {
        graft_eval_score score = graft_eval_report_score(report, gates->items[i].metric);
        double wanted = gates->items[i].share;
        if (score.of > 0 && (double)score.hits / (double)score.of >= wanted) {
            continue;
        }
        GRAFT_TRY(graft_text_appendf(&low, "%s%s is %zu of %zu", low.len > 0 ? "; " : "",
                                     graft_metrics[gates->items[i].metric]->name, score.hits,
                                     score.of));
        GRAFT_TRY(graft_text_appendf(&low, ", required are %.4g %%", 100 * wanted));
    }
    if (low.len > 0) {
        status = graft_fail(GRAFT_E_GATE, "%s", graft_text_z(&low));
    }
done:
    graft_text_clear(&low);
    return status;
}
