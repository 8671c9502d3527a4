/* Judges lines of JSON from stdin for test_eval.py; one line of JSON out for each.
 *
 * {"reply", "answer"} -> the F1 of their words
 * {"content"} -> true | false: does it speak of an error?
 * {"language", "type", "items", "text"} -> the argument as it is read
 * {"message", "alternatives", "calls", "broken", "ended", "tools"} -> {NAME: true|false|null}. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "data/dataset.h"
#include "eval/foreign.h"
#include "eval/metrics.h"

static int complain(void)
{
    fprintf(stderr, "%s (%s)\n", graft_error_message(), graft_error_place());
    return 1;
}

static int judge(const graft_json *line)
{
    graft_expected expected;
    graft_verdict verdicts[GRAFT_METRICS_MAX];
    if (graft_expected_read(&expected, graft_json_get(line, "message"),
                            graft_json_get(line, "alternatives")) != GRAFT_OK) {
        return complain();
    }
    graft_judged judged = {.calls = graft_json_get(line, "calls"),
                           .broken = (size_t)graft_json_int(graft_json_get(line, "broken")),
                           .ended = graft_json_bool(graft_json_get(line, "ended")),
                           .expected = &expected,
                           .tools = graft_json_get(line, "tools")};
    if (graft_judge(verdicts, &judged) != GRAFT_OK) {
        return complain();
    }
    for (size_t i = 0; i < graft_n_metrics; i++) {
        static const char *const words[] = {"null", "false", "true"};
        printf("%s\"%s\": %s", i == 0 ? "{" : ", ", graft_metrics[i]->name, words[verdicts[i]]);
    }
    printf("}\n");
    graft_expected_clear(&expected);
    return 0;
}

static int answer_f1(const graft_json *line)
{
    size_t n_reply, n_answer;
    double f1;
    const char *reply = graft_json_string(graft_json_get(line, "reply"), &n_reply);
    const char *answer = graft_json_string(graft_json_get(line, "answer"), &n_answer);
    if (graft_answer_f1(&f1, reply, n_reply, answer, n_answer) != GRAFT_OK) {
        return complain();
    }
    printf("%.17g\n", f1);
    return 0;
}

static int read_text(const graft_json *line)
{
    graft_span text;
    graft_json *value = NULL;
    graft_text out;
    const char *type = graft_json_string(graft_json_get(line, "type"), NULL);
    const char *items = graft_json_string(graft_json_get(line, "items"), NULL);
    const char *language = graft_json_string(graft_json_get(line, "language"), NULL);
    text.at = graft_json_string(graft_json_get(line, "text"), &text.n);
    graft_text_init(&out);
    graft_status status = strcmp(language, "simple_java") == 0
                              ? graft_foreign_java(&value, text, type, items)
                              : graft_foreign_javascript(&value, text, type, items);
    if (status == GRAFT_OK) {
        status = graft_json_write(&out, value, GRAFT_JSON_COMPACT);
    }
    puts(graft_text_z(&out));
    graft_json_free(value);
    graft_text_clear(&out);
    return status == GRAFT_OK ? 0 : complain();
}

int main(void)
{
    char *line = NULL;
    size_t capacity = 0;
    ssize_t n;
    int failed = 0;
    while (!failed && (n = getline(&line, &capacity, stdin)) > 0) {
        graft_json *json;
        if (graft_json_parse(&json, line, (size_t)n) != GRAFT_OK) {
            failed = complain();
        } else if (graft_json_has(json, "answer")) {
            failed = answer_f1(json);
        } else if (graft_json_has(json, "content")) {
            bool error = false;
            failed = graft_result_is_error(&error, json) != GRAFT_OK;
            puts(error ? "true" : "false");
        } else if (graft_json_has(json, "language")) {
            failed = read_text(json);
        } else {
            failed = judge(json);
        }
        graft_json_free(json);
    }
    free(line);
    return failed;
}
