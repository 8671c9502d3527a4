/* Reports as JSON and back. */
#include <math.h>
#include <string.h>

#include "core/memory.h"
#include "eval/report.h"
#include "eval/report_internal.h"

/* Sets key to *value, which is given away. */
static graft_status give(graft_json *object, const char *key, graft_json **value)
{
    graft_json *taken = *value;
    *value = NULL;
    return graft_json_set(object, key, taken);
}

graft_status graft_eval__set_loss(graft_json *object, double loss)
{
    return isfinite(loss) ? graft_json_set_double(object, "loss_per_token", loss)
                          : graft_json_set(object, "loss_per_token", NULL);
}

graft_status graft_eval__set_score(graft_json *object, const char *key,
                                   const graft_eval_score *score)
{
    graft_status status = GRAFT_OK;
    graft_json *json = graft_json_new_object();
    GRAFT_TRY(graft_json_set_int(json, "hits", (int64_t)score->hits));
    GRAFT_TRY(graft_json_set_int(json, "of", (int64_t)score->of));
    GRAFT_TRY(graft_json_set_double(json, "low", score->low));
    GRAFT_TRY(graft_json_set_double(json, "high", score->high));
    GRAFT_TRY(give(object, key, &json));
done:
    graft_json_free(json);
    return status;
}

/* Sets key to {"mean", "of"}; null if there is none. */
static graft_status set_mean(graft_json *object, const char *key, double mean, size_t of)
{
    graft_status status = GRAFT_OK;
    graft_json *json = NULL;
    if (of > 0) {
        json = graft_json_new_object();
        GRAFT_TRY(graft_json_set_double(json, "mean", mean));
        GRAFT_TRY(graft_json_set_int(json, "of", (int64_t)of));
    }
    GRAFT_TRY(give(object, key, &json));
done:
    graft_json_free(json);
    return status;
}

graft_status graft_eval__set_perplexity(graft_json *object,
                                        const graft_eval_report *report)
{
    graft_status status = GRAFT_OK;
    graft_json *json = NULL;
    if (!isfinite(report->general_loss)) {
        return GRAFT_OK;
    }
    json = graft_json_new_object();
    GRAFT_TRY(graft_json_set_double(json, "perplexity", exp(report->general_loss)));
    GRAFT_TRY(graft_json_set_double(json, "loss_per_token", report->general_loss));
    GRAFT_TRY(graft_json_set_int(json, "of", (int64_t)report->general_tokens));
    GRAFT_TRY(give(object, "perplexity", &json));
done:
    graft_json_free(json);
    return status;
}

static graft_status verdicts_json(graft_json **out, const graft_eval_item *item)
{
    graft_status status = GRAFT_OK;
    *out = graft_json_new_object();
    for (size_t i = 0; i < graft_n_metrics; i++) {
        const char *name = graft_metrics[i]->name;
        GRAFT_TRY(item->verdicts[i] == GRAFT_VERDICT_NONE
                      ? graft_json_set(*out, name, NULL)
                      : graft_json_set_bool(*out, name, item->verdicts[i] == GRAFT_VERDICT_YES));
    }
done:
    return status;
}

static graft_status item_json(graft_json **out, const graft_eval_item *item)
{
    graft_status status = GRAFT_OK;
    graft_json *verdicts = NULL, *json = graft_json_new_object();
    *out = NULL;
    GRAFT_TRY(graft_json_set_int(json, "index", (int64_t)item->index));
    GRAFT_TRY(graft_json_set_int(json, "turn", (int64_t)item->turn));
    GRAFT_TRY(graft_json_set_int(json, "prompt_tokens", (int64_t)item->prompt_tokens));
    if (item->asked != NULL) {
        GRAFT_TRY(graft_json_set(json, "asked", graft_json_retain(item->asked)));
    }
    GRAFT_TRY(graft_json_set(json, "output", graft_json_retain(item->output)));
    GRAFT_TRY(graft_json_set(json, "calls", graft_json_retain(item->calls)));
    GRAFT_TRY(graft_json_set(json, "expected", graft_json_retain(item->expected)));
    GRAFT_TRY(graft_json_set_int(json, "spurious", (int64_t)item->counts.spurious));
    GRAFT_TRY(graft_json_set_int(json, "missing", (int64_t)item->counts.missing));
    GRAFT_TRY(isfinite(item->answer_f1) ? graft_json_set_double(json, "answer_f1", item->answer_f1)
                                        : graft_json_set(json, "answer_f1", NULL));
    GRAFT_TRY(verdicts_json(&verdicts, item));
    GRAFT_TRY(give(json, "verdicts", &verdicts));
    *out = json;
    json = NULL;
done:
    graft_json_free(verdicts);
    graft_json_free(json);
    return status;
}

