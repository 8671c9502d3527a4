/* chat/dialect_tool_calls.c - all calls in one list: <tool_calls>[{...}]</tool_calls> (Apriel) or
 * <TOOLCALL>[{...}]</TOOLCALL> (Nemotron). */
#include <string.h>

#include "chat/dialects.h"

static bool speaks(const char *source)
{
    return strstr(source, "<tool_calls>[") != NULL || strstr(source, "<TOOLCALL>[") != NULL;
}

static graft_status read_reply(graft_reply_parts *parts, graft_reply_text text)
{
    return graft_dialect__find(text, "<TOOLCALL>") < text.n
               ? graft_dialect__read_between(parts, text, "<TOOLCALL>", "</TOOLCALL>")
               : graft_dialect__read_between(parts, text, "<tool_calls>", "</tool_calls>");
}

static graft_status parse(graft_json **calls, graft_text *content, size_t *broken, const char *text,
                          size_t n)
{
    return graft_dialect__parse(calls, content, broken, (graft_reply_text){text, n}, read_reply);
}

const graft_dialect graft_dialect_tool_calls = {
    .name = "tool_calls",
    .speaks = speaks,
    .parse = parse,
    .result = "<TOOL_RESPONSE>",
};
