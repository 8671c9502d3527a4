/* chat/dialect_deepseek.c - calls between DeepSeek's special tokens.
 *
 * V3.1: <｜tool▁call▁begin｜>name<｜tool▁sep｜>{...}<｜tool▁call▁end｜>. V3 and R1: a type, "function",
 * stands where the name does, and behind the separator come the name, a line end and the
 * arguments in a ```json block. */
#include <string.h>

#include "chat/dialects.h"

#define ALL_OPEN "<｜tool▁calls▁begin｜>"
#define ALL_CLOSE "<｜tool▁calls▁end｜>"
#define OPEN "<｜tool▁call▁begin｜>"
#define SEPARATOR "<｜tool▁sep｜>"
#define CLOSE "<｜tool▁call▁end｜>"
#define FENCE "```"

static bool speaks(const char *source)
{
    return strstr(source, OPEN) != NULL;
}

static graft_status read_call(graft_reply_parts *parts, graft_reply_text text)
{
    graft_reply_text name = graft_dialect__take_until(&text, SEPARATOR);
    if (graft_dialect__find(text, FENCE "json") < text.n) {
        name = graft_dialect__take_until(&text, FENCE "json");
        text = graft_dialect__take_until(&text, FENCE);
    }
    return graft_dialect__add_named(parts, name, graft_dialect__trim(text));
}

static graft_status read_reply(graft_reply_parts *parts, graft_reply_text text)
{
    static const graft_call_marks marks = {ALL_OPEN, ALL_CLOSE, OPEN, CLOSE};
    return graft_dialect__read_section(parts, text, &marks, read_call);
}

static graft_status parse(graft_json **calls, graft_text *content, size_t *broken, const char *text,
                          size_t n)
{
    return graft_dialect__parse(calls, content, broken, (graft_reply_text){text, n}, read_reply);
}

const graft_dialect graft_dialect_deepseek = {
    .name = "deepseek",
    .speaks = speaks,
    .parse = parse,
    .result = "<｜tool▁output▁begin｜>",
};
