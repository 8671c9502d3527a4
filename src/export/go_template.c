/* export/go_template.c - from what a Jinja template does to a template of Go.
 *
 * A conversation of probes is written as letters: s system, u user, a reply, c a call, d two calls, b a
 * text and a call, r a result. Each text is unique, so that what a template puts between two of them is
 * seen; those pieces are all a Go template of this shape needs. */
#include "export/go_template.h"

#include <stdio.h>
#include <string.h>

#include "chat/chat.h"
#include "core/memory.h"

enum piece {
    P_START,                          /* before the first user when there is no system message */
    P_SYSTEM, P_SYSTEM_END, P_USER, P_USER_END, P_REPLY, P_REPLY_END, P_PROMPT,
    P_TOOLS_SYSTEM, P_TOOLS_BEHIND,   /* with tools: before and behind the system message */
    P_TOOLS_START, P_TOOLS_BETWEEN, P_TOOLS_END, /* ... without one; between two tools; behind all */
    P_CALL, P_CALL_BEHIND, P_CALLS_BETWEEN, P_CALLS_END, /* the first; behind a text; between; behind all */
    P_RESULT, P_RESULTS_BETWEEN, P_RESULTS_END,
    N_PIECES
};

/* How tools and calls are spelt, and what Go writes for the same. */
typedef struct spelling {
    const char *jinja, *go;
} spelling;

#define PARAMETERS "{\"type\": \"object\", \"properties\": {\"probe_key\": {\"type\": \"string\"}}}"
#define FUNCTION "{\"name\": \"probe_tool\", \"description\": \"probe_text\", \"parameters\": " PARAMETERS "}"
#define TIGHT_FUNCTION "{\"name\":\"probe_tool\",\"description\":\"probe_text\",\"parameters\":" \
    "{\"type\":\"object\",\"properties\":{\"probe_key\":{\"type\":\"string\"}}}}"
static const spelling tool_spellings[] = {
    {"{\"type\": \"function\", \"function\": " FUNCTION "}", "$t"},
    {"{\"type\":\"function\",\"function\":" TIGHT_FUNCTION "}", "$t"},
    {FUNCTION, "json $t.Function"}, /* which alone does not print as JSON there */
    {TIGHT_FUNCTION, "json $t.Function"},
};

#define VALUES "{\"probe_key\": \"probe_value\"}"
#define TIGHT_VALUES "{\"probe_key\":\"probe_value\"}"
#define GO_NAME "{{ $c.Function.Name }}"
#define GO_VALUES "{{ $c.Function.Arguments }}"
static const spelling call_spellings[] = {
    {"{\"name\": \"probe_tool\", \"arguments\": " VALUES "}",
     "{\"name\": \"" GO_NAME "\", \"arguments\": " GO_VALUES "}"},
    {"{\"name\": \"probe_tool\", \"parameters\": " VALUES "}",
     "{\"name\": \"" GO_NAME "\", \"parameters\": " GO_VALUES "}"},
    {"{\"name\":\"probe_tool\",\"arguments\":" TIGHT_VALUES "}",
     "{\"name\":\"" GO_NAME "\",\"arguments\":" GO_VALUES "}"},
    {"{\"arguments\": " VALUES ", \"name\": \"probe_tool\"}",
     "{\"arguments\": " GO_VALUES ", \"name\": \"" GO_NAME "\"}"},
};

typedef struct maker {
    graft_chat *chat;
    graft_text pieces[N_PIECES];
    const spelling *tool, *call;
    graft_rendered text; /* of the last probe */
} maker;

/* --- probes --- */

static void probe_text(char out[32], size_t i)
{
    snprintf(out, 32, "probe%zutext", i);
}

