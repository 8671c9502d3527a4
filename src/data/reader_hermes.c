/* reader_hermes.c - tools and calls as XML in texts: <tools>, <tool_call>, <tool_response>.
 *
 * {conversations: [{from, value}]} or {messages: [{role, content}]}; the bodies are JSON or, in
 * older files, Python dicts. What the system text says about the form of calls is taken out: the
 * chat template says it in its own words. A whole dialogue as one text {example: "SYSTEM: ..."} is
 * read too.
 * The data set NousResearch/hermes-function-calling-v1. */
#include <string.h>

#include "chat/python_literal.h"
#include "data/build.h"

static const char *const instructions[] = {
    "You are a function calling AI model.",
    "You are provided with function signatures within <tools> </tools> XML tags.",
    "You are provided with function signatures within <tools></tools> XML tags.",
    "You are provided with function signatures within <tools></tools> XML tags:",
    "You may call one or more functions to assist with the user query.",
    "Don't make assumptions about what values to plug into functions.",
    "Here are the available tools:",
    "Use the following pydantic model json schema for each tool call you will make:",
    "For each function call return a json object with function name and arguments within "
    "<tool_call> </tool_call> tags with the following schema:",
    "For each function call return a json object with function name and arguments within "
    "<tool_call></tool_call> XML tags as follows:",
    "For each function call, return a json object with function name and arguments within "
    "<tool_call></tool_call> XML tags:",
    "# Tools",
    NULL};

static const graft_json *items_of(const graft_json *record)
{
    const graft_json *list = graft_json_get(record, "conversations");
    return list ? list : graft_json_get(record, "messages");
}

static graft_piece text_of(const graft_json *item)
{
    const graft_json *value = graft_json_get(item, "value");
    return graft_piece_of(value ? value : graft_json_get(item, "content"));
}

static const char *role_of(const graft_json *item)
{
    static const char *const known[][2] = {
        {"system", "system"},       {"human", "user"},    {"user", "user"},
        {"gpt", "assistant"},       {"assistant", "assistant"}, {"model", "assistant"},
        {"tool", "tool"},           {"observation", "tool"}, {"function", "tool"}};
    const graft_json *from = graft_json_get(item, "from");
    graft_piece name = graft_piece_of(from ? from : graft_json_get(item, "role"));
    for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
        if (strcmp(known[i][0], name.at) == 0) {
            return known[i][1];
        }
    }
    return NULL;
}

static bool has_calls_apart(const graft_json *item)
{
    return graft_json_length(graft_json_get(item, "tool_calls")) > 0;
}

static bool has(graft_piece text, const char *what)
{
    return graft_piece_find(text, what) < text.n;
}

/* --- the system text --- */

/* Finds the block of declarations (not the mention "<tools> </tools>"): its body, what stands
 * before and behind. */
static bool find_tools(graft_piece text, graft_piece *before, graft_piece *body,
                       graft_piece *behind)
{
    for (size_t from = 0; from < text.n;) {
        graft_piece rest = graft_piece_from(text, from);
        size_t open = graft_piece_find(rest, "<tools>");
        if (open == rest.n) {
            break;
        }
        from += open + strlen("<tools>");
        rest = graft_piece_from(text, from);
        size_t close = graft_piece_find(rest, "</tools>");
        *body = graft_piece_trim((graft_piece){rest.at, close});
        if (body->n && (*body->at == '[' || *body->at == '{')) {
            *before = (graft_piece){text.at, from - strlen("<tools>")};
            *behind = graft_piece_from(rest, close);
            *behind = graft_piece_from(*behind, behind->n ? strlen("</tools>") : 0);
            return true;
        }
        if (close == rest.n) {
            break; /* nothing is closed from here on */
        }
    }
    return false;
}

