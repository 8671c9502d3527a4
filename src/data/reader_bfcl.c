/* reader_bfcl.c - the Berkeley Function Calling Leaderboard: a question file and an answer file.
 *
 * A question is {id, question: [[{role, content}]], function: [...]}; the answer file holds
 * {id, ground_truth: [{NAME: {ARG: [alternatives]}}]}, joined by id. The reply that is trained
 * takes the first alternative of each argument; where that is "" the argument is left out, unless
 * it is required. All alternatives stay in `expected` for scoring. The files' types (dict, float,
 * tuple, ...) become those of JSON Schema; questions in Java and JavaScript, whose ids say so
 * (simple_java_12), have parameters and answers in source text: data/bfcl_language.h. Where no function helps (irrelevance files) no call is
 * expected: items for evaluation only. Multi-turn files hold no tool results and are refused.
 * https://gorilla.cs.berkeley.edu/leaderboard.html, Patil et al., "The Berkeley Function Calling
 * Leaderboard", ICML 2025 */
#include <stdio.h>
#include <string.h>

#include "core/map.h"
#include "core/memory.h"
#include "data/bfcl_language.h"
#include "data/reader.h"
#include "data/schema.h"
#include "io/lines.h"

typedef struct answers {
    graft_json **records;
    size_t n, capacity;
    graft_map ids; /* id -> index in records */
} answers;

static bool matches(const graft_json *record)
{
    return graft_json_is(graft_json_get(record, "question"), GRAFT_JSON_ARRAY) &&
           (graft_json_has(record, "function") || graft_json_has(record, "involved_classes"));
}

static void close_answers(void *state)
{
    answers *a = state;
    if (!a) {
        return;
    }
    for (size_t i = 0; i < a->n; i++) {
        graft_json_free(a->records[i]);
    }
    graft_free(a->records);
    graft_map_clear(&a->ids);
    graft_free(a);
}

static graft_status add_answer(answers *a, const char *line, size_t n)
{
    graft_status status = GRAFT_OK;
    graft_json *record = NULL;
    bool known = false;
    GRAFT_TRY(graft_json_parse(&record, line, n));
    const char *id = graft_json_string(graft_json_get(record, "id"), &n);
    if (!id || !graft_json_is(graft_json_get(record, "ground_truth"), GRAFT_JSON_ARRAY)) {
        status = graft_fail(GRAFT_E_DATA, "is not an answer {id, ground_truth: [...]}");
        goto done;
    }
    GRAFT_TRY(graft_reserve(&a->records, &a->capacity, a->n + 1, sizeof *a->records));
    GRAFT_TRY(graft_map_set(&a->ids, id, n, a->n, &known));
    if (known) {
        /* The map now borrows from this record, which goes: nothing may look it up any more. */
        graft_map_clear(&a->ids);
        status = graft_fail(GRAFT_E_DATA, "second answer for one id");
        goto done;
    }
    a->records[a->n++] = record;
    record = NULL;
done:
    graft_json_free(record);
    return status;
}

static graft_status open_answers(void **state, const char *path)
{
    graft_status status = GRAFT_OK;
    answers *a = NULL;
    graft_lines *lines = NULL;
    const char *line;
    size_t n;
    *state = NULL;
    GRAFT_TRY(graft_alloc(&a, 1, sizeof *a));
    graft_map_init(&a->ids);
    GRAFT_TRY(graft_lines_open(&lines, path));
    for (;;) {
        GRAFT_TRY(graft_lines_next(lines, &line, &n));
        if (!line) {
            break;
        }
        if (n && add_answer(a, line, n) != GRAFT_OK) {
            status = graft_fail_prefix("%s:%zu", path, graft_lines_number(lines));
            goto done;
        }
    }
    *state = a;
    a = NULL;
done:
    graft_lines_close(lines);
    close_answers(a);
    return status;
}

/* --- answers --- */

static bool is_empty_text(const graft_json *value)
{
    size_t n = 1;
    graft_json_string(value, &n);
    return graft_json_is(value, GRAFT_JSON_STRING) && n == 0;
}

static bool is_required(const graft_json *parameters, const char *name)
{
    const graft_json *required = graft_json_get(parameters, "required");
    for (size_t i = 0; i < graft_json_length(required); i++) {
        const char *text = graft_json_string(graft_json_at(required, i), NULL);
        if (text && strcmp(text, name) == 0) {
            return true;
        }
    }
    return false;
}

static graft_status concrete(graft_json **out, const graft_json *value);