static graft_status append_message(graft_text *out, char letter, size_t i)
{
    static const char call[] = "{\"id\": \"call00001\", \"type\": \"function\", \"function\": "
                               "{\"name\": \"probe_tool\", \"arguments\": " VALUES "}}";
    const char *role = letter == 's' ? "system" : letter == 'u' ? "user"
                       : letter == 'r' ? "tool" : "assistant";
    char text[32];
    graft_status status = GRAFT_OK;
    probe_text(text, i);
    GRAFT_TRY(graft_text_appendf(out, "%s{\"role\": \"%s\", \"content\": \"%s\"", i > 0 ? "," : "",
                                 role, letter == 'c' || letter == 'd' ? "" : text));
    if (letter == 'r') {
        GRAFT_TRY(graft_text_append_z(out, ", \"name\": \"probe_tool\", "
                                           "\"tool_call_id\": \"call00001\""));
    } else if (letter == 'c' || letter == 'b' || letter == 'd') {
        GRAFT_TRY(graft_text_appendf(out, ", \"tool_calls\": [%s%s%s]", call,
                                     letter == 'd' ? ", " : "", letter == 'd' ? call : ""));
    }
    GRAFT_TRY(graft_text_append_char(out, '}'));
done:
    return status;
}

/* Renders the letters with so many tools into m->text. *shown is false if the template refuses. */
static graft_status render(maker *m, const char *letters, int n_tools, bool prompt, bool *shown)
{
    graft_status status = GRAFT_OK;
    graft_conversation conversation;
    graft_text json;
    size_t n = strlen(letters);
    graft_conversation_init(&conversation);
    graft_text_init(&json);
    graft_rendered_clear(&m->text);
    GRAFT_TRY(graft_text_append_char(&json, '['));
    for (size_t i = 0; i < n; i++) {
        GRAFT_TRY(append_message(&json, letters[i], i));
    }
    GRAFT_TRY(graft_text_append_char(&json, ']'));
    GRAFT_TRY(graft_json_parse(&conversation.messages, json.data, json.len));
    graft_text_clear(&json);
    for (int i = 0; i < n_tools; i++) {
        GRAFT_TRY(graft_text_appendf(&json, "%s%s", i > 0 ? "," : "[", tool_spellings[0].jinja));
    }
    if (n_tools > 0) {
        GRAFT_TRY(graft_text_append_char(&json, ']'));
        GRAFT_TRY(graft_json_parse(&conversation.tools, json.data, json.len));
    }
    status = graft_chat_render(m->chat, &m->text, &conversation, n, prompt);
    *shown = status == GRAFT_OK;
    status = status == GRAFT_E_MEMORY ? status : GRAFT_OK;
done:
    graft_conversation_clear(&conversation);
    graft_text_clear(&json);
    return status;
}

/* --- learning pieces --- */

typedef struct slice {
    const char *at;
    size_t n;
    bool ok;
} slice;

/* What stands between the first `a` and the first `b` behind it; NULL: an end of the text. */
static slice between(const char *text, const char *a, const char *b)
{
    const char *from = a == NULL ? text : strstr(text, a);
    if (from == NULL) {
        return (slice){0};
    }
    from += a == NULL ? 0 : strlen(a);
    const char *to = b == NULL ? from + strlen(from) : strstr(from, b);
    return to == NULL ? (slice){0} : (slice){from, (size_t)(to - from), true};
}

/* Without the piece at its beginning or its end, which must be there. */
static slice without(slice s, const graft_text *piece, bool at_end)
{
    if (!s.ok || s.n < piece->len ||
        memcmp(at_end ? s.at + s.n - piece->len : s.at, graft_text_z(piece), piece->len) != 0) {
        return (slice){0};
    }
    return (slice){at_end ? s.at : s.at + piece->len, s.n - piece->len, true};
}

/* Keeps a piece; *ok becomes false if there is none. */
static graft_status keep(maker *m, enum piece which, slice s, bool *ok)
{
    graft_text *piece = &m->pieces[which];
    graft_text_clear(piece);
    *ok = *ok && s.ok;
    return *ok ? graft_text_append(piece, s.at, s.n) : GRAFT_OK;
}

static const char *words(size_t i)
{
    static const char *const all[] = {"probe0text", "probe1text", "probe2text", "probe3text",
                                      "probe4text", "probe5text"};
    return all[i];
}