/* A list, or objects one after the other. */
static graft_status read_tools(graft_json **tools, graft_piece body)
{
    graft_status status = GRAFT_OK;
    graft_json *list = NULL, *tool = NULL;
    if (*body.at == '[') {
        GRAFT_TRY(graft_build__value(&list, &body));
    } else {
        list = graft_json_new_array();
        while (body.n && *body.at == '{') {
            GRAFT_TRY(graft_build__value(&tool, &body));
            GRAFT_TRY(graft_json_push(list, tool));
            body = graft_piece_trim(body);
        }
    }
    if (graft_piece_trim(body).n) {
        status = graft_fail(GRAFT_E_DATA, "something stands behind the tools in <tools>");
        goto done;
    }
    graft_json_free(*tools);
    *tools = list;
    list = NULL;
done:
    graft_json_free(list);
    return status;
}

/* Appends `text` without instructions and without the sample of a call. */
static graft_status append_own(graft_text *out, graft_piece text)
{
    graft_status status = GRAFT_OK;
    graft_text kept;
    graft_text_init(&kept);
    GRAFT_TRY(graft_build__without(&kept, text, instructions));
    graft_piece rest = graft_piece_trim((graft_piece){graft_text_z(&kept), kept.len});
    size_t open = graft_piece_find(rest, "<tool_call>");
    graft_piece own = graft_piece_trim((graft_piece){rest.at, open});
    rest = graft_piece_from(rest, open);
    size_t close = graft_piece_find(rest, "</tool_call>");
    rest = graft_piece_trim(graft_piece_from(rest, close));
    rest = graft_piece_trim(graft_piece_from(rest, rest.n ? strlen("</tool_call>") : 0));
    if (out->len && own.n) {
        GRAFT_TRY(graft_text_append_z(out, "\n\n"));
    }
    GRAFT_TRY(graft_text_append(out, own.at, own.n));
    if (out->len && rest.n) {
        GRAFT_TRY(graft_text_append_z(out, "\n\n"));
    }
    GRAFT_TRY(graft_text_append(out, rest.at, rest.n));
done:
    graft_text_clear(&kept);
    return status;
}

static graft_status add_system(graft_conversation *out, graft_piece text)
{
    graft_status status = GRAFT_OK;
    graft_piece before, body, behind;
    graft_text own;
    graft_text_init(&own);
    if (!find_tools(text, &before, &body, &behind)) {
        return graft_build__text(out->messages, "system", text);
    }
    if (read_tools(&out->tools, body) != GRAFT_OK) {
        status = graft_fail_prefix("<tools>");
        goto done;
    }
    GRAFT_TRY(append_own(&own, before));
    GRAFT_TRY(append_own(&own, behind));
    GRAFT_TRY(graft_build__system(out->messages, (graft_piece){graft_text_z(&own), own.len}));
done:
    graft_text_clear(&own);
    return status;
}

/* --- calls and results --- */

/* Takes the next <NAME>body</NAME> out of *text; false if there is none. A block that is not closed
 * goes on to the end, or to the next one. */
static bool next_block(graft_piece *text, const char *open, const char *close, graft_piece *before,
                       graft_piece *body)
{
    size_t at = graft_piece_find(*text, open);
    *before = (graft_piece){text->at, at};
    if (at == text->n) {
        return false;
    }
    *text = graft_piece_from(*text, at + strlen(open));
    size_t next = graft_piece_find(*text, open);
    size_t n = graft_piece_find((graft_piece){text->at, next}, close);
    bool closed = n < next;
    *body = graft_piece_trim((graft_piece){text->at, n});
    *text = graft_piece_from(*text, closed ? n + strlen(close) : n);
    return true;
}

static graft_status add_line(graft_text *out, graft_piece text)
{
    graft_status status = GRAFT_OK;
    text = graft_piece_trim(text);
    if (out->len && text.n) {
        GRAFT_TRY(graft_text_append_char(out, '\n'));
    }
    GRAFT_TRY(graft_text_append(out, text.at, text.n));
done:
    return status;
}