static graft_status scores_json(graft_json **out, const graft_eval_report *report)
{
    graft_status status = GRAFT_OK;
    *out = graft_json_new_object();
    for (size_t i = 0; i < graft_n_metrics; i++) {
        graft_eval_score score = graft_eval_report_score(report, i);
        GRAFT_TRY(graft_eval__set_score(*out, graft_metrics[i]->name, &score));
    }
done:
    return status;
}

graft_call_counts graft_eval__total_counts(const graft_eval_report *report)
{
    graft_call_counts total = {0};
    for (size_t i = 0; i < report->n; i++) {
        total.spurious += report->items[i].counts.spurious;
        total.missing += report->items[i].counts.missing;
    }
    return total;
}

graft_status graft_eval_report_json(graft_json **out, const graft_eval_report *report)
{
    graft_status status = GRAFT_OK;
    graft_json *scores = NULL, *items = NULL, *item = NULL, *json = graft_json_new_object();
    graft_call_counts counts = graft_eval__total_counts(report);
    *out = NULL;
    GRAFT_TRY(graft_json_set_int(json, "n", (int64_t)report->n));
    if (report->n_turns > 0) {
        GRAFT_TRY(graft_json_set_int(json, "turns", (int64_t)report->n_turns));
    }
    GRAFT_TRY(graft_eval__set_loss(json, report->loss_per_token));
    GRAFT_TRY(graft_json_set_int(json, "tokens", (int64_t)report->tokens));
    GRAFT_TRY(scores_json(&scores, report));
    GRAFT_TRY(give(json, "scores", &scores));
    GRAFT_TRY(graft_json_set_int(json, "spurious_calls", (int64_t)counts.spurious));
    GRAFT_TRY(graft_json_set_int(json, "missing_calls", (int64_t)counts.missing));
    size_t n_answers;
    double f1 = graft_eval_report_answer_f1(report, &n_answers);
    GRAFT_TRY(set_mean(json, "answer_f1", f1, n_answers));
    GRAFT_TRY(set_mean(json, "end_of_turn_probability", report->end_probability,
                       report->n_turn_ends));
    GRAFT_TRY(graft_eval__set_perplexity(json, report));
    items = graft_json_new_array();
    for (size_t i = 0; i < report->n; i++) {
        GRAFT_TRY(item_json(&item, &report->items[i]));
        graft_json *taken = item;
        item = NULL;
        GRAFT_TRY(graft_json_push(items, taken));
    }
    GRAFT_TRY(give(json, "items", &items));
    *out = json;
    json = NULL;
done:
    graft_json_free(scores);
    graft_json_free(items);
    graft_json_free(item);
    graft_json_free(json);
    return status;
}

/* --- reading --- */

static graft_status read_count(size_t *out, const graft_json *object, const char *key)
{
    const graft_json *value = graft_json_get(object, key);
    if (!graft_json_is(value, GRAFT_JSON_INT) || graft_json_int(value) < 0) {
        return graft_fail(GRAFT_E_DATA, "%s is not a count", key);
    }
    *out = (size_t)graft_json_int(value);
    return GRAFT_OK;
}

static graft_status read_value(graft_json **out, const graft_json *object, const char *key,
                               graft_json_type type)
{
    graft_json *value = graft_json_get(object, key);
    if (!graft_json_is(value, type)) {
        return graft_fail(GRAFT_E_DATA, "%s is not of type %s", key, graft_json_type_name(type));
    }
    *out = graft_json_retain(value);
    return GRAFT_OK;
}

