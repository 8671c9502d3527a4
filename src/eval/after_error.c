/* after_error: where a tool's result was an error, the reply does what was expected: the calls that
 * recover from it, or none where words are expected. */
#include <string.h>
#include <strings.h>

#include "eval/metrics.h"

static bool begins(const char *text, size_t n, const char *word)
{
    return n >= strlen(word) && strncasecmp(text, word, strlen(word)) == 0;
}

static bool says_error(const char *text, size_t n)
{
    static const char *const words[] = {"error", "exception", "traceback", "failed"};
    while (n > 0 && (*text == ' ' || *text == '\n' || *text == '*' || *text == '[' || *text == '<')) {
        text++;
        n--;
    }
    for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
        if (begins(text, n, words[i])) {
            return true;
        }
    }
    return false;
}

/* Not null, false, 0 or "". */
static bool is_truthy(const graft_json *value)
{
    size_t n = 0;
    graft_json_string(value, &n);
    switch (graft_json_get_type(value)) {
    case GRAFT_JSON_NULL: return false;
    case GRAFT_JSON_BOOL: return graft_json_bool(value);
    case GRAFT_JSON_STRING: return n > 0;
    case GRAFT_JSON_INT:
    case GRAFT_JSON_DOUBLE: return graft_json_double(value) < 0 || graft_json_double(value) > 0;
    default: return graft_json_length(value) > 0;
    }
}

static bool object_is_error(const graft_json *object)
{
    static const char *const keys[] = {"error", "Error", "errors", "exception", "is_error",
                                       "error_message"};
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) {
        if (is_truthy(graft_json_get(object, keys[i]))) {
            return true;
        }
    }
    const graft_json *status = graft_json_get(object, "status");
    const graft_json *success = graft_json_get(object, "success");
    size_t n = 0;
    const char *text = graft_json_string(status, &n);
    return (text != NULL && (begins(text, n, "error") || begins(text, n, "fail"))) ||
           (graft_json_is(success, GRAFT_JSON_BOOL) && !graft_json_bool(success));
}

bool graft_result_is_error(const graft_json *content)
{
    size_t n = 0;
    const char *text = graft_json_string(content, &n);
    graft_json *parsed = NULL;
    if (graft_json_is(content, GRAFT_JSON_OBJECT)) {
        return object_is_error(content);
    }
    if (text == NULL || says_error(text, n)) {
        return text != NULL;
    }
    bool error = n > 0 && (*text == '{' || *text == ' ' || *text == '\n') &&
                 graft_json_parse(&parsed, text, n) == GRAFT_OK &&
                 graft_json_is(parsed, GRAFT_JSON_OBJECT) && object_is_error(parsed);
    graft_json_free(parsed);
    return error;
}

static graft_status judge(graft_verdict *out, const graft_judged *judged)
{
    extern const graft_metric graft_metric_exact, graft_metric_no_call;
    *out = GRAFT_VERDICT_NONE;
    if (!judged->after_error) {
        return GRAFT_OK;
    }
    return judged->expected->n > 0 ? graft_metric_exact.judge(out, judged)
                                   : graft_metric_no_call.judge(out, judged);
}

const graft_metric graft_metric_after_error = {
    .name = "after_error",
    .help = "after a tool's error, the expected calls or words",
    .judge = judge,
};
