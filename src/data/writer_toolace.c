/* writer_toolace.c - {system, conversations: [{from, value}]}: tools in the system text, calls as
 * [f(a=1, b="x")], the results of several calls as one list. */
#include "data/record.h"

#define PURPOSE                                                                                  \
    "You are an expert in composing functions. You are given a question and a set of possible "  \
    "functions."
#define INTRODUCTION                                                                             \
    PURPOSE " \nBased on the question, you will need to make one or more function/tool calls "   \
    "to achieve the purpose.\nHere is a list of functions in JSON format that you can invoke:\n"
#define FORM                                                                                     \
    ". \nShould you decide to return the function call(s). \nPut it in the format of "           \
    "[func1(params_name=params_value, params_name2=params_value2...), func2(params)]\n\n"        \
    "NO other text MUST be included. "

/* --- Python --- */

static graft_status append_python(graft_text *out, const graft_json *value);

/* The members of an object: `"k": v`, or `k=v` as arguments. */
static graft_status append_members(graft_text *out, const graft_json *object, bool arguments)
{
    graft_status status = GRAFT_OK;
    graft_json *key = NULL;
    bool first = true;
    graft_json_iter it = graft_json_iter_begin(object);
    for (; graft_json_iter_next(&it); first = false) {
        graft_piece name = {it.key, 0};
        while (it.key[name.n]) {
            name.n++;
        }
        GRAFT_TRY(graft_text_append_z(out, first ? "" : ", "));
        if (arguments) {
            GRAFT_TRY(graft_text_append(out, name.at, name.n));
        } else {
            graft_json_free(key);
            key = graft_json_new_string(name.at, name.n);
            GRAFT_TRY(graft_json_write(out, key, GRAFT_JSON_COMPACT));
        }
        GRAFT_TRY(graft_text_append_z(out, arguments ? "=" : ": "));
        GRAFT_TRY(append_python(out, it.value));
    }
done:
    graft_json_free(key);
    return status;
}

static graft_status append_list(graft_text *out, const graft_json *list)
{
    graft_status status = GRAFT_OK;
    GRAFT_TRY(graft_text_append_char(out, '['));
    for (size_t i = 0; i < graft_json_length(list); i++) {
        GRAFT_TRY(graft_text_append_z(out, i ? ", " : ""));
        GRAFT_TRY(append_python(out, graft_json_at(list, i)));
    }
    GRAFT_TRY(graft_text_append_char(out, ']'));
done:
    return status;
}

/* Strings and numbers are spelt alike in JSON and Python. */
static graft_status append_python(graft_text *out, const graft_json *value)
{
    graft_status status = GRAFT_OK;
    switch (graft_json_get_type(value)) {
    case GRAFT_JSON_NULL: return graft_text_append_z(out, "None");
    case GRAFT_JSON_BOOL: return graft_text_append_z(out, graft_json_bool(value) ? "True" : "False");
    case GRAFT_JSON_ARRAY: return append_list(out, value);
    case GRAFT_JSON_OBJECT:
        GRAFT_TRY(graft_text_append_char(out, '{'));
        GRAFT_TRY(append_members(out, value, false));
        return graft_text_append_char(out, '}');
    default: return graft_json_write(out, value, GRAFT_JSON_COMPACT);
    }
done:
    return status;
}

static graft_status append_calls(graft_text *out, const graft_json *calls)
{
    graft_status status = GRAFT_OK;
    GRAFT_TRY(graft_text_append_char(out, '['));
    for (size_t i = 0; i < graft_json_length(calls); i++) {
        const graft_json *function = graft_json_get(graft_json_at(calls, i), "function");
        graft_piece name = graft_piece_of(graft_json_get(function, "name"));
        GRAFT_TRY(graft_text_append_z(out, i ? ", " : ""));
        GRAFT_TRY(graft_text_append(out, name.at, name.n));
        GRAFT_TRY(graft_text_append_char(out, '('));
        GRAFT_TRY(append_members(out, graft_json_get(function, "arguments"), true));
        GRAFT_TRY(graft_text_append_char(out, ')'));
    }
    GRAFT_TRY(graft_text_append_char(out, ']'));
done:
    return status;
}

/* --- turns --- */

static const graft_json *content_of(const graft_conversation *c, size_t i)
{
    return graft_json_get(graft_json_at(c->messages, i), "content");
}

