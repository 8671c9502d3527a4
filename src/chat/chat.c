/* chat/chat.c - choosing a template, rendering conversations with it. */
#include "chat/chat.h"

#include <string.h>

#include "chat/builtin_template.h"
#include "chat/dialects.h"
#include "core/memory.h"

#define BUILTIN_NAME "built-in tool template"

/* What a template wants to be given, found out by probing: the canonical form unless it only
 * works otherwise. */
typedef struct shape {
    bool string_arguments; /* arguments as JSON text instead of an object */
    bool empty_content;    /* "" where a message has no content */
} shape;

struct graft_chat {
    graft_template *tpl;
    shape shape;
    char *source, *name, *note;
    char *bos, *eos;
    const graft_dialect *dialect;
};

/* ---- what a template is given ---- */

static graft_status out_of_memory(void)
{
    return graft_fail(GRAFT_E_MEMORY, "out of memory: a conversation to render");
}

/* Replaces the arguments of every call by their JSON text. */
static graft_status spell_arguments(graft_json *message)
{
    graft_status status = GRAFT_OK;
    graft_text text;
    graft_text_init(&text);
    const graft_json *calls = graft_json_get(message, "tool_calls");
    for (size_t i = 0; i < graft_json_length(calls); i++) {
        graft_json *function = graft_json_get(graft_json_at(calls, i), "function");
        const graft_json *arguments = graft_json_get(function, "arguments");
        if (!graft_json_is(arguments, GRAFT_JSON_OBJECT)) {
            continue;
        }
        text.len = 0;
        GRAFT_TRY(graft_json_write(&text, arguments, GRAFT_JSON_PYTHON));
        GRAFT_TRY(graft_json_set(function, "arguments",
                                 graft_json_new_string(graft_text_z(&text), text.len)));
    }
done:
    graft_text_clear(&text);
    return status;
}

/* A reference to the message in the shape the template wants. */
static graft_status shaped(graft_json **out, graft_json *message, shape how)
{
    graft_status status = GRAFT_OK;
    bool spell = how.string_arguments && graft_json_length(graft_json_get(message, "tool_calls")) > 0;
    bool fill = how.empty_content && !graft_json_is(graft_json_get(message, "content"),
                                                    GRAFT_JSON_STRING) &&
                graft_json_length(graft_json_get(message, "content")) == 0;
    *out = NULL;
    if (!spell && !fill) {
        *out = graft_json_retain(message);
        return GRAFT_OK;
    }
    GRAFT_TRY(graft_json_copy(out, message));
    if (spell) {
        GRAFT_TRY(spell_arguments(*out));
    }
    if (fill) {
        GRAFT_TRY(graft_json_set_string(*out, "content", ""));
    }
done:
    if (status != GRAFT_OK) {
        graft_json_free(*out);
        *out = NULL;
    }
    return status;
}

/* {"messages": the first n, "tools": ... or null, "documents": null}: the variables that
 * transformers always sets. */
static graft_status make_data(graft_json **out, graft_json *messages, graft_json *tools, size_t n,
                              shape how)
{
    graft_status status = GRAFT_OK;
    graft_json *data = graft_json_new_object(), *first = graft_json_new_array(), *message;
    *out = NULL;
    if (data == NULL || first == NULL) {
        status = out_of_memory();
        goto done;
    }
    for (size_t i = 0; i < n; i++) {
        GRAFT_TRY(shaped(&message, graft_json_at(messages, i), how));
        GRAFT_TRY(graft_json_push(first, message));
    }
    GRAFT_TRY(graft_json_set(data, "messages", graft_json_retain(first)));
    GRAFT_TRY(graft_json_set(data, "tools",
                             graft_json_length(tools) > 0 ? graft_json_retain(tools) : NULL));
    GRAFT_TRY(graft_json_set(data, "documents", NULL));
    *out = graft_json_retain(data);
done:
    graft_json_free(data);
    graft_json_free(first);
    return status;
}

static graft_status make_trusted(graft_json **out, const graft_chat *chat,
                                 bool add_generation_prompt)
{
    graft_status status = GRAFT_OK;
    graft_json *trusted = graft_json_new_object();
    *out = NULL;
    if (trusted == NULL) {
        return out_of_memory();
    }
    GRAFT_TRY(graft_json_set_string(trusted, "bos_token", chat->bos));
    GRAFT_TRY(graft_json_set_string(trusted, "eos_token", chat->eos));
    GRAFT_TRY(graft_json_set_bool(trusted, "add_generation_prompt", add_generation_prompt));
    *out = graft_json_retain(trusted);
done:
    graft_json_free(trusted);
    return status;
}

