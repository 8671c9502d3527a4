/* reader_api_bank.c - one dialogue a file, one turn a line: {role: User|AI, text} and
 * {role: API, api_name, param_dict, result}.
 *
 * A call of the API belongs to the assistant's text before it, if there is one; its result is the
 * output (or the exception). The files declare no tools.
 * Li et al., "API-Bank: A Comprehensive Benchmark for Tool-Augmented LLMs", 2023. */
#include <string.h>

#include "data/build.h"

static bool matches(const graft_json *record)
{
    const char *role = graft_json_string(graft_json_get(record, "role"), NULL);
    return role && ((strcmp(role, "API") == 0 && graft_json_has(record, "api_name")) ||
                    ((strcmp(role, "User") == 0 || strcmp(role, "AI") == 0) &&
                     graft_json_has(record, "text")));
}

static graft_status add_api(graft_json *messages, const graft_json *turn)
{
    graft_status status = GRAFT_OK;
    const graft_json *result = graft_json_get(turn, "result");
    const graft_json *output = graft_json_get(result, "output");
    const graft_json *exception = graft_json_get(result, "exception");
    graft_piece name = graft_piece_of(graft_json_get(turn, "api_name"));
    graft_text content;
    graft_text_init(&content);
    if (!name.n || !graft_json_is(result, GRAFT_JSON_OBJECT)) {
        return graft_fail(GRAFT_E_DATA, "API without api_name or result");
    }
    GRAFT_TRY(graft_build__named_call(messages, name,
                                      graft_json_retain(graft_json_get(turn, "param_dict"))));
    if (exception && !output) {
        GRAFT_TRY(graft_text_append_z(&content, "exception: "));
        output = exception;
    }
    GRAFT_TRY(graft_build__as_text(&content, output));
    GRAFT_TRY(graft_build__result(messages, name,
                                  (graft_piece){graft_text_z(&content), content.len}));
done:
    graft_text_clear(&content);
    return status;
}

static graft_status add_turn(graft_json *messages, const graft_json *turn)
{
    const char *role = graft_json_string(graft_json_get(turn, "role"), NULL);
    const graft_json *text = graft_json_get(turn, "text");
    if (!role) {
        return graft_fail(GRAFT_E_DATA, "has no role");
    }
    if (strcmp(role, "API") == 0) {
        return add_api(messages, turn);
    }
    if (strcmp(role, "User") != 0 && strcmp(role, "AI") != 0) {
        return graft_fail(GRAFT_E_DATA, "unknown role (known: User, AI, API)");
    }
    if (!graft_json_is(text, GRAFT_JSON_STRING)) {
        return graft_fail(GRAFT_E_DATA, "has no text");
    }
    return graft_reader__add_text(messages, *role == 'U' ? "user" : "assistant", text);
}

static graft_status convert(graft_conversation *out, const graft_json *record, void *state)
{
    graft_status status = GRAFT_OK;
    const graft_json *turns = graft_json_get(record, "records");
    (void)state;
    if (!graft_json_is(turns, GRAFT_JSON_ARRAY)) {
        return graft_fail(GRAFT_E_DATA, "is no list of turns");
    }
    out->messages = graft_json_new_array();
    for (size_t i = 0; i < graft_json_length(turns); i++) {
        if (add_turn(out->messages, graft_json_at(turns, i)) != GRAFT_OK) {
            status = graft_fail_prefix("turn %zu", i + 1);
            goto done;
        }
    }
done:
    return status;
}

const graft_reader graft_reader_api_bank = {
    .name = "api-bank",
    .shape = "{role: User|AI, text} and {role: API, api_name, param_dict, result}, a turn a line",
    .matches = matches,
    .gathers = true,
    .apart = true,
    .convert = convert,
};