/* Chooses from the alternatives of each member; parameters (may be NULL) tell what is required. */
static graft_status choose(graft_json **out, const graft_json *members,
                           const graft_json *parameters)
{
    graft_status status = GRAFT_OK;
    graft_json *object = graft_json_new_object(), *value = NULL;
    graft_json_iter it = graft_json_iter_begin(members);
    *out = NULL;
    while (graft_json_iter_next(&it)) {
        const graft_json *choice = it.value;
        if (graft_json_is(it.value, GRAFT_JSON_ARRAY) && graft_json_length(it.value)) {
            choice = graft_json_at(it.value, 0);
            if (is_empty_text(choice)) {
                if (!is_required(parameters, it.key)) {
                    continue;
                }
                for (size_t i = 1; is_empty_text(choice) && i < graft_json_length(it.value); i++) {
                    choice = graft_json_at(it.value, i);
                }
            }
        }
        GRAFT_TRY(concrete(&value, choice));
        graft_json *taken = value;
        value = NULL;
        GRAFT_TRY(graft_json_set(object, it.key, taken));
    }
    *out = object;
    object = NULL;
done:
    graft_json_free(value);
    graft_json_free(object);
    return status;
}

/* Inside a value, too, the members of objects are lists of alternatives. */
static graft_status concrete(graft_json **out, const graft_json *value)
{
    graft_status status = GRAFT_OK;
    graft_json *list = NULL, *item = NULL;
    *out = NULL;
    if (graft_json_is(value, GRAFT_JSON_OBJECT)) {
        return choose(out, value, NULL);
    }
    if (!graft_json_is(value, GRAFT_JSON_ARRAY)) {
        *out = graft_json_retain((graft_json *)(uintptr_t)value);
        return GRAFT_OK;
    }
    list = graft_json_new_array();
    for (size_t i = 0; i < graft_json_length(value); i++) {
        GRAFT_TRY(concrete(&item, graft_json_at(value, i)));
        graft_json *taken = item;
        item = NULL;
        GRAFT_TRY(graft_json_push(list, taken));
    }
    *out = list;
    list = NULL;
done:
    graft_json_free(item);
    graft_json_free(list);
    return status;
}

static const graft_json *parameters_of(const graft_json *functions, const char *name)
{
    for (size_t i = 0; i < graft_json_length(functions); i++) {
        const graft_json *function = graft_json_at(functions, i);
        const char *text = graft_json_string(graft_json_get(function, "name"), NULL);
        if (text && strcmp(text, name) == 0) {
            return graft_json_get(function, "parameters");
        }
    }
    return NULL;
}

/* The arguments to train on, chosen from {ARG: [alternatives]}. */
static graft_status choose_arguments(graft_json **out, const graft_json *members,
                                     const graft_json *parameters, graft_bfcl_language language)
{
    graft_status status = GRAFT_OK;
    graft_json *chosen = NULL;
    *out = NULL;
    GRAFT_TRY(choose(&chosen, members, parameters));
    if (language != GRAFT_BFCL_PYTHON) {
        GRAFT_TRY(graft_bfcl_spell(out, chosen, parameters, language));
    } else {
        *out = chosen;
        chosen = NULL;
    }
done:
    graft_json_free(chosen);
    return status;
}

/* Appends {"name", "arguments"} for one {NAME: {ARG: [alternatives]}}. */
static graft_status add_call(graft_json *calls, const graft_json *truth,
                             const graft_json *functions, graft_bfcl_language language)
{
    graft_status status = GRAFT_OK;
    graft_json *call = NULL, *arguments = NULL, *taken;
    graft_json_iter it = graft_json_iter_begin(truth);
    if (graft_json_length(truth) != 1 || !graft_json_iter_next(&it) ||
        !graft_json_is(it.value, GRAFT_JSON_OBJECT)) {
        return graft_fail(GRAFT_E_DATA, "ground_truth is not a list of {NAME: {ARG: [values]}} "
                          "(multi-turn files hold no tool results to train on)");
    }
    GRAFT_TRY(choose_arguments(&arguments, it.value, parameters_of(functions, it.key), language));
    call = graft_json_new_object();
    GRAFT_TRY(graft_json_set_string(call, "name", it.key));
    taken = arguments;
    arguments = NULL;
    GRAFT_TRY(graft_json_set(call, "arguments", taken));
    taken = call;
    call = NULL;
    GRAFT_TRY(graft_json_push(calls, taken));
done:
    graft_json_free(arguments);
    graft_json_free(call);
    return status;
}

