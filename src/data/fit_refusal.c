/* fit_refusal.c - why a template refuses a conversation: found by changing one thing after the other
 * until it does not. Runs for refused conversations only. */
#include <string.h>

#include "data/fit.h"
#include "data/reader.h"

static bool has_role(const graft_json *message, const char *role)
{
    const graft_json *value = graft_json_get(message, "role");
    return graft_json_is(value, GRAFT_JSON_STRING) &&
           strcmp(graft_json_string(value, NULL), role) == 0;
}

static bool is_system(const graft_json *message)
{
    return has_role(message, "system") || has_role(message, "developer");
}

static bool has_calls(const graft_json *message)
{
    return graft_json_length(graft_json_get(message, "tool_calls")) > 0;
}

/* A change gets copies of the messages, which it may change, and gives those that are to be tried
 * (a reference of its own); NULL: there is nothing to change. */
typedef graft_status change(graft_json **out, graft_json *messages);

static graft_status take_over(graft_json *to, graft_json *message)
{
    return graft_json_push(to, graft_json_retain(message));
}

/* What is left when `leaves_out` says so of message i. */
static graft_status filter(graft_json **out, const graft_json *messages,
                           bool (*leaves_out)(const graft_json *messages, size_t i))
{
    graft_status status = GRAFT_OK;
    graft_json *kept = graft_json_new_array();
    size_t n = graft_json_length(messages);
    *out = NULL;
    for (size_t i = 0; i < n; i++) {
        if (!leaves_out(messages, i)) {
            GRAFT_TRY(take_over(kept, graft_json_at(messages, i)));
        }
    }
    if (graft_json_length(kept) < n) {
        *out = kept;
        kept = NULL;
    }
done:
    graft_json_free(kept);
    return status;
}

static bool is_second_result(const graft_json *messages, size_t i)
{
    return i > 0 && has_role(graft_json_at(messages, i), "tool") &&
           has_role(graft_json_at(messages, i - 1), "tool");
}

static graft_status one_call(graft_json **out, graft_json *messages)
{
    graft_status status = GRAFT_OK;
    bool several = false;
    *out = NULL;
    for (size_t i = 0; i < graft_json_length(messages); i++) {
        graft_json *message = graft_json_at(messages, i);
        const graft_json *calls = graft_json_get(message, "tool_calls");
        if (graft_json_length(calls) > 1) {
            graft_json *one = graft_json_new_array();
            GRAFT_TRY(graft_json_push(one, graft_json_retain(graft_json_at(calls, 0))));
            GRAFT_TRY(graft_json_set(message, "tool_calls", one));
            several = true;
        }
    }
    if (several) {
        GRAFT_TRY(filter(out, messages, is_second_result));
        *out = *out != NULL ? *out : graft_json_retain(messages);
    }
done:
    return status;
}

static bool is_late_system(const graft_json *messages, size_t i)
{
    return i > 0 && is_system(graft_json_at(messages, i));
}

static graft_status no_late_system(graft_json **out, graft_json *messages)
{
    return filter(out, messages, is_late_system);
}

static bool is_any_system(const graft_json *messages, size_t i)
{
    return is_system(graft_json_at(messages, i));
}

static graft_status no_system(graft_json **out, graft_json *messages)
{
    return filter(out, messages, is_any_system);
}

static bool is_early_reply(const graft_json *messages, size_t i)
{
    for (size_t k = 0; k <= i; k++) {
        if (has_role(graft_json_at(messages, k), "user")) {
            return false;
        }
    }
    return !is_system(graft_json_at(messages, i));
}

static graft_status user_first(graft_json **out, graft_json *messages)
{
    return filter(out, messages, is_early_reply);
}

/* The first of each row of messages of one role stands for all of them. */
static bool is_same_again(const graft_json *messages, size_t i)
{
    static const char *const roles[] = {"system", "user", "assistant"};
    for (size_t k = 0; i > 0 && k < sizeof roles / sizeof *roles; k++) {
        const graft_json *before = graft_json_at(messages, i - 1);
        if (has_role(graft_json_at(messages, i), roles[k]) && has_role(before, roles[k]) &&
            !has_calls(before)) {
            return true;
        }
    }
    return false;
}

static graft_status alternate(graft_json **out, graft_json *messages)
{
    return filter(out, messages, is_same_again);
}

