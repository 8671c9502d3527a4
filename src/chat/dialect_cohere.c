/* chat/dialect_cohere.c - <|START_ACTION|>[{"tool_name", "parameters"}]<|END_ACTION|>.
 *
 * The format of Command R7B and A; Command R+ writes the list in a ```json block behind "Action:". */
#include <string.h>

#include "chat/dialects.h"

#define OPEN "<|START_ACTION|>"
#define CLOSE "<|END_ACTION|>"
#define BLOCK "Action:\n```json"
#define BLOCK_CLOSE "```"

static bool speaks(const char *source)
{
    return strstr(source, OPEN) != NULL || strstr(source, "\"tool_name\": ") != NULL;
}

static graft_status read_reply(graft_reply_parts *parts, graft_reply_text text)
{
    return graft_dialect__find(text, BLOCK) < text.n
               ? graft_dialect__read_between(parts, text, BLOCK, BLOCK_CLOSE)
               : graft_dialect__read_between(parts, text, OPEN, CLOSE);
}

static graft_status parse(graft_json **calls, graft_text *content, size_t *broken, const char *text,
                          size_t n)
{
    return graft_dialect__parse(calls, content, broken, (graft_reply_text){text, n}, read_reply);
}

const graft_dialect graft_dialect_cohere = {
    .name = "cohere",
    .speaks = speaks,
    .parse = parse,
    .result = "<|START_TOOL_RESULT|>",
};
