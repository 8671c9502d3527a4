/* chat/dialect_calls.c - what the dialects have inside: names, arguments as JSON, words around. */
#include <string.h>

#include "chat/dialects.h"
#include "chat/python_literal.h"
#include "core/status.h"

/* Parses JSON that may be broken: *out is NULL then, and only memory is a failure. */
static graft_status try_parse(graft_json **out, const char *text, size_t n)
{
    graft_status status = graft_json_parse(out, text, n);
    return status == GRAFT_E_DATA ? GRAFT_OK : status;
}

/* The arguments as an object with a reference of its own, or NULL. */
static graft_status read_arguments(graft_json **out, const graft_json *call)
{
    graft_json *arguments = graft_json_get(call, "arguments");
    *out = NULL;
    if (arguments == NULL) {
        arguments = graft_json_get(call, "parameters");
    }
    if (graft_json_is(arguments, GRAFT_JSON_STRING)) {
        size_t n;
        const char *text = graft_json_string(arguments, &n);
        graft_status status = try_parse(out, text, n);
        if (!graft_json_is(*out, GRAFT_JSON_OBJECT)) {
            graft_json_free(*out);
            *out = NULL;
        }
        return status;
    }
    *out = graft_json_is(arguments, GRAFT_JSON_OBJECT) ? graft_json_retain(arguments) : NULL;
    return GRAFT_OK;
}

static graft_status push_call(graft_json *calls, graft_json *name, graft_json *arguments)
{
    graft_status status = GRAFT_OK;
    graft_json *call = graft_json_new_object();
    if (call == NULL || name == NULL) {
        status = graft_fail(GRAFT_E_MEMORY, "out of memory: a tool call");
        goto done;
    }
    GRAFT_TRY(graft_json_set(call, "name", graft_json_retain(name)));
    GRAFT_TRY(graft_json_set(call, "arguments", graft_json_retain(arguments)));
    status = graft_json_push(calls, call);
    call = NULL;
done:
    graft_json_free(call);
    return status;
}

static graft_status add_object(graft_reply_parts *parts, const graft_json *call)
{
    graft_status status = GRAFT_OK;
    graft_json *name = graft_json_get(call, graft_json_has(call, "name") ? "name" : "tool_name");
    graft_json *arguments = NULL;
    GRAFT_TRY(read_arguments(&arguments, call));
    if (graft_json_is(name, GRAFT_JSON_STRING) && arguments != NULL) {
        GRAFT_TRY(push_call(parts->calls, name, arguments));
    } else {
        parts->broken++;
    }
done:
    graft_json_free(arguments);
    return status;
}

graft_status graft_dialect__add_json(graft_reply_parts *parts, graft_reply_text text)
{
    graft_status status = GRAFT_OK;
    graft_json *value = NULL;
    GRAFT_TRY(try_parse(&value, text.at, text.n));
    if (graft_json_is(value, GRAFT_JSON_OBJECT)) {
        status = add_object(parts, value);
    } else if (graft_json_is(value, GRAFT_JSON_ARRAY) && graft_json_length(value) > 0) {
        for (size_t i = 0; i < graft_json_length(value); i++) {
            GRAFT_TRY(add_object(parts, graft_json_at(value, i)));
        }
    } else {
        parts->broken++;
    }
done:
    graft_json_free(value);
    return status;
}

graft_status graft_dialect__add_python(graft_reply_parts *parts, graft_reply_text text)
{
    bool understood = false;
    graft_status status = graft_python_calls(parts->calls, text.at, text.n, &understood);
    parts->broken += !understood;
    return status;
}

/* Can it be the name of a tool? */
static bool is_name(graft_reply_text name)
{
    for (size_t i = 0; i < name.n; i++) {
        if ((unsigned char)name.at[i] <= ' ') {
            return false;
        }
    }
    return name.n > 0 && graft_utf8_valid(name.at, name.n, NULL);
}

graft_status graft_dialect__add_call(graft_reply_parts *parts, graft_reply_text name,
                                     graft_json *arguments)
{
    graft_status status = GRAFT_OK;
    graft_json *spelled = NULL;
    name = graft_dialect__trim(name);
    if (!is_name(name) || !graft_json_is(arguments, GRAFT_JSON_OBJECT)) {
        parts->broken++;
        goto done;
    }
    spelled = graft_json_new_string(name.at, name.n);
    status = push_call(parts->calls, spelled, arguments);
done:
    graft_json_free(spelled);
    graft_json_free(arguments);
    return status;
}

graft_status graft_dialect__add_named(graft_reply_parts *parts, graft_reply_text name,
                                      graft_reply_text arguments)
{
    graft_json *read = NULL;
    graft_status status = try_parse(&read, arguments.at, arguments.n);
    return status == GRAFT_OK ? graft_dialect__add_call(parts, name, read) : status;
}

