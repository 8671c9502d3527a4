/* chat/dialect_hermes.c - <tool_call>{"name": ..., "arguments": {...}}</tool_call>, once per call.
 *
 * The format of the Hermes 2 Pro and 3, Qwen2.5 and Qwen3 models and of the built-in template. */
#include <string.h>

#include "chat/dialects.h"
#include "core/status.h"

#define OPEN "<tool_call>"
#define CLOSE "</tool_call>"

static bool speaks(const char *source)
{
    return strstr(source, OPEN) != NULL;
}

/* Where `what` begins in text[0..n), n if nowhere. */
static size_t find(const char *text, size_t n, const char *what)
{
    const char *at = n > 0 ? memmem(text, n, what, strlen(what)) : NULL;
    return at != NULL ? (size_t)(at - text) : n;
}

static graft_status parse(graft_json **calls, graft_text *content, size_t *broken, const char *text,
                          size_t n)
{
    graft_status status = GRAFT_OK;
    *broken = 0;
    *calls = graft_json_new_array();
    if (*calls == NULL) {
        return graft_fail(GRAFT_E_MEMORY, "out of memory: tool calls");
    }
    while (n > 0) {
        size_t open = find(text, n, OPEN);
        GRAFT_TRY(graft_dialect__add_content(content, text, open));
        if (open == n) {
            break;
        }
        text += open + strlen(OPEN);
        n -= open + strlen(OPEN);
        /* the end of the reply, or the next call, closes a call that was left open */
        size_t close = find(text, n, CLOSE), next = find(text, n, OPEN);
        size_t end = close < next ? close : next;
        bool understood;
        GRAFT_TRY(graft_dialect__read_calls(*calls, text, end, &understood));
        *broken += !understood;
        size_t taken = end == close && end < n ? end + strlen(CLOSE) : end;
        text += taken;
        n -= taken;
    }
done:
    if (status != GRAFT_OK) {
        graft_json_free(*calls);
        *calls = NULL;
    }
    return status;
}

const graft_dialect graft_dialect_hermes = {"hermes", speaks, parse};
