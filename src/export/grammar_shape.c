/* export/grammar_shape.c - what a chat template puts around calls, found by probing.
 *
 * Calls with unique names, keys and values are rendered, and the text between them is kept. Then calls
 * of other shapes are put together from it and must come out as the template has them. */
#include "export/grammar_shape.h"

#include <stdio.h>
#include <string.h>

#include "chat/chat.h"
#include "core/log.h"
#include "core/memory.h"
#include "export/grammar_internal.h"
#include "export/grammar_passages.h"

#define WORDS "Probewords"
enum { N_NAMES = GRAFT_PROBE_CALLS };
static const char *const names[N_NAMES] = {"probe_tool_a", "probe_tool_b", "probe_tool_c"};
#define TWO "{\"probe_key_a\": \"probe_value_a\", \"probe_key_b\": \"probe_value_b\"}"
#define TIGHT_TWO "{\"probe_key_a\":\"probe_value_a\",\"probe_key_b\":\"probe_value_b\"}"

typedef struct learner {
    graft_chat *chat;
    const graft_export_serving *serving;
    graft_call_shape *shape;
    graft_text prompt;      /* what stands before a reply */
    graft_text header;      /* the same as a template without generation prompt has it */
    graft_text pre, post;   /* around the words of a reply that has no calls */
    graft_text one, two, three; /* replies with so many calls */
    graft_text wordy, none;     /* with words and a call; with a call without arguments */
    bool numbered;          /* ids stand in place of names: "functions.NAME:0" */
} learner;

void graft_call_shape_init(graft_call_shape *shape)
{
    *shape = (graft_call_shape){0};
}

void graft_call_shape_clear(graft_call_shape *shape)
{
    graft_text *const texts[] = {&shape->open, &shape->opening, &shape->opening_behind,
                                 &shape->between, &shape->close, &shape->middle, &shape->first, &shape->value, &shape->next,
                                 &shape->last, &shape->empty, &shape->value_end, &shape->mark};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        graft_text_clear(texts[i]);
    }
    graft_call_shape_init(shape);
}

static graft_status refuse(const learner *l, const char *why)
{
    return graft_fail(GRAFT_E_FAILED, "no grammar: the chat template writes calls as %s has them, "
                      "and %s", l->shape->dialect, why);
}

/* --- rendering --- */

static graft_status append_call(const learner *l, graft_text *out, size_t i, const char *arguments)
{
    char id[64];
    snprintf(id, sizeof id, "functions.%s:%zu", names[i], i);
    return graft_text_appendf(out, "%s{\"id\": \"%s\", \"type\": \"function\", \"function\": {\"name\": "
                              "\"%s\", \"arguments\": %s}}", i > 0 ? ", " : "",
                              l->numbered ? id : graft_probe_ids[i], names[i], arguments);
}

static graft_status append_tools(graft_text *out)
{
    graft_status status = GRAFT_OK;
    for (size_t i = 0; i < N_NAMES; i++) {
        GRAFT_TRY(graft_text_appendf(out, "%s{\"type\": \"function\", \"function\": {\"name\": \"%s\", "
                                     "\"description\": \"d\", \"parameters\": {\"type\": \"object\", "
                                     "\"properties\": {\"k\": {\"type\": \"string\"}}}}}",
                                     i > 0 ? "," : "[", names[i]));
    }
    status = graft_text_append_char(out, ']');
done:
    return status;
}

/* *out: a user's message, and the assistant's with `words` and n calls unless n is SIZE_MAX. *shown is
 * false if the template refuses. */