/* Gives the messages themselves if `edit` changed one. */
static graft_status edit_all(graft_json **out, graft_json *messages,
                             graft_status (*edit)(graft_json *message, bool *changed))
{
    graft_status status = GRAFT_OK;
    bool changed = false;
    *out = NULL;
    for (size_t i = 0; i < graft_json_length(messages); i++) {
        GRAFT_TRY(edit(graft_json_at(messages, i), &changed));
    }
    *out = changed ? graft_json_retain(messages) : NULL;
done:
    return status;
}

static graft_status empty_beside_calls(graft_json *message, bool *changed)
{
    size_t n;
    graft_json_string(graft_json_get(message, "content"), &n);
    if (!has_calls(message) || n == 0) {
        return GRAFT_OK;
    }
    *changed = true;
    return graft_json_set_string(message, "content", "");
}

static graft_status no_text_beside_calls(graft_json **out, graft_json *messages)
{
    return edit_all(out, messages, empty_beside_calls);
}

static graft_status forget_thought(graft_json *message, bool *changed)
{
    graft_status status = GRAFT_OK;
    for (size_t i = 0; i < GRAFT_N_THOUGHT_KEYS; i++) {
        if (graft_json_get(message, graft_thought_keys[i]) != NULL) {
            *changed = true;
            GRAFT_TRY(graft_json_set(message, graft_thought_keys[i], NULL));
        }
    }
done:
    return status;
}

static graft_status no_thought(graft_json **out, graft_json *messages)
{
    return edit_all(out, messages, forget_thought);
}

static const struct {
    change *make;
    const char *advice;
} changes[] = {
    {one_call, "it takes one call per message: give each call, with its result behind it, a "
               "message of its own"},
    {no_thought, "it does not take the thought here: leave it out (reasoning: drop)"},
    {no_text_beside_calls, "it takes no text beside calls: take that out"},
    {user_first, "it wants the user to speak first: put what the assistant replies to before it"},
    {alternate, "it wants roles to alternate: join messages of one role"},
    {no_late_system, "it takes a system message only at the begin: put it there"},
    {no_system, "it takes no system message: put its text into the first message of the user"},
};

/* Would the conversation be rendered with such messages and tools? */
static graft_status is_rendered(const graft_chat *chat, graft_json *messages, graft_json *tools,
                                bool generate, bool *yes)
{
    graft_conversation changed = {.messages = messages, .tools = tools};
    graft_rendered rendered;
    graft_rendered_init(&rendered);
    graft_status status =
        graft_chat_render(chat, &rendered, &changed, graft_json_length(messages), generate);
    graft_rendered_clear(&rendered);
    *yes = status == GRAFT_OK;
    return status == GRAFT_E_DATA ? GRAFT_OK : status;
}

static graft_status try_change(change *make, const graft_chat *chat,
                               const graft_conversation *conversation, size_t n, bool generate,
                               bool *helps)
{
    graft_status status = GRAFT_OK;
    graft_json *first = graft_json_new_array(), *changed = NULL;
    *helps = false;
    for (size_t i = 0; i < n; i++) {
        graft_json *copy;
        GRAFT_TRY(graft_json_copy(&copy, graft_json_at(conversation->messages, i)));
        GRAFT_TRY(graft_json_push(first, copy));
    }
    GRAFT_TRY(make(&changed, first));
    if (graft_json_length(changed) > 0) {
        GRAFT_TRY(is_rendered(chat, changed, conversation->tools, generate, helps));
    }
done:
    graft_json_free(changed);
    graft_json_free(first);
    return status;
}

/* --- tools --- */

typedef enum likeness { NOT_REFUSED, REFUSED_OTHERWISE, REFUSED_ALIKE } likeness;

static const graft_json *properties_of(const graft_json *tool)
{
    const graft_json *function = graft_json_get(tool, "function");
    const graft_json *properties =
        graft_json_get(graft_json_get(function, "parameters"), "properties");
    return graft_json_is(properties, GRAFT_JSON_OBJECT) ? properties : NULL;
}

/* Is the tool, alone with a question, refused, and with this message? With `only` just this
 * parameter of it is declared. */