static graft_status add_reply(graft_json *messages, const graft_json *truth,
                              const graft_json *functions, graft_bfcl_language language)
{
    graft_status status = GRAFT_OK;
    graft_json *calls = graft_json_new_array(), *reply = graft_json_new_object(), *taken;
    for (size_t i = 0; i < graft_json_length(truth); i++) {
        GRAFT_TRY(add_call(calls, graft_json_at(truth, i), functions, language));
    }
    GRAFT_TRY(graft_json_set_string(reply, "role", "assistant"));
    taken = calls;
    calls = NULL;
    GRAFT_TRY(graft_json_set(reply, "tool_calls", taken));
    taken = reply;
    reply = NULL;
    GRAFT_TRY(graft_json_push(messages, taken));
done:
    graft_json_free(calls);
    graft_json_free(reply);
    return status;
}

static graft_status find_answer(const graft_json **truth, const answers *a,
                                const graft_json *record)
{
    size_t n;
    uint64_t index;
    const char *id = graft_json_string(graft_json_get(record, "id"), &n);
    if (!id) {
        return graft_fail(GRAFT_E_DATA, "has no id");
    }
    if (!graft_map_find(&a->ids, id, n, &index)) {
        return graft_fail(GRAFT_E_DATA, "id \"%.80s\" is not in the answer file", id);
    }
    *truth = graft_json_get(a->records[index], "ground_truth");
    if (!graft_json_length(*truth)) {
        return graft_fail(GRAFT_E_DATA, "id \"%.80s\" has no calls in the answer file", id);
    }
    return GRAFT_OK;
}

/* Questions of these categories have no answers: the right reply is in words. */
static bool expects_no_call(const graft_json *record)
{
    static const char *const categories[] = {"irrelevance", "live_irrelevance"};
    const char *id = graft_json_string(graft_json_get(record, "id"), NULL);
    for (size_t i = 0; id && i < sizeof categories / sizeof *categories; i++) {
        if (strncmp(id, categories[i], strlen(categories[i])) == 0) {
            return true;
        }
    }
    return false;
}

/* Appends a function of the question as a tool. */
static graft_status add_tool(graft_json *tools, const graft_json *function,
                             graft_bfcl_language language)
{
    graft_status status = GRAFT_OK;
    graft_json *shown = NULL, *tool = NULL;
    if (language != GRAFT_BFCL_PYTHON) {
        GRAFT_TRY(graft_bfcl_show(&shown, function, language));
        function = shown;
    }
    GRAFT_TRY(graft_schema__json(&tool, function));
    status = graft_json_push(tools, tool);
done:
    graft_json_free(shown);
    return status;
}

static graft_status convert(graft_conversation *out, const graft_json *record, void *state)
{
    graft_status status = GRAFT_OK;
    bool no_call = expects_no_call(record);
    const graft_json *question = graft_json_get(record, "question"), *truth = NULL;
    const graft_json *functions = graft_json_get(record, "function");
    graft_bfcl_language language =
        graft_bfcl_language_of(graft_json_string(graft_json_get(record, "id"), NULL));
    if (graft_json_length(question) > 1 || graft_json_has(record, "involved_classes")) {
        return graft_fail(GRAFT_E_DATA,
                          "is a multi-turn question, without tool results to train on");
    }
    if (!state && !no_call) {
        return graft_fail(GRAFT_E_DATA, "a BFCL question has no reply in it: name the "
                          "possible-answer file with \"answers\"");
    }
    if (!graft_json_is(functions, GRAFT_JSON_ARRAY) ||
        !graft_json_is(graft_json_at(question, 0), GRAFT_JSON_ARRAY)) {
        return graft_fail(GRAFT_E_DATA, "is not a BFCL question {id, question: [[...]], function}");
    }
    GRAFT_TRY(graft_json_copy(&out->messages, graft_json_at(question, 0)));
    if (!no_call) {
        GRAFT_TRY(find_answer(&truth, state, record));
        GRAFT_TRY(add_reply(out->messages, truth, functions, language));
    }
    out->tools = graft_json_new_array();
    for (size_t i = 0; i < graft_json_length(functions); i++) {
        GRAFT_TRY(add_tool(out->tools, graft_json_at(functions, i), language));
    }
    if (no_call) {
        out->expected = graft_json_new_array();
    } else {
        GRAFT_TRY(graft_json_copy(&out->expected, truth));
    }
done:
    return status;
}

const graft_reader graft_reader_bfcl = {
    .name = "bfcl",
    .shape = "{id, question: [[{role, content}]], function} with an answer file",
    .matches = matches,
    .open = open_answers,
    .close = close_answers,
    .convert = convert,
};
