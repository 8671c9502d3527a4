#include "eval/metrics.h"

#include <string.h>

#include "eval/foreign.h"

extern const graft_metric graft_metric_valid_json, graft_metric_schema_valid,
    graft_metric_tool_name, graft_metric_arguments_exact, graft_metric_exact,
    graft_metric_required_arguments, graft_metric_known_arguments, graft_metric_no_call,
    graft_metric_end_of_turn, graft_metric_bfcl, graft_metric_after_error,
    graft_metric_no_invented_result, graft_metric_no_loop;

const graft_metric *const graft_metrics[] = {
    &graft_metric_valid_json,         &graft_metric_schema_valid,
    &graft_metric_tool_name,          &graft_metric_arguments_exact,
    &graft_metric_exact,              &graft_metric_required_arguments,
    &graft_metric_known_arguments,    &graft_metric_no_call,
    &graft_metric_end_of_turn,        &graft_metric_bfcl,
    &graft_metric_after_error,        &graft_metric_no_invented_result,
    &graft_metric_no_loop,
};
const size_t graft_n_metrics = sizeof graft_metrics / sizeof graft_metrics[0];
_Static_assert(sizeof graft_metrics / sizeof graft_metrics[0] <= GRAFT_METRICS_MAX,
               "GRAFT_METRICS_MAX is too small");

size_t graft_metric_find(const char *name)
{
    size_t i = 0;
    while (i < graft_n_metrics && strcmp(graft_metrics[i]->name, name) != 0) {
        i++;
    }
    return i;
}

/* The arguments of each call with what is written in Java or JavaScript read. */
static graft_status read_arguments(graft_json **out, const graft_judged *judged)
{
    graft_status status = GRAFT_OK;
    graft_json *list = graft_json_new_array();
    *out = NULL;
    for (size_t i = 0; i < graft_json_length(judged->calls); i++) {
        bool found;
        graft_json *arguments = NULL;
        const char *name = graft_judged_name(judged, i);
        const graft_json *parameters =
            name != NULL ? graft_tool_parameters(judged->tools, name, &found) : NULL;
        GRAFT_TRY(graft_foreign_arguments(&arguments, graft_judged_arguments(judged, i), parameters));
        GRAFT_TRY(graft_json_push(list, arguments));
    }
    *out = list;
    list = NULL;
done:
    graft_json_free(list);
    return status;
}

graft_status graft_judge(graft_verdict verdicts[GRAFT_METRICS_MAX], const graft_judged *judged)
{
    graft_status status = GRAFT_OK;
    graft_json *read = NULL;
    graft_judged with_read = *judged;
    GRAFT_TRY(read_arguments(&read, judged));
    with_read.read = read;
    for (size_t i = 0; i < graft_n_metrics; i++) {
        GRAFT_TRY(graft_metrics[i]->judge(&verdicts[i], &with_read));
    }
done:
    graft_json_free(read);
    return status;
}

const char *graft_judged_name(const graft_judged *judged, size_t i)
{
    return graft_json_string(graft_json_get(graft_json_at(judged->calls, i), "name"), NULL);
}

const graft_json *graft_judged_arguments(const graft_judged *judged, size_t i)
{
    const graft_json *arguments = graft_json_get(graft_json_at(judged->calls, i), "arguments");
    return graft_json_is(arguments, GRAFT_JSON_OBJECT) ? arguments : NULL;
}

bool graft_judged_match(const graft_judged *judged, size_t i, size_t k)
{
    const graft_expected_call *expected = &judged->expected->calls[k];
    const graft_json *arguments = graft_judged_arguments(judged, i);
    return graft_arguments_match(arguments, expected) ||
           (expected->has_alternatives &&
            graft_arguments_match(graft_json_at(judged->read, i), expected));
}

graft_verdict graft_judged_calls(const graft_judged *judged, bool needs_tools)
{
    if (judged->expected->n == 0 || (needs_tools && judged->tools == NULL)) {
        return GRAFT_VERDICT_NONE;
    }
    size_t n = graft_json_length(judged->calls);
    for (size_t i = 0; i < n; i++) {
        if (graft_judged_name(judged, i) == NULL || graft_judged_arguments(judged, i) == NULL) {
            return GRAFT_VERDICT_NO;
        }
    }
    return n > 0 && judged->broken == 0 ? GRAFT_VERDICT_YES : GRAFT_VERDICT_NO;
}

const graft_json *graft_tool_parameters(const graft_json *tools, const char *name, bool *found)
{
    for (size_t i = 0; i < graft_json_length(tools); i++) {
        const graft_json *function = graft_json_get(graft_json_at(tools, i), "function");
        const char *its_name = graft_json_string(graft_json_get(function, "name"), NULL);
        if (its_name != NULL && strcmp(its_name, name) == 0) {
            *found = true;
            return graft_json_get(function, "parameters");
        }
    }
    *found = false;
    return NULL;
}

graft_status graft_judged_fit(graft_verdict *out, const graft_judged *judged, graft_fits *fits)
{
    graft_status status = GRAFT_OK;
    *out = graft_judged_calls(judged, true);
    for (size_t i = 0; *out == GRAFT_VERDICT_YES && i < graft_json_length(judged->calls); i++) {
        bool fit = false;
        const graft_json *parameters =
            graft_tool_parameters(judged->tools, graft_judged_name(judged, i), &fit);
        if (fit) {
            GRAFT_TRY(fits(&fit, parameters, graft_judged_arguments(judged, i)));
        }
        *out = fit ? GRAFT_VERDICT_YES : GRAFT_VERDICT_NO;
    }
done:
    return status;
}

bool graft_arguments_known(const graft_json *parameters, const graft_json *arguments)
{
    const graft_json *properties = graft_json_get(parameters, "properties");
    const graft_json *others = graft_json_get(parameters, "additionalProperties");
    if (others != NULL ? !graft_json_is(others, GRAFT_JSON_BOOL) || graft_json_bool(others)
                       : properties == NULL) {
        return true;
    }
    for (graft_json_iter it = graft_json_iter_begin(arguments); graft_json_iter_next(&it);) {
        if (!graft_json_has(properties, it.key)) {
            return false;
        }
    }
    return true;
}

graft_status graft_judged_pair(graft_verdict *out, const graft_judged *judged, graft_can_stand *can)
{
    size_t n = graft_json_length(judged->calls), n_pairs = 0;
    *out = graft_judged_calls(judged, false);
    if (*out != GRAFT_VERDICT_YES) {
        return GRAFT_OK;
    }
    *out = GRAFT_VERDICT_NO;
    if (n != judged->expected->n) {
        return GRAFT_OK;
    }
    graft_status status = graft_match(&n_pairs, n, n, can, judged);
    *out = n_pairs == n ? GRAFT_VERDICT_YES : GRAFT_VERDICT_NO;
    return status;
}

static bool same_name(const void *context, size_t i, size_t k)
{
    const graft_judged *judged = context;
    const char *name = graft_judged_name(judged, i);
    return name != NULL && strcmp(name, judged->expected->calls[k].name) == 0;
}

graft_status graft_count_calls(graft_call_counts *out, const graft_judged *judged)
{
    size_t n = graft_json_length(judged->calls), n_pairs;
    graft_status status = graft_match(&n_pairs, n, judged->expected->n, same_name, judged);
    out->spurious = n + judged->broken - n_pairs;
    out->missing = judged->expected->n - n_pairs;
    return status;
}
