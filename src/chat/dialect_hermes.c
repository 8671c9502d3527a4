/* chat/dialect_hermes.c - <tool_call>{"name": ..., "arguments": {...}}</tool_call>, once per call.
 *
 * The format of the Hermes 2 Pro and 3, Qwen2.5 and Qwen3 models and of the built-in template. */
#include <string.h>

#include "chat/dialects.h"

#define OPEN "<tool_call>"
#define CLOSE "</tool_call>"

/* Other dialects wrap calls of their own in the same mark. */
static bool speaks(const char *source)
{
    return strstr(source, OPEN) != NULL && strstr(source, "<function=") == NULL &&
           strstr(source, "<arg_key>") == NULL && strstr(source, "<tool_calls>") == NULL &&
           strstr(source, "]<]minimax[>[") == NULL;
}

static graft_status read_reply(graft_reply_parts *parts, graft_reply_text text)
{
    return graft_dialect__read_between(parts, text, OPEN, CLOSE);
}

static graft_status parse(graft_json **calls, graft_text *content, size_t *broken, const char *text,
                          size_t n)
{
    return graft_dialect__parse(calls, content, broken, (graft_reply_text){text, n}, read_reply);
}

const graft_dialect graft_dialect_hermes = {
    .name = "hermes",
    .speaks = speaks,
    .parse = parse,
    .result = "<tool_response>",
};
