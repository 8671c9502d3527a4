/* chat/dialect_text.c - pieces of a reply: marks, white space, balanced brackets. */
#include <string.h>

#include "chat/dialects.h"

size_t graft_dialect__find(graft_reply_text text, const char *what)
{
    const char *at = text.n > 0 ? memmem(text.at, text.n, what, strlen(what)) : NULL;
    return at != NULL ? (size_t)(at - text.at) : text.n;
}

bool graft_dialect__begins(graft_reply_text text, const char *what)
{
    size_t n = strlen(what);
    return text.n >= n && n > 0 && memcmp(text.at, what, n) == 0;
}

graft_reply_text graft_dialect__from(graft_reply_text text, size_t from)
{
    return from > 0 ? (graft_reply_text){text.at + from, text.n - from} : text;
}

graft_reply_text graft_dialect__until(graft_reply_text text, size_t to)
{
    return (graft_reply_text){text.at, to};
}

graft_reply_text graft_dialect__take_until(graft_reply_text *text, const char *mark)
{
    size_t at = graft_dialect__find(*text, mark);
    graft_reply_text before = graft_dialect__until(*text, at);
    *text = graft_dialect__from(*text, at < text->n ? at + strlen(mark) : at);
    return before;
}

static bool is_space(char c)
{
    return c == ' ' || c == '\n' || c == '\t' || c == '\r';
}

graft_reply_text graft_dialect__trim(graft_reply_text text)
{
    while (text.n > 0 && is_space(*text.at)) {
        text = graft_dialect__from(text, 1);
    }
    while (text.n > 0 && is_space(text.at[text.n - 1])) {
        text.n--;
    }
    return text;
}

size_t graft_dialect__value_end(graft_reply_text text)
{
    size_t depth = 0;
    char quote = 0;
    for (size_t i = 0; i < text.n; i++) {
        char c = text.at[i];
        if (quote != 0) {
            i += c == '\\';
            quote = c == quote ? 0 : quote;
        } else if (c == '"' || (c == '\'' && depth > 0)) {
            quote = c;
        } else if (c == '{' || c == '[' || c == '(') {
            depth++;
        } else if ((c == '}' || c == ']' || c == ')') && depth > 0 && --depth == 0) {
            return i + 1;
        }
    }
    return text.n;
}
