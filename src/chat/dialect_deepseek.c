/* chat/dialect_deepseek.c - calls between DeepSeek's special tokens.
 *
 * V3.1: <｜tool▁call▁begin｜>name<｜tool▁sep｜>{...}<｜tool▁call▁end｜>. V3 and R1: a type, "function",
 * stands where the name does, and behind the separator come the name, a line end and the
 * arguments in a ```json block. */
#include <string.h>

#include "chat/dialects.h"
#include "core/status.h"

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
    graft_status status = GRAFT_OK;
    graft_reply_text name = graft_dialect__take_until(&text, SEPARATOR);
    text = graft_dialect__trim(text);
    if (!graft_dialect__begins(text, "{") && graft_dialect__find(text, FENCE "json") < text.n) {
        size_t end;
        name = graft_dialect__take_until(&text, FENCE "json");
        GRAFT_TRY(graft_dialect__call_end(&end, text, OPEN, FENCE));
        text = graft_dialect__until(text, end);
    }
    status = graft_dialect__add_named(parts, name, graft_dialect__trim(text));
done:
    return status;
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
