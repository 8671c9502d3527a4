/* canonical.c - from loose OpenAI messages to the canonical form, refusing what is broken.
 *
 * Real files carry nulls for absent keys, arguments as text, parts, old names and missing ids; all
 * of that has one meaning. What has none is an error that names the message. */
#include <math.h>
#include <string.h>

#include "core/memory.h"
#include "data/draft.h"

graft_status graft_draft__bad(const char *what, const graft_json *value)
{
    return graft_fail(GRAFT_E_DATA, "%s is %s", what,
                      value ? graft_json_type_name(graft_json_get_type(value)) : "null");
}

const char *graft_draft__quoted(const char *text)
{
    return strlen(text) <= 100 ? text : "(a long text)";
}

static bool is_one_of(const char *key, const char *const *names)
{
    for (; *names; names++) {
        if (strcmp(key, *names) == 0) {
            return true;
        }
    }
    return false;
}

static const char *const weight_names[] = {"weight", "train", "loss_mask", "loss_weight", "loss",
                                           NULL};
static const char *const own_names[] = {"role", "content", "tool_calls", "function_call",
                                        "tool_call_id", "name", NULL};

/* --- role, weight, content --- */

static graft_status read_role(graft_role *role, const char **written, const graft_json *message)
{
    static const struct {
        const char *name, *written;
        graft_role role;
    } known[] = {{"system", "system", GRAFT_ROLE_SYSTEM},
                 {"developer", "developer", GRAFT_ROLE_SYSTEM},
                 {"user", "user", GRAFT_ROLE_USER},
                 {"assistant", "assistant", GRAFT_ROLE_ASSISTANT},
                 {"tool", "tool", GRAFT_ROLE_TOOL},
                 {"function", "tool", GRAFT_ROLE_TOOL}};
    const graft_json *value = graft_json_get(message, "role");
    if (!graft_json_is(value, GRAFT_JSON_STRING)) {
        return graft_json_has(message, "role") ? graft_draft__bad("role", value)
                                               : graft_fail(GRAFT_E_DATA, "has no role");
    }
    const char *text = graft_json_string(value, NULL);
    for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
        if (strcmp(known[i].name, text) == 0) {
            *role = known[i].role;
            *written = known[i].written;
            return GRAFT_OK;
        }
    }
    return graft_fail(GRAFT_E_DATA,
                      "unknown role \"%s\" (known: system, developer, user, assistant, tool)",
                      graft_draft__quoted(text));
}

bool graft_reader__is_weight(const char *key)
{
    return is_one_of(key, weight_names);
}

graft_status graft_reader__weight(double *weight, const char **found, const graft_json *message)
{
    *found = NULL;
    for (size_t i = 0; weight_names[i]; i++) {
        const graft_json *value = graft_json_get(message, weight_names[i]);
        if (!value) {
            continue;
        }
        if (*found) {
            return graft_fail(GRAFT_E_DATA, "both %s and %s are set", *found, weight_names[i]);
        }
        *found = weight_names[i];
        if (graft_json_is(value, GRAFT_JSON_BOOL)) {
            *weight = graft_json_bool(value) ? 1 : 0;
        } else if (graft_json_is(value, GRAFT_JSON_INT) ||
                   graft_json_is(value, GRAFT_JSON_DOUBLE)) {
            *weight = graft_json_double(value);
        } else {
            return graft_draft__bad(*found, value);
        }
    }
    return GRAFT_OK;
}

static graft_status read_weight(float *weight, graft_role role, const graft_json *message)
{
    graft_status status = GRAFT_OK;
    const char *found;
    double w = role == GRAFT_ROLE_ASSISTANT ? 1 : 0;
    GRAFT_TRY(graft_reader__weight(&w, &found, message));
    if (w < 0) { /* it would unlearn the reply, and weights of both signs can add up to none */
        return graft_fail(GRAFT_E_DATA, "%s is below 0", found);
    }
    if (!isfinite((float)w)) {
        return graft_fail(GRAFT_E_DATA, "%s is too large", found);
    }
    if (role != GRAFT_ROLE_ASSISTANT && fabs(w) > 0) {
        return graft_fail(GRAFT_E_DATA,
                          "%s on a message of role \"%s\" (only assistants are trained)", found,
                          graft_role_name(role));
    }
    *weight = (float)w;
done:
    return status;
}