static graft_status render(const learner *l, graft_text *out, const char *words, size_t n,
                           const char *arguments, bool *shown)
{
    graft_status status = GRAFT_OK;
    graft_conversation c;
    graft_rendered rendered;
    graft_text json;
    graft_conversation_init(&c);
    graft_rendered_init(&rendered);
    graft_text_init(&json);
    GRAFT_TRY(graft_text_append_z(&json, "[{\"role\": \"user\", \"content\": \"probe\"}"));
    if (n != SIZE_MAX) {
        GRAFT_TRY(graft_text_appendf(&json, ", {\"role\": \"assistant\", \"content\": \"%s\"", words));
        for (size_t i = 0; i < n; i++) {
            GRAFT_TRY(i == 0 ? graft_text_append_z(&json, ", \"tool_calls\": [") : GRAFT_OK);
            GRAFT_TRY(append_call(l, &json, i, arguments));
        }
        GRAFT_TRY(graft_text_append_z(&json, n > 0 ? "]}" : "}"));
    }
    GRAFT_TRY(graft_text_append_char(&json, ']'));
    GRAFT_TRY(graft_json_parse(&c.messages, json.data, json.len));
    graft_text_clear(&json);
    GRAFT_TRY(append_tools(&json));
    GRAFT_TRY(graft_json_parse(&c.tools, json.data, json.len));
    status = graft_chat_render(l->chat, &rendered, &c, n == SIZE_MAX ? 1 : 2, n == SIZE_MAX);
    *shown = status == GRAFT_OK;
    if (status != GRAFT_OK && status != GRAFT_E_MEMORY) {
        status = GRAFT_OK;
        goto done;
    }
    out->len = 0;
    GRAFT_TRY(status);
    status = graft_text_append(out, graft_text_z(&rendered.text), rendered.text.len);
done:
    graft_conversation_clear(&c);
    graft_rendered_clear(&rendered);
    graft_text_clear(&json);
    return status;
}

/* The reply of such a message: what stands behind the prompt. */
static graft_status reply(const learner *l, graft_text *out, const char *words, size_t n,
                          const char *arguments)
{
    graft_status status = GRAFT_OK;
    bool shown;
    GRAFT_TRY(render(l, out, words, n, arguments, &shown));
    const graft_text *const before[] = {&l->prompt, &l->header};
    for (size_t i = 0; shown && i < 2; i++) {
        if (before[i]->len > 0 && out->len >= before[i]->len &&
            memcmp(out->data, before[i]->data, before[i]->len) == 0) {
            memmove(out->data, out->data + before[i]->len, out->len - before[i]->len + 1);
            out->len -= before[i]->len;
            return GRAFT_OK;
        }
    }
    status = refuse(l, shown ? "a reply is not what follows the prompt" : "refuses the probes");
done:
    return status;
}

/* --- the end of a turn --- */

/* Without what ends the turn: the token that stops decoding, or what ends other replies as well. */
static graft_passage cut_end(const learner *l, graft_passage text)
{
    size_t n = text.n, common = 0;
    for (size_t i = 0; i < l->serving->n_stops; i++) {
        const char *stop = l->serving->stops[i];
        const char *at = text.n > 0 ? memmem(text.at, text.n, stop, strlen(stop)) : NULL;
        n = at != NULL && (size_t)(at - text.at) < n ? (size_t)(at - text.at) : n;
    }
    if (n < text.n) {
        return (graft_passage){text.at, n};
    }
    while (common < text.n && common < l->post.len &&
           text.at[text.n - 1 - common] == l->post.data[l->post.len - 1 - common]) {
        common++;
    }
    while (common > 0 && strchr("<[ \n", text.at[text.n - common]) == NULL) {
        common--; /* what begins in the middle of a tag is no end */
    }
    return (graft_passage){text.at, text.n - common};
}

/* --- the mark --- */

/* The shortest beginning of a reply with calls that tells it from others. */
static graft_status find_mark(learner *l, graft_passage open)
{
    graft_status status = GRAFT_OK;
    graft_call_shape *shape = l->shape;
    graft_passage all = open, before, behind;
    if (l->pre.len > 0 && open.n >= l->pre.len && memcmp(open.at, l->pre.data, l->pre.len) == 0) {
        open = graft_passage_behind(open, l->pre.len);
    }
    while (open.n > 0 && strchr(" \n\r\t", *open.at) != NULL) {
        open = graft_passage_behind(open, 1);
    }
    bool word = open.n > 1 && *open.at == '[' && open.at[1] >= 'A' && open.at[1] <= 'Z';
    GRAFT_TRY(graft_passage_express(&shape->open, all));
    if (open.n == 0) {
        return refuse(l, "nothing tells a call from a text");
    }
    if (*open.at == '{' || (*open.at == '[' && !word)) {
        return GRAFT_OK; /* the whole reply is a call */
    }
    const char *end = memchr(open.at, word ? ']' : '>', open.n);
    size_t n = end != NULL && (word || *open.at == '<') ? (size_t)(end - open.at) + 1 : open.n;
    while (n < open.n && l->pre.len > 0 && memmem(l->pre.data, l->pre.len, open.at, n) != NULL) {
        n++;
    }
    GRAFT_TRY(graft_passage_keep(&shape->mark, (graft_passage){open.at, n}));
    if (graft_passage_find(&before, &behind, all, graft_text_z(&shape->mark))) {
        status = graft_passage_express(&shape->opening, behind);
    }
done:
    return status;
}