static graft_status learn_turns(maker *m, bool *ok)
{
    graft_status status = GRAFT_OK;
    const graft_text *p = m->pieces;
    const char *text;
    bool shown;
    graft_text whole = {0}, head = {0};
    GRAFT_TRY(render(m, "uau", 0, false, &shown));
    *ok = *ok && shown;
    text = graft_text_z(&m->text.text);
    GRAFT_TRY(keep(m, P_USER_END, between(text, words(2), NULL), ok));
    GRAFT_TRY(keep(m, P_REPLY, without(between(text, words(0), words(1)), &p[P_USER_END], false), ok));
    slice behind_reply = between(text, words(1), words(2));
    if (behind_reply.ok) {
        GRAFT_TRY(graft_text_append(&whole, behind_reply.at, behind_reply.n));
    }
    slice start = between(text, NULL, words(0));
    if (start.ok) {
        GRAFT_TRY(graft_text_append(&head, start.at, start.n));
    }
    GRAFT_TRY(render(m, "ua", 0, false, &shown));
    *ok = *ok && shown;
    GRAFT_TRY(keep(m, P_REPLY_END, between(graft_text_z(&m->text.text), words(1), NULL), ok));
    slice user = {graft_text_z(&whole), whole.len, behind_reply.ok};
    GRAFT_TRY(keep(m, P_USER, without(user, &p[P_REPLY_END], false), ok));
    slice before = {graft_text_z(&head), head.len, start.ok};
    GRAFT_TRY(keep(m, P_START, without(before, &p[P_USER], true), ok));
    GRAFT_TRY(render(m, "u", 0, true, &shown));
    *ok = *ok && shown;
    GRAFT_TRY(keep(m, P_PROMPT, without(between(graft_text_z(&m->text.text), words(0), NULL),
                                        &p[P_USER_END], false), ok));
    GRAFT_TRY(render(m, "su", 0, false, &shown));
    *ok = *ok && shown;
    text = graft_text_z(&m->text.text);
    GRAFT_TRY(keep(m, P_SYSTEM, between(text, NULL, words(0)), ok));
    GRAFT_TRY(keep(m, P_SYSTEM_END, without(between(text, words(0), words(1)), &p[P_USER], true), ok));
done:
    graft_text_clear(&whole);
    graft_text_clear(&head);
    return status;
}

static graft_status learn_tools(maker *m, bool *ok)
{
    graft_status status = GRAFT_OK;
    const graft_text *p = m->pieces;
    bool shown;
    GRAFT_TRY(render(m, "su", 2, false, &shown));
    const char *text = graft_text_z(&m->text.text);
    m->tool = NULL;
    for (size_t i = 0; i < sizeof tool_spellings / sizeof *tool_spellings && m->tool == NULL; i++) {
        m->tool = strstr(text, tool_spellings[i].jinja) != NULL ? &tool_spellings[i] : NULL;
    }
    *ok = *ok && shown && m->tool != NULL;
    if (!*ok) {
        goto done;
    }
    const char *tool = m->tool->jinja;
    GRAFT_TRY(keep(m, P_TOOLS_SYSTEM, between(text, NULL, words(0)), ok));
    GRAFT_TRY(keep(m, P_TOOLS_BEHIND, between(text, words(0), tool), ok));
    GRAFT_TRY(keep(m, P_TOOLS_BETWEEN, between(text, tool, tool), ok));
    const char *second = strstr(text, tool);
    second = second == NULL ? "" : second + strlen(tool);
    GRAFT_TRY(keep(m, P_TOOLS_END, without(between(second, tool, words(1)), &p[P_USER], true), ok));
    GRAFT_TRY(render(m, "u", 1, false, &shown));
    *ok = *ok && shown;
    GRAFT_TRY(keep(m, P_TOOLS_START, between(graft_text_z(&m->text.text), NULL, tool), ok));
done:
    return status;
}

