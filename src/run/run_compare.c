#include <graft/eval.h>

#include <string.h>

#include "eval/report.h"
#include "io/files.h"

#define FLIPS_SHOWN 20 /* items per score and direction */

static graft_status read_report(graft_eval_report *out, const char *path)
{
    graft_status status = GRAFT_OK;
    graft_json *json = NULL;
    graft_text text;
    graft_text_init(&text);
    GRAFT_TRY(graft_file_read(&text, path, GRAFT_EVAL_FILE_BYTES));
    status = graft_json_parse(&json, graft_text_z(&text), text.len);
    if (status != GRAFT_OK) {
        status = graft_fail_prefix("%s: not the result of graft eval --json", path);
        goto done;
    }
    status = graft_eval_report_parse(out, json);
    if (status != GRAFT_OK) {
        status = graft_fail_prefix("%s", path);
    }
done:
    graft_json_free(json);
    graft_text_clear(&text);
    return status;
}

static graft_status find_metric(size_t *out, const char *name)
{
    graft_status status = GRAFT_OK;
    graft_text known;
    graft_text_init(&known);
    *out = name != NULL ? graft_metric_find(name) : graft_n_metrics;
    if (name != NULL && *out == graft_n_metrics) {
        for (size_t i = 0; i < graft_n_metrics; i++) {
            GRAFT_TRY(graft_text_appendf(&known, "%s%s", i > 0 ? ", " : "", graft_metrics[i]->name));
        }
        status = graft_fail(GRAFT_E_CONFIG, "unknown score \"%s\" (known: %s)", name,
                            graft_text_z(&known));
    }
done:
    graft_text_clear(&known);
    return status;
}

static graft_status describe(graft_text *out, const graft_eval_report *before,
                             const graft_eval_report *after, size_t metric, size_t limit, bool json)
{
    graft_status status = GRAFT_OK;
    graft_json *o = NULL;
    if (json) {
        GRAFT_TRY(graft_eval_report_compare_json(&o, before, after));
        GRAFT_TRY(graft_json_write(out, o, GRAFT_JSON_COMPACT));
        GRAFT_TRY(graft_text_append_char(out, '\n'));
        goto done;
    }
    GRAFT_TRY(graft_eval_report_compare(out, before, after));
    GRAFT_TRY(graft_eval_report_flips(out, before, after, FLIPS_SHOWN));
    if (metric < graft_n_metrics) {
        GRAFT_TRY(graft_eval_report_changes(out, before, after, metric, limit));
    }
done:
    graft_json_free(o);
    return status;
}

graft_status graft_compare(const char *before_path, const char *after_path, const char *metric,
                           size_t limit, int json, char **out)
{
    graft_status status = GRAFT_OK;
    graft_eval_report before, after;
    graft_text text;
    size_t shown, n_paired, n_other;
    graft_text_init(&text);
    graft_eval_report_init(&before);
    graft_eval_report_init(&after);
    *out = NULL;
    GRAFT_TRY(find_metric(&shown, metric));
    GRAFT_TRY(read_report(&before, before_path));
    GRAFT_TRY(read_report(&after, after_path));
    status = graft_eval_report_paired(&n_paired, &n_other, &before, &after);
    if (status == GRAFT_E_DATA) {
        status = graft_fail_prefix("%s and %s", before_path, after_path);
    }
    GRAFT_TRY(status);
    if (n_paired == 0) {
        status = graft_fail(GRAFT_E_DATA, "%s and %s have no item in common: nothing to compare "
                            "(%zu of the same number ask for something else)", before_path,
                            after_path, n_other);
        goto done;
    }
    GRAFT_TRY(describe(&text, &before, &after, shown, limit, json != 0));
    GRAFT_TRY(graft_text_take(&text, out));
done:
    graft_eval_report_clear(&before);
    graft_eval_report_clear(&after);
    graft_text_clear(&text);
    return status;
}
