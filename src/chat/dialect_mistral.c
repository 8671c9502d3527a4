/* chat/dialect_mistral.c - [TOOL_CALLS] before calls.
 *
 * Mistral's tokenizers up to v7 write all calls as one list, [TOOL_CALLS][{"name", "arguments"}]; from
 * v11 on each call is [TOOL_CALLS]name[ARGS]{...}, with [CALL_ID] and an id after the name in one of
 * them. */
#include <string.h>

#include "chat/dialects.h"
#include "core/status.h"

#define MARK "[TOOL_CALLS]"
#define ID "[CALL_ID]"
#define ARGUMENTS "[ARGS]"

static bool speaks(const char *source)
{
    return strstr(source, MARK) != NULL;
}

/* One mark's worth of text: the calls at its start, words behind them. */
static graft_status read_marked(graft_reply_parts *parts, graft_reply_text text)
{
    graft_status status = GRAFT_OK;
    text = graft_dialect__trim(text);
    bool list = graft_dialect__begins(text, "[") && !graft_dialect__begins(text, ARGUMENTS);
    if (list || graft_dialect__begins(text, "{")) {
        size_t end = graft_dialect__value_end(text);
        GRAFT_TRY(graft_dialect__add_json(parts, graft_dialect__until(text, end)));
        status = graft_dialect__add_content(parts, graft_dialect__from(text, end));
        goto done;
    }
    graft_reply_text name = graft_dialect__take_until(&text, ARGUMENTS);
    name = graft_dialect__take_until(&name, ID);
    text = graft_dialect__trim(text);
    size_t end = graft_dialect__value_end(text);
    GRAFT_TRY(graft_dialect__add_named(parts, name, graft_dialect__until(text, end)));
    status = graft_dialect__add_content(parts, graft_dialect__from(text, end));
done:
    return status;
}

static graft_status read_reply(graft_reply_parts *parts, graft_reply_text text)
{
    graft_status status = GRAFT_OK;
    bool marked = graft_dialect__find(text, MARK) < text.n;
    GRAFT_TRY(graft_dialect__add_content(parts, graft_dialect__take_until(&text, MARK)));
    while (marked) {
        marked = graft_dialect__find(text, MARK) < text.n;
        GRAFT_TRY(read_marked(parts, graft_dialect__take_until(&text, MARK)));
    }
done:
    return status;
}

static graft_status parse(graft_json **calls, graft_text *content, size_t *broken, const char *text,
                          size_t n)
{
    return graft_dialect__parse(calls, content, broken, (graft_reply_text){text, n}, read_reply);
}

const graft_dialect graft_dialect_mistral = {
    .name = "mistral",
    .speaks = speaks,
    .parse = parse,
    .result = "[TOOL_RESULTS]",
};
