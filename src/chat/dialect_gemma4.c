/* chat/dialect_gemma4.c - <|tool_call>call:name{key:<|"|>text<|"|>,other:1}<tool_call|>.
 *
 * The format of Gemma 4; FunctionGemma writes the same with <start_function_call>, <escape> and
 * <end_function_call>. Texts stand between marks and are not escaped; the rest is as in JSON, with keys
 * bare or between the same marks. */
#include <string.h>

#include "chat/dialects.h"
#include "core/status.h"

#define MAX_DEPTH 64

typedef struct graft_gemma_marks {
    const char *open, *close, *quote;
} graft_gemma_marks;

static const graft_gemma_marks all_marks[] = {
    {"<|tool_call>", "<tool_call|>", "<|\"|>"},
    {"<start_function_call>", "<end_function_call>", "<escape>"},
};

static bool speaks(const char *source)
{
    return strstr(source, all_marks[0].open) != NULL || strstr(source, all_marks[1].open) != NULL;
}

/* Arguments on their way to JSON. */
typedef struct rewriting {
    graft_reply_text text; /* what is left */
    const graft_gemma_marks *marks;
    graft_text json;
    size_t depth;
} rewriting;

static graft_status add_quoted(rewriting *r, graft_reply_text text, bool *understood)
{
    graft_status status = GRAFT_OK;
    graft_json *string = NULL;
    *understood = graft_utf8_valid(text.at, text.n, NULL);
    if (!*understood) {
        return GRAFT_OK;
    }
    string = graft_json_new_string(text.at, text.n);
    if (string == NULL) {
        return graft_fail(GRAFT_E_MEMORY, "out of memory: an argument");
    }
    status = graft_json_write(&r->json, string, GRAFT_JSON_COMPACT);
    graft_json_free(string);
    return status;
}

/* A text between marks. */
static graft_status add_marked(rewriting *r, bool *understood)
{
    r->text = graft_dialect__from(r->text, strlen(r->marks->quote));
    bool closed = graft_dialect__find(r->text, r->marks->quote) < r->text.n;
    graft_reply_text text = graft_dialect__take_until(&r->text, r->marks->quote);
    graft_status status = add_quoted(r, text, understood);
    *understood = *understood && closed;
    return status;
}

/* Numbers and names up to a sign of JSON; as a key, quoted. */
static graft_status add_bare(rewriting *r, bool key, bool *understood)
{
    size_t n = 0;
    while (n < r->text.n && strchr(key ? ":" : ",]}", r->text.at[n]) == NULL) {
        n++;
    }
    graft_reply_text bare = graft_dialect__trim(graft_dialect__until(r->text, n));
    r->text = graft_dialect__from(r->text, n);
    *understood = bare.n > 0;
    if (key) {
        return add_quoted(r, bare, understood);
    }
    bool none = bare.n == 4 && memcmp(bare.at, "None", 4) == 0;
    return none ? graft_text_append_z(&r->json, "null")
                : graft_text_append(&r->json, bare.at, bare.n);
}

/* A text, a bare word, or a bracket; what does not balance is for the JSON reader to refuse. */
static graft_status add_token(rewriting *r, bool *key, bool *understood)
{
    graft_status status = GRAFT_OK;
    char c = *r->text.at;
    if (graft_dialect__begins(r->text, r->marks->quote)) {
        return add_marked(r, understood);
    }
    if (c == '\0' || strchr("{}[],:", c) == NULL) {
        return add_bare(r, *key, understood);
    }
    r->text = graft_dialect__from(r->text, 1);
    status = graft_text_append_char(&r->json, c);
    return status;
}

/* Which brackets are open decides whether a comma is followed by a key. */
static graft_status rewrite(rewriting *r, bool *understood)
{
    graft_status status = GRAFT_OK;
    char open[MAX_DEPTH] = {0};
    bool key = false;
    *understood = true;
    for (r->text = graft_dialect__trim(r->text); r->text.n > 0 && *understood;) {
        char c = *r->text.at;
        if (c == '{' || c == '[') {
            *understood = r->depth < MAX_DEPTH;
            open[*understood ? r->depth++ : 0] = c;
        } else if ((c == '}' || c == ']') && r->depth > 0) {
            r->depth--;
        }
        GRAFT_TRY(*understood ? add_token(r, &key, understood) : GRAFT_OK);
        bool inside = r->depth > 0 && open[r->depth - 1] == '{';
        key = (c == '{' || c == ',') && inside;
        r->text = graft_dialect__trim(r->text);
    }
done:
    return status;
}

static graft_status read_call(graft_reply_parts *parts, graft_reply_text text,
                              const graft_gemma_marks *marks)
{
    graft_status status = GRAFT_OK;
    bool understood;
    text = graft_dialect__trim(text);
    if (graft_dialect__begins(text, "call:")) {
        text = graft_dialect__from(text, strlen("call:"));
    }
    size_t brace = graft_dialect__find(text, "{");
    graft_reply_text name = graft_dialect__until(text, brace);
    rewriting r = {.text = graft_dialect__from(text, brace), .marks = marks};
    graft_text_init(&r.json);
    GRAFT_TRY(rewrite(&r, &understood));
    if (understood) {
        GRAFT_TRY(graft_dialect__add_named(parts, name,
                                           (graft_reply_text){graft_text_z(&r.json), r.json.len}));
    }
    parts->broken += !understood;
done:
    graft_text_clear(&r.json);
    return status;
}

static graft_status read_reply(graft_reply_parts *parts, graft_reply_text text)
{
    graft_status status = GRAFT_OK;
    const graft_gemma_marks *marks = all_marks;
    marks += graft_dialect__find(text, all_marks[1].open) < text.n;
    bool called = graft_dialect__find(text, marks->open) < text.n;
    GRAFT_TRY(graft_dialect__add_content(parts, graft_dialect__take_until(&text, marks->open)));
    while (called) {
        called = graft_dialect__find(text, marks->open) < text.n;
        graft_reply_text call = graft_dialect__take_until(&text, marks->open);
        GRAFT_TRY(read_call(parts, graft_dialect__take_until(&call, marks->close), marks));
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

const graft_dialect graft_dialect_gemma4 = {
    .name = "gemma4",
    .speaks = speaks,
    .parse = parse,
    .result = "<|tool_response>",
};
