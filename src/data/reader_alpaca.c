/* reader_alpaca.c - {instruction, input, output}: a task, what it is applied to, the answer.
 *
 * Instruction and input are joined by a newline; system and history ([[question, answer], ...])
 * come before. With instances: [{input, output}] each is an example.
 * https://github.com/tatsu-lab/stanford_alpaca; Wang et al., "Self-Instruct", 2023. */
#include "data/build.h"

static bool matches(const graft_json *record)
{
    return graft_json_has(record, "instruction") &&
           (graft_json_has(record, "output") ||
            graft_json_has(graft_json_at(graft_json_get(record, "instances"), 0), "output"));
}

static graft_status add_instance(graft_json *parts, const graft_json *record,
                                 const graft_json *instance)
{
    static const char *const of_all[] = {"system", "history", "tools", "instruction"};
    static const char *const keys[] = {"input", "output"};
    graft_status status = GRAFT_OK;
    graft_json *part = graft_json_new_object();
    for (size_t i = 0; i < sizeof of_all / sizeof *of_all; i++) {
        if (graft_json_get(record, of_all[i])) {
            GRAFT_TRY(graft_reader__set_shared(part, of_all[i], graft_json_get(record, of_all[i])));
        }
    }
    for (size_t i = 0; i < 2; i++) {
        GRAFT_TRY(graft_reader__set_shared(part, keys[i], graft_json_get(instance, keys[i])));
    }
    graft_json *taken = part;
    part = NULL;
    GRAFT_TRY(graft_json_push(parts, taken));
done:
    graft_json_free(part);
    return status;
}

static graft_status split(graft_json **parts, const graft_json *record)
{
    graft_status status = GRAFT_OK;
    const graft_json *instances = graft_json_get(record, "instances");
    graft_json *list = NULL;
    *parts = NULL;
    if (!instances) {
        return GRAFT_OK;
    }
    if (!graft_json_is(instances, GRAFT_JSON_ARRAY) || !graft_json_length(instances)) {
        return graft_fail(GRAFT_E_DATA, "instances is no list of {input, output}");
    }
    list = graft_json_new_array();
    for (size_t i = 0; i < graft_json_length(instances); i++) {
        GRAFT_TRY(add_instance(list, record, graft_json_at(instances, i)));
    }
    *parts = list;
    list = NULL;
done:
    graft_json_free(list);
    return status;
}

static graft_status convert(graft_conversation *out, const graft_json *record, void *state)
{
    graft_status status = GRAFT_OK;
    const graft_json *output = graft_json_get(record, "output");
    (void)state;
    if (!graft_json_is(output, GRAFT_JSON_STRING)) {
        return graft_fail(GRAFT_E_DATA, "output is not a text");
    }
    out->messages = graft_json_new_array();
    out->tools = graft_json_retain(graft_json_get(record, "tools"));
    GRAFT_TRY(graft_build__before(out->messages, record));
    GRAFT_TRY(graft_build__instruction(out->messages, record));
    GRAFT_TRY(graft_reader__add_text(out->messages, "assistant", output));
done:
    return status;
}

const graft_reader graft_reader_alpaca = {
    .name = "alpaca",
    .shape = "{instruction, input, output}",
    .matches = matches,
    .split = split,
    .convert = convert,
};
