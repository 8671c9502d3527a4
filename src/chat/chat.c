/* chat/chat.c - choosing a template, rendering conversations with it. */
#include "chat/chat.h"

#include <string.h>

#include "chat/builtin_template.h"
#include "chat/dialects.h"
#include "chat/shape.h"
#include "core/memory.h"

#define BUILTIN_NAME "built-in tool template"

struct graft_chat {
    graft_template *tpl;
    graft_shape shape;
    char *source, *name, *note;
    char *bos, *eos;
    const graft_dialect *dialect;
};

/* ---- what a template is given ---- */

static graft_status out_of_memory(void)
{
    return graft_fail(GRAFT_E_MEMORY, "out of memory: a conversation to render");
}

/* {"messages": the first n, "tools": ... or null, "documents": null}: the variables that
 * transformers always sets. */
static graft_status make_data(graft_json **out, graft_json *messages, graft_json *tools, size_t n,
                              const graft_shape *shape)
{
    graft_status status = GRAFT_OK;
    graft_json *data = graft_json_new_object(), *first = graft_json_new_array(), *message;
    *out = NULL;
    if (data == NULL || first == NULL) {
        status = out_of_memory();
        goto done;
    }
    for (size_t i = 0; i < n; i++) {
        GRAFT_TRY(graft_shape__apply(&message, graft_json_at(messages, i), shape));
        GRAFT_TRY(graft_json_push(first, message));
    }
    GRAFT_TRY(graft_json_set(data, "messages", graft_json_retain(first)));
    GRAFT_TRY(graft_json_set(data, "tools",
                             graft_json_length(tools) > 0 ? graft_json_retain(tools)
                             : shape->no_tools_list       ? graft_json_new_array()
                                                          : NULL));
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

/* parts may be NULL. */
static graft_status render(const graft_chat *chat, graft_rendered *out, graft_chat_parts *parts,
                           graft_json *messages, graft_json *tools, size_t n,
                           bool add_generation_prompt)
{
    graft_status status = GRAFT_OK;
    graft_json *data = NULL, *trusted = NULL;
    GRAFT_TRY(make_data(&data, messages, tools, n, &chat->shape));
    GRAFT_TRY(make_trusted(&trusted, chat, add_generation_prompt));
    status = graft_template_trace(chat->tpl, out, parts, data, trusted);
done:
    graft_json_free(data);
    graft_json_free(trusted);
    return status;
}

graft_status graft_chat_trace(const graft_chat *chat, graft_rendered *out, graft_chat_parts *parts,
                              const graft_conversation *conversation, size_t n_messages,
                              bool add_generation_prompt)
{
    size_t n = graft_json_length(conversation->messages);
    return render(chat, out, parts, conversation->messages, conversation->tools,
                  n_messages < n ? n_messages : n, add_generation_prompt);
}

graft_status graft_chat_render(const graft_chat *chat, graft_rendered *out,
                               const graft_conversation *conversation, size_t n_messages,
                               bool add_generation_prompt)
{
    return graft_chat_trace(chat, out, NULL, conversation, n_messages, add_generation_prompt);
}

/* ---- does a template show tools? ---- */

static const char probe_tools[] =
    "[{\"type\": \"function\", \"function\": {\"name\": \"probe_tool\", \"description\": "
    "\"probe-description\", \"parameters\": {\"type\": \"object\", \"properties\": {\"probe_key\": "
    "{\"type\": \"string\", \"description\": \"a key\"}}, \"required\": [\"probe_key\"]}}}]";
#define PROBE_MESSAGES(id)                                                                        \
    "[{\"role\": \"user\", \"content\": \"probe-question\"},"                                     \
    " {\"role\": \"assistant\", \"content\": null, \"tool_calls\": [{\"id\": \"" id "\", "         \
    "\"type\": \"function\", \"function\": {\"name\": \"probe_tool\", \"arguments\": {\"probe_key\": " \
    "\"probe-value\"}}}]},"                                                                       \
    " {\"role\": \"tool\", \"tool_call_id\": \"" id "\", \"name\": \"probe_tool\", \"content\": "    \
    "\"probe-result\"}]"
static const char probe_messages[] = PROBE_MESSAGES("call12345");
static const char probe_ids[] = PROBE_MESSAGES("call_0123456789");

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
        status = render(chat, &rendered, NULL, messages, tools, steps[i].n_messages, generate);
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

/* Some templates refuse ids of calls that do not look like theirs. */
static graft_status find_ids(graft_chat *chat, graft_json *tools)
{
    graft_status status = GRAFT_OK;
    graft_json *messages = NULL;
    graft_rendered rendered;
    graft_rendered_init(&rendered);
    GRAFT_TRY(graft_json_parse(&messages, probe_ids, sizeof probe_ids - 1));
    status = render(chat, &rendered, NULL, messages, tools, 3, true);
    if (status == GRAFT_E_DATA) {
        chat->shape.short_ids = true;
        status = GRAFT_OK;
    }
done:
    graft_rendered_clear(&rendered);
    graft_json_free(messages);
    return status;
}

/* Does the template, given these messages and no tools, show the text? */
static graft_status shows(const graft_chat *chat, const char *json, const char *text, bool *out)
{
    graft_status status = GRAFT_OK;
    graft_json *messages = NULL;
    graft_rendered rendered;
    graft_rendered_init(&rendered);
    GRAFT_TRY(graft_json_parse(&messages, json, strlen(json)));
    status = render(chat, &rendered, NULL, messages, NULL, graft_json_length(messages), false);
    *out = status == GRAFT_OK && count(&rendered.text, text) > 0;
    status = status == GRAFT_E_DATA ? GRAFT_OK : status;
done:
    graft_rendered_clear(&rendered);
    graft_json_free(messages);
    return status;
}

/* A template that cannot do without tools may be content with none. */
static graft_status find_no_tools(graft_chat *chat)
{
    static const char question[] = "[{\"role\": \"user\", \"content\": \"probe-question\"}]";
    graft_status status = GRAFT_OK;
    bool shown;
    GRAFT_TRY(shows(chat, question, "probe-question", &shown));
    if (!shown) {
        chat->shape.no_tools_list = true;
        GRAFT_TRY(shows(chat, question, "probe-question", &chat->shape.no_tools_list));
    }
done:
    return status;
}

/* A template may know system messages and no developer. */
static graft_status find_developer(graft_chat *chat)
{
#define RULES(role) "[{\"role\": \"" role "\", \"content\": \"probe-rules\"}, " \
                    "{\"role\": \"user\", \"content\": \"probe-question\"}]"
    graft_status status = GRAFT_OK;
    bool developer, system;
    GRAFT_TRY(shows(chat, RULES("developer"), "probe-rules", &developer));
    GRAFT_TRY(shows(chat, RULES("system"), "probe-rules", &system));
    chat->shape.developer_as_system = system && !developer;
done:
    return status;
}

/* The key from which a template reads thoughts, unless it knows them all, or none. */
static graft_status find_thought_key(graft_chat *chat)
{
    graft_status status = GRAFT_OK;
    const char *found = NULL;
    size_t n = 0;
    graft_text text;
    graft_text_init(&text);
    for (size_t i = 0; i < GRAFT_N_THOUGHT_KEYS; i++) {
        bool shown;
        text.len = 0;
        GRAFT_TRY(graft_text_appendf(
            &text, "[{\"role\": \"user\", \"content\": \"probe-question\"}, {\"role\": "
                   "\"assistant\", \"content\": \"probe-answer\", \"%s\": \"probe-thought\"}]",
            graft_thought_keys[i]));
        GRAFT_TRY(shows(chat, graft_text_z(&text), "probe-thought", &shown));
        found = found == NULL && shown ? graft_thought_keys[i] : found;
        n += shown;
    }
    chat->shape.thought = n < GRAFT_N_THOUGHT_KEYS ? found : NULL;
done:
    graft_text_clear(&text);
    return status;
}

/* Probes the shapes a template may want, the canonical one first. *missing and *reason are those of
 * the first shape that the template at least did not refuse, or of the canonical one. */
static graft_status find_shape(graft_chat *chat, const char **missing, graft_text *reason)
{
    static const graft_shape shapes[] = {{0},
                                         {.empty_content = true},
                                         {.string_arguments = true},
                                         {.string_arguments = true, .empty_content = true}};
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
            status = find_ids(chat, tools);
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
    chat->shape = (graft_shape){0};
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
    GRAFT_TRY(find_no_tools(chat));
    GRAFT_TRY(find_developer(chat));
    GRAFT_TRY(find_thought_key(chat));
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

const char *graft_chat_builtin(size_t *n)
{
    *n = graft_chat__builtin_template_n;
    return graft_chat__builtin_template;
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

void graft_chat_set_time(graft_chat *chat, int64_t calendar)
{
    graft_template_set_time(chat->tpl, calendar);
}

int64_t graft_chat_time(const graft_chat *chat)
{
    return strstr(chat->source, "strftime_now") != NULL ? graft_template_time(chat->tpl) : -1;
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
