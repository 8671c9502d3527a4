/* chat/dialect_react.c - "Action: name" and "Action Input: {...}" as text.
 *
 * ReAct (Yao et al., 2022) as agent frameworks prompt for it: Thought, Action, Action Input, and
 * Final Answer at the end. What stands behind "Observation:" was not for the model to write, and is
 * left out. */
#include <string.h>

#include "chat/dialects.h"
#include "core/status.h"

#define ACTION "Action:"
#define INPUT "Action Input:"
#define OBSERVATION "Observation:"
#define ANSWER "Final Answer:"

static bool speaks(const char *source)
{
    return strstr(source, INPUT) != NULL;
}

/* "name\nAction Input: {...}" and words up to the next action. */
static graft_status read_action(graft_reply_parts *parts, graft_reply_text text)
{
    graft_status status = GRAFT_OK;
    bool given = graft_dialect__find(text, INPUT) < text.n;
    graft_reply_text name = graft_dialect__take_until(&text, INPUT);
    text = graft_dialect__trim(text);
    size_t end = given && graft_dialect__begins(text, "{") ? graft_dialect__value_end(text) : 0;
    GRAFT_TRY(graft_dialect__add_named(parts, name, graft_dialect__until(text, end)));
    text = graft_dialect__from(text, end);
    status = graft_dialect__add_content(
        parts, graft_dialect__until(text, graft_dialect__find(text, OBSERVATION)));
done:
    return status;
}

static graft_status read_reply(graft_reply_parts *parts, graft_reply_text text)
{
    graft_status status = GRAFT_OK;
    bool acted = graft_dialect__find(text, ACTION) < text.n;
    graft_reply_text words = graft_dialect__take_until(&text, ACTION);
    if (!acted && graft_dialect__find(words, ANSWER) < words.n) {
        graft_dialect__take_until(&words, ANSWER);
    }
    GRAFT_TRY(graft_dialect__add_content(parts, words));
    while (acted) {
        acted = graft_dialect__find(text, ACTION) < text.n;
        GRAFT_TRY(read_action(parts, graft_dialect__take_until(&text, ACTION)));
    }
done:
    return status;
}

static graft_status parse(graft_json **calls, graft_text *content, size_t *broken, const char *text,
                          size_t n)
{
    return graft_dialect__parse(calls, content, broken, (graft_reply_text){text, n}, read_reply);
}

const graft_dialect graft_dialect_react = {
    .name = "react",
    .speaks = speaks,
    .parse = parse,
    .result = "Observation:",
};