static graft_status render(const graft_chat *chat, graft_rendered *out, graft_json *messages,
                           graft_json *tools, size_t n, bool add_generation_prompt)
{
    graft_status status = GRAFT_OK;
    graft_json *data = NULL, *trusted = NULL;
    GRAFT_TRY(make_data(&data, messages, tools, n, chat->shape));
    GRAFT_TRY(make_trusted(&trusted, chat, add_generation_prompt));
    status = graft_template_render(chat->tpl, out, data, trusted);
done:
    graft_json_free(data);
    graft_json_free(trusted);
    return status;
}

graft_status graft_chat_render(const graft_chat *chat, graft_rendered *out,
                               const graft_conversation *conversation, size_t n_messages,
                               bool add_generation_prompt)
{
    size_t n = graft_json_length(conversation->messages);
    return render(chat, out, conversation->messages, conversation->tools,
                  n_messages < n ? n_messages : n, add_generation_prompt);
}

/* ---- does a template show tools? ---- */

static const char probe_tools[] =
    "[{\"type\": \"function\", \"function\": {\"name\": \"probe_tool\", \"description\": "
    "\"probe-description\", \"parameters\": {\"type\": \"object\", \"properties\": {\"probe_key\": "
    "{\"type\": \"string\", \"description\": \"a key\"}}, \"required\": [\"probe_key\"]}}}]";
static const char probe_messages[] =
    "[{\"role\": \"user\", \"content\": \"probe-question\"},"
    " {\"role\": \"assistant\", \"content\": null, \"tool_calls\": [{\"id\": \"call12345\", "
    "\"type\": \"function\", \"function\": {\"name\": \"probe_tool\", \"arguments\": {\"probe_key\": "
    "\"probe-value\"}}}]},"
    " {\"role\": \"tool\", \"tool_call_id\": \"call12345\", \"name\": \"probe_tool\", \"content\": "
    "\"probe-result\"}]";

static size_t count(const graft_text *text, const char *what)
{
    size_t n = 0;
    for (const char *at = graft_text_z(text); (at = strstr(at, what)) != NULL; at++) {
        n++;
    }
    return n;
}

/* Sets *missing to the first thing the template does not show, NULL if it shows all; *reason to
 * why, if it refuses. */
static graft_status probe(const graft_chat *chat, graft_json *messages, graft_json *tools,
                          const char **missing, graft_text *reason)
{
    static const struct {
        size_t n_messages;
        const char *text, *what;
        size_t at_least;
    } steps[] = {
        {1, "probe_tool", "tools", 1},
        {2, "probe-value", "tool calls", 1},
        {2, "probe_tool", "tool calls", 2},
        {3, "probe-result", "tool results", 1},
    };
    graft_status status = GRAFT_OK;
    graft_rendered rendered;
    graft_rendered_init(&rendered);
    *missing = NULL;
    reason->len = 0;
    for (size_t i = 0; i < sizeof steps / sizeof *steps && *missing == NULL; i++) {
        bool generate = steps[i].n_messages != 2;
        status = render(chat, &rendered, messages, tools, steps[i].n_messages, generate);
        if (status == GRAFT_E_DATA) {
            *missing = steps[i].what;
            GRAFT_TRY(graft_text_append_z(reason, graft_error_message()));
        }
        if (status == GRAFT_OK && count(&rendered.text, steps[i].text) < steps[i].at_least) {
            *missing = steps[i].what;
        }
        if (status != GRAFT_E_DATA) {
            GRAFT_TRY(status);
        }
        status = GRAFT_OK;
    }
done:
    graft_rendered_clear(&rendered);
    return status;
}

/* Probes the shapes a template may want, the canonical one first. *missing and *reason are those of
 * the first shape that the template at least did not refuse, or of the canonical one. */
static graft_status find_shape(graft_chat *chat, const char **missing, graft_text *reason)
{
    static const shape shapes[] = {{false, false}, {false, true}, {true, false}, {true, true}};
    graft_status status = GRAFT_OK;
    graft_json *messages = NULL, *tools = NULL;
    graft_text refusal;
    graft_text_init(&refusal);
    GRAFT_TRY(graft_json_parse(&messages, probe_messages, sizeof probe_messages - 1));
    GRAFT_TRY(graft_json_parse(&tools, probe_tools, sizeof probe_tools - 1));
    for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++) {
        const char *lacks;
        chat->shape = shapes[i];
        GRAFT_TRY(probe(chat, messages, tools, &lacks, &refusal));
        if (i == 0 || lacks == NULL || (reason->len > 0 && refusal.len == 0)) {
            *missing = lacks;
            reason->len = 0;
            GRAFT_TRY(graft_text_append(reason, graft_text_z(&refusal), refusal.len));
        }
        if (lacks == NULL) {
            goto done;
        }
    }
    chat->shape = shapes[0];
done:
    graft_text_clear(&refusal);
    graft_json_free(messages);
    graft_json_free(tools);
    return status;
}

