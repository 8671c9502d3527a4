/* reader_toolalpaca.c - one API a record: {Function_Description, Instances: [{input, output,
 * intermediate_steps: [[[action, input, log], observation]]}]}; each instance is an example.
 *
 * Without Instances, Instructions with one Golden_Answer each are read. The log's thought becomes
 * content. Parameters are text ("Required. string. The city.") and become JSON Schema.
 * Tang et al., "ToolAlpaca: Generalized Tool Learning for Language Models with 3000 Simulated
 * Cases", 2023. */
#include <string.h>

#include "chat/python_literal.h"
#include "data/schema.h"

static bool matches(const graft_json *record)
{
    return graft_json_has(record, "Function_Description") &&
           (graft_json_has(record, "Instances") || graft_json_has(record, "Instructions"));
}

/* --- parts --- */

static graft_status add_part(graft_json *parts, const graft_json *record, const char *key,
                             const graft_json *value, const graft_json *input)
{
    graft_status status = GRAFT_OK;
    graft_json *part = graft_json_new_object();
    GRAFT_TRY(graft_reader__set_shared(part, "Function_Description",
                                       graft_json_get(record, "Function_Description")));
    GRAFT_TRY(graft_reader__set_shared(part, key, value));
    GRAFT_TRY(graft_reader__set_shared(part, "input", input));
    graft_json *taken = part;
    part = NULL;
    GRAFT_TRY(graft_json_push(parts, taken));
done:
    graft_json_free(part);
    return status;
}

/* An instance is a run, or several by number: {"0": {...}, "1": {...}}. */
static graft_status add_runs(graft_json *parts, const graft_json *record,
                             const graft_json *instance)
{
    graft_status status = GRAFT_OK;
    if (!graft_json_has(instance, "0")) {
        return add_part(parts, record, "Instance", instance, graft_json_get(instance, "input"));
    }
    graft_json_iter it = graft_json_iter_begin(instance);
    while (graft_json_iter_next(&it)) {
        GRAFT_TRY(add_part(parts, record, "Instance", it.value,
                           graft_json_get(it.value, "input")));
    }
done:
    return status;
}

static graft_status split(graft_json **parts, const graft_json *record)
{
    graft_status status = GRAFT_OK;
    const graft_json *instances = graft_json_get(record, "Instances");
    const graft_json *questions = graft_json_get(record, "Instructions");
    const graft_json *golden = graft_json_get(record, "Golden_Answers");
    graft_json *list = NULL;
    *parts = NULL;
    size_t n = graft_json_length(questions);
    if (!graft_json_length(instances) && n != graft_json_length(golden)) {
        return graft_fail(GRAFT_E_DATA, "has no Instances, and not a Golden_Answer for each of its "
                          "Instructions");
    }
    if (!graft_json_length(instances) && !n) {
        return graft_fail(GRAFT_E_DATA, "has no Instances");
    }
    list = graft_json_new_array();
    for (size_t i = 0; i < graft_json_length(instances); i++) {
        GRAFT_TRY(add_runs(list, record, graft_json_at(instances, i)));
    }
    for (size_t i = 0; !instances && i < graft_json_length(golden); i++) {
        GRAFT_TRY(add_part(list, record, "Golden_Answer", graft_json_at(golden, i),
                           graft_json_at(questions, i)));
    }
    *parts = list;
    list = NULL;
done:
    graft_json_free(list);
    return status;
}

/* --- tools --- */

