/* chat/dialect_gigachat.c - a call as JSON in a message of its own role, or behind <|function_call|>.
 *
 * GigaChat 3 ends the assistant's message and begins one of the role "function call"; 3.1 writes the
 * call at the end of the assistant's. <|message_sep|> ends both. */
#include <string.h>

#include "chat/dialects.h"
#include "core/status.h"

#define ROLE "function call<|role_sep|>"
#define MARK "<|function_call|>"
#define END "<|message_sep|>"

static bool speaks(const char *source)
{
    return strstr(source, "<|role_sep|>") != NULL && strstr(source, "function call") != NULL;
}

/* Cuts what stands before the next call off the text; false if there is no call. */
static bool take_words(graft_reply_text *words, graft_reply_text *text)
{
    size_t role = graft_dialect__find(*text, ROLE), mark = graft_dialect__find(*text, MARK);
    bool called = role < text->n || mark < text->n;
    *words = graft_dialect__take_until(text, role < mark ? ROLE : MARK);
    return called;
}

static graft_status read_reply(graft_reply_parts *parts, graft_reply_text text)
{
    graft_status status = GRAFT_OK;
    for (bool called = true; called;) {
        graft_reply_text words;
        called = take_words(&words, &text);
        GRAFT_TRY(graft_dialect__add_content(parts, graft_dialect__take_until(&words, END)));
        GRAFT_TRY(graft_dialect__add_content(parts, words));
        GRAFT_TRY(called ? graft_dialect__add_json(parts, graft_dialect__take_until(&text, END))
                         : GRAFT_OK);
    }
done:
    return status;
}

static graft_status parse(graft_json **calls, graft_text *content, size_t *broken, const char *text,
                          size_t n)
{
    return graft_dialect__parse(calls, content, broken, (graft_reply_text){text, n}, read_reply);
}

const graft_dialect graft_dialect_gigachat = {
    .name = "gigachat",
    .speaks = speaks,
    .parse = parse,
    .result = "function result<|role_sep|>",
};
