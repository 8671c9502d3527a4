/* chat/dialect_json.c - {"name": ..., "parameters": {...}} and nothing around it.
 *
 * The format of Llama 3.1 to 3.3: a call is the whole reply, behind <|python_tag|> or not; several
 * calls stand one after the other, separated by ";" or white space, or in an array. Built-in tools are
 * called as f.call(a="x") behind the tag. */
#include <string.h>

#include "chat/dialects.h"
#include "core/status.h"

#define TAG "<|python_tag|>"
#define BUILT_IN ".call("

static bool speaks(const char *source)
{
    return strstr(source, "\"parameters\": ") != NULL && strstr(source, "{\"name\": ") != NULL;
}

static graft_reply_text skip_separators(graft_reply_text text)
{
    while (text.n > 0 && strchr(" \n\t\r;,", *text.at) != NULL && *text.at != '\0') {
        text = graft_dialect__from(text, 1);
    }
    return text;
}

/* f.call(a="x") is, to Python, f(a="x"). */
static graft_status add_built_in(graft_reply_parts *parts, graft_reply_text name,
                                 graft_reply_text arguments)
{
    graft_status status = GRAFT_OK;
    graft_text call;
    graft_text_init(&call);
    GRAFT_TRY(graft_text_append_char(&call, '['));
    GRAFT_TRY(graft_text_append(&call, name.at, name.n));
    GRAFT_TRY(graft_text_append(&call, arguments.at, arguments.n));
    GRAFT_TRY(graft_text_append_char(&call, ']'));
    status = graft_dialect__add_python(parts, (graft_reply_text){call.data, call.len});
done:
    graft_text_clear(&call);
    return status;
}

static graft_status read_reply(graft_reply_parts *parts, graft_reply_text text)
{
    graft_status status = GRAFT_OK;
    bool tagged = graft_dialect__find(text, TAG) < text.n;
    if (tagged) {
        GRAFT_TRY(graft_dialect__add_content(parts, graft_dialect__take_until(&text, TAG)));
    }
    text = skip_separators(text);
    if (!tagged && !graft_dialect__begins(text, "{") && !graft_dialect__begins(text, "[")) {
        status = graft_dialect__add_content(parts, text);
        goto done;
    }
    while (text.n > 0) {
        size_t built_in = graft_dialect__find(text, BUILT_IN), end;
        bool json = graft_dialect__begins(text, "{") || graft_dialect__begins(text, "[");
        if (tagged && !json && built_in < text.n) {
            graft_reply_text name = graft_dialect__until(text, built_in);
            text = graft_dialect__from(text, built_in + strlen(BUILT_IN) - 1);
            end = graft_dialect__value_end(text);
            GRAFT_TRY(add_built_in(parts, name, graft_dialect__until(text, end)));
        } else {
            end = graft_dialect__value_end(text);
            GRAFT_TRY(graft_dialect__add_json(parts, graft_dialect__until(text, end)));
        }
        text = skip_separators(graft_dialect__from(text, end));
    }
done:
    return status;
}

static graft_status parse(graft_json **calls, graft_text *content, size_t *broken, const char *text,
                          size_t n)
{
    return graft_dialect__parse(calls, content, broken, (graft_reply_text){text, n}, read_reply);
}

const graft_dialect graft_dialect_json = {
    .name = "json",
    .speaks = speaks,
    .parse = parse,
    .result = "<|start_header_id|>ipython<|end_header_id|>",
};