/* "Required. string. The city." */
static graft_status add_parameter(graft_json *properties, graft_json *required, const char *key,
                                  graft_piece text)
{
    graft_status status = GRAFT_OK;
    graft_json *schema = graft_json_new_object();
    bool optional, must = graft_piece_begins(text, "Required.");
    size_t skip = must ? strlen("Required.") : graft_piece_begins(text, "Optional.") ? 9 : 0;
    text = graft_piece_trim(graft_piece_from(text, skip));
    char type[16];
    size_t n = graft_piece_find(text, ".");
    for (size_t i = 0; i < n && n < sizeof type; i++) { /* "String" */
        type[i] = (char)(text.at[i] >= 'A' && text.at[i] <= 'Z' ? text.at[i] + 32 : text.at[i]);
    }
    if (n < sizeof type && n) {
        GRAFT_TRY(graft_schema__set_type(schema, type, n, &optional));
    } else if (graft_piece_begins(text, "Array[") || graft_piece_begins(text, "Object{")) {
        GRAFT_TRY(graft_json_set_string(schema, "type", *text.at == 'A' ? "array" : "object"));
    }
    if (graft_json_has(schema, "type") && n < sizeof type) {
        text = graft_piece_trim(graft_piece_from(text, n < text.n ? n + 1 : n));
    }
    if (text.n) {
        GRAFT_TRY(graft_json_set(schema, "description", graft_json_new_string(text.at, text.n)));
    }
    if (must) {
        GRAFT_TRY(graft_json_push(required, graft_json_new_string(key, strlen(key))));
    }
    graft_json *taken = schema;
    schema = NULL;
    GRAFT_TRY(graft_json_set(properties, key, taken));
done:
    graft_json_free(schema);
    return status;
}

static graft_status read_parameters(graft_json **out, const graft_json *written)
{
    graft_status status = GRAFT_OK;
    graft_json *schema = graft_json_new_object(), *properties = graft_json_new_object();
    graft_json *required = graft_json_new_array();
    GRAFT_TRY(graft_json_set_string(schema, "type", "object"));
    GRAFT_TRY(graft_json_set(schema, "properties", graft_json_retain(properties)));
    GRAFT_TRY(graft_json_set(schema, "required", graft_json_retain(required)));
    graft_json_iter it = graft_json_iter_begin(written);
    while (graft_json_iter_next(&it)) {
        GRAFT_TRY(add_parameter(properties, required, it.key, graft_piece_of(it.value)));
    }
    *out = schema;
    schema = NULL;
done:
    graft_json_free(required);
    graft_json_free(properties);
    graft_json_free(schema);
    return status;
}

/* "Get country info\nParameters: {...}\nOutput: ..." */
static graft_status add_tool(graft_json *tools, const char *name, graft_piece text)
{
    graft_status status = GRAFT_OK;
    graft_json *written = NULL, *parameters = NULL;
    size_t at = graft_piece_find(text, "Parameters: ");
    graft_piece rest = graft_piece_from(text, at);
    graft_piece about = graft_piece_trim((graft_piece){text.at, at});
    if (!rest.n) {
        return GRAFT_OK; /* "components": forms of outputs */
    }
    rest = graft_piece_from(rest, strlen("Parameters: "));
    if (graft_build__value(&written, &rest) != GRAFT_OK) {
        return graft_fail_prefix("Function_Description of \"%.80s\": Parameters", name);
    }
    GRAFT_TRY(read_parameters(&parameters, written));
    GRAFT_TRY(graft_build__tool(tools, (graft_piece){name, strlen(name)}, about, parameters));
done:
    graft_json_free(written);
    return status;
}

static graft_status add_tools(graft_conversation *out, const graft_json *functions)
{
    graft_status status = GRAFT_OK;
    out->tools = graft_json_new_array();
    graft_json_iter it = graft_json_iter_begin(functions);
    while (graft_json_iter_next(&it)) {
        GRAFT_TRY(add_tool(out->tools, it.key, graft_piece_of(it.value)));
    }
done:
    return status;
}

/* --- instances --- */

static graft_status add_call(graft_json *messages, graft_piece name, const graft_json *input)
{
    graft_status status = GRAFT_OK;
    graft_piece text = graft_piece_of(input);
    graft_json *arguments = NULL;
    if (!name.n) {
        return graft_fail(GRAFT_E_DATA, "a step has no action");
    }
    if (graft_json_is(input, GRAFT_JSON_OBJECT)) {
        arguments = graft_json_retain((graft_json *)(uintptr_t)input);
    } else if (graft_python_or_json(&arguments, text.at, text.n) != GRAFT_OK) {
        return graft_fail_prefix("the input of action \"%.*s\" is not JSON",
                                 (int)(name.n < 80 ? name.n : 80), name.at);
    }
    status = graft_build__named_call(messages, name, arguments);
    return status;
}

