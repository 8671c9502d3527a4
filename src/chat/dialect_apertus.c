/* chat/dialect_apertus.c - <|tools_prefix|>[{"name": {...}}, ...]<|tools_suffix|>.
 *
 * The format of Apertus: each call is an object whose one key is the tool. Thoughts stand between
 * <|inner_prefix|> and <|inner_suffix|> and are not said. */
#include <string.h>

#include "chat/dialects.h"
#include "core/status.h"

#define OPEN "<|tools_prefix|>"
#define CLOSE "<|tools_suffix|>"
#define THOUGHT_OPEN "<|inner_prefix|>"
#define THOUGHT_CLOSE "<|inner_suffix|>"

static bool speaks(const char *source)
{
    return strstr(source, OPEN) != NULL;
}

/* {"name": {...}}; the arguments may be that object as a string. */
static graft_status add_call(graft_reply_parts *parts, const graft_json *call)
{
    graft_json_iter it = graft_json_iter_begin(call);
    graft_reply_text spelled;
    if (graft_json_length(call) != 1 || !graft_json_iter_next(&it) || it.value == NULL) {
        parts->broken++;
        return GRAFT_OK;
    }
    graft_reply_text name = {it.key, strlen(it.key)};
    spelled.at = graft_json_string(it.value, &spelled.n);
    return spelled.at != NULL ? graft_dialect__add_named(parts, name, spelled)
                              : graft_dialect__add_call(parts, name, graft_json_retain(it.value));
}

static graft_status add_calls(graft_reply_parts *parts, graft_reply_text text)
{
    graft_json *calls = NULL;
    graft_status status = graft_json_parse(&calls, text.at, text.n);
    if (status == GRAFT_E_DATA || (status == GRAFT_OK && graft_json_length(calls) == 0)) {
        parts->broken++;
        status = GRAFT_OK;
    } else if (graft_json_is(calls, GRAFT_JSON_OBJECT)) {
        status = add_call(parts, calls);
    }
    for (size_t i = 0; status == GRAFT_OK && i < graft_json_length(calls) &&
                       graft_json_is(calls, GRAFT_JSON_ARRAY); i++) {
        status = add_call(parts, graft_json_at(calls, i));
    }
    graft_json_free(calls);
    return status;
}

static graft_status add_words(graft_reply_parts *parts, graft_reply_text text)
{
    graft_status status = GRAFT_OK;
    while (graft_dialect__find(text, THOUGHT_OPEN) < text.n) {
        GRAFT_TRY(graft_dialect__add_content(parts, graft_dialect__take_until(&text, THOUGHT_OPEN)));
        graft_dialect__take_until(&text, THOUGHT_CLOSE);
    }
    status = graft_dialect__add_content(parts, text);
done:
    return status;
}

static graft_status read_reply(graft_reply_parts *parts, graft_reply_text text)
{
    graft_status status = GRAFT_OK;
    for (bool called = true; called;) {
        called = graft_dialect__find(text, OPEN) < text.n;
        GRAFT_TRY(add_words(parts, graft_dialect__take_until(&text, OPEN)));
        GRAFT_TRY(called ? add_calls(parts, graft_dialect__take_until(&text, CLOSE)) : GRAFT_OK);
    }
done:
    return status;
}

static graft_status parse(graft_json **calls, graft_text *content, size_t *broken, const char *text,
                          size_t n)
{
    return graft_dialect__parse(calls, content, broken, (graft_reply_text){text, n}, read_reply);
}

const graft_dialect graft_dialect_apertus = {
    .name = "apertus",
    .speaks = speaks,
    .parse = parse,
};