/* --- learning --- */

static graft_status render_probes(learner *l)
{
    graft_status status = GRAFT_OK;
    graft_text text;
    bool shown;
    graft_passage before, behind;
    graft_text_init(&text);
    GRAFT_TRY(render(l, &l->prompt, "", SIZE_MAX, "", &shown));
    GRAFT_TRY(render(l, &text, WORDS, 0, "", &shown));
    if (!shown || !graft_passage_find(&before, &behind, graft_passage_whole(&text), WORDS)) {
        status = refuse(l, "does not show what was said");
        goto done;
    }
    GRAFT_TRY(graft_passage_keep(&l->header, before));
    GRAFT_TRY(graft_passage_keep(&l->post, behind));
    if (before.n > l->prompt.len && memcmp(before.at, l->prompt.data, l->prompt.len) == 0) {
        GRAFT_TRY(graft_passage_keep(&l->pre, graft_passage_behind(before, l->prompt.len)));
    }
    GRAFT_TRY(reply(l, &l->one, "", 1, TWO));
    GRAFT_TRY(reply(l, &l->none, "", 1, "{}"));
    GRAFT_TRY(render(l, &text, "", 2, TWO, &shown));
    if (shown) { /* some templates write one call at most */
        GRAFT_TRY(reply(l, &l->two, "", 2, TWO));
        GRAFT_TRY(reply(l, &l->three, "", 3, TWO));
    }
    GRAFT_TRY(render(l, &text, WORDS, 1, TWO, &shown));
    if (shown) {
        GRAFT_TRY(reply(l, &l->wordy, WORDS, 1, TWO));
    }
done:
    graft_text_clear(&text);
    return status;
}

/* How the arguments of a call are spelled in the text, if it is one object. */
static const char *object_in(graft_passage text)
{
    static const char *const spellings[] = {TWO, TIGHT_TWO};
    graft_passage before, behind;
    for (size_t i = 0; i < 2; i++) {
        if (graft_passage_find(&before, &behind, text, spellings[i])) {
            return spellings[i];
        }
    }
    return NULL;
}

/* Does a reply with a call keep its words? They come first. */
static graft_status learn_words(learner *l)
{
    graft_status status = GRAFT_OK;
    graft_passage before, behind, open, rest;
    if (l->shape->mark.len > 0 &&
        graft_passage_find(&before, &behind, graft_passage_whole(&l->wordy), WORDS) &&
        graft_passage_find(&open, &rest, behind, names[0]) &&
        graft_passage_find(&before, &rest, open, graft_text_z(&l->shape->mark))) {
        l->shape->words_before = true;
        status = graft_passage_express(&l->shape->opening_behind, rest);
    }
    return status;
}

/* Calls of a reply: what stands before each name, and behind the last. */
typedef struct cuts {
    graft_passage before[N_NAMES], behind;
    size_t n;
} cuts;

static bool cut_calls(cuts *out, const graft_text *text, size_t n)
{
    graft_passage rest = graft_passage_whole(text);
    out->n = n;
    for (size_t i = 0; i < n; i++) {
        if (!graft_passage_find(&out->before[i], &rest, rest, names[i])) {
            return false;
        }
    }
    out->behind = rest;
    return true;
}

static graft_status learn_object(learner *l, const char *object)
{
    graft_status status = GRAFT_OK;
    graft_call_shape *shape = l->shape;
    cuts one, three;
    graft_passage middle[2], rest[2], ignored;
    bool ok = cut_calls(&one, &l->one, 1) &&
              graft_passage_find(&middle[0], &rest[0], one.behind, object);
    shape->kind = GRAFT_CALL_JSON;
    if (!ok) {
        return refuse(l, "no name stands before its arguments");
    }
    GRAFT_TRY(graft_passage_express(&shape->close, cut_end(l, rest[0])));
    GRAFT_TRY(graft_passage_express(&shape->middle, middle[0]));
    if (!cut_calls(&three, &l->three, 3)) {
        goto done; /* one call is all it writes */
    }
    graft_passage parts[2] = {three.before[1], three.before[2]};
    for (size_t i = 0; ok && i < 2; i++) {
        ok = graft_passage_find(&middle[i], &rest[i], parts[i], object);
    }
    if (ok) {
        GRAFT_TRY(graft_passage_generalise(&shape->middle, middle[0], middle[1], &ok));
        GRAFT_TRY(graft_passage_generalise(&shape->between, rest[0], rest[1], &ok));
    }
    ok = ok && graft_passage_same(three.before[0], one.before[0]) &&
         graft_passage_find(&ignored, &rest[0], three.behind, object);
    if (!ok) {
        status = refuse(l, "several calls stand beside each other in different ways");
    }
done:
    return status;
}

