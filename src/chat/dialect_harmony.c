/* chat/dialect_harmony.c - messages of their own: <|channel|>commentary to=functions.name<|message|>.
 *
 * The format of gpt-oss (https://cookbook.openai.com/articles/openai-harmony). A reply is a row of
 * messages, each a header, <|message|>, a body, and <|end|>, <|call|> or <|return|>; the next begins
 * with <|start|>. A recipient in the header makes a message a call. What is on the analysis
 * channel is thought and not said. */
#include <string.h>

#include "chat/dialects.h"
#include "core/status.h"

#define START "<|start|>"
#define MESSAGE "<|message|>"
#define RECIPIENT "to=functions."

static bool speaks(const char *source)
{
    return strstr(source, "<|channel|>commentary") != NULL;
}

static graft_reply_text body_of(graft_reply_text text)
{
    static const char *const ends[] = {"<|end|>", "<|call|>", "<|return|>"};
    for (size_t i = 0; i < sizeof ends / sizeof *ends; i++) {
        text = graft_dialect__until(text, graft_dialect__find(text, ends[i]));
    }
    return graft_dialect__trim(text);
}

/* The name behind "functions.": it ends where a space or a mark begins. */
static graft_reply_text name_in(graft_reply_text text)
{
    size_t n = 0;
    while (n < text.n && text.at[n] != ' ' && text.at[n] != '<' && text.at[n] != '\n') {
        n++;
    }
    return graft_dialect__until(text, n);
}

static graft_status read_message(graft_reply_parts *parts, graft_reply_text text)
{
    bool whole = graft_dialect__find(text, MESSAGE) < text.n;
    graft_reply_text header = graft_dialect__take_until(&text, MESSAGE);
    size_t recipient = graft_dialect__find(header, RECIPIENT);
    if (recipient < header.n) {
        header = graft_dialect__from(header, recipient + strlen(RECIPIENT));
        return graft_dialect__add_named(parts, name_in(header), body_of(text));
    }
    if (!whole) { /* words without a header, as the text of a reply that was cut may be */
        return graft_dialect__add_content(parts, body_of(header));
    }
    bool thought = graft_dialect__find(header, "analysis") < header.n;
    return thought ? GRAFT_OK : graft_dialect__add_content(parts, body_of(text));
}

static graft_status read_reply(graft_reply_parts *parts, graft_reply_text text)
{
    graft_status status = GRAFT_OK;
    while (text.n > 0) {
        GRAFT_TRY(read_message(parts, graft_dialect__take_until(&text, START)));
    }
done:
    return status;
}

static graft_status parse(graft_json **calls, graft_text *content, size_t *broken, const char *text,
                          size_t n)
{
    return graft_dialect__parse(calls, content, broken, (graft_reply_text){text, n}, read_reply);
}

const graft_dialect graft_dialect_harmony = {
    .name = "harmony",
    .speaks = speaks,
    .parse = parse,
    .result = "<|start|>functions.",
};
