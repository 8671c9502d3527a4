/* errors.c - tool results that report an error, and the calls they answer.
 *
 * Nothing marks an error in the canonical form; runtimes write it into the text of the result, or
 * into a member of its message. What is recognised is listed in dataset.h. */
#include <math.h>
#include <string.h>
#include <strings.h>

#include "core/map.h"
#include "data/dataset.h"

static bool is_word(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
}

/* --- text --- */

/* Does text[0..n), a name such as "requests.exceptions.HTTPError", end with an error's name? */
static bool names_error(const char *text, size_t n)
{
    static const char *const endings[] = {"Error", "Exception"};
    for (size_t i = 0; i < sizeof endings / sizeof *endings; i++) {
        size_t length = strlen(endings[i]);
        if (n >= length && memcmp(text + n - length, endings[i], length) == 0) {
            return true;
        }
    }
    return false;
}

static bool text_reports(const char *text, size_t n)
{
    static const char *const words[] = {"error", "exception", "traceback"};
    size_t begin = 0, end;
    while (begin < n && (text[begin] == ' ' || text[begin] == '\n' || text[begin] == '\t' ||
                         text[begin] == '\r' || text[begin] == '[')) {
        begin++;
    }
    for (end = begin; end < n && is_word(text[end]); end++) {
    }
    for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
        size_t length = strlen(words[i]);
        if (end - begin == length && strncasecmp(text + begin, words[i], length) == 0) {
            return true;
        }
    }
    while (end < n && (is_word(text[end]) || text[end] == '.')) {
        end++;
    }
    return end < n && text[end] == ':' && names_error(text + begin, end - begin);
}

/* --- JSON --- */

/* null, false, 0, "", [] and {} say that there is no error. */
static bool is_nothing(const graft_json *value)
{
    size_t n = 0;
    switch (graft_json_get_type(value)) {
    case GRAFT_JSON_NULL:
        return true;
    case GRAFT_JSON_BOOL:
        return !graft_json_bool(value);
    case GRAFT_JSON_INT:
    case GRAFT_JSON_DOUBLE:
        return !(fabs(graft_json_double(value)) > 0);
    case GRAFT_JSON_STRING:
        graft_json_string(value, &n);
        return n == 0;
    default:
        return graft_json_length(value) == 0;
    }
}

static bool is_failure_word(const graft_json *value)
{
    static const char *const words[] = {"error", "failed", "failure", "exception"};
    const char *text = graft_json_string(value, NULL);
    for (size_t i = 0; text && i < sizeof words / sizeof *words; i++) {
        if (strcasecmp(text, words[i]) == 0) {
            return true;
        }
    }
    return false;
}

/* Does the object say so in one of its members? */
static bool object_reports(const graft_json *object)
{
    static const char *const errors[] = {"error", "errors", "exception", "traceback", "is_error",
                                         "isError"};
    static const char *const successes[] = {"success", "ok"};
    static const char *const states[] = {"status", "status_code", "statusCode"};
    for (size_t i = 0; i < sizeof errors / sizeof *errors; i++) {
        if (!is_nothing(graft_json_get(object, errors[i]))) {
            return true;
        }
    }
    for (size_t i = 0; i < sizeof successes / sizeof *successes; i++) {
        const graft_json *value = graft_json_get(object, successes[i]);
        if (graft_json_is(value, GRAFT_JSON_BOOL) && !graft_json_bool(value)) {
            return true;
        }
    }
    for (size_t i = 0; i < sizeof states / sizeof *states; i++) {
        const graft_json *value = graft_json_get(object, states[i]);
        int64_t code = graft_json_is(value, GRAFT_JSON_INT) ? graft_json_int(value) : 0;
        if (is_failure_word(value) || (code >= 400 && code <= 599)) {
            return true;
        }
    }
    return false;
}

graft_status graft_result_is_error(bool *out, const graft_json *message)
{
    graft_status status = GRAFT_OK;
    graft_json *value = NULL;
    size_t n = 0;
    const char *text = graft_json_string(graft_json_get(message, "content"), &n);
    *out = object_reports(message) || (text && text_reports(text, n));
    if (*out || !text) {
        return GRAFT_OK;
    }
    status = graft_json_parse(&value, text, n);
    if (status == GRAFT_E_DATA) { /* plain text */
        return GRAFT_OK;
    }
    GRAFT_TRY(status);
    *out = object_reports(value);
done:
    graft_json_free(value);
    return status;
}

/* --- the calls behind them --- */

/* The assistant's message that made call `id`, by the ids of those made so far. */
static graft_status note_calls(graft_map *calls, const graft_json *message, size_t turn)
{
    graft_status status = GRAFT_OK;
    const graft_json *list = graft_json_get(message, "tool_calls");
    for (size_t i = 0; i < graft_json_length(list); i++) {
        size_t n = 0;
        const char *id = graft_json_string(graft_json_get(graft_json_at(list, i), "id"), &n);
        if (id) {
            GRAFT_TRY(graft_map_set(calls, id, n, turn, NULL));
        }
    }
done:
    return status;
}

static graft_status mask_conversation(graft_conversation *c, size_t *n_errors, size_t *n_masked)
{
    graft_status status = GRAFT_OK;
    graft_map calls;
    graft_map_init(&calls);
    for (size_t i = 0; i < c->n_turns; i++) {
        const graft_json *message = graft_json_at(c->messages, i);
        size_t n = 0;
        uint64_t turn = 0;
        bool failed = false;
        const char *id = graft_json_string(graft_json_get(message, "tool_call_id"), &n);
        GRAFT_TRY(note_calls(&calls, message, i));
        if (c->turns[i].role == GRAFT_ROLE_TOOL) {
            GRAFT_TRY(graft_result_is_error(&failed, message));
        }
        if (failed && id && graft_map_find(&calls, id, n, &turn)) {
            ++*n_errors;
            *n_masked += fabsf(c->turns[turn].weight) > 0;
            c->turns[turn].weight = 0;
        }
    }
done:
    graft_map_clear(&calls);
    return status;
}

graft_status graft_dataset_mask_errors(graft_dataset *dataset, size_t *n_errors, size_t *n_masked)
{
    graft_status status = GRAFT_OK;
    *n_errors = *n_masked = 0;
    for (size_t i = 0; i < dataset->n; i++) {
        GRAFT_TRY(mask_conversation(&dataset->conversations[i], n_errors, n_masked));
    }
done:
    return status;
}