/* "quoted" texts lose the quotes: those at the end of `value`, and at the begin of what follows. */
static bool strip_quotes(graft_passage *value, graft_passage *next, graft_passage *last)
{
    char quote = value->n > 0 ? value->at[value->n - 1] : 0;
    bool quoted = (quote == '"' || quote == '\'') && next->n > 0 && last->n > 0 &&
                  *next->at == quote && *last->at == quote;
    if (quoted) {
        value->n--;
        *next = graft_passage_behind(*next, 1);
        *last = graft_passage_behind(*last, 1);
    }
    return quoted;
}

/* Where a raw text ends: the first tag of what both `next` and `last` begin with. */
static graft_passage end_of_value(graft_passage next, graft_passage last)
{
    graft_passage end = graft_passage_common(next, last);
    const char *tag = end.n > 0 ? memchr(end.at, '>', end.n) : NULL;
    return tag != NULL ? (graft_passage){end.at, (size_t)(tag - end.at) + 1} : end;
}

/* The pieces of arguments that stand one by one in a reply with one call. */
typedef struct listed {
    graft_passage first, value, next, last, empty;
} listed;

static bool cut_listed(listed *out, graft_passage behind_name, graft_passage none)
{
    graft_passage rest = behind_name, second;
    bool ok = graft_passage_find(&out->first, &rest, rest, "probe_key_a") &&
              graft_passage_find(&out->value, &rest, rest, "probe_value_a") &&
              graft_passage_find(&out->next, &rest, rest, "probe_key_b") &&
              graft_passage_find(&second, &rest, rest, "probe_value_b") &&
              graft_passage_same(second, out->value);
    out->last = rest;
    out->empty = none;
    return ok;
}

/* Where several calls stand, `last` is what closes a call, then what stands between two. */
static graft_status learn_between(learner *l, const listed *args, graft_passage *last,
                                  graft_passage *closing)
{
    graft_status status = GRAFT_OK;
    cuts two;
    listed first;
    graft_passage end = cut_end(l, args->last);
    *last = end;
    *closing = (graft_passage){end.at + end.n, 0};
    if (!cut_calls(&two, &l->two, 2) || !cut_listed(&first, two.before[1], args->empty)) {
        return GRAFT_OK;
    }
    if (l->shape->kind == GRAFT_CALL_PYTHON) {
        first.last = graft_passage_behind(first.last, 1); /* the quote */
    }
    graft_passage common = graft_passage_common(end, first.last);
    bool ok = true;
    *last = common;
    *closing = graft_passage_behind(end, common.n);
    GRAFT_TRY(graft_passage_generalise(&l->shape->between, graft_passage_behind(first.last, common.n),
                         graft_passage_behind(first.last, common.n), &ok));
done:
    return status;
}

static graft_status learn_listed(learner *l)
{
    graft_status status = GRAFT_OK;
    graft_call_shape *shape = l->shape;
    cuts one, none;
    listed args;
    graft_passage last, closing, empty;
    if (!cut_calls(&one, &l->one, 1) || !cut_calls(&none, &l->none, 1) ||
        !cut_listed(&args, one.behind, none.behind)) {
        return refuse(l, "its arguments are neither one JSON object nor key by key");
    }
    shape->kind = strip_quotes(&args.value, &args.next, &args.last) ? GRAFT_CALL_PYTHON
                                                                    : GRAFT_CALL_RAW;
    GRAFT_TRY(learn_between(l, &args, &last, &closing));
    empty = cut_end(l, args.empty);
    if (empty.n < closing.n || memcmp(empty.at + empty.n - closing.n, closing.at, closing.n) != 0) {
        return refuse(l, "a call without arguments ends differently");
    }
    empty.n -= closing.n;
    if (shape->kind == GRAFT_CALL_RAW) {
        graft_passage end = end_of_value(args.next, last);
        if (end.n == 0) {
            return refuse(l, "nothing tells where an argument ends");
        }
        GRAFT_TRY(graft_passage_keep(&shape->value_end, end));
        args.next = graft_passage_behind(args.next, end.n);
        last = graft_passage_behind(last, end.n);
    }
    GRAFT_TRY(graft_text_append_z(&shape->middle, "\"\""));
    GRAFT_TRY(graft_passage_express(&shape->first, args.first));
    GRAFT_TRY(graft_passage_express(&shape->value, args.value));
    GRAFT_TRY(graft_passage_express(&shape->next, args.next));
    GRAFT_TRY(graft_passage_express(&shape->last, last));
    GRAFT_TRY(graft_passage_express(&shape->empty, empty));
    GRAFT_TRY(graft_passage_express(&shape->close, closing));
done:
    return status;
}

