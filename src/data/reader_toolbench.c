/* reader_toolbench.c - ToolBench: answer files {answer_generation: {train_messages, function}}, and
 * {conversations: [{from, value}]} with a turn of "function" and Thought, Action, Action Input.
 *
 * train_messages holds the course after each step; the last one is the whole. In conversations the
 * tools stand as a Python list at the end of the system text.
 * Qin et al., "ToolLLM: Facilitating LLMs to Master 16000+ Real-world APIs", 2023. */
#include <string.h>

#include "data/react.h"

#define APIS "you have access to the following APIs:"

static const char *const instructions[] = {
    "Specifically, you have access to the following APIs:",
    "you have access to the following APIs:",
    "Your output should follow this format: Thought: Action Action Input:", NULL};

static graft_piece from_of(const graft_json *item)
{
    return graft_piece_of(graft_json_get(item, "from"));
}

static bool matches(const graft_json *record)
{
    const graft_json *items = graft_json_get(record, "conversations");
    graft_piece first = graft_piece_of(graft_json_get(graft_json_at(items, 0), "value"));
    return graft_json_has(graft_json_get(record, "answer_generation"), "function") ||
           (graft_piece_find(first, APIS) < first.n &&
            strcmp(from_of(graft_json_at(items, 0)).at, "system") == 0);
}

static graft_status add_answer(graft_conversation *out, const graft_json *answer)
{
    graft_status status = GRAFT_OK;
    const graft_json *courses = graft_json_get(answer, "train_messages");
    size_t n = graft_json_length(courses);
    if (!n) {
        return graft_fail(GRAFT_E_DATA, "train_messages is missing: the search found no course "
                          "that is valid");
    }
    GRAFT_TRY(graft_json_copy(&out->messages, graft_json_at(courses, n - 1)));
    out->tools = graft_json_retain(graft_json_get(answer, "function"));
done:
    return status;
}

static graft_status add_system(graft_conversation *out, graft_piece text)
{
    graft_status status = GRAFT_OK;
    graft_text own;
    graft_json *list = NULL;
    size_t at = graft_piece_find(text, APIS);
    graft_piece rest = graft_piece_from(text, at < text.n ? at + strlen(APIS) : at);
    graft_text_init(&own);
    rest = graft_piece_trim(rest);
    if (rest.n && graft_build__value(&list, &rest) != GRAFT_OK) {
        status = graft_fail_prefix("the APIs in the system text");
        goto done;
    }
    size_t before = at < text.n ? at + strlen(APIS) : text.n;
    GRAFT_TRY(graft_build__without(&own, (graft_piece){text.at, before}, instructions));
    GRAFT_TRY(graft_build__system(out->messages, (graft_piece){graft_text_z(&own), own.len}));
    if (graft_json_is(list, GRAFT_JSON_ARRAY)) {
        out->tools = list;
        list = NULL;
    }
done:
    graft_json_free(list);
    graft_text_clear(&own);
    return status;
}

static graft_status add_turn(graft_conversation *out, const graft_json *item)
{
    graft_piece text = graft_piece_of(graft_json_get(item, "value"));
    const char *from = from_of(item).at;
    if (strcmp(from, "system") == 0) {
        return add_system(out, text);
    }
    if (strcmp(from, "user") == 0 || strcmp(from, "human") == 0) {
        return graft_build__text(out->messages, "user", text);
    }
    if (strcmp(from, "function") == 0) {
        return graft_build__result(out->messages, (graft_piece){"", 0}, text);
    }
    if (strcmp(from, "assistant") == 0 || strcmp(from, "gpt") == 0) {
        return graft_react__add(out->messages, text, "assistant");
    }
    return graft_fail(GRAFT_E_DATA, "unknown \"from\" (known: system, user, assistant, function)");
}

static graft_status add_item(graft_conversation *out, const graft_json *item)
{
    graft_status status = GRAFT_OK;
    size_t before = graft_json_length(out->messages);
    GRAFT_TRY(add_turn(out, item));
    GRAFT_TRY(graft_build__beside(out->messages, before, item));
done:
    return status;
}

static graft_status convert(graft_conversation *out, const graft_json *record, void *state)
{
    graft_status status = GRAFT_OK;
    const graft_json *answer = graft_json_get(record, "answer_generation");
    const graft_json *items = graft_json_get(record, "conversations");
    (void)state;
    if (answer) {
        return add_answer(out, answer);
    }
    if (!graft_json_is(items, GRAFT_JSON_ARRAY)) {
        return graft_fail(GRAFT_E_DATA, "has neither answer_generation nor conversations");
    }
    out->messages = graft_json_new_array();
    for (size_t i = 0; i < graft_json_length(items); i++) {
        if (add_item(out, graft_json_at(items, i)) != GRAFT_OK) {
            status = graft_fail_prefix("conversations item %zu", i + 1);
            goto done;
        }
    }
done:
    return status;
}

const graft_reader graft_reader_toolbench = {
    .name = "toolbench",
    .shape = "{answer_generation: {train_messages, function}} or conversations with APIs",
    .matches = matches,
    .convert = convert,
};