graft_status graft_dialect__new_arguments(graft_json **out)
{
    *out = graft_json_new_object();
    return *out != NULL ? GRAFT_OK : graft_fail(GRAFT_E_MEMORY, "out of memory: arguments");
}

graft_status graft_dialect__set_text(graft_json *arguments, graft_reply_text key,
                                     graft_reply_text value, bool *understood)
{
    graft_status status = GRAFT_OK;
    graft_json *text = NULL;
    graft_text name;
    graft_text_init(&name);
    *understood = is_name(key) && graft_utf8_valid(value.at, value.n, NULL);
    if (!*understood) {
        return GRAFT_OK;
    }
    GRAFT_TRY(graft_text_append(&name, key.at, key.n));
    text = graft_json_new_string(value.at, value.n);
    if (text == NULL) {
        status = graft_fail(GRAFT_E_MEMORY, "out of memory: an argument");
        goto done;
    }
    status = graft_json_set(arguments, graft_text_z(&name), text);
done:
    graft_text_clear(&name);
    return status;
}

graft_status graft_dialect__add_content(graft_reply_parts *parts, graft_reply_text text)
{
    graft_status status = GRAFT_OK;
    text = graft_dialect__trim(text);
    if (text.n > 0 && parts->content->len > 0) {
        GRAFT_TRY(graft_text_append_char(parts->content, '\n'));
    }
    status = graft_text_append(parts->content, text.at, text.n);
done:
    return status;
}

static size_t find_mark(graft_reply_text text, size_t from, const char *open, const char *close)
{
    graft_reply_text rest = graft_dialect__from(text, from);
    size_t next = graft_dialect__find(rest, open);
    return from + graft_dialect__find(graft_dialect__until(rest, next), close);
}

graft_status graft_dialect__call_end(size_t *end, graft_reply_text text, const char *open,
                                     const char *close)
{
    graft_status status = GRAFT_OK;
    graft_reply_text call = graft_dialect__trim(text);
    *end = find_mark(text, 0, open, close);
    if (graft_dialect__begins(call, "{") || graft_dialect__begins(call, "[")) {
        graft_json *value;
        size_t n = graft_dialect__value_end(call), whole = (size_t)(call.at - text.at) + n;
        if (*end < whole) {
            GRAFT_TRY(try_parse(&value, call.at, n));
            *end = value != NULL ? find_mark(text, whole, open, close) : *end;
            graft_json_free(value);
        }
    }
done:
    return status;
}

graft_status graft_dialect__read_between(graft_reply_parts *parts, graft_reply_text text,
                                         const char *open, const char *close)
{
    graft_status status = GRAFT_OK;
    while (text.n > 0) {
        bool opened = graft_dialect__find(text, open) < text.n;
        GRAFT_TRY(graft_dialect__add_content(parts, graft_dialect__take_until(&text, open)));
        if (!opened) {
            break;
        }
        size_t end;
        GRAFT_TRY(graft_dialect__call_end(&end, text, open, close));
        GRAFT_TRY(graft_dialect__add_json(parts, graft_dialect__until(text, end)));
        text = graft_dialect__from(text, end);
        if (graft_dialect__begins(text, close)) {
            text = graft_dialect__from(text, strlen(close));
        }
    }
done:
    return status;
}

graft_status graft_dialect__read_section(graft_reply_parts *parts, graft_reply_text text,
                                         const graft_call_marks *marks,
                                         graft_dialect_read *read_call)
{
    graft_status status = GRAFT_OK;
    size_t all = graft_dialect__find(text, marks->all_open);
    size_t first = graft_dialect__find(text, marks->open);
    bool called = first < text.n;
    parts->broken += all < text.n && !called;
    GRAFT_TRY(graft_dialect__add_content(parts,
                                         graft_dialect__until(text, all < first ? all : first)));
    graft_dialect__take_until(&text, marks->open);
    while (called) {
        called = graft_dialect__find(text, marks->open) < text.n;
        graft_reply_text call = graft_dialect__take_until(&text, marks->open);
        GRAFT_TRY(read_call(parts, graft_dialect__take_until(&call, marks->close)));
        graft_dialect__take_until(&call, marks->all_close);
        GRAFT_TRY(graft_dialect__add_content(parts, call));
    }
done:
    return status;
}

graft_status graft_dialect__parse(graft_json **calls, graft_text *content, size_t *broken,
                                  graft_reply_text text, graft_dialect_read *read)
{
    graft_status status = GRAFT_OK;
    graft_reply_parts parts = {.calls = graft_json_new_array(), .content = content};
    if (parts.calls == NULL) {
        status = graft_fail(GRAFT_E_MEMORY, "out of memory: tool calls");
    } else {
        status = read(&parts, text);
    }
    if (status != GRAFT_OK) {
        graft_json_free(parts.calls);
        parts.calls = NULL;
    }
    *calls = parts.calls;
    *broken = parts.broken;
    return status;
}
