/* Judges lines of JSON from stdin for test_eval.py; one line of JSON out for each.
 *
 * {"reply", "answer"} -> the F1 of their words
 * {"content"} -> true | false: does it speak of an error?
 * {"message", "alternatives", "calls", "broken", "ended", "tools"} -> {NAME: true|false|null}. */
#include <stdio.h>
#include <stdlib.h>

#include "data/dataset.h"
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
        } else {
            failed = judge(json);
        }
        graft_json_free(json);
    }
    free(line);
    return failed;
}