static graft_status try_tool(const graft_chat *chat, const graft_json *tool, const char *only,
                             const char *message, likeness *out)
{
    static const char question[] = "[{\"role\": \"user\", \"content\": \"Q\"}]";
    graft_status status = GRAFT_OK;
    graft_json *copy = NULL, *tools = graft_json_new_array(), *messages = NULL;
    bool rendered = false;
    GRAFT_TRY(graft_json_parse(&messages, question, sizeof question - 1));
    GRAFT_TRY(graft_json_copy(&copy, tool));
    GRAFT_TRY(graft_json_push(tools, graft_json_retain(copy)));
    if (only != NULL) {
        graft_json *properties = graft_json_new_object();
        graft_json *one = graft_json_get(properties_of(tool), only);
        GRAFT_TRY(graft_json_set(graft_json_get(graft_json_get(copy, "function"), "parameters"),
                                 "properties", properties));
        GRAFT_TRY(graft_json_set(properties, only, one != NULL ? graft_json_retain(one) : NULL));
    }
    GRAFT_TRY(is_rendered(chat, messages, tools, true, &rendered));
    *out = rendered                                          ? NOT_REFUSED
           : strcmp(graft_error_message(), message) == 0 ? REFUSED_ALIKE
                                                             : REFUSED_OTHERWISE;
done:
    graft_json_free(messages);
    graft_json_free(tools);
    graft_json_free(copy);
    return status;
}

/* The first tool that is refused alike, or at all; the number of tools if none is. */
static graft_status find_tool(size_t *out, const graft_chat *chat,
                              const graft_conversation *conversation, const char *message)
{
    graft_status status = GRAFT_OK;
    likeness most = NOT_REFUSED, this;
    size_t n = graft_json_length(conversation->tools);
    *out = n;
    for (size_t i = 0; i < n && most != REFUSED_ALIKE; i++) {
        GRAFT_TRY(try_tool(chat, graft_json_at(conversation->tools, i), NULL, message, &this));
        *out = this > most ? i : *out;
        most = this > most ? this : most;
    }
done:
    return status;
}

/* The same of the parameters of a tool, NULL if none is. */
static graft_status find_parameter(const char **out, const graft_chat *chat,
                                   const graft_json *tool, const char *message)
{
    graft_status status = GRAFT_OK;
    likeness most = NOT_REFUSED, this;
    *out = NULL;
    for (graft_json_iter it = graft_json_iter_begin(properties_of(tool));
         most != REFUSED_ALIKE && graft_json_iter_next(&it);) {
        GRAFT_TRY(try_tool(chat, tool, it.key, message, &this));
        *out = this > most ? it.key : *out;
        most = this > most ? this : most;
    }
done:
    return status;
}

/* Names a tool that is refused, and the parameter of it. *found: there is one. */
static graft_status explain_tools(graft_text *why, const graft_chat *chat,
                                  const graft_conversation *conversation, const char *message,
                                  bool *found)
{
    graft_status status = GRAFT_OK;
    const char *parameter;
    size_t i;
    GRAFT_TRY(find_tool(&i, chat, conversation, message));
    *found = i < graft_json_length(conversation->tools);
    if (*found) {
        const graft_json *tool = graft_json_at(conversation->tools, i);
        const graft_json *name = graft_json_get(graft_json_get(tool, "function"), "name");
        GRAFT_TRY(find_parameter(&parameter, chat, tool, message));
        GRAFT_TRY(graft_text_appendf(why, ": it cannot write tool %zu (\"%s\")", i + 1,
                                     graft_json_string(name, NULL)));
        if (parameter != NULL) {
            GRAFT_TRY(graft_text_appendf(why, ", parameter \"%s\"", parameter));
        }
        GRAFT_TRY(graft_text_append_z(why, ": declare it another way, or use"));
    }
done:
    return status;
}

graft_status graft_fit__explain(graft_text *why, const graft_chat *chat,
                                const graft_conversation *conversation, size_t n, bool generate,
                                const char *message)
{
    graft_status status = GRAFT_OK;
    graft_conversation toolless = *conversation;
    graft_rendered rendered;
    bool helps = false;
    graft_rendered_init(&rendered);
    toolless.tools = NULL;
    GRAFT_TRY(graft_text_appendf(why, "up to message %zu: %s", n, message));
    for (size_t i = 0; i < sizeof changes / sizeof *changes && !helps; i++) {
        GRAFT_TRY(try_change(changes[i].make, chat, conversation, n, generate, &helps));
        if (helps) {
            GRAFT_TRY(graft_text_appendf(why, ": %s, or use", changes[i].advice));
        }
    }
    status = helps ? GRAFT_E_DATA : graft_chat_render(chat, &rendered, &toolless, n, generate);
    if (status != GRAFT_E_DATA) { /* without tools it is not refused */
        GRAFT_TRY(status);
        GRAFT_TRY(explain_tools(why, chat, conversation, message, &helps));
    }
    status = graft_text_appendf(why, "%s another template (chat_template: builtin, or a file); "
                                     "template_loss: drop leaves such examples out",
                                helps ? "" : ": use");
done:
    graft_rendered_clear(&rendered);
    return status;
}