/* NaN if it is none. */
static double read_number(const graft_json *value)
{
    bool number = graft_json_is(value, GRAFT_JSON_DOUBLE) || graft_json_is(value, GRAFT_JSON_INT);
    return number ? graft_json_double(value) : (double)NAN;
}

static graft_status read_item(graft_eval_item *item, const graft_json *json)
{
    graft_status status = GRAFT_OK;
    graft_json *verdicts = NULL;
    GRAFT_TRY(read_count(&item->index, json, "index"));
    GRAFT_TRY(read_count(&item->turn, json, "turn"));
    GRAFT_TRY(read_count(&item->prompt_tokens, json, "prompt_tokens"));
    item->answer_f1 = read_number(graft_json_get(json, "answer_f1"));
    GRAFT_TRY(read_count(&item->counts.spurious, json, "spurious"));
    GRAFT_TRY(read_count(&item->counts.missing, json, "missing"));
    if (graft_json_get(json, "asked") != NULL) {
        GRAFT_TRY(read_value(&item->asked, json, "asked", GRAFT_JSON_STRING));
    }
    GRAFT_TRY(read_value(&item->output, json, "output", GRAFT_JSON_STRING));
    GRAFT_TRY(read_value(&item->calls, json, "calls", GRAFT_JSON_ARRAY));
    GRAFT_TRY(read_value(&item->expected, json, "expected", GRAFT_JSON_ARRAY));
    GRAFT_TRY(read_value(&verdicts, json, "verdicts", GRAFT_JSON_OBJECT));
    for (graft_json_iter it = graft_json_iter_begin(verdicts); graft_json_iter_next(&it);) {
        size_t metric = graft_metric_find(it.key);
        if (metric == graft_n_metrics || it.value == NULL) {
            continue;
        }
        if (!graft_json_is(it.value, GRAFT_JSON_BOOL)) {
            GRAFT_TRY(graft_fail(GRAFT_E_DATA, "verdicts: %s is neither true, false nor null",
                                 it.key));
        }
        item->verdicts[metric] =
            graft_json_bool(it.value) ? GRAFT_VERDICT_YES : GRAFT_VERDICT_NO;
    }
done:
    graft_json_free(verdicts);
    return status;
}

graft_status graft_eval_report_parse(graft_eval_report *out, const graft_json *json)
{
    graft_status status = GRAFT_OK;
    graft_eval_report_init(out);
    const graft_json *items = graft_json_get(json, "items");
    const graft_json *loss = graft_json_get(json, "loss_per_token");
    if (!graft_json_is(items, GRAFT_JSON_ARRAY)) {
        GRAFT_TRY(graft_fail(GRAFT_E_DATA, "has no items: not the result of an evaluation"));
    }
    out->loss_per_token = read_number(loss);
    const graft_json *ends = graft_json_get(json, "end_of_turn_probability");
    out->end_probability = read_number(graft_json_get(ends, "mean"));
    if (ends != NULL) {
        GRAFT_TRY(read_count(&out->n_turn_ends, ends, "of"));
    }
    const graft_json *general = graft_json_get(json, "perplexity");
    out->general_loss = read_number(graft_json_get(general, "loss_per_token"));
    if (general != NULL) {
        GRAFT_TRY(read_count(&out->general_tokens, general, "of"));
    }
    GRAFT_TRY(read_count(&out->tokens, json, "tokens"));
    if (graft_json_get(json, "turns") != NULL) {
        GRAFT_TRY(read_count(&out->n_turns, json, "turns"));
    }
    for (size_t i = 0; i < graft_json_length(items); i++) {
        GRAFT_TRY(graft_reserve(&out->items, &out->capacity, out->n + 1, sizeof *out->items));
        out->items[out->n++] = (graft_eval_item){0};
        if (read_item(&out->items[i], graft_json_at(items, i)) != GRAFT_OK) {
            GRAFT_TRY(graft_fail_prefix("items[%zu]", i));
        }
    }
done:
    if (status != GRAFT_OK) {
        graft_eval_report_clear(out);
    }
    return status;
}