/* ---- life ---- */

static graft_status use_template(graft_chat *chat, const char *source, size_t n, const char *name)
{
    graft_status status = GRAFT_OK;
    graft_template_free(chat->tpl);
    graft_free(chat->source);
    graft_free(chat->name);
    chat->tpl = NULL;
    chat->source = chat->name = NULL;
    chat->shape = (shape){false, false};
    GRAFT_TRY(graft_template_parse(&chat->tpl, source, n, name));
    GRAFT_TRY(graft_strndup(&chat->source, source, n));
    status = graft_strdup(&chat->name, name);
done:
    return status;
}

static graft_status fall_back(graft_chat *chat, const char *missing, const graft_text *reason)
{
    graft_status status = GRAFT_OK;
    graft_text note;
    graft_text_init(&note);
    GRAFT_TRY(graft_text_appendf(&note, "%s shows no %s to the model", chat->name, missing));
    if (reason->len > 0) {
        GRAFT_TRY(graft_text_appendf(&note, " (%s)", graft_text_z(reason)));
    }
    GRAFT_TRY(graft_text_append_z(&note, "; the " BUILTIN_NAME " (Hermes/ChatML) is used instead, "
                                         "and whatever serves the model must use it too"));
    graft_free(chat->note);
    GRAFT_TRY(graft_text_take(&note, &chat->note));
    status = use_template(chat, graft_chat__builtin_template, graft_chat__builtin_template_n,
                          BUILTIN_NAME);
done:
    graft_text_clear(&note);
    return status;
}

static const graft_dialect *find_dialect(const char *source)
{
    for (const graft_dialect *const *row = graft_dialects; *row != NULL; row++) {
        if ((*row)->speaks(source)) {
            return *row;
        }
    }
    return &graft_dialect_hermes;
}

graft_status graft_chat_new(graft_chat **out, const char *source, size_t n, const char *name,
                            const char *bos, const char *eos, bool with_tools)
{
    graft_status status = GRAFT_OK;
    graft_chat *chat = NULL;
    const char *missing = NULL;
    graft_text reason;
    graft_text_init(&reason);
    *out = NULL;
    GRAFT_TRY(graft_alloc(&chat, 1, sizeof *chat));
    GRAFT_TRY(graft_strdup(&chat->bos, bos != NULL ? bos : ""));
    GRAFT_TRY(graft_strdup(&chat->eos, eos != NULL ? eos : ""));
    GRAFT_TRY(graft_strdup(&chat->note, ""));
    if (source == NULL) {
        GRAFT_TRY(use_template(chat, graft_chat__builtin_template, graft_chat__builtin_template_n,
                               BUILTIN_NAME));
        graft_free(chat->note);
        chat->note = NULL;
        GRAFT_TRY(graft_strdup(&chat->note, "no chat template is given; the " BUILTIN_NAME
                                            " (Hermes/ChatML) is used, and whatever serves the "
                                            "model must use it too"));
    } else {
        GRAFT_TRY(use_template(chat, source, n, name));
        if (with_tools) {
            GRAFT_TRY(find_shape(chat, &missing, &reason));
        }
        if (missing != NULL) {
            GRAFT_TRY(fall_back(chat, missing, &reason));
        }
    }
    chat->dialect = find_dialect(chat->source);
    *out = chat;
    chat = NULL;
done:
    graft_text_clear(&reason);
    graft_chat_free(chat);
    return status;
}

void graft_chat_free(graft_chat *chat)
{
    if (chat != NULL) {
        graft_template_free(chat->tpl);
        graft_free(chat->source);
        graft_free(chat->name);
        graft_free(chat->note);
        graft_free(chat->bos);
        graft_free(chat->eos);
        graft_free(chat);
    }
}

const char *graft_chat_source(const graft_chat *chat)
{
    return chat->source;
}

const char *graft_chat_name(const graft_chat *chat)
{
    return chat->name;
}

const char *graft_chat_note(const graft_chat *chat)
{
    return chat->note;
}

const graft_dialect *graft_chat_dialect(const graft_chat *chat)
{
    return chat->dialect;
}

graft_status graft_chat_set_dialect(graft_chat *chat, const char *name)
{
    graft_status status = GRAFT_OK;
    graft_text known;
    graft_text_init(&known);
    for (const graft_dialect *const *row = graft_dialects; *row != NULL; row++) {
        if (strcmp((*row)->name, name) == 0) {
            chat->dialect = *row;
            goto done;
        }
        GRAFT_TRY(graft_text_appendf(&known, "%s%s", known.len > 0 ? ", " : "", (*row)->name));
    }
    status = graft_fail(GRAFT_E_CONFIG, "tool_call_format: unknown value \"%s\" (known: %s)", name,
                        graft_text_z(&known));
done:
    graft_text_clear(&known);
    return status;
}