static graft_status add_assistant(graft_json *messages, graft_piece text)
{
    graft_status status = GRAFT_OK;
    graft_piece before, body;
    graft_text content;
    graft_json *calls = graft_json_new_array(), *call = NULL;
    graft_text_init(&content);
    if (!has(text, "<tool_call>")) {
        status = graft_build__text(messages, "assistant", text);
        goto done;
    }
    while (next_block(&text, "<tool_call>", "</tool_call>", &before, &body)) {
        GRAFT_TRY(add_line(&content, before));
        if (graft_python_or_json(&call, body.at, body.n) != GRAFT_OK) {
            status = graft_fail_prefix("<tool_call> %zu", graft_json_length(calls) + 1);
            goto done;
        }
        GRAFT_TRY(graft_json_push(calls, call));
    }
    GRAFT_TRY(add_line(&content, text));
    if (content.len) {
        GRAFT_TRY(graft_build__text(messages, "assistant",
                                    (graft_piece){content.data, content.len}));
    } else {
        GRAFT_TRY(graft_reader__add_text(messages, "assistant", NULL));
    }
    for (size_t i = 0; i < graft_json_length(calls); i++) {
        GRAFT_TRY(graft_build__call(messages, graft_json_at(calls, i)));
    }
done:
    graft_json_free(calls);
    graft_text_clear(&content);
    return status;
}

/* {"name", "content"}, or any text. */
static graft_status add_result(graft_json *messages, graft_piece body)
{
    graft_status status = GRAFT_OK;
    graft_json *value = NULL;
    graft_text content;
    graft_piece name = {"", 0};
    graft_text_init(&content);
    if (body.n && *body.at == '{') {
        status = graft_python_or_json(&value, body.at, body.n);
        if (status != GRAFT_OK && status != GRAFT_E_DATA) {
            goto done;
        }
        status = GRAFT_OK;
    }
    if (graft_json_has(value, "content") && graft_json_has(value, "name") &&
        graft_json_length(value) == 2) {
        name = graft_piece_of(graft_json_get(value, "name"));
        GRAFT_TRY(graft_build__as_text(&content, graft_json_get(value, "content")));
        body = (graft_piece){graft_text_z(&content), content.len};
    }
    GRAFT_TRY(graft_build__result(messages, name, body));
done:
    graft_json_free(value);
    graft_text_clear(&content);
    return status;
}

/* What a user says behind the results becomes a message of its own; no other text fits between. */
static graft_status add_results(graft_json *messages, const char *role, graft_piece text)
{
    graft_status status = GRAFT_OK;
    graft_piece before, body;
    if (!has(text, "<tool_response>")) {
        return add_result(messages, text);
    }
    while (next_block(&text, "<tool_response>", "</tool_response>", &before, &body)) {
        if (graft_piece_trim(before).n) {
            return graft_fail(GRAFT_E_DATA, "a text stands before <tool_response>");
        }
        GRAFT_TRY(add_result(messages, body));
    }
    text = graft_piece_trim(text);
    if (text.n && strcmp(role, "tool") == 0) {
        status = graft_fail(GRAFT_E_DATA, "a text stands behind </tool_response>");
    } else if (text.n) {
        status = graft_build__text(messages, role, text);
    }
done:
    return status;
}

/* --- records --- */

static graft_status add_turn(graft_conversation *out, const char *role, graft_piece text)
{
    if (strcmp(role, "system") == 0) {
        return add_system(out, text);
    }
    if (strcmp(role, "assistant") == 0) {
        return add_assistant(out->messages, text);
    }
    bool results = graft_piece_begins(graft_piece_trim(text), "<tool_response>");
    return strcmp(role, "tool") == 0 || results ? add_results(out->messages, role, text)
                                                : graft_build__text(out->messages, role, text);
}