/* The results from message i on that answer n calls: one as it is, several as a list. */
static graft_status append_results(graft_text *out, const graft_conversation *c, size_t i, size_t n)
{
    graft_status status = GRAFT_OK;
    graft_json *list = graft_json_new_array();
    graft_piece only = graft_piece_of(content_of(c, i));
    if (n == 1) {
        status = graft_text_append(out, only.at, only.n);
        goto done;
    }
    for (size_t k = i; k < i + n; k++) {
        if (k >= c->n_turns || c->turns[k].role != GRAFT_ROLE_TOOL) {
            status = graft_fail(GRAFT_E_DATA, "message %zu: the %zu calls before it are not all "
                                "answered at once", i + 1, n);
            goto done;
        }
        GRAFT_TRY(graft_json_push(list,
                                  graft_json_retain((graft_json *)(uintptr_t)content_of(c, k))));
    }
    status = graft_json_write(out, list, GRAFT_JSON_COMPACT);
done:
    graft_json_free(list);
    return status;
}

/* Writes the turn at message *i and moves *i behind it. */
static graft_status add_turn(graft_json *items, const graft_conversation *c, size_t *i)
{
    static const char *const from[GRAFT_N_ROLES] = {NULL, "user", "assistant", "tool"};
    graft_status status = GRAFT_OK;
    graft_role role = c->turns[*i].role;
    const graft_json *calls = graft_json_get(graft_json_at(c->messages, *i), "tool_calls");
    size_t n = *i ? graft_json_length(graft_json_get(graft_json_at(c->messages, *i - 1),
                                                     "tool_calls")) : 0;
    graft_piece content = graft_piece_of(content_of(c, *i));
    graft_text text;
    graft_text_init(&text);
    if (role == GRAFT_ROLE_SYSTEM || (calls && content.n)) {
        status = graft_fail(GRAFT_E_DATA, "message %zu: %s", *i + 1,
                            calls ? "it has no place for text beside calls"
                                  : "it has no place for a system message here");
        goto done;
    }
    if (role == GRAFT_ROLE_TOOL) {
        n = n ? n : 1;
        GRAFT_TRY(append_results(&text, c, *i, n));
    } else {
        n = 1;
        GRAFT_TRY(calls ? append_calls(&text, calls)
                        : graft_text_append(&text, content.at, content.n));
    }
    GRAFT_TRY(graft_record__push_text(items, from[role], &text));
    *i += n;
done:
    graft_text_clear(&text);
    return status;
}

/* --- the system text --- */

static graft_status append_tools(graft_text *out, const graft_json *tools)
{
    graft_status status = GRAFT_OK;
    graft_json *list = graft_json_new_array();
    for (size_t i = 0; i < graft_json_length(tools); i++) {
        graft_json *tool = graft_json_at(tools, i);
        bool plain = graft_json_length(tool) == 2; /* type and function */
        GRAFT_TRY(graft_json_push(list, graft_json_retain(plain ? graft_json_get(tool, "function")
                                                                : tool)));
    }
    GRAFT_TRY(graft_text_append_z(out, out->len ? "\n\n" INTRODUCTION : INTRODUCTION));
    GRAFT_TRY(graft_json_write(out, list, GRAFT_JSON_COMPACT));
    GRAFT_TRY(graft_text_append_z(out, FORM));
done:
    graft_json_free(list);
    return status;
}

static bool has_calls(const graft_conversation *c)
{
    for (size_t i = 0; i < c->n_turns; i++) {
        if (graft_json_has(graft_json_at(c->messages, i), "tool_calls")) {
            return true;
        }
    }
    return false;
}

/* Calls without tools are told from texts by the sentence that begins the system text: without it
 * the record is ShareGPT's. */
static graft_status append_system(graft_text *out, const graft_conversation *c, graft_piece own)
{
    graft_status status = GRAFT_OK;
    if (!c->tools && has_calls(c)) {
        GRAFT_TRY(graft_text_append_z(out, own.n ? PURPOSE "\n\n" : PURPOSE));
    }
    GRAFT_TRY(graft_text_append(out, own.at, own.n));
    if (c->tools) {
        GRAFT_TRY(append_tools(out, c->tools));
    }
done:
    return status;
}

static graft_status write(graft_json **out, const graft_conversation *c)
{
    graft_status status = GRAFT_OK;
    graft_json *record = graft_json_new_object(), *items = graft_json_new_array();
    bool leads = c->n_turns && c->turns[0].role == GRAFT_ROLE_SYSTEM;
    graft_piece own = leads ? graft_piece_of(content_of(c, 0)) : (graft_piece){"", 0};
    graft_text system;
    graft_text_init(&system);
    GRAFT_TRY(append_system(&system, c, own));
    GRAFT_TRY(graft_json_set(record, "system",
                             graft_json_new_string(graft_text_z(&system), system.len)));
    GRAFT_TRY(graft_json_set(record, "conversations", graft_json_retain(items)));
    for (size_t i = leads; i < c->n_turns;) {
        GRAFT_TRY(add_turn(items, c, &i));
    }
    *out = record;
    record = NULL;
done:
    graft_text_clear(&system);
    graft_json_free(items);
    graft_json_free(record);
    return status;
}

const graft_record_writer graft_writer_toolace = {"toolace", &graft_reader_toolace, write};
