/* verify_text.c - what a run writes as text: metrics, evaluations, settings, template, pages and logs. */
#include <inttypes.h>
#include <math.h>
#include <string.h>

#include "chat/template.h"
#include "config/config.h"
#include "core/memory.h"
#include "eval/report.h"
#include "io/files.h"
#include "io/lines.h"
#include "run/verify.h"

#define TEXT_LIMIT ((size_t)1 << 30)

/* --- metrics.jsonl --- */

static bool is_metrics(const graft_verify_look *look)
{
    return !look->is_folder && strcmp(look->name, "metrics.jsonl") == 0;
}

static bool is_number(const graft_json *value)
{
    return graft_json_is(value, GRAFT_JSON_INT) || graft_json_is(value, GRAFT_JSON_DOUBLE);
}

/* Steps go up; those that a run went back behind have another event. */
static graft_status check_step(graft_verify_object *o, size_t line, const graft_json *record,
                               int64_t *step)
{
    static const char *const numbers[] = {"epoch", "loss", "grad_norm", "learning_rate"};
    graft_status status = GRAFT_OK;
    int64_t its = graft_json_int(graft_json_get(record, "step"));
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) {
        if (!is_number(graft_json_get(record, numbers[i]))) {
            GRAFT_TRY(graft_verify__problem(o, GRAFT_E_DATA, "line %zu: %s of step %" PRId64 " is "
                                            "no number", line, numbers[i], its));
        }
    }
    if (its <= *step) {
        GRAFT_TRY(graft_verify__problem(o, GRAFT_E_DATA, "line %zu: step %" PRId64 " comes after step %"
                                        PRId64, line, its, *step));
    }
    *step = its;
done:
    return status;
}

static graft_status check_record(graft_verify_object *o, size_t number, const char *line, size_t n,
                                 int64_t *step)
{
    graft_status status = GRAFT_OK;
    graft_json *record = NULL;
    status = graft_json_parse(&record, line, n);
    if (status == GRAFT_E_MEMORY) {
        return status;
    }
    if (status != GRAFT_OK) {
        return graft_verify__problem(o, GRAFT_E_DATA, "line %zu: %s", number,
                                     graft_error_message());
    }
    const char *event = graft_json_string(graft_json_get(record, "event"), NULL);
    if (event == NULL) {
        GRAFT_TRY(graft_verify__problem(o, GRAFT_E_DATA, "line %zu: has no \"event\"", number));
    } else if (strcmp(event, "step") == 0) {
        GRAFT_TRY(check_step(o, number, record, step));
    }
done:
    graft_json_free(record);
    return status;
}

static graft_status check_metrics(graft_verify_job *job, graft_verify_object *o)
{
    graft_status status = GRAFT_OK;
    graft_lines *lines = NULL;
    const char *line = NULL;
    size_t n = 0, n_records = 0;
    int64_t step = 0;
    (void)job;
    GRAFT_TRY(graft_verify__judge(o, graft_lines_open(&lines, o->path)));
    while (lines != NULL && o->n_problems == 0) {
        GRAFT_TRY(graft_verify__judge(o, graft_lines_next(lines, &line, &n)));
        if (line == NULL || o->n_problems > 0) {
            break;
        }
        GRAFT_TRY(check_record(o, graft_lines_number(lines), line, n, &step));
        n_records++;
    }
    GRAFT_TRY(graft_verify__fact(o, "%zu records", n_records));
    GRAFT_TRY(graft_verify__fact(o, "up to step %" PRId64, step));
done:
    graft_lines_close(lines);
    return status;
}

const graft_verify_kind graft_verify_metrics = {"metrics", is_metrics, check_metrics};

/* --- evaluations --- */

static bool is_scores(const graft_verify_look *look)
{
    return !look->is_folder && graft_str_ends_with(look->name, ".json");
}

/* What the file says of a score, beside what its items add up to. */
static graft_status check_score(graft_verify_object *o, const graft_eval_report *report,
                                size_t metric, const graft_json *scores)
{
    graft_eval_score score = graft_eval_report_score(report, metric);
    const char *name = graft_metrics[metric]->name;
    const graft_json *said = graft_json_get(scores, name);
    if (said == NULL || (graft_json_int(graft_json_get(said, "hits")) == (int64_t)score.hits &&
                         graft_json_int(graft_json_get(said, "of")) == (int64_t)score.of)) {
        return GRAFT_OK; /* measured by a version that does not know it */
    }
    return graft_verify__problem(o, GRAFT_E_DATA, "scores: %s is said to be %" PRId64 " of %" PRId64
                                 ", its items give %zu of %zu", name,
                                 graft_json_int(graft_json_get(said, "hits")),
                                 graft_json_int(graft_json_get(said, "of")), score.hits, score.of);
}