/* --- checking --- */

/* Is a value of another type spelled as the grammar has it: without marks of its own? */
static graft_status check_values(learner *l)
{
    static const struct { const char *value, *json, *python; } probes[] = {
        {"7", "7", "7"},
        {"{\"probe_inner\": [1, \"probe_text\"]}", "{\"probe_inner\": [1, \"probe_text\"]}",
         "{'probe_inner': [1, 'probe_text']}"},
    };
    graft_status status = GRAFT_OK;
    graft_text arguments, text, tight;
    graft_passage before, behind, open;
    graft_text_init(&arguments);
    graft_text_init(&text);
    graft_text_init(&tight);
    for (size_t i = 0; i < sizeof probes / sizeof *probes; i++) {
        arguments.len = 0;
        GRAFT_TRY(graft_text_appendf(&arguments, "{\"probe_key_a\": %s}", probes[i].value));
        GRAFT_TRY(reply(l, &text, "", 1, arguments.data));
        bool found = graft_passage_find(&before, &behind, graft_passage_whole(&text), "probe_key_a");
        bool tightly = found && behind.n > 1 && i == 1 &&
                       graft_passage_find(&before, &open, behind, "{\"probe_inner\":[1,\"probe_text\"]}");
        bool ok = found && (tightly || graft_passage_find(&before, &open, behind, probes[i].json) ||
                            graft_passage_find(&before, &open, behind, probes[i].python));
        tight.len = 0;
        if (ok && l->shape->kind != GRAFT_CALL_JSON) { /* the same stands before it as before a text */
            GRAFT_TRY(graft_passage_express(&tight, before));
            ok = strcmp(graft_text_z(&tight), graft_text_z(&l->shape->value)) == 0;
        }
        if (!ok) {
            status = refuse(l, i == 0 ? "numbers have marks of their own"
                                      : "nested values are written in a way of its own");
            goto done;
        }
    }
done:
    graft_text_clear(&arguments);
    graft_text_clear(&text);
    graft_text_clear(&tight);
    return status;
}

static graft_status learn(learner *l)
{
    graft_status status = GRAFT_OK;
    cuts one;
    GRAFT_TRY(render_probes(l));
    if (!cut_calls(&one, &l->one, 1)) {
        status = refuse(l, "the name of a tool does not stand in the text");
        goto done;
    }
    graft_passage rest = one.behind, before, behind;
    if (graft_passage_find(&before, &behind, rest, names[0])) {
        status = refuse(l, "the name of a tool stands in it twice");
        goto done;
    }
    l->shape->named_in_quotes = one.before[0].n > 0 && one.before[0].at[one.before[0].n - 1] == '"';
    const char *object = object_in(rest);
    GRAFT_TRY(object != NULL ? learn_object(l, object) : learn_listed(l));
    GRAFT_TRY(check_values(l));
    GRAFT_TRY(find_mark(l, one.before[0]));
    GRAFT_TRY(learn_words(l));
done:
    return status;
}

graft_status graft_call_shape_learn(graft_call_shape *out, const graft_export_serving *serving)
{
    graft_status status = GRAFT_OK;
    learner l = {.serving = serving, .shape = out};
    const char *source = serving->chat_template;
    GRAFT_TRY(graft_chat_new(&l.chat, source, source != NULL ? strlen(source) : 0,
                             "the chat template", serving->bos != NULL ? serving->bos : "",
                             serving->eos != NULL ? serving->eos : "", true));
    if (graft_chat_note(l.chat)[0] != 0) {
        graft_log(GRAFT_LOG_WARN, "grammar: %s", graft_chat_note(l.chat));
    }
    out->dialect = graft_chat_dialect(l.chat)->name;
    l.numbered = strcmp(out->dialect, "kimi") == 0;
    status = learn(&l);
done:
    graft_chat_free(l.chat);
    graft_text *const texts[] = {&l.prompt, &l.header, &l.pre, &l.post, &l.one, &l.two, &l.three,
                                 &l.wordy, &l.none};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        graft_text_clear(texts[i]);
    }
    return status;
}
