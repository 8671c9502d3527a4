/* build.c - pieces of text, and messages made of them. */
#include "data/build.h"

#include <string.h>

#include "chat/parts.h"
#include "chat/python_literal.h"

/* --- spans --- */

static bool is_space(char c)
{
    return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

graft_piece graft_piece_of(const graft_json *string)
{
    graft_piece out = {"", 0};
    if (graft_json_is(string, GRAFT_JSON_STRING)) {
        out.at = graft_json_string(string, &out.n);
    }
    return out;
}

graft_piece graft_piece_skip(graft_piece text)
{
    while (text.n && is_space(*text.at)) {
        text.at++, text.n--;
    }
    return text;
}

graft_piece graft_piece_trim(graft_piece text)
{
    text = graft_piece_skip(text);
    while (text.n && is_space(text.at[text.n - 1])) {
        text.n--;
    }
    return text;
}

size_t graft_piece_find(graft_piece text, const char *what)
{
    const char *at = text.n ? memmem(text.at, text.n, what, strlen(what)) : NULL;
    return at ? (size_t)(at - text.at) : text.n;
}

bool graft_piece_begins(graft_piece text, const char *what)
{
    size_t n = strlen(what);
    return text.n >= n && memcmp(text.at, what, n) == 0;
}

graft_piece graft_piece_from(graft_piece text, size_t at)
{
    return (graft_piece){text.at + at, text.n - at};
}

/* --- messages --- */

static graft_status set_span(graft_json *object, const char *key, graft_piece text)
{
    return graft_json_set(object, key, graft_json_new_string(text.at, text.n));
}

/* Takes `item`, sets *item to NULL. */
static graft_status push(graft_json *list, graft_json **item)
{
    graft_json *taken = *item;
    *item = NULL;
    return graft_json_push(list, taken);
}

graft_status graft_build__text(graft_json *messages, const char *role, graft_piece content)
{
    graft_status status = GRAFT_OK;
    graft_json *message = graft_json_new_object();
    GRAFT_TRY(graft_json_set_string(message, "role", role));
    GRAFT_TRY(set_span(message, "content", content));
    GRAFT_TRY(push(messages, &message));
done:
    graft_json_free(message);
    return status;
}

graft_status graft_build__system(graft_json *messages, graft_piece content)
{
    content = graft_piece_trim(content);
    return content.n ? graft_build__text(messages, "system", content) : GRAFT_OK;
}

graft_status graft_build__result(graft_json *messages, graft_piece name, graft_piece content)
{
    graft_status status = GRAFT_OK;
    GRAFT_TRY(graft_build__text(messages, "tool", content));
    if (name.n) {
        graft_json *message = graft_json_at(messages, graft_json_length(messages) - 1);
        GRAFT_TRY(set_span(message, "name", name));
    }
done:
    return status;
}

graft_status graft_build__call(graft_json *messages, const graft_json *call)
{
    graft_status status = GRAFT_OK;
    size_t n = graft_json_length(messages);
    graft_json *last = n ? graft_json_at(messages, n - 1) : NULL;
    const char *role = graft_json_string(graft_json_get(last, "role"), NULL);
    if (!role || strcmp(role, "assistant") != 0) {
        GRAFT_TRY(graft_reader__add_text(messages, "assistant", NULL));
        last = graft_json_at(messages, n);
    }
    if (!graft_json_get(last, "tool_calls")) {
        GRAFT_TRY(graft_json_set(last, "tool_calls", graft_json_new_array()));
    }
    status = graft_json_push(graft_json_get(last, "tool_calls"),
                             graft_json_retain((graft_json *)(uintptr_t)call));
done:
    return status;
}

graft_status graft_build__named_call(graft_json *messages, graft_piece name, graft_json *arguments)
{
    graft_status status = GRAFT_OK;
    graft_json *call = graft_json_new_object();
    status = set_span(call, "name", name);
    if (status != GRAFT_OK) {
        graft_json_free(arguments);
        goto done;
    }
    GRAFT_TRY(graft_json_set(call, "arguments", arguments));
    GRAFT_TRY(graft_build__call(messages, call));
done:
    graft_json_free(call);
    return status;
}

static bool is_assistant(const graft_json *message)
{
    return strcmp(graft_piece_of(graft_json_get(message, "role")).at, "assistant") == 0;
}

static graft_status set_thoughts(graft_json *message, const graft_json *item)
{
    graft_status status = GRAFT_OK;
    for (size_t i = 0; i < GRAFT_N_THOUGHT_KEYS; i++) {
        const char *key = graft_thought_keys[i];
        if (graft_json_get(item, key)) {
            GRAFT_TRY(graft_reader__set_shared(message, key, graft_json_get(item, key)));
        }
    }
done:
    return status;
}

graft_status graft_build__beside(graft_json *messages, size_t first, const graft_json *item)
{
    graft_status status = GRAFT_OK;
    size_t n = graft_json_length(messages), reply = first;
    const char *name;
    double weight;
    while (reply < n && !is_assistant(graft_json_at(messages, reply))) {
        reply++;
    }
    if (reply < n) {
        GRAFT_TRY(set_thoughts(graft_json_at(messages, reply), item));
    }
    GRAFT_TRY(graft_reader__weight(&weight, &name, item));
    for (size_t i = first; name && i < n; i++) {
        graft_json *message = graft_json_at(messages, i);
        if (reply == n || is_assistant(message)) {
            GRAFT_TRY(graft_reader__set_shared(message, name, graft_json_get(item, name)));
        }
    }
done:
    return status;
}

graft_status graft_build__joins(const graft_json *message, const graft_json *item)
{
    graft_status status = GRAFT_OK;
    double is = 1, joins = 1;
    const char *name;
    GRAFT_TRY(graft_reader__weight(&is, &name, message));
    GRAFT_TRY(graft_reader__weight(&joins, &name, item));
    if (is < joins || is > joins) {
        status = graft_fail(GRAFT_E_DATA, "its loss weight is %g, that of the reply it belongs to "
                            "%g: text and calls of a reply are one message, with one weight", joins,
                            is);
    }
done:
    return status;
}

graft_status graft_build__tool(graft_json *tools, graft_piece name, graft_piece description,
                               graft_json *parameters)
{
    graft_status status = GRAFT_OK;
    graft_json *tool = graft_json_new_object(), *owned = parameters, *taken;
    GRAFT_TRY(set_span(tool, "name", name));
    if (description.n) {
        GRAFT_TRY(set_span(tool, "description", description));
    }
    taken = owned;
    owned = NULL;
    GRAFT_TRY(graft_json_set(tool, "parameters", taken));
    GRAFT_TRY(push(tools, &tool));
done:
    graft_json_free(owned);
    graft_json_free(tool);
    return status;
}

/* --- questions and answers --- */

graft_status graft_build__instruction(graft_json *messages, const graft_json *record)
{
    graft_status status = GRAFT_OK;
    const graft_json *instruction = graft_json_get(record, "instruction");
    const graft_json *input = graft_json_get(record, "input");
    graft_json *joined = NULL;
    graft_text text;
    graft_text_init(&text);
    if (!graft_json_is(instruction, GRAFT_JSON_STRING) ||
        (input && !graft_json_is(input, GRAFT_JSON_STRING))) {
        status = graft_fail(GRAFT_E_DATA, "instruction or input is not a text");
        goto done;
    }
    size_t n;
    const char *bytes = graft_json_string(instruction, &n);
    GRAFT_TRY(graft_text_append(&text, bytes, n));
    bytes = graft_json_string(input, &n);
    if (n) {
        GRAFT_TRY(graft_text_append_char(&text, '\n'));
        GRAFT_TRY(graft_text_append(&text, bytes, n));
    }
    joined = graft_json_new_string(graft_text_z(&text), text.len);
    GRAFT_TRY(graft_reader__add_text(messages, "user", joined));
done:
    graft_json_free(joined);
    graft_text_clear(&text);
    return status;
}

static graft_status add_history(graft_json *messages, const graft_json *history)
{
    graft_status status = GRAFT_OK;
    for (size_t i = 0; i < graft_json_length(history); i++) {
        const graft_json *pair = graft_json_at(history, i);
        if (graft_json_length(pair) != 2 || !graft_json_is(pair, GRAFT_JSON_ARRAY)) {
            return graft_fail(GRAFT_E_DATA, "history is not a list of [question, answer]");
        }
        GRAFT_TRY(graft_reader__add_text(messages, "user", graft_json_at(pair, 0)));
        GRAFT_TRY(graft_reader__add_text(messages, "assistant", graft_json_at(pair, 1)));
    }
done:
    return status;
}

graft_status graft_build__before(graft_json *messages, const graft_json *record)
{
    graft_status status = GRAFT_OK;
    const graft_json *system = graft_json_get(record, "system");
    if (graft_piece_of(system).n) {
        GRAFT_TRY(graft_reader__add_text(messages, "system", system));
    }
    status = add_history(messages, graft_json_get(record, "history"));
done:
    return status;
}

/* --- texts --- */

graft_status graft_build__value(graft_json **out, graft_piece *text)
{
    graft_status status = GRAFT_OK;
    const char *at = text->at;
    graft_json *value = NULL;
    *out = NULL;
    GRAFT_TRY(graft_python_value(&value, &at, text->at + text->n)); /* finds the end */
    size_t n = (size_t)(at - text->at);
    GRAFT_TRY(graft_python_or_json(out, text->at, n));
    *text = graft_piece_from(*text, n);
done:
    graft_json_free(value);
    return status;
}

/* Bytes of text that the phrase matches at its beginning; 0 if it does not. */
static size_t match(graft_piece text, const char *phrase)
{
    size_t i = 0;
    for (; *phrase; phrase++) {
        if (*phrase == ' ') {
            size_t before = i;
            while (i < text.n && is_space(text.at[i])) {
                i++;
            }
            if (i == before) {
                return 0;
            }
        } else if (i < text.n && text.at[i] == *phrase) {
            i++;
        } else {
            return 0;
        }
    }
    return i;
}

static size_t match_any(graft_piece text, const char *const *phrases)
{
    size_t n = 0;
    for (; *phrases && !n; phrases++) {
        n = match(text, *phrases);
    }
    return n;
}

graft_status graft_build__without(graft_text *out, graft_piece text, const char *const *phrases)
{
    graft_status status = GRAFT_OK;
    while (text.n) {
        size_t n = match_any(text, phrases);
        if (!n) {
            GRAFT_TRY(graft_text_append_char(out, *text.at));
            text = graft_piece_from(text, 1);
            continue;
        }
        text = graft_piece_from(text, n);
        graft_piece rest = graft_piece_skip(text);
        graft_json *value = NULL;
        if (rest.n && *rest.at == '{') {
            status = graft_build__value(&value, &rest);
            if (status != GRAFT_OK && status != GRAFT_E_DATA) {
                goto done;
            }
            text = status == GRAFT_OK ? rest : text;
            status = GRAFT_OK;
            graft_json_free(value);
        }
    }
done:
    return status;
}

graft_status graft_build__as_text(graft_text *out, const graft_json *value)
{
    size_t n;
    const char *text = graft_json_string(value, &n);
    if (graft_json_is(value, GRAFT_JSON_STRING)) {
        return graft_text_append(out, text, n);
    }
    return graft_json_write(out, value, GRAFT_JSON_PYTHON);
}

/* --- transcripts --- */

/* Bytes of the label that begins the text; 0 if it is none. */
static size_t match_label(const graft_transcript *t, graft_piece text, int *label)
{
    for (int i = 0; t->labels[i]; i++) {
        const char *name = t->labels[i];
        size_t n = strlen(name), used = n;
        if (graft_piece_begins(text, name)) {
            *label = i;
            return n;
        }
        if (!t->numbered || text.n <= n || memcmp(text.at, name, n - 1) != 0 ||
            text.at[n - 1] != ' ') {
            continue;
        }
        while (used < text.n && text.at[used] >= '0' && text.at[used] <= '9') {
            used++;
        }
        if (used > n && used < text.n && text.at[used] == ':') {
            *label = i;
            return used + 1;
        }
    }
    return 0;
}

bool graft_transcript_next(graft_transcript *t, graft_segment *out)
{
    int next;
    while (t->rest.n) {
        out->label = -1;
        size_t at = match_label(t, t->rest, &out->label), begin = at;
        for (; at < t->rest.n; at++) {
            if (t->rest.at[at] == '\n' &&
                match_label(t, graft_piece_from(t->rest, at + 1), &next)) {
                break;
            }
        }
        out->text = graft_piece_trim((graft_piece){t->rest.at + begin, at - begin});
        t->rest = graft_piece_from(t->rest, at < t->rest.n ? at + 1 : at);
        if (out->label >= 0 || out->text.n) {
            return true;
        }
    }
    return false;
}