/* [[action, input, log], observation] */
static graft_status add_step(graft_json *messages, const graft_json *step)
{
    graft_status status = GRAFT_OK;
    const graft_json *action = graft_json_at(step, 0), *observation = graft_json_at(step, 1);
    graft_piece log = graft_piece_of(graft_json_at(action, 2)), none = {"", 0};
    graft_text content;
    graft_text_init(&content);
    log.n = graft_piece_find(log, "\nASSISTANT Action:");
    log.n = graft_piece_find(log, "\nAction:");
    log = graft_piece_trim(log);
    if (log.n) {
        GRAFT_TRY(graft_build__text(messages, "assistant", log));
    } else {
        GRAFT_TRY(graft_reader__add_text(messages, "assistant", NULL));
    }
    GRAFT_TRY(add_call(messages, graft_piece_of(graft_json_at(action, 0)),
                       graft_json_at(action, 1)));
    GRAFT_TRY(graft_build__as_text(&content, observation));
    GRAFT_TRY(graft_build__result(messages, none, (graft_piece){graft_text_z(&content),
                                                               content.len}));
done:
    graft_text_clear(&content);
    return status;
}

static graft_status add_instance(graft_json *messages, const graft_json *instance)
{
    graft_status status = GRAFT_OK;
    const graft_json *steps = graft_json_get(instance, "intermediate_steps");
    const graft_json *output = graft_json_get(instance, "output");
    if (!graft_json_is(instance, GRAFT_JSON_OBJECT) || graft_json_has(instance, "error")) {
        return graft_fail(GRAFT_E_DATA, "the instance holds no run: %.80s",
                          graft_json_has(instance, "error") ? "it ended with an error"
                                                            : "it is not used");
    }
    if (graft_piece_begins(graft_piece_of(output), "Agent stopped due to")) {
        return graft_fail(GRAFT_E_DATA, "the final answer is missing: the agent was stopped");
    }
    if (!graft_json_length(steps) && !output) {
        return graft_fail(GRAFT_E_DATA, "the instance has neither steps nor an output");
    }
    for (size_t i = 0; i < graft_json_length(steps); i++) {
        if (add_step(messages, graft_json_at(steps, i)) != GRAFT_OK) {
            return graft_fail_prefix("step %zu", i + 1);
        }
    }
    if (output) {
        GRAFT_TRY(graft_reader__add_text(messages, "assistant", output));
    }
done:
    return status;
}

static graft_status add_golden(graft_json *messages, const graft_json *golden)
{
    const graft_json *only = graft_json_at(golden, 0);
    if (graft_json_length(golden) != 1) {
        return graft_fail(GRAFT_E_DATA, "Golden_Answers has %zu calls: the results between them "
                          "are missing", graft_json_length(golden));
    }
    return add_call(messages, graft_piece_of(graft_json_get(only, "Action")),
                    graft_json_get(only, "Action_Input"));
}

static graft_status convert(graft_conversation *out, const graft_json *record, void *state)
{
    graft_status status = GRAFT_OK;
    const graft_json *input = graft_json_get(record, "input");
    (void)state;
    out->messages = graft_json_new_array();
    GRAFT_TRY(add_tools(out, graft_json_get(record, "Function_Description")));
    if (input) {
        GRAFT_TRY(graft_reader__add_text(out->messages, "user", input));
    }
    status = graft_json_has(record, "Golden_Answer")
                 ? add_golden(out->messages, graft_json_get(record, "Golden_Answer"))
                 : add_instance(out->messages, graft_json_get(record, "Instance"));
done:
    return status;
}

const graft_reader graft_reader_toolalpaca = {
    .name = "toolalpaca",
    .shape = "{Function_Description, Instances: [{input, output, intermediate_steps}]}",
    .matches = matches,
    .split = split,
    .apart = true,
    .convert = convert,
};
