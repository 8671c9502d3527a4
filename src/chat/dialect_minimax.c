/* chat/dialect_minimax.c - <invoke name="f"><a><item>1</item></a></invoke>, a token before each tag.
 *
 * The format of MiniMax M3: arguments are tags of their own names, objects and lists (of `item`s) are
 * tags in tags, and every tag has the token ]<]minimax[>[ before it, so that texts need no escapes.
 * Values are not quoted: the tool's schema types them. */
#include <string.h>

#include "chat/dialects.h"
#include "core/status.h"

#define MARK "]<]minimax[>["
#define OPEN MARK "<tool_call>"
#define CLOSE MARK "</tool_call>"
#define INVOKE MARK "<invoke name=\""
#define INVOKE_END MARK "</invoke>"
#define THOUGHT_END "</mm:think>"
#define MAX_DEPTH 32
#define MAX_NAME 256

static bool speaks(const char *source)
{
    return strstr(source, "]<]minimax[>[") != NULL;
}

static graft_status read_value(graft_json **out, graft_reply_text *text, graft_reply_text name,
                               int depth, bool *understood);

/* Cuts "MARK<name>" off; false if that does not stand there. */
static bool take_open(graft_reply_text *text, graft_reply_text *name)
{
    graft_reply_text rest = *text;
    if (!graft_dialect__begins(rest, MARK "<") || graft_dialect__begins(rest, MARK "</")) {
        return false;
    }
    rest = graft_dialect__from(rest, strlen(MARK "<"));
    size_t end = graft_dialect__find(rest, ">");
    if (end == rest.n || end == 0 || end > MAX_NAME) {
        return false;
    }
    *name = graft_dialect__until(rest, end);
    *text = graft_dialect__from(rest, end + 1);
    return true;
}

/* Cuts "MARK</name>" off. */
static bool take_close(graft_reply_text *text, graft_reply_text name)
{
    size_t before = strlen(MARK "</"), n = before + name.n + 1;
    if (!graft_dialect__begins(*text, MARK "</") || text->n < n || text->at[n - 1] != '>' ||
        memcmp(text->at + before, name.at, name.n) != 0) {
        return false;
    }
    *text = graft_dialect__from(*text, n);
    return true;
}

static bool is_item(graft_reply_text name)
{
    return name.n == 4 && memcmp(name.at, "item", 4) == 0;
}

/* object[name] = value; taken even on failure. */
static graft_status set_member(graft_json *object, graft_reply_text name, graft_json *value)
{
    graft_status status = GRAFT_OK;
    graft_text key;
    graft_text_init(&key);
    GRAFT_TRY(graft_text_append(&key, name.at, name.n));
    graft_json *taken = value;
    value = NULL;
    GRAFT_TRY(graft_json_set(object, graft_text_z(&key), taken));
done:
    graft_json_free(value);
    graft_text_clear(&key);
    return status;
}

/* Tags up to one that is none of theirs: a list if the first is an item, an object otherwise. */
static graft_status read_tags(graft_json **out, graft_reply_text *text, bool may_be_list, int depth,
                              bool *understood)
{
    graft_status status = GRAFT_OK;
    graft_json *whole = NULL, *value = NULL;
    graft_reply_text name, unused, peek = *text;
    bool list = may_be_list && take_open(&peek, &unused) && is_item(unused);
    whole = list ? graft_json_new_array() : graft_json_new_object();
    *out = NULL;
    while (*understood && take_open(text, &name)) {
        GRAFT_TRY(read_value(&value, text, name, depth + 1, understood));
        *understood = *understood && (list == is_item(name) || !list) &&
                      graft_utf8_valid(name.at, name.n, NULL) && memchr(name.at, 0, name.n) == NULL;
        if (*understood) {
            graft_json *taken = value;
            value = NULL;
            GRAFT_TRY(list ? graft_json_push(whole, taken) : set_member(whole, name, taken));
        }
    }
    *out = whole;
    whole = NULL;
done:
    graft_json_free(value);
    graft_json_free(whole);
    return status;
}

/* What stands up to the end of the tag: a text, or tags. */
static graft_status read_value(graft_json **out, graft_reply_text *text, graft_reply_text name,
                               int depth, bool *understood)
{
    graft_status status = GRAFT_OK;
    graft_reply_text inside = graft_dialect__until(*text, graft_dialect__find(*text, MARK));
    graft_reply_text after = graft_dialect__from(*text, inside.n), unused;
    graft_reply_text peek = after;
    *out = NULL;
    if (depth > MAX_DEPTH || !graft_utf8_valid(inside.at, inside.n, NULL)) {
        *understood = false;
        return GRAFT_OK;
    }
    *text = after;
    if (take_open(&peek, &unused)) {
        GRAFT_TRY(read_tags(out, text, true, depth, understood));
        *text = graft_dialect__from(*text, graft_dialect__find(*text, MARK)); /* white space */
    } else {
        *out = graft_json_new_string(inside.n > 0 ? inside.at : "", inside.n);
        status = *out != NULL ? GRAFT_OK : graft_fail(GRAFT_E_MEMORY, "out of memory: an argument");
    }
    *understood = *understood && take_close(text, name);
done:
    return status;
}

/* What stands between INVOKE and the end of the call. */
static graft_status read_call(graft_reply_parts *parts, graft_reply_text text)
{
    graft_status status = GRAFT_OK;
    graft_json *arguments = NULL;
    bool understood = graft_dialect__find(text, "\">") < text.n;
    graft_reply_text name = graft_dialect__take_until(&text, "\">");
    text = graft_dialect__trim(text);
    GRAFT_TRY(read_tags(&arguments, &text, false, 0, &understood));
    if (!understood || graft_dialect__trim(text).n > 0) {
        graft_json_free(arguments);
        parts->broken++;
        return GRAFT_OK;
    }
    status = graft_dialect__add_call(parts, name, arguments);
done:
    return status;
}

static graft_status read_reply(graft_reply_parts *parts, graft_reply_text text)
{
    graft_status status = GRAFT_OK;
    size_t all = graft_dialect__find(text, OPEN), first = graft_dialect__find(text, INVOKE);
    bool called = first < text.n;
    graft_reply_text words = graft_dialect__until(text, all < first ? all : first);
    parts->broken += all < text.n && !called;
    if (graft_dialect__find(words, THOUGHT_END) < words.n) {
        graft_dialect__take_until(&words, THOUGHT_END);
    }
    GRAFT_TRY(graft_dialect__add_content(parts, words));
    graft_dialect__take_until(&text, INVOKE);
    while (called) {
        called = graft_dialect__find(text, INVOKE) < text.n;
        graft_reply_text call = graft_dialect__take_until(&text, INVOKE);
        GRAFT_TRY(read_call(parts, graft_dialect__take_until(&call, INVOKE_END)));
        graft_dialect__take_until(&call, CLOSE);
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

const graft_dialect graft_dialect_minimax = {
    .name = "minimax",
    .speaks = speaks,
    .parse = parse,
    .untyped = true,
    .nested = true,
    .result = "]~b]tool",
};