static graft_status learn_calls(maker *m, bool *ok)
{
    graft_status status = GRAFT_OK;
    const graft_text *p = m->pieces;
    bool shown;
    GRAFT_TRY(render(m, "ucu", 1, false, &shown));
    const char *text = graft_text_z(&m->text.text);
    m->call = NULL;
    const char *from = strstr(text, words(0)); /* examples of calls may stand before */
    for (size_t i = 0; i < sizeof call_spellings / sizeof *call_spellings && from != NULL; i++) {
        if (m->call == NULL && strstr(from, call_spellings[i].jinja) != NULL) {
            m->call = &call_spellings[i];
        }
    }
    *ok = *ok && shown && m->call != NULL;
    if (!*ok) {
        goto done;
    }
    const char *call = m->call->jinja;
    slice first = without(between(from, words(0), call), &p[P_USER_END], false);
    GRAFT_TRY(keep(m, P_CALL, without(first, &p[P_REPLY], false), ok));
    GRAFT_TRY(keep(m, P_CALLS_END, without(between(from, call, words(2)), &p[P_USER], true), ok));
    GRAFT_TRY(render(m, "ubu", 1, false, &shown));
    GRAFT_TRY(keep(m, P_CALL_BEHIND, between(graft_text_z(&m->text.text), words(1), call), ok));
    GRAFT_TRY(render(m, "udrru", 1, false, &shown));
    *ok = *ok && shown;
    from = strstr(graft_text_z(&m->text.text), words(0));
    from = from == NULL ? "" : from;
    GRAFT_TRY(keep(m, P_CALLS_BETWEEN, between(from, call, call), ok));
    from = strstr(from, call) == NULL ? "" : strstr(from, call) + strlen(call);
    GRAFT_TRY(keep(m, P_RESULT, without(between(from, call, words(2)), &p[P_CALLS_END], false), ok));
    GRAFT_TRY(keep(m, P_RESULTS_BETWEEN, between(from, words(2), words(3)), ok));
    GRAFT_TRY(keep(m, P_RESULTS_END, without(between(from, words(3), words(4)), &p[P_USER], true),
                   ok));
done:
    return status;
}

/* --- what the pieces make of a conversation: what the Go template does --- */

static graft_status add(const maker *m, graft_text *out, enum piece which)
{
    return graft_text_append(out, graft_text_z(&m->pieces[which]), m->pieces[which].len);
}

static graft_status assemble_head(const maker *m, graft_text *out, bool has_system, int n_tools)
{
    graft_status status = GRAFT_OK;
    if (n_tools == 0) {
        GRAFT_TRY(add(m, out, has_system ? P_SYSTEM : P_START));
        GRAFT_TRY(has_system ? graft_text_append_z(out, words(0)) : GRAFT_OK);
        return has_system ? add(m, out, P_SYSTEM_END) : GRAFT_OK;
    }
    GRAFT_TRY(add(m, out, has_system ? P_TOOLS_SYSTEM : P_TOOLS_START));
    if (has_system) {
        GRAFT_TRY(graft_text_append_z(out, words(0)));
        GRAFT_TRY(add(m, out, P_TOOLS_BEHIND));
    }
    for (int i = 0; i < n_tools; i++) {
        GRAFT_TRY(i > 0 ? add(m, out, P_TOOLS_BETWEEN) : GRAFT_OK);
        GRAFT_TRY(graft_text_append_z(out, m->tool->jinja));
    }
    GRAFT_TRY(add(m, out, P_TOOLS_END));
done:
    return status;
}

static graft_status assemble_message(const maker *m, graft_text *out, const char *letters, size_t i)
{
    graft_status status = GRAFT_OK;
    char letter = letters[i], text[32];
    bool follows = i > 0 && letters[i - 1] == 'r';
    probe_text(text, i);
    if (letter == 'r') {
        GRAFT_TRY(add(m, out, follows ? P_RESULTS_BETWEEN : P_RESULT));
        GRAFT_TRY(graft_text_append_z(out, text));
        goto done;
    }
    GRAFT_TRY(follows ? add(m, out, P_RESULTS_END) : GRAFT_OK);
    GRAFT_TRY(add(m, out, letter == 'u' ? P_USER : P_REPLY));
    GRAFT_TRY(letter == 'c' || letter == 'd' ? GRAFT_OK : graft_text_append_z(out, text));
    if (letter == 'u' || letter == 'a') {
        GRAFT_TRY(add(m, out, letter == 'u' ? P_USER_END : P_REPLY_END));
        goto done;
    }
    GRAFT_TRY(add(m, out, letter == 'b' ? P_CALL_BEHIND : P_CALL));
    GRAFT_TRY(graft_text_append_z(out, m->call->jinja));
    if (letter == 'd') {
        GRAFT_TRY(add(m, out, P_CALLS_BETWEEN));
        GRAFT_TRY(graft_text_append_z(out, m->call->jinja));
    }
    GRAFT_TRY(add(m, out, P_CALLS_END));
done:
    return status;
}