/* Joins content parts. */
static graft_status join_parts(graft_json **out, const graft_json *parts)
{
    graft_status status = GRAFT_OK;
    graft_text text;
    graft_text_init(&text);
    for (size_t i = 0; i < graft_json_length(parts); i++) {
        const graft_json *part = graft_json_at(parts, i);
        const graft_json *type = graft_json_get(part, "type");
        if (graft_json_is(type, GRAFT_JSON_STRING) &&
            strcmp(graft_json_string(type, NULL), "text") != 0) {
            status = graft_fail(GRAFT_E_DATA,
                                "content has a part of type \"%s\" (only text is read)",
                                graft_draft__quoted(graft_json_string(type, NULL)));
            goto done;
        }
        if (graft_json_is(part, GRAFT_JSON_OBJECT)) {
            part = graft_json_get(part, graft_json_has(part, "text") ? "text" : "value");
        }
        if (!graft_json_is(part, GRAFT_JSON_STRING)) {
            status = graft_fail(GRAFT_E_DATA, "content has a part without text");
            goto done;
        }
        size_t n;
        const char *piece = graft_json_string(part, &n);
        if (i) {
            GRAFT_TRY(graft_text_append_char(&text, '\n'));
        }
        GRAFT_TRY(graft_text_append(&text, piece, n));
    }
    *out = graft_json_new_string(graft_text_z(&text), text.len);
done:
    graft_text_clear(&text);
    return status;
}

/* Sets *out to an owned string, or NULL for null. */
static graft_status read_content(graft_json **out, const graft_json *message)
{
    graft_json *value = graft_json_get(message, "content");
    *out = NULL;
    if (graft_json_is(value, GRAFT_JSON_ARRAY)) {
        return join_parts(out, value);
    }
    if (value && !graft_json_is(value, GRAFT_JSON_STRING)) {
        return graft_draft__bad("content", value);
    }
    *out = value ? graft_json_retain(value) : NULL;
    return GRAFT_OK;
}

/* --- messages --- */

static graft_status check_presence(graft_role role, const graft_json *content,
                                   const graft_json *calls)
{
    size_t n = 0;
    graft_json_string(content, &n);
    if (role != GRAFT_ROLE_ASSISTANT) {
        if (calls) {
            return graft_fail(GRAFT_E_DATA, "role \"%s\" with tool_calls", graft_role_name(role));
        }
        return content ? GRAFT_OK : graft_fail(GRAFT_E_DATA, "role \"%s\" without content",
                                               graft_role_name(role));
    }
    if (!n && !calls) {
        return graft_fail(GRAFT_E_DATA, "the assistant says nothing (no content, no tool_calls)");
    }
    return GRAFT_OK;
}

/* Copies what has no meaning here behind the known keys. */
static graft_status add_rest(graft_json *out, const graft_json *message)
{
    graft_status status = GRAFT_OK;
    graft_json_iter it = graft_json_iter_begin(message);
    while (graft_json_iter_next(&it)) {
        if (!is_one_of(it.key, own_names) && !is_one_of(it.key, weight_names)) {
            GRAFT_TRY(graft_reader__set_shared(out, it.key, it.value));
        }
    }
done:
    return status;
}

static graft_status add_message(graft_draft *d, const graft_json *message)
{
    graft_status status = GRAFT_OK;
    graft_json *out = graft_json_new_object(), *content = NULL, *calls = NULL, *taken;
    const graft_json *name = graft_json_get(message, "name");
    const char *written = NULL;
    graft_turn *turn = &d->turns[d->n_turns];
    if (!graft_json_is(message, GRAFT_JSON_OBJECT)) {
        status = graft_draft__bad("it", message);
        goto done;
    }
    GRAFT_TRY(read_role(&turn->role, &written, message));
    GRAFT_TRY(read_weight(&turn->weight, turn->role, message));
    GRAFT_TRY(read_content(&content, message));
    GRAFT_TRY(graft_draft__read_calls(d, &calls, message));
    GRAFT_TRY(check_presence(turn->role, content, calls));
    GRAFT_TRY(graft_json_set_string(out, "role", written));
    taken = content;
    content = NULL;
    GRAFT_TRY(graft_json_set(out, "content", taken));
    if (calls) {
        taken = calls;
        calls = NULL;
        GRAFT_TRY(graft_json_set(out, "tool_calls", taken));
    }
    if (turn->role == GRAFT_ROLE_TOOL) {
        GRAFT_TRY(graft_draft__link_result(d, out, message));
    }
    if (graft_json_is(name, GRAFT_JSON_STRING)) {
        GRAFT_TRY(graft_reader__set_shared(out, "name", name));
    }
    GRAFT_TRY(add_rest(out, message));
    taken = out;
    out = NULL;
    GRAFT_TRY(graft_json_push(d->messages, taken));
    d->n_turns++;
done:
    graft_json_free(calls);
    graft_json_free(content);
    graft_json_free(out);
    return status;
}

