/* chat/dialect_kimi.c - <|tool_call_begin|>functions.name:0<|tool_call_argument_begin|>{...}.
 *
 * The format of Kimi K2: the name stands in the call's id, behind "functions." and before its
 * number; <|tool_call_end|> closes each call. */
#include <string.h>

#include "chat/dialects.h"

#define ALL_OPEN "<|tool_calls_section_begin|>"
#define ALL_CLOSE "<|tool_calls_section_end|>"
#define OPEN "<|tool_call_begin|>"
#define ARGUMENTS "<|tool_call_argument_begin|>"
#define CLOSE "<|tool_call_end|>"
#define PREFIX "functions."

static bool speaks(const char *source)
{
    return strstr(source, ARGUMENTS) != NULL;
}

static graft_reply_text name_in(graft_reply_text id)
{
    id = graft_dialect__trim(id);
    if (graft_dialect__begins(id, PREFIX)) {
        id = graft_dialect__from(id, strlen(PREFIX));
    }
    size_t digits = 0;
    while (digits < id.n && id.at[id.n - 1 - digits] >= '0' && id.at[id.n - 1 - digits] <= '9') {
        digits++;
    }
    bool numbered = digits > 0 && digits < id.n && id.at[id.n - 1 - digits] == ':';
    return numbered ? graft_dialect__until(id, id.n - digits - 1) : id;
}

static graft_status read_call(graft_reply_parts *parts, graft_reply_text text)
{
    graft_reply_text id = graft_dialect__take_until(&text, ARGUMENTS);
    return graft_dialect__add_named(parts, name_in(id), graft_dialect__trim(text));
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

const graft_dialect graft_dialect_kimi = {
    .name = "kimi",
    .speaks = speaks,
    .parse = parse,
    .result = "## Return of ",
};
