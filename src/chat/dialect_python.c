/* chat/dialect_python.c - calls as Python would make them: [f(a=1), g(b='x')].
 *
 * Llama 3.2 and 4 as prompted for BFCL, ToolACE, and LFM2, which puts them between
 * <|tool_call_start|> and <|tool_call_end|>. Without marks the list is the whole reply. */
#include <string.h>

#include "chat/dialects.h"
#include "core/status.h"

static const struct { const char *open, *close; } marks[] = {
    {"<|tool_call_start|>", "<|tool_call_end|>"},
    {"<|python_start|>", "<|python_end|>"},
};

static bool speaks(const char *source)
{
    for (size_t i = 0; i < sizeof marks / sizeof *marks; i++) {
        if (strstr(source, marks[i].open) != NULL) {
            return true;
        }
    }
    return strstr(source, "[func_name1(params_name1=") != NULL;
}

static graft_status read_marked(graft_reply_parts *parts, graft_reply_text text, const char *open,
                                const char *close)
{
    graft_status status = GRAFT_OK;
    bool called = graft_dialect__find(text, open) < text.n;
    GRAFT_TRY(graft_dialect__add_content(parts, graft_dialect__take_until(&text, open)));
    while (called) {
        called = graft_dialect__find(text, open) < text.n;
        graft_reply_text call = graft_dialect__take_until(&text, open);
        GRAFT_TRY(graft_dialect__add_python(
            parts, graft_dialect__trim(graft_dialect__take_until(&call, close))));
        GRAFT_TRY(graft_dialect__add_content(parts, call));
    }
done:
    return status;
}

static graft_status read_reply(graft_reply_parts *parts, graft_reply_text text)
{
    for (size_t i = 0; i < sizeof marks / sizeof *marks; i++) {
        if (graft_dialect__find(text, marks[i].open) < text.n) {
            return read_marked(parts, text, marks[i].open, marks[i].close);
        }
    }
    text = graft_dialect__trim(text);
    return graft_dialect__begins(text, "[") ? graft_dialect__add_python(parts, text)
                                            : graft_dialect__add_content(parts, text);
}

static graft_status parse(graft_json **calls, graft_text *content, size_t *broken, const char *text,
                          size_t n)
{
    return graft_dialect__parse(calls, content, broken, (graft_reply_text){text, n}, read_reply);
}

const graft_dialect graft_dialect_python = {
    .name = "python",
    .speaks = speaks,
    .parse = parse,
    .result = "<|tool_response_start|>",
};