/* --- the whole --- */

/* Is it an array of {NAME: {ARG: [alternatives]}}? Other shapes that files carry under this name
 * are not for scoring single replies and are left aside. */
static bool is_expected(const graft_json *expected)
{
    if (!graft_json_is(expected, GRAFT_JSON_ARRAY)) {
        return false;
    }
    for (size_t i = 0; i < graft_json_length(expected); i++) {
        graft_json_iter it = graft_json_iter_begin(graft_json_at(expected, i));
        if (graft_json_length(graft_json_at(expected, i)) != 1 || !graft_json_iter_next(&it) ||
            !graft_json_is(it.value, GRAFT_JSON_OBJECT)) {
            return false;
        }
        for (it = graft_json_iter_begin(it.value); graft_json_iter_next(&it);) {
            if (!graft_json_is(it.value, GRAFT_JSON_ARRAY)) {
                return false;
            }
        }
    }
    return true;
}

static graft_status canonical_messages(graft_draft *d, const graft_json *loose)
{
    graft_status status = GRAFT_OK;
    if (!graft_json_is(loose, GRAFT_JSON_ARRAY)) {
        return graft_draft__bad("messages", loose);
    }
    GRAFT_TRY(graft_alloc(&d->turns, graft_json_length(loose), sizeof *d->turns));
    d->messages = graft_json_new_array();
    d->made = graft_draft__made_before(loose);
    for (size_t i = 0; i < graft_json_length(loose); i++) {
        if (add_message(d, graft_json_at(loose, i)) != GRAFT_OK) {
            status = graft_fail_prefix("message %zu", i + 1);
            goto done;
        }
    }
done:
    return status;
}

static graft_status canonical_form(graft_conversation *conversation, bool reply_needed)
{
    graft_status status = GRAFT_OK;
    graft_draft d = {0};
    bool replies = false;
    GRAFT_TRY(canonical_messages(&d, conversation->messages));
    graft_json_free(conversation->messages);
    conversation->messages = d.messages;
    conversation->turns = d.turns;
    conversation->n_turns = d.n_turns;
    d = (graft_draft){.calls = d.calls};
    GRAFT_TRY(graft_draft__tools(conversation));
    if (!is_expected(conversation->expected)) {
        graft_json_free(conversation->expected);
        conversation->expected = NULL;
    }
    for (size_t i = 0; i < conversation->n_turns; i++) {
        replies = replies || conversation->turns[i].role == GRAFT_ROLE_ASSISTANT;
    }
    if (!conversation->n_turns) {
        status = graft_fail(GRAFT_E_DATA, "no messages");
    } else if (reply_needed && !replies && !conversation->expected) {
        /* With `expected` it is an item for evaluation only. */
        status = graft_fail(GRAFT_E_DATA, "no assistant message");
    }
done:
    graft_free(d.calls);
    graft_free(d.turns);
    graft_json_free(d.messages);
    return status;
}

graft_status graft_conversation__canonical(graft_conversation *conversation)
{
    return canonical_form(conversation, true);
}

graft_status graft_conversation_read(graft_conversation *out, const graft_json *record)
{
    graft_conversation_init(out);
    graft_status status = graft_reader_openai.convert(out, record, NULL);
    if (status == GRAFT_OK) {
        status = canonical_form(out, false);
    }
    if (status != GRAFT_OK) {
        graft_conversation_clear(out);
    }
    return status;
}
