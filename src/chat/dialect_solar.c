/* chat/dialect_solar.c - <|tool_call:begin|>ID<|tool_call:name|>f<|tool_call:args|>{...}<|tool_call:end|>.
 *
 * The format of Solar Open. A reply is one or several messages; what kind each is stands before it:
 * <|think|> (not said), <|content|>, <|tool_calls|>. */
#include <string.h>

#include "chat/dialects.h"
#include "core/status.h"

#define OPEN "<|tool_call:begin|>"
#define NAME "<|tool_call:name|>"
#define ARGUMENTS "<|tool_call:args|>"
#define CLOSE "<|tool_call:end|>"
#define ALL_OPEN "<|tool_calls|>"
#define ALL_CLOSE "<|calls|>"
#define MESSAGE "<|begin|>assistant"
#define END "<|end|>"
#define WORDS "<|content|>"
#define THOUGHT "<|think|>"

static bool speaks(const char *source)
{
    return strstr(source, ARGUMENTS) != NULL;
}

static graft_status read_call(graft_reply_parts *parts, graft_reply_text text)
{
    graft_dialect__take_until(&text, NAME);
    graft_reply_text name = graft_dialect__take_until(&text, ARGUMENTS);
    return graft_dialect__add_named(parts, name, graft_dialect__trim(text));
}

static graft_status read_message(graft_reply_parts *parts, graft_reply_text text)
{
    static const graft_call_marks marks = {ALL_OPEN, ALL_CLOSE, OPEN, CLOSE};
    text = graft_dialect__trim(text);
    if (graft_dialect__begins(text, THOUGHT)) {
        graft_dialect__take_until(&text, END);
    }
    if (graft_dialect__begins(text, WORDS)) {
        text = graft_dialect__from(text, strlen(WORDS));
    }
    text = graft_dialect__until(text, graft_dialect__find(text, END));
    return graft_dialect__read_section(parts, text, &marks, read_call);
}

static graft_status read_reply(graft_reply_parts *parts, graft_reply_text text)
{
    graft_status status = GRAFT_OK;
    while (text.n > 0) {
        GRAFT_TRY(read_message(parts, graft_dialect__take_until(&text, MESSAGE)));
    }
done:
    return status;
}

static graft_status parse(graft_json **calls, graft_text *content, size_t *broken, const char *text,
                          size_t n)
{
    return graft_dialect__parse(calls, content, broken, (graft_reply_text){text, n}, read_reply);
}

const graft_dialect graft_dialect_solar = {
    .name = "solar",
    .speaks = speaks,
    .parse = parse,
    .result = "<|tool_response:begin|>",
};
