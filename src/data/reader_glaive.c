/* reader_glaive.c - {system, chat}: a dialogue in one text, calls behind <functioncall>.
 *
 * "USER: ...", "ASSISTANT: ... <|endoftext|>", "FUNCTION RESPONSE: ..." begin lines. A call is
 * {"name": "f", "arguments": '{"a": 1}'}: JSON text between single quotes, in which nothing is
 * escaped again. Tools are JSON objects in the system text, one after the other.
 * The data set glaiveai/glaive-function-calling-v2. */
#include <string.h>

#include "chat/python_literal.h"
#include "data/build.h"

#define CALL "<functioncall>"
#define END "<|endoftext|>"

static const char *const instructions[] = {
    "You are a helpful assistant with access to the following functions. Use them if required -",
    NULL};

static bool matches(const graft_json *record)
{
    return graft_json_is(graft_json_get(record, "chat"), GRAFT_JSON_STRING);
}

/* --- system --- */

static graft_status add_system(graft_conversation *out, graft_piece text)
{
    graft_status status = GRAFT_OK;
    graft_text own;
    graft_json *tools = graft_json_new_array(), *tool = NULL;
    graft_text_init(&own);
    text = graft_piece_trim(text);
    text = graft_piece_from(text, graft_piece_begins(text, "SYSTEM:") ? strlen("SYSTEM:") : 0);
    size_t at = graft_piece_find(text, "\n{");
    graft_piece rest = graft_piece_trim(graft_piece_from(text, at));
    while (rest.n && *rest.at == '{') {
        if (graft_build__value(&tool, &rest) != GRAFT_OK) {
            status = graft_fail_prefix("tool %zu in the system text", graft_json_length(tools) + 1);
            goto done;
        }
        GRAFT_TRY(graft_json_push(tools, tool));
        rest = graft_piece_trim(rest);
    }
    GRAFT_TRY(graft_build__without(&own, (graft_piece){text.at, at}, instructions));
    GRAFT_TRY(graft_text_append(&own, rest.at, rest.n));
    GRAFT_TRY(graft_build__system(out->messages, (graft_piece){graft_text_z(&own), own.len}));
    out->tools = tools;
    tools = NULL;
done:
    graft_json_free(tools);
    graft_text_clear(&own);
    return status;
}

/* --- calls --- */

/* Where the text of the arguments begins behind the name, and its closing quote; false if they are
 * not between single quotes. */
static bool find_quoted(graft_piece text, graft_piece *head, graft_piece *arguments)
{
    size_t at = graft_piece_find(text, "\"arguments\"");
    graft_piece rest = graft_piece_trim(graft_piece_from(text, at));
    if (!rest.n) {
        return false;
    }
    *head = graft_piece_trim((graft_piece){text.at, at});
    rest = graft_piece_trim(graft_piece_from(rest, strlen("\"arguments\"")));
    if (!rest.n || *rest.at != ':' || !head->n || head->at[head->n - 1] != ',') {
        return false;
    }
    head->n--;
    rest = graft_piece_trim(graft_piece_from(rest, 1));
    if (!rest.n || *rest.at != '\'' || rest.at[rest.n - 1] != '}') {
        return false;
    }
    rest = graft_piece_trim((graft_piece){rest.at + 1, rest.n - 2});
    if (!rest.n || rest.at[rest.n - 1] != '\'') {
        return false;
    }
    *arguments = (graft_piece){rest.at, rest.n - 1};
    return true;
}

/* {"name": "f", "arguments": 'TEXT'} as a call, if TEXT is JSON as it stands. */
static graft_status read_quoted(graft_json **out, graft_piece text, bool *understood)
{
    graft_status status = GRAFT_OK;
    graft_piece head, arguments;
    graft_json *call = NULL, *value = NULL;
    graft_text first;
    graft_text_init(&first);
    *understood = false;
    if (!find_quoted(text, &head, &arguments)) {
        return GRAFT_OK;
    }
    GRAFT_TRY(graft_text_append(&first, head.at, head.n));
    GRAFT_TRY(graft_text_append_char(&first, '}'));
    GRAFT_TRY(graft_json_parse(&call, first.data, first.len));
    GRAFT_TRY(graft_json_parse(&value, arguments.at, arguments.n));
    *understood = graft_json_is(call, GRAFT_JSON_OBJECT);
    if (*understood) {
        GRAFT_TRY(graft_reader__set_shared(call, "arguments", value));
        *out = call;
        call = NULL;
    }
done:
    graft_json_free(value);
    graft_json_free(call);
    graft_text_clear(&first);
    return status == GRAFT_E_DATA ? GRAFT_OK : status;
}

static graft_status add_call(graft_json *messages, graft_piece text)
{
    graft_status status = GRAFT_OK;
    graft_json *call = NULL;
    bool understood;
    GRAFT_TRY(read_quoted(&call, text, &understood));
    if (!understood && graft_python_or_json(&call, text.at, text.n) != GRAFT_OK) {
        status = graft_fail_prefix("what stands behind " CALL);
        goto done;
    }
    GRAFT_TRY(graft_build__call(messages, call));
done:
    graft_json_free(call);
    return status;
}

static graft_status add_assistant(graft_json *messages, graft_piece text)
{
    graft_status status = GRAFT_OK;
    if (text.n >= strlen(END) && memcmp(text.at + text.n - strlen(END), END, strlen(END)) == 0) {
        text = graft_piece_trim((graft_piece){text.at, text.n - strlen(END)});
    }
    size_t at = graft_piece_find(text, CALL);
    graft_piece said = graft_piece_trim((graft_piece){text.at, at});
    if (at == text.n) {
        return graft_build__text(messages, "assistant", said);
    }
    if (said.n) {
        GRAFT_TRY(graft_build__text(messages, "assistant", said));
    } else {
        GRAFT_TRY(graft_reader__add_text(messages, "assistant", NULL));
    }
    while (at < text.n) {
        text = graft_piece_from(text, at + strlen(CALL));
        at = graft_piece_find(text, CALL);
        GRAFT_TRY(add_call(messages, graft_piece_trim((graft_piece){text.at, at})));
    }
done:
    return status;
}

/* --- records --- */

static graft_status convert(graft_conversation *out, const graft_json *record, void *state)
{
    static const char *const labels[] = {"USER:", "ASSISTANT:", "FUNCTION RESPONSE:", NULL};
    graft_status status = GRAFT_OK;
    graft_transcript t = {labels, graft_piece_of(graft_json_get(record, "chat")), false};
    graft_segment segment;
    (void)state;
    if (!t.rest.n) {
        return graft_fail(GRAFT_E_DATA, "has no chat");
    }
    out->messages = graft_json_new_array();
    GRAFT_TRY(add_system(out, graft_piece_of(graft_json_get(record, "system"))));
    for (size_t turn = 1; graft_transcript_next(&t, &segment); turn++) {
        switch (segment.label) {
        case 0: status = graft_build__text(out->messages, "user", segment.text); break;
        case 1: status = add_assistant(out->messages, segment.text); break;
        case 2:
            status = graft_build__result(out->messages, (graft_piece){"", 0}, segment.text);
            break;
        default: status = graft_fail(GRAFT_E_DATA, "chat does not begin with USER:"); break;
        }
        if (status != GRAFT_OK) {
            status = graft_fail_prefix("turn %zu of chat", turn);
            goto done;
        }
    }
done:
    return status;
}

const graft_reader graft_reader_glaive = {
    .name = "glaive",
    .shape = "{system, chat: \"USER: ... ASSISTANT: ... <functioncall> ...\"}",
    .matches = matches,
    .convert = convert,
};
