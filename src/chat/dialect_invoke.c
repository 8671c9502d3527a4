/* chat/dialect_invoke.c - <invoke name="f"><parameter name="a">1</parameter></invoke>.
 *
 * The format of MiniMax M2, and of DeepSeek V4 and others with a word of their own before every tag's
 * name ("<｜DSML｜invoke"). Values are not quoted: the tool's schema types them. */
#include <string.h>

#include "chat/dialects.h"
#include "core/status.h"

#define INVOKE "invoke name=\""
#define PARAMETER "parameter name=\""

/* What wraps all calls. */
static const char *const wraps[] = {"<minimax:tool_call>", "<｜DSML｜tool_calls>",
                                    "<atem:function_calls>", "<function_calls>"};
static const char *const unwraps[] = {"</minimax:tool_call>", "</｜DSML｜tool_calls>",
                                      "</atem:function_calls>", "</function_calls>"};

static bool speaks(const char *source)
{
    return strstr(source, INVOKE) != NULL;
}

/* Where the tag that holds the attribute at `at` begins. */
static size_t tag_start(graft_reply_text text, size_t at)
{
    size_t start = at < text.n ? at : 0;
    while (start > 0 && text.at[start - 1] != '<') {
        start--;
    }
    return start > 0 ? start - 1 : at;
}

/* Cuts `name="` off: the text between the quotes; then the tag up to ">". False if it does not end. */
static bool take_name(graft_reply_text *text, graft_reply_text *name)
{
    bool quoted = graft_dialect__find(*text, "\"") < text->n;
    *name = graft_dialect__take_until(text, "\"");
    bool closed = quoted && graft_dialect__find(*text, ">") < text->n;
    graft_dialect__take_until(text, ">");
    return closed;
}

/* What is left of the text up to the end of the tag's content: "</", any word, `tag`. */
static graft_reply_text take_content(graft_reply_text *text, const char *tag)
{
    size_t close = graft_dialect__find(*text, tag), end = close;
    while (end > 0 && close < text->n && text->at[end - 1] != '<') {
        end--;
    }
    graft_reply_text content = graft_dialect__until(*text, end > 0 && close < text->n ? end - 1 : close);
    *text = graft_dialect__from(*text, close < text->n ? close + strlen(tag) : close);
    return content;
}

static graft_status read_call(graft_reply_parts *parts, graft_reply_text text)
{
    graft_status status = GRAFT_OK;
    graft_json *arguments = NULL, *taken;
    graft_reply_text name, key;
    bool understood = take_name(&text, &name), more;
    GRAFT_TRY(graft_dialect__new_arguments(&arguments));
    for (more = graft_dialect__find(text, PARAMETER) < text.n; more && understood;) {
        graft_dialect__take_until(&text, PARAMETER);
        understood = take_name(&text, &key);
        if (understood) {
            graft_reply_text value = take_content(&text, "parameter>");
            GRAFT_TRY(graft_dialect__set_text(arguments, key, value, &understood));
        }
        more = graft_dialect__find(text, PARAMETER) < text.n;
    }
    if (!understood) {
        parts->broken++;
        goto done;
    }
    taken = arguments;
    arguments = NULL;
    status = graft_dialect__add_call(parts, name, taken);
done:
    graft_json_free(arguments);
    return status;
}

/* Words around calls, without the tags that wrap them. */
static graft_status add_words(graft_reply_parts *parts, graft_reply_text text)
{
    graft_status status = GRAFT_OK;
    for (size_t i = 0; i < sizeof wraps / sizeof *wraps; i++) {
        if (graft_dialect__find(text, unwraps[i]) < text.n) {
            graft_dialect__take_until(&text, unwraps[i]);
        }
        text = graft_dialect__until(text, graft_dialect__find(text, wraps[i]));
    }
    status = graft_dialect__add_content(parts, text);
    return status;
}

static graft_status read_reply(graft_reply_parts *parts, graft_reply_text text)
{
    graft_status status = GRAFT_OK;
    size_t at = graft_dialect__find(text, INVOKE);
    bool called = at < text.n;
    GRAFT_TRY(add_words(parts, graft_dialect__until(text, tag_start(text, at))));
    while (called) {
        graft_dialect__take_until(&text, INVOKE);
        size_t next = graft_dialect__find(text, INVOKE);
        called = next < text.n;
        graft_reply_text call = graft_dialect__until(text, called ? tag_start(text, next) : next);
        graft_reply_text inside = take_content(&call, "invoke>");
        GRAFT_TRY(read_call(parts, inside));
        GRAFT_TRY(add_words(parts, call));
    }
done:
    return status;
}

static graft_status parse(graft_json **calls, graft_text *content, size_t *broken, const char *text,
                          size_t n)
{
    return graft_dialect__parse(calls, content, broken, (graft_reply_text){text, n}, read_reply);
}

const graft_dialect graft_dialect_invoke = {
    .name = "invoke",
    .speaks = speaks,
    .parse = parse,
    .untyped = true,
    .result = "<response>",
};
