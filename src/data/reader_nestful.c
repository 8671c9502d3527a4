/* reader_nestful.c - {input, output: [{name, arguments, label}]}: a question and calls that use
 * each other's results, written "$var1.field$".
 *
 * The labels count the calls (var1, var2, ...) and become their ids. The files declare no tools.
 * Basu et al., "NESTFUL: A Benchmark for Evaluating LLMs on Nested Sequences of API Calls". */
#include "data/build.h"

static bool matches(const graft_json *record)
{
    const graft_json *first = graft_json_at(graft_json_get(record, "output"), 0);
    return graft_json_is(graft_json_get(record, "input"), GRAFT_JSON_STRING) &&
           graft_json_has(first, "name") && graft_json_has(first, "arguments");
}

static graft_status add_call(graft_json *messages, const graft_json *in)
{
    graft_status status = GRAFT_OK;
    graft_json *call = graft_json_new_object(), *function = graft_json_new_object(), *taken;
    const graft_json *label = graft_json_get(in, "label");
    if (label) {
        GRAFT_TRY(graft_reader__set_shared(call, "id", label));
    }
    GRAFT_TRY(graft_reader__set_shared(function, "name", graft_json_get(in, "name")));
    GRAFT_TRY(graft_reader__set_shared(function, "arguments", graft_json_get(in, "arguments")));
    taken = function;
    function = NULL;
    GRAFT_TRY(graft_json_set(call, "function", taken));
    GRAFT_TRY(graft_build__call(messages, call));
done:
    graft_json_free(function);
    graft_json_free(call);
    return status;
}

static graft_status convert(graft_conversation *out, const graft_json *record, void *state)
{
    graft_status status = GRAFT_OK;
    const graft_json *input = graft_json_get(record, "input");
    const graft_json *calls = graft_json_get(record, "output");
    (void)state;
    if (!graft_json_is(input, GRAFT_JSON_STRING) || !graft_json_length(calls)) {
        return graft_fail(GRAFT_E_DATA, "has no input text or no calls in output");
    }
    out->messages = graft_json_new_array();
    out->tools = graft_json_retain(graft_json_get(record, "tools"));
    GRAFT_TRY(graft_reader__add_text(out->messages, "user", input));
    for (size_t i = 0; i < graft_json_length(calls); i++) {
        GRAFT_TRY(add_call(out->messages, graft_json_at(calls, i)));
    }
done:
    return status;
}

const graft_reader graft_reader_nestful = {
    .name = "nestful",
    .shape = "{input, output: [{name, arguments, label}]}",
    .matches = matches,
    .convert = convert,
};
