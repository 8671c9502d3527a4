/* chat/dialect_xml.c - <function=name><parameter=key>value</parameter></function> in <tool_call>.
 *
 * The format of Qwen3-Coder and Qwen3.5. Values are not quoted: whether 1 is a number is for the
 * tool's schema to say. With JSON inside the function it is Functionary 3.1's. */
#include <string.h>

#include "chat/dialects.h"
#include "core/status.h"

#define WRAP "<tool_call>"
#define UNWRAP "</tool_call>"
#define OPEN "<function="
#define CLOSE "</function>"
#define PARAMETER "<parameter="
#define PARAMETER_CLOSE "</parameter>"

static bool speaks(const char *source)
{
    return strstr(source, OPEN) != NULL;
}

/* One line end belongs to the marks on either side, the others to the value. */
static graft_reply_text value_of(graft_reply_text text)
{
    if (graft_dialect__begins(text, "\n")) {
        text = graft_dialect__from(text, 1);
    }
    if (text.n > 0 && text.at[text.n - 1] == '\n') {
        text.n--;
    }
    return text;
}

/* "key>value" up to where the value ends: at its mark or, if that is missing, at the next parameter. */
static graft_status read_parameter(graft_json *arguments, graft_reply_text *text, bool *understood)
{
    size_t close = graft_dialect__find(*text, PARAMETER_CLOSE);
    size_t next = graft_dialect__find(*text, PARAMETER);
    graft_reply_text parameter = graft_dialect__until(*text, close < next ? close : next);
    *understood = graft_dialect__find(parameter, ">") < parameter.n;
    graft_dialect__take_until(text, PARAMETER);
    if (!*understood) {
        return GRAFT_OK;
    }
    graft_reply_text key = graft_dialect__trim(graft_dialect__take_until(&parameter, ">"));
    return graft_dialect__set_text(arguments, key, value_of(parameter), understood);
}

/* "name>" and what the function holds. */
static graft_status read_function(graft_reply_parts *parts, graft_reply_text text)
{
    graft_status status = GRAFT_OK;
    graft_json *arguments = NULL;
    bool understood = graft_dialect__find(text, ">") < text.n;
    graft_reply_text name = graft_dialect__take_until(&text, ">");
    graft_reply_text inside = graft_dialect__trim(text);
    if (understood && graft_dialect__begins(inside, "{")) {
        return graft_dialect__add_named(parts, name, inside);
    }
    GRAFT_TRY(graft_dialect__new_arguments(&arguments));
    bool more = graft_dialect__find(text, PARAMETER) < text.n;
    graft_dialect__take_until(&text, PARAMETER);
    while (more && understood) {
        more = graft_dialect__find(text, PARAMETER) < text.n;
        GRAFT_TRY(read_parameter(arguments, &text, &understood));
    }
    if (understood) {
        graft_json *taken = arguments;
        arguments = NULL;
        status = graft_dialect__add_call(parts, name, taken);
    }
    parts->broken += !understood;
done:
    graft_json_free(arguments);
    return status;
}

static graft_status read_reply(graft_reply_parts *parts, graft_reply_text text)
{
    graft_status status = GRAFT_OK;
    while (text.n > 0) {
        size_t wrap = graft_dialect__find(text, WRAP), open = graft_dialect__find(text, OPEN);
        bool wrapped = wrap < open;
        GRAFT_TRY(graft_dialect__add_content(parts,
                                             graft_dialect__until(text, wrapped ? wrap : open)));
        text = graft_dialect__from(text, wrapped ? wrap + strlen(WRAP) : open);
        if (wrapped) {
            text = graft_dialect__trim(text);
            parts->broken += !graft_dialect__begins(text, OPEN);
            continue;
        }
        if (text.n > 0) {
            text = graft_dialect__from(text, strlen(OPEN));
            size_t close = graft_dialect__find(text, CLOSE), next = graft_dialect__find(text, OPEN);
            size_t end = close < next ? close : next;
            GRAFT_TRY(read_function(parts, graft_dialect__until(text, end)));
            text = graft_dialect__from(text, end == close && end < text.n ? end + strlen(CLOSE) : end);
            text = graft_dialect__trim(text);
            if (graft_dialect__begins(text, UNWRAP)) {
                text = graft_dialect__from(text, strlen(UNWRAP));
            }
        }
    }
done:
    return status;
}

static graft_status parse(graft_json **calls, graft_text *content, size_t *broken, const char *text,
                          size_t n)
{
    return graft_dialect__parse(calls, content, broken, (graft_reply_text){text, n}, read_reply);
}

const graft_dialect graft_dialect_xml = {
    .name = "xml",
    .speaks = speaks,
    .parse = parse,
    .untyped = true,
    .result = "<tool_response>",
};