static graft_status check_scores(graft_verify_job *job, graft_verify_object *o)
{
    graft_status status = GRAFT_OK;
    graft_text text;
    graft_json *json = NULL;
    graft_eval_report report;
    (void)job;
    graft_text_init(&text);
    graft_eval_report_init(&report);
    status = graft_file_read(&text, o->path, TEXT_LIMIT);
    status = status == GRAFT_OK ? graft_json_parse(&json, graft_text_z(&text), text.len) : status;
    status = status == GRAFT_OK ? graft_eval_report_parse(&report, json) : status;
    bool read = status == GRAFT_OK;
    GRAFT_TRY(graft_verify__judge(o, status));
    if (!read) {
        goto done;
    }
    if (graft_json_int(graft_json_get(json, "n")) != (int64_t)report.n) {
        GRAFT_TRY(graft_verify__problem(o, GRAFT_E_DATA, "n is %" PRId64 ", and there are %zu items",
                                        graft_json_int(graft_json_get(json, "n")), report.n));
    }
    for (size_t i = 0; i < graft_n_metrics; i++) {
        GRAFT_TRY(check_score(o, &report, i, graft_json_get(json, "scores")));
    }
    GRAFT_TRY(graft_verify__fact(o, "%zu items", report.n));
done:
    graft_eval_report_clear(&report);
    graft_json_free(json);
    graft_text_clear(&text);
    return status;
}

const graft_verify_kind graft_verify_scores = {"evaluation", is_scores, check_scores};

/* --- settings --- */

static bool is_config(const graft_verify_look *look)
{
    return !look->is_folder && (graft_str_ends_with(look->name, ".yaml") ||
                                graft_str_ends_with(look->name, ".yml"));
}

static graft_status check_config(graft_verify_job *job, graft_verify_object *o)
{
    graft_status status = GRAFT_OK;
    graft_config *config = NULL;
    (void)job;
    GRAFT_TRY(graft_config_new(&config));
    status = graft_config_read(config, o->path);
    GRAFT_TRY(graft_verify__judge(o, status == GRAFT_OK ? graft_config_check(config) : status));
done:
    graft_config_free(config);
    return status;
}

const graft_verify_kind graft_verify_config = {"settings", is_config, check_config};

/* --- template --- */

static bool is_template(const graft_verify_look *look)
{
    return !look->is_folder && graft_str_ends_with(look->name, ".jinja");
}

static graft_status check_template(graft_verify_job *job, graft_verify_object *o)
{
    graft_status status = GRAFT_OK;
    graft_template *parsed = NULL;
    graft_text text;
    (void)job;
    graft_text_init(&text);
    status = graft_file_read(&text, o->path, TEXT_LIMIT);
    GRAFT_TRY(graft_verify__judge(o, status == GRAFT_OK
                                         ? graft_template_parse(&parsed, graft_text_z(&text),
                                                                text.len, o->path)
                                         : status));
done:
    graft_template_free(parsed);
    graft_text_clear(&text);
    return status;
}

const graft_verify_kind graft_verify_template = {"chat template", is_template, check_template};

/* --- pages and logs: only whether they are whole --- */

static bool is_page(const graft_verify_look *look)
{
    return !look->is_folder && graft_str_ends_with(look->name, ".html");
}

static bool is_log(const graft_verify_look *look)
{
    return !look->is_folder && graft_str_ends_with(look->name, ".log");
}

static graft_status check_end(graft_verify_object *o, const char *end)
{
    graft_status status = GRAFT_OK;
    graft_text text;
    graft_text_init(&text);
    GRAFT_TRY(graft_verify__judge(o, graft_file_read(&text, o->path, TEXT_LIMIT)));
    if (o->n_problems == 0 && !graft_str_ends_with(graft_text_z(&text), end)) {
        GRAFT_TRY(graft_verify__problem(o, GRAFT_E_DATA, "is cut off"));
    }
done:
    graft_text_clear(&text);
    return status;
}

static graft_status check_page(graft_verify_job *job, graft_verify_object *o)
{
    (void)job;
    return check_end(o, "</html>\n");
}

static graft_status check_log(graft_verify_job *job, graft_verify_object *o)
{
    (void)job;
    return check_end(o, "\n");
}

const graft_verify_kind graft_verify_page = {"report", is_page, check_page};
const graft_verify_kind graft_verify_log = {"log", is_log, check_log};