static graft_status agrees(maker *m, const char *letters, int n_tools, bool *ok)
{
    graft_status status = GRAFT_OK;
    graft_text text;
    bool shown, has_system = letters[0] == 's';
    size_t n = strlen(letters);
    bool prompt = letters[n - 1] == 'u' || letters[n - 1] == 'r';
    graft_text_init(&text);
    GRAFT_TRY(assemble_head(m, &text, has_system, n_tools));
    for (size_t i = has_system; i < n; i++) {
        GRAFT_TRY(assemble_message(m, &text, letters, i));
    }
    if (prompt) {
        GRAFT_TRY(letters[n - 1] == 'r' ? add(m, &text, P_RESULTS_END) : GRAFT_OK);
        GRAFT_TRY(add(m, &text, P_PROMPT));
    }
    GRAFT_TRY(render(m, letters, n_tools, prompt, &shown));
    *ok = *ok && shown && text.len == m->text.text.len &&
          memcmp(graft_text_z(&text), graft_text_z(&m->text.text), text.len) == 0;
done:
    graft_text_clear(&text);
    return status;
}

/* None ends with a reply: there Go's template leaves it open, for the model to go on. */
static graft_status check(maker *m, bool tools, bool *ok)
{
    static const char *const plain[] = {"u", "su", "uau", "suauau", NULL};
    static const char *const with[] = {"u", "sucr", "udrrau", "subrau", "sucrucrau", "suau", NULL};
    graft_status status = GRAFT_OK;
    for (const char *const *letters = tools ? with : plain; *letters != NULL && *ok; letters++) {
        GRAFT_TRY(agrees(m, *letters, tools ? 1 : 0, ok));
        if (tools && *ok) {
            GRAFT_TRY(agrees(m, *letters, 3, ok));
        }
    }
done:
    return status;
}

/* --- the template of Go --- */

/* Text as it stands: no action may begin in it, and no quotes of a Modelfile may end. */
static graft_status literal(graft_text *out, const graft_text *piece)
{
    graft_status status = GRAFT_OK;
    const char *text = graft_text_z(piece);
    for (size_t i = 0; i < piece->len; i++) {
        bool brace = text[i] == '{' && (i + 1 == piece->len || text[i + 1] == '{');
        bool quotes = text[i] == '"' && i + 2 < piece->len && text[i + 1] == '"' &&
                      text[i + 2] == '"';
        if (brace) {
            GRAFT_TRY(graft_text_append_z(out, "{{ \"{\" }}"));
        } else if (quotes) {
            GRAFT_TRY(graft_text_append_z(out, "{{ \"\\\"\" }}"));
        } else {
            GRAFT_TRY(graft_text_append_char(out, text[i]));
        }
    }
done:
    return status;
}

/* Text with %X for the piece that is called X. */
static graft_status fill(const maker *m, graft_text *out, const char *frame)
{
    graft_status status = GRAFT_OK;
    for (; *frame != 0; frame++) {
        if (*frame == '%') {
            size_t which = (size_t)(frame[1] - 'A');
            GRAFT_TRY(literal(out, &m->pieces[which]));
            frame++;
        } else {
            GRAFT_TRY(graft_text_append_char(out, *frame));
        }
    }
done:
    return status;
}

/* Pieces are named by letters in the order of the enum: A is P_START. `was` is the role of the message
 * before, since results that follow each other may share a turn. */
