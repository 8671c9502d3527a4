/* chat/dialect_gemma.c - what Gemma 2 and 3 write when asked to call functions.
 *
 * They have no marks of their own: calls stand in a ```tool_code block, one a line, or as a Python
 * list or as JSON, in a block or as the whole reply
 * (https://ai.google.dev/gemma/docs/capabilities/function-calling). */
#include <string.h>

#include "chat/dialects.h"
#include "core/status.h"

#define FENCE "```"

static bool speaks(const char *source)
{
    return strstr(source, "<start_of_turn>") != NULL;
}

/* print(f(a=1)) shows what f gives; the call is f's. */
static graft_reply_text unwrap_print(graft_reply_text text)
{
    if (graft_dialect__begins(text, "print(") && text.at[text.n - 1] == ')') {
        text = graft_dialect__from(text, strlen("print("));
        text.n--;
    }
    return graft_dialect__trim(text);
}

static graft_status add_statement(graft_reply_parts *parts, graft_reply_text text)
{
    graft_status status = GRAFT_OK;
    graft_text list;
    graft_text_init(&list);
    text = unwrap_print(graft_dialect__trim(text));
    if (graft_dialect__begins(text, "[")) {
        return graft_dialect__add_python(parts, text);
    }
    GRAFT_TRY(graft_text_append_char(&list, '['));
    GRAFT_TRY(graft_text_append(&list, text.at, text.n));
    GRAFT_TRY(graft_text_append_char(&list, ']'));
    status = graft_dialect__add_python(parts, (graft_reply_text){list.data, list.len});
done:
    graft_text_clear(&list);
    return status;
}

/* Statement after statement; each ends where its brackets balance. */
static graft_status add_code(graft_reply_parts *parts, graft_reply_text text)
{
    graft_status status = GRAFT_OK;
    text = graft_dialect__trim(text);
    parts->broken += text.n == 0;
    while (text.n > 0) {
        size_t end = graft_dialect__value_end(text);
        GRAFT_TRY(add_statement(parts, graft_dialect__until(text, end)));
        text = graft_dialect__trim(graft_dialect__from(text, end));
        while (text.n > 0 && (*text.at == ';' || *text.at == ',')) {
            text = graft_dialect__trim(graft_dialect__from(text, 1));
        }
    }
done:
    return status;
}

/* Does the text look like calls as JSON, or as a Python list? */
static bool is_json(graft_reply_text text)
{
    graft_reply_text inside = text;
    if (graft_dialect__begins(text, "[")) {
        inside = graft_dialect__trim(graft_dialect__from(text, 1));
    }
    return graft_dialect__begins(inside, "{") && graft_dialect__find(inside, "\"name\"") < inside.n;
}

static bool is_list(graft_reply_text text)
{
    return graft_dialect__begins(text, "[") && graft_dialect__find(text, "(") < text.n;
}

static graft_status read_block(graft_reply_parts *parts, graft_reply_text text)
{
    graft_reply_text block = text;
    graft_reply_text kind = graft_dialect__trim(graft_dialect__take_until(&text, "\n"));
    graft_reply_text inside = graft_dialect__trim(text);
    bool code = graft_dialect__begins(kind, "tool_code");
    if (!code && is_json(inside)) {
        return graft_dialect__add_json(parts, inside);
    }
    if (code || (is_list(inside) && graft_dialect__begins(kind, "python"))) {
        return is_json(inside) ? graft_dialect__add_json(parts, inside) : add_code(parts, inside);
    }
    return graft_dialect__add_content(parts, block);
}

static graft_status read_reply(graft_reply_parts *parts, graft_reply_text text)
{
    graft_status status = GRAFT_OK;
    text = graft_dialect__trim(text);
    if (is_json(text)) {
        return graft_dialect__add_json(parts, text);
    }
    if (is_list(text)) {
        return graft_dialect__add_python(parts, text);
    }
    while (text.n > 0) {
        bool fenced = graft_dialect__find(text, FENCE) < text.n;
        GRAFT_TRY(graft_dialect__add_content(parts, graft_dialect__take_until(&text, FENCE)));
        if (fenced) {
            GRAFT_TRY(read_block(parts, graft_dialect__take_until(&text, FENCE)));
        }
    }
done:
    return status;
}

static graft_status parse(graft_json **calls, graft_text *content, size_t *broken, const char *text,
                          size_t n)
{
    return graft_dialect__parse(calls, content, broken, (graft_reply_text){text, n}, read_reply);
}

const graft_dialect graft_dialect_gemma = {
    .name = "gemma",
    .speaks = speaks,
    .parse = parse,
    .result = "```tool_output",
};
