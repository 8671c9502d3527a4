/* chat/dialect_functionary.c - >>>all, a line break, words; >>>name, a line break, {...}.
 *
 * The format of Functionary 3.2: every part of a reply is for someone, for "all" or for a tool. The
 * prompt has the first >>> already. Code for "python" may stand there as it is. */
#include <string.h>

#include "chat/dialects.h"
#include "core/status.h"

#define OPEN ">>>"
#define EVERYONE "all"
#define PYTHON "python"

static bool speaks(const char *source)
{
    return strstr(source, OPEN "${recipient}") != NULL;
}

static bool is(graft_reply_text text, const char *what)
{
    return text.n == strlen(what) && graft_dialect__begins(text, what);
}

/* Bytes of the name that the text begins with, if a line break follows; 0 otherwise. */
static size_t recipient(graft_reply_text text)
{
    size_t n = 0;
    while (n < text.n && (unsigned char)text.at[n] > ' ' && text.at[n] != '<' && text.at[n] != '>') {
        n++;
    }
    return n < text.n && text.at[n] == '\n' ? n : 0;
}

/* Where the next part begins at or behind `from`: its >>> and a name. */
static size_t next_part(graft_reply_text text, size_t from)
{
    for (size_t at = from; at < text.n; at++) {
        graft_reply_text rest = graft_dialect__from(text, at);
        at += graft_dialect__find(rest, OPEN);
        if (at < text.n && recipient(graft_dialect__from(text, at + strlen(OPEN))) > 0) {
            return at;
        }
    }
    return text.n;
}

static graft_status add_code(graft_reply_parts *parts, graft_reply_text name, graft_reply_text code)
{
    graft_status status = GRAFT_OK;
    graft_json *arguments = NULL, *taken;
    bool understood;
    GRAFT_TRY(graft_dialect__new_arguments(&arguments));
    GRAFT_TRY(graft_dialect__set_text(arguments, (graft_reply_text){"code", 4},
                                      graft_dialect__trim(code), &understood));
    parts->broken += !understood;
    taken = arguments;
    arguments = NULL;
    if (understood) {
        status = graft_dialect__add_call(parts, name, taken);
    } else {
        graft_json_free(taken);
    }
done:
    graft_json_free(arguments);
    return status;
}

/* The part for `name`; *text is what is left and moves behind it. */
static graft_status read_part(graft_reply_parts *parts, graft_reply_text name, graft_reply_text *text)
{
    graft_reply_text body = graft_dialect__trim(*text);
    bool json = graft_dialect__begins(body, "{");
    size_t start = (size_t)(body.at - text->at);
    /* What looks like a part inside of a value is none. */
    size_t from = json && !is(name, EVERYONE) ? start + graft_dialect__value_end(body) : 0;
    size_t end = next_part(*text, from);
    graft_reply_text part = graft_dialect__trim(graft_dialect__until(*text, end));
    *text = graft_dialect__from(*text, end);
    if (is(name, EVERYONE)) {
        return graft_dialect__add_content(parts, part);
    }
    return is(name, PYTHON) && !json ? add_code(parts, name, part)
                                     : graft_dialect__add_named(parts, name, part);
}

static graft_status read_reply(graft_reply_parts *parts, graft_reply_text text)
{
    graft_status status = GRAFT_OK;
    /* The first name stands behind the prompt's mark: a line that is "all", or before an object. */
    size_t n = recipient(text);
    graft_reply_text first = graft_dialect__until(text, n);
    graft_reply_text rest = graft_dialect__trim(graft_dialect__from(text, n));
    if (n > 0 && (is(first, EVERYONE) || is(first, PYTHON) || graft_dialect__begins(rest, "{"))) {
        text = graft_dialect__from(text, n);
        GRAFT_TRY(read_part(parts, first, &text));
    }
    size_t part = next_part(text, 0);
    GRAFT_TRY(graft_dialect__add_content(parts, graft_dialect__until(text, part)));
    for (text = graft_dialect__from(text, part); text.n > 0;) {
        text = graft_dialect__from(text, strlen(OPEN));
        graft_reply_text name = graft_dialect__until(text, recipient(text));
        text = graft_dialect__from(text, name.n);
        GRAFT_TRY(read_part(parts, name, &text));
    }
done:
    return status;
}

static graft_status parse(graft_json **calls, graft_text *content, size_t *broken, const char *text,
                          size_t n)
{
    return graft_dialect__parse(calls, content, broken, (graft_reply_text){text, n}, read_reply);
}

const graft_dialect graft_dialect_functionary = {
    .name = "functionary",
    .speaks = speaks,
    .parse = parse,
    .result = "<|start_header_id|>tool",
};