static graft_status write_go(const maker *m, graft_text *out, bool tools)
{
    graft_status status = GRAFT_OK;
    if (tools) {
        GRAFT_TRY(fill(m, out, "{{ if .Tools }}{{ if .System }}%I{{ .System }}%J{{ else }}%K{{ end }}"
                               "{{ range $i, $t := .Tools }}{{ if $i }}%L{{ end }}{{ "));
        GRAFT_TRY(graft_text_append_z(out, m->tool->go));
        GRAFT_TRY(fill(m, out, " }}{{ end }}%M{{ else if .System }}"));
    } else {
        GRAFT_TRY(graft_text_append_z(out, "{{ if .System }}"));
    }
    GRAFT_TRY(fill(m, out, "%B{{ .System }}%C{{ else }}%A{{ end }}{{ $was := \"\" }}"
                           "{{ range $i, $m := .Messages }}"
                           "{{ $last := eq (len (slice $.Messages $i)) 1 }}"));
    if (tools) {
        GRAFT_TRY(fill(m, out, "{{ if and (eq $was \"tool\") (ne .Role \"tool\") }}%T{{ end }}"));
    }
    GRAFT_TRY(fill(m, out, "{{ if eq .Role \"user\" }}%D{{ .Content }}%E"
                           "{{ else if eq .Role \"assistant\" }}%F{{ .Content }}"));
    if (tools) {
        GRAFT_TRY(fill(m, out, "{{ if .ToolCalls }}{{ if .Content }}%O{{ else }}%N{{ end }}"
                               "{{ range $k, $c := .ToolCalls }}{{ if $k }}%P{{ end }}"));
        GRAFT_TRY(graft_text_append_z(out, m->call->go));
        GRAFT_TRY(fill(m, out, "{{ end }}%Q{{ else if not $last }}%G{{ end }}"
                               "{{ else if eq .Role \"tool\" }}{{ if eq $was \"tool\" }}%S"
                               "{{ else }}%R{{ end }}{{ .Content }}{{ if $last }}%T{{ end }}"
                               "{{ end }}"));
    } else {
        GRAFT_TRY(fill(m, out, "{{ if not $last }}%G{{ end }}{{ end }}"));
    }
    GRAFT_TRY(fill(m, out, "{{ if and $last (ne .Role \"assistant\") }}%H{{ end }}"
                           "{{ $was = .Role }}{{ end }}"));
done:
    return status;
}

static graft_status try_all(maker *m, graft_go_template *out)
{
    graft_status status = GRAFT_OK;
    bool turns = true, tools = true;
    GRAFT_TRY(learn_turns(m, &turns));
    if (turns) {
        GRAFT_TRY(check(m, false, &turns));
    }
    if (!turns) {
        out->lacks = "the chat template is of a shape that Go templates here cannot have";
        goto done;
    }
    GRAFT_TRY(learn_tools(m, &tools));
    if (tools) {
        GRAFT_TRY(learn_calls(m, &tools));
    }
    if (tools) {
        GRAFT_TRY(check(m, true, &tools));
    }
    out->has_tools = tools;
    out->lacks = tools ? NULL : "tools, calls and results: the chat template writes them in a way "
                                "that Go templates here cannot, or not at all";
    GRAFT_TRY(write_go(m, &out->text, tools));
done:
    return status;
}

graft_status graft_go_template_make(graft_go_template *out, const graft_export_serving *serving)
{
    graft_status status = GRAFT_OK;
    maker m = {0};
    const char *source = serving->chat_template;
    *out = (graft_go_template){0};
    graft_rendered_init(&m.text);
    if (source == NULL) {
        out->lacks = "there is no chat template";
        goto done;
    }
    /* Ollama puts BOS in front itself */
    status = graft_chat_new(&m.chat, source, strlen(source), "the chat template", "",
                            serving->eos == NULL ? "" : serving->eos, false);
    if (status == GRAFT_OK) {
        status = try_all(&m, out);
    } else if (status != GRAFT_E_MEMORY) {
        out->lacks = "the chat template cannot be read";
        status = GRAFT_OK;
    }
done:
    for (size_t i = 0; i < N_PIECES; i++) {
        graft_text_clear(&m.pieces[i]);
    }
    graft_rendered_clear(&m.text);
    graft_chat_free(m.chat);
    if (status != GRAFT_OK) {
        graft_go_template_clear(out);
    }
    return status;
}

void graft_go_template_clear(graft_go_template *made)
{
    graft_text_clear(&made->text);
}
