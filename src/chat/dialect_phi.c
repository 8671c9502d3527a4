/* chat/dialect_phi.c - <|tool_call|>[{"name", "arguments"}]<|/tool_call|>, or functools[{...}].
 *
 * Phi-4-mini has been shown both; Granite 3 writes the first without its end, Firefunction the
 * second. */
#include <string.h>

#include "chat/dialects.h"
#include "core/status.h"

#define OPEN "<|tool_call|>"
#define CLOSE "<|/tool_call|>"
#define WORD "functools"

static bool speaks(const char *source)
{
    return strstr(source, OPEN) != NULL || strstr(source, WORD "[") != NULL;
}

static graft_status read_reply(graft_reply_parts *parts, graft_reply_text text)
{
    graft_status status = GRAFT_OK;
    size_t word = graft_dialect__find(text, WORD "[");
    if (graft_dialect__find(text, OPEN) < text.n || word == text.n) {
        return graft_dialect__read_between(parts, text, OPEN, CLOSE);
    }
    GRAFT_TRY(graft_dialect__add_content(parts, graft_dialect__until(text, word)));
    text = graft_dialect__from(text, word + strlen(WORD));
    size_t end = graft_dialect__value_end(text);
    GRAFT_TRY(graft_dialect__add_json(parts, graft_dialect__until(text, end)));
    status = graft_dialect__add_content(parts, graft_dialect__from(text, end));
done:
    return status;
}

static graft_status parse(graft_json **calls, graft_text *content, size_t *broken, const char *text,
                          size_t n)
{
    return graft_dialect__parse(calls, content, broken, (graft_reply_text){text, n}, read_reply);
}

const graft_dialect graft_dialect_phi = {
    .name = "phi",
    .speaks = speaks,
    .parse = parse,
};