static graft_status add_item(graft_conversation *out, const graft_json *item)
{
    graft_status status = GRAFT_OK;
    size_t before = graft_json_length(out->messages);
    const char *role = role_of(item);
    if (!role) {
        return graft_fail(GRAFT_E_DATA, "unknown \"from\" (known: system, human, gpt, tool)");
    }
    if (has_calls_apart(item)) {
        return graft_fail(GRAFT_E_DATA, "has tool_calls, but calls of this layout are <tool_call> "
                          "in texts");
    }
    if (!graft_json_is(graft_json_get(item, graft_json_has(item, "value") ? "value" : "content"),
                       GRAFT_JSON_STRING)) {
        return graft_fail(GRAFT_E_DATA, "has no text");
    }
    GRAFT_TRY(add_turn(out, role, text_of(item)));
    GRAFT_TRY(graft_build__beside(out->messages, before, item));
done:
    return status;
}

/* A dialogue in one text, perhaps between ``` lines. */
static graft_status add_example(graft_conversation *out, graft_piece text)
{
    static const char *const labels[] = {"SYSTEM:", "USER:", "ASSISTANT:", "TOOL:", NULL};
    static const char *const roles[] = {"system", "user", "assistant", "tool"};
    graft_status status = GRAFT_OK;
    graft_segment segment;
    text = graft_piece_trim(text);
    if (graft_piece_begins(text, "```")) {
        text = graft_piece_from(text, 3);
        text.n -= text.n >= 3 && memcmp(text.at + text.n - 3, "```", 3) == 0 ? 3 : 0;
    }
    graft_transcript t = {labels, graft_piece_trim(text), false};
    while (graft_transcript_next(&t, &segment)) {
        if (segment.label < 0) {
            return graft_fail(GRAFT_E_DATA, "example does not begin with SYSTEM: or USER:");
        }
        GRAFT_TRY(add_turn(out, roles[segment.label], segment.text));
    }
done:
    return status;
}

static graft_status convert(graft_conversation *out, const graft_json *record, void *state)
{
    graft_status status = GRAFT_OK;
    const graft_json *items = items_of(record), *example = graft_json_get(record, "example");
    graft_piece system = graft_piece_of(graft_json_get(record, "system"));
    (void)state;
    out->messages = graft_json_new_array();
    out->tools = graft_json_retain(graft_json_get(record, "tools"));
    if (!graft_json_is(items, GRAFT_JSON_ARRAY)) {
        return example ? add_example(out, graft_piece_of(example))
                       : graft_fail(GRAFT_E_DATA, "has neither conversations nor messages");
    }
    GRAFT_TRY(system.n ? add_system(out, system) : GRAFT_OK);
    for (size_t i = 0; i < graft_json_length(items); i++) {
        if (add_item(out, graft_json_at(items, i)) != GRAFT_OK) {
            status = graft_fail_prefix("item %zu", i + 1);
            goto done;
        }
    }
done:
    return status;
}

/* --- detection --- */

/* Others may talk about <tool_call>, and a system text may say how calls are written. */
static bool is_marked(const graft_json *item)
{
    graft_piece before, body, behind;
    const char *role = role_of(item);
    if (!role) {
        return false;
    }
    return strcmp(role, "system") == 0
               ? find_tools(text_of(item), &before, &body, &behind)
               : strcmp(role, "assistant") == 0 && has(text_of(item), "<tool_call>");
}

static bool denied_by(const graft_json *record)
{
    const graft_json *items = items_of(record);
    for (size_t i = 0; i < graft_json_length(items); i++) {
        if (has_calls_apart(graft_json_at(items, i))) {
            return true;
        }
    }
    return false;
}

static bool matches(const graft_json *record)
{
    const graft_json *items = items_of(record);
    graft_piece example = graft_piece_of(graft_json_get(record, "example"));
    bool marked = has(example, "<tool_call>") || has(example, "<tools>");
    for (size_t i = 0; i < graft_json_length(items); i++) {
        marked = marked || is_marked(graft_json_at(items, i));
    }
    return marked && !denied_by(record);
}

const graft_reader graft_reader_hermes = {
    .name = "hermes",
    .shape = "{conversations: [{from, value}]} with <tools> and <tool_call> in the texts",
    .matches = matches,
    .marked = true,
    .denied_by = denied_by,
    .convert = convert,
};
