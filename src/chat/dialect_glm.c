/* chat/dialect_glm.c - <tool_call>name<arg_key>key</arg_key><arg_value>value</arg_value></tool_call>.
 *
 * The format of GLM 4.5 to 4.7: values that are no texts are JSON; the tool's schema says which. */
#include <string.h>

#include "chat/dialects.h"
#include "core/status.h"

#define OPEN "<tool_call>"
#define CLOSE "</tool_call>"
#define KEY "<arg_key>"
#define KEY_CLOSE "</arg_key>"
#define VALUE "<arg_value>"
#define VALUE_CLOSE "</arg_value>"

static bool speaks(const char *source)
{
    return strstr(source, KEY) != NULL;
}

static graft_status read_call(graft_reply_parts *parts, graft_reply_text text)
{
    graft_status status = GRAFT_OK;
    bool understood = true, more = graft_dialect__find(text, KEY) < text.n;
    graft_reply_text name = graft_dialect__take_until(&text, KEY);
    graft_json *arguments = NULL, *taken;
    GRAFT_TRY(graft_dialect__new_arguments(&arguments));
    while (more && understood) {
        graft_reply_text key = graft_dialect__trim(graft_dialect__take_until(&text, KEY_CLOSE));
        graft_dialect__take_until(&text, VALUE);
        bool valued = graft_dialect__find(text, VALUE_CLOSE) < text.n;
        graft_reply_text value = graft_dialect__take_until(&text, VALUE_CLOSE);
        GRAFT_TRY(graft_dialect__set_text(arguments, key, value, &understood));
        understood = understood && valued;
        more = graft_dialect__find(text, KEY) < text.n;
        graft_dialect__take_until(&text, KEY);
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

static graft_status read_reply(graft_reply_parts *parts, graft_reply_text text)
{
    graft_status status = GRAFT_OK;
    bool called = graft_dialect__find(text, OPEN) < text.n;
    GRAFT_TRY(graft_dialect__add_content(parts, graft_dialect__take_until(&text, OPEN)));
    while (called) {
        called = graft_dialect__find(text, OPEN) < text.n;
        graft_reply_text call = graft_dialect__take_until(&text, OPEN);
        GRAFT_TRY(read_call(parts, graft_dialect__take_until(&call, CLOSE)));
        GRAFT_TRY(graft_dialect__add_content(parts, call));
    }
done:
    return status;
}

static graft_status parse(graft_json **calls, graft_text *content, size_t *broken, const char *text,
                          size_t n)
{
    return graft_dialect__parse(calls, content, broken, (graft_reply_text){text, n}, read_reply);
}

const graft_dialect graft_dialect_glm = {
    .name = "glm",
    .speaks = speaks,
    .parse = parse,
    .untyped = true,
    .result = "<tool_response>",
};
