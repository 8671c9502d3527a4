/* chat/dialect_xtml.c - <|open|>call tool="f" index="1"<|sep|> ... <|close|>call<|sep|>.
 *
 * The format of Kimi K3: tags whose brackets are tokens. Arguments are tags with a key and a type, of which
 * strings stand as they are and the rest is JSON; or one tag `json` holds the object. Thoughts (`think`) are
 * not said. */
#include <string.h>

#include "chat/dialects.h"
#include "core/status.h"

#define OPEN "<|open|>"
#define CLOSE "<|close|>"
#define SEP "<|sep|>"
#define CALL OPEN "call "

static bool speaks(const char *source)
{
    return strstr(source, OPEN) != NULL && strstr(source, "open_tag('argument'") != NULL;
}

/* Cuts the next tag of the name off the text: its attributes and what it holds. What is not closed goes
 * up to the end. */
static bool take_tag(graft_reply_text *text, const char *open, const char *close,
                     graft_reply_text *attributes, graft_reply_text *inside)
{
    if (graft_dialect__find(*text, open) == text->n) {
        return false;
    }
    graft_dialect__take_until(text, open);
    *attributes = graft_dialect__take_until(text, SEP);
    *inside = graft_dialect__take_until(text, close);
    return true;
}

/* Appends the attribute's text, of which &quot; and &amp; are signs. False if there is none. */
static graft_status add_attribute(graft_text *out, graft_reply_text attributes, const char *name,
                                  bool *found)
{
    graft_status status = GRAFT_OK;
    graft_reply_text rest = attributes;
    *found = graft_dialect__find(rest, name) < rest.n;
    graft_dialect__take_until(&rest, name);
    *found = *found && graft_dialect__find(rest, "\"") < rest.n;
    graft_reply_text value = graft_dialect__take_until(&rest, "\"");
    while (*found && value.n > 0) {
        bool quote = graft_dialect__begins(value, "&quot;"), sign = graft_dialect__begins(value, "&amp;");
        GRAFT_TRY(graft_text_append_char(out, quote ? '"' : *value.at));
        value = graft_dialect__from(value, quote ? 6 : sign ? 5 : 1);
    }
done:
    return status;
}

/* arguments[key] = the value that the tag holds. */
static graft_status set_argument(graft_json *arguments, graft_reply_text attributes,
                                 graft_reply_text inside, bool *understood)
{
    graft_status status = GRAFT_OK;
    graft_json *value = NULL;
    graft_text key;
    graft_text_init(&key);
    GRAFT_TRY(add_attribute(&key, attributes, "key=\"", understood));
    if (!*understood) {
        goto done;
    }
    GRAFT_TRY(graft_dialect__set_text(arguments, (graft_reply_text){graft_text_z(&key), key.len},
                                      inside, understood));
    bool is_text = graft_dialect__find(attributes, "type=\"string\"") < attributes.n;
    if (!*understood || is_text) {
        goto done;
    }
    status = graft_json_parse(&value, inside.at, inside.n);
    *understood = status == GRAFT_OK;
    status = status == GRAFT_E_DATA ? GRAFT_OK
             : status == GRAFT_OK   ? graft_json_set(arguments, graft_text_z(&key), value)
                                    : status;
done:
    graft_text_clear(&key);
    return status;
}

static graft_status read_arguments(graft_json **out, graft_reply_text text, bool *understood)
{
    graft_status status = GRAFT_OK;
    graft_json *arguments = NULL;
    graft_reply_text attributes, inside;
    *out = NULL;
    if (take_tag(&(graft_reply_text){text.at, text.n}, OPEN "json", CLOSE "json" SEP, &attributes, &inside)) {
        status = graft_json_parse(out, inside.at, inside.n);
        *understood = status == GRAFT_OK && graft_json_is(*out, GRAFT_JSON_OBJECT);
        return status == GRAFT_E_DATA ? GRAFT_OK : status;
    }
    *understood = true;
    GRAFT_TRY(graft_dialect__new_arguments(&arguments));
    while (*understood && take_tag(&text, OPEN "argument ", CLOSE "argument" SEP, &attributes, &inside)) {
        GRAFT_TRY(set_argument(arguments, attributes, inside, understood));
    }
    *out = arguments;
    arguments = NULL;
done:
    graft_json_free(arguments);
    return status;
}

static graft_status read_call(graft_reply_parts *parts, graft_reply_text attributes,
                              graft_reply_text inside)
{
    graft_status status = GRAFT_OK;
    graft_json *arguments = NULL, *taken;
    graft_text name;
    bool named = false, understood = false;
    graft_text_init(&name);
    GRAFT_TRY(add_attribute(&name, attributes, "tool=\"", &named));
    GRAFT_TRY(read_arguments(&arguments, inside, &understood));
    if (!named || !understood) {
        parts->broken++;
        goto done;
    }
    taken = arguments;
    arguments = NULL;
    status = graft_dialect__add_call(parts, (graft_reply_text){graft_text_z(&name), name.len}, taken);
done:
    graft_json_free(arguments);
    graft_text_clear(&name);
    return status;
}

/* Words without tags: the response, or what stands outside of any. */
static graft_status add_words(graft_reply_parts *parts, graft_reply_text text)
{
    graft_status status = GRAFT_OK;
    /* The prompt may have opened the thoughts. */
    if (graft_dialect__find(text, CLOSE "think" SEP) < text.n) {
        graft_dialect__take_until(&text, CLOSE "think" SEP);
    }
    while (text.n > 0) {
        bool tag = graft_dialect__find(text, "<|") < text.n;
        GRAFT_TRY(graft_dialect__add_content(parts, graft_dialect__take_until(&text, "<|")));
        if (tag) {
            graft_dialect__take_until(&text, SEP);
        }
    }
done:
    return status;
}

static graft_status read_reply(graft_reply_parts *parts, graft_reply_text text)
{
    graft_status status = GRAFT_OK;
    graft_reply_text attributes, inside;
    size_t first = graft_dialect__find(text, OPEN "tools" SEP), call = graft_dialect__find(text, CALL);
    parts->broken += first < text.n && call == text.n;
    GRAFT_TRY(add_words(parts, graft_dialect__until(text, first < call ? first : call)));
    while (take_tag(&text, CALL, CLOSE "call" SEP, &attributes, &inside)) {
        GRAFT_TRY(read_call(parts, attributes, inside));
    }
done:
    return status;
}

static graft_status parse(graft_json **calls, graft_text *content, size_t *broken, const char *text,
                          size_t n)
{
    return graft_dialect__parse(calls, content, broken, (graft_reply_text){text, n}, read_reply);
}

const graft_dialect graft_dialect_xtml = {
    .name = "xtml",
    .speaks = speaks,
    .parse = parse,
    .result = OPEN "message role=\"tool\"",
};
