#include "data/fit.h"

#include <math.h>
#include <string.h>

#include "chat/parts.h"

#define OTHER_WAYS "a template that shows it (chat_template: builtin, or a file); template_loss: " \
                   "drop leaves such examples out, accept trains what is left"

typedef struct fitting {
    const graft_chat *chat;
    const graft_conversation *conversation;
    graft_rendered rendered;
    graft_chat_parts parts;
    graft_fit fit;
    graft_text *why;
    size_t begin; /* of what is written to *why */
} fitting;

/* --- losses --- */

/* Is the part, missing before or in turn `turn`, a loss? */
static bool is_lost(const graft_chat_part *part, size_t turn)
{
    return !part->shown && (part->kind != GRAFT_CHAT_PART_THOUGHT || part->owner == turn);
}

static bool is_of_tool(const graft_chat_part *part)
{
    return part->kind >= GRAFT_CHAT_PART_TOOL;
}

/* What is trained first, then tools, then the messages before it. */
static int rank(const graft_chat_part *part, size_t turn)
{
    return is_of_tool(part) ? 1 : part->owner == turn ? 0 : 2;
}

static const char *string_of(const graft_json *object, const char *key)
{
    const graft_json *value = graft_json_get(object, key);
    return graft_json_is(value, GRAFT_JSON_STRING) ? graft_json_string(value, NULL) : "";
}

/* The key of a member, "" if there is none. */
static const char *key_of(const graft_json *object, size_t i)
{
    graft_json_iter it = graft_json_iter_begin(object);
    for (size_t k = 0; graft_json_is(object, GRAFT_JSON_OBJECT) && graft_json_iter_next(&it); k++) {
        if (k == i) {
            return it.key;
        }
    }
    return "";
}

static graft_status name_call(graft_text *out, const graft_chat_part *part, const graft_json *message)
{
    graft_status status = GRAFT_OK;
    const graft_json *call = graft_json_at(graft_json_get(message, "tool_calls"), part->call);
    const graft_json *function = graft_json_get(call, "function");
    GRAFT_TRY(graft_text_appendf(out, "call %u (\"%s\")", part->call + 1,
                                 string_of(function, "name")));
    if (part->kind == GRAFT_CHAT_PART_ARGUMENT) {
        status = graft_text_appendf(out, ": argument \"%s\"",
                                    key_of(graft_json_get(function, "arguments"), part->item));
    }
done:
    return status;
}

static graft_status name_tool(graft_text *out, const graft_chat_part *part, const graft_json *tools)
{
    graft_status status = GRAFT_OK;
    const graft_json *function = graft_json_get(graft_json_at(tools, part->owner), "function");
    const graft_json *parameters =
        graft_json_get(graft_json_get(function, "parameters"), "properties");
    GRAFT_TRY(graft_text_appendf(out, "tool %u (\"%s\")", part->owner + 1,
                                 string_of(function, "name")));
    if (part->kind == GRAFT_CHAT_PART_DESCRIPTION) {
        status = graft_text_append_z(out, ": its description");
    } else if (part->kind == GRAFT_CHAT_PART_PARAMETER) {
        status = graft_text_appendf(out, ": parameter \"%s\"", key_of(parameters, part->item));
    } else {
        status = graft_text_append_z(out, ": its declaration");
    }
done:
    return status;
}

static graft_status name_part(const fitting *f, const graft_chat_part *part)
{
    graft_status status = GRAFT_OK;
    const graft_json *message = graft_json_at(f->conversation->messages, part->owner);
    if (is_of_tool(part)) {
        return name_tool(f->why, part, f->conversation->tools);
    }
    GRAFT_TRY(graft_text_appendf(f->why, "message %u: ", part->owner + 1));
    if (part->kind == GRAFT_CHAT_PART_CALL || part->kind == GRAFT_CHAT_PART_ARGUMENT) {
        status = name_call(f->why, part, message);
    } else if (part->kind == GRAFT_CHAT_PART_THOUGHT) {
        status = graft_text_append_z(f->why, "the thought of the assistant");
    } else {
        status = graft_text_appendf(
            f->why, "the text of role \"%s\"%s", string_of(message, "role"),
            graft_json_length(graft_json_get(message, "tool_calls")) > 0 ? " beside its calls" : "");
    }
done:
    return status;
}

static const char *remedy(const graft_chat_part *part, graft_role role)
{
    if (part->kind == GRAFT_CHAT_PART_THOUGHT) {
        return "train without thoughts (reasoning: drop), or use " OTHER_WAYS;
    }
    if (part->kind == GRAFT_CHAT_PART_CONTENT && role == GRAFT_ROLE_SYSTEM) {
        return "put it into the first message of the user, or use " OTHER_WAYS;
    }
    if (part->kind == GRAFT_CHAT_PART_CONTENT && role == GRAFT_ROLE_ASSISTANT) {
        return "take it out, or use " OTHER_WAYS;
    }
    return "use " OTHER_WAYS;
}

/* Looks at what is rendered up to and with a turn. */
static graft_status find_losses(fitting *f, size_t turn)
{
    graft_status status = GRAFT_OK;
    const graft_chat_part *first = NULL;
    size_t n = 0;
    for (size_t i = 0; i < f->parts.n; i++) {
        const graft_chat_part *part = &f->parts.items[i];
        if (is_lost(part, turn)) {
            first = first == NULL || rank(part, turn) < rank(first, turn) ? part : first;
            n++;
        }
    }
    if (n == 0 || f->fit != GRAFT_FIT_WHOLE) {
        return GRAFT_OK;
    }
    f->fit = GRAFT_FIT_LOSES;
    GRAFT_TRY(name_part(f, first));
    GRAFT_TRY(graft_text_appendf(f->why, " is not in what %s writes", graft_chat_name(f->chat)));
    if (rank(first, turn) > 0 && turn < f->conversation->n_turns) {
        GRAFT_TRY(graft_text_appendf(f->why, " before message %zu", turn + 1));
    }
    if (n > 1) {
        GRAFT_TRY(graft_text_appendf(f->why, " (nor %s %zu other part%s)", n == 2 ? "is" : "are",
                                     n - 1, n == 2 ? "" : "s"));
    }
    GRAFT_TRY(graft_text_appendf(
        f->why, ": %s",
        remedy(first, is_of_tool(first) ? GRAFT_N_ROLES
                                        : f->conversation->turns[first->owner].role)));
done:
    return status;
}

/* --- turns --- */

/* Renders the first n messages; a refusal is what is found. */
static graft_status render(fitting *f, size_t n, bool generate)
{
    graft_status status = graft_chat_trace(f->chat, &f->rendered, &f->parts, f->conversation, n,
                                           generate);
    if (status != GRAFT_E_DATA) {
        return status;
    }
    graft_text message;
    graft_text_init(&message);
    f->fit = GRAFT_FIT_REFUSED;
    f->why->len = f->begin; /* outranks what is lost */
    GRAFT_TRY(graft_text_append_z(&message, graft_error_message()));
    GRAFT_TRY(graft_fit__explain(f->why, f->chat, f->conversation, n, generate,
                                 graft_text_z(&message)));
done:
    graft_text_clear(&message);
    return status;
}

static graft_status look_at(fitting *f, size_t turn, bool prompts)
{
    graft_status status = GRAFT_OK;
    if (prompts) {
        GRAFT_TRY(render(f, turn, true));
    }
    if (f->fit != GRAFT_FIT_REFUSED) {
        GRAFT_TRY(render(f, turn + 1, false));
    }
    if (f->fit != GRAFT_FIT_REFUSED) {
        GRAFT_TRY(find_losses(f, turn));
    }
done:
    return status;
}

graft_status graft_fit_find(graft_fit *fit, graft_text *why, const graft_chat *chat,
                            const graft_conversation *conversation, bool prompts)
{
    graft_status status = GRAFT_OK;
    const graft_conversation *c = conversation;
    fitting f = {.chat = chat, .conversation = c, .why = why, .begin = why->len};
    bool trained = false;
    graft_rendered_init(&f.rendered);
    graft_chat_parts_init(&f.parts);
    for (size_t k = 0; k < c->n_turns && f.fit != GRAFT_FIT_REFUSED; k++) {
        if (c->turns[k].role == GRAFT_ROLE_ASSISTANT && fabsf(c->turns[k].weight) > 0) {
            trained = true;
            GRAFT_TRY(look_at(&f, k, prompts));
        }
    }
    if (!trained) {
        GRAFT_TRY(render(&f, c->n_turns, c->expected != NULL));
        if (f.fit != GRAFT_FIT_REFUSED) {
            GRAFT_TRY(find_losses(&f, c->n_turns));
        }
    }
    *fit = f.fit;
done:
    graft_chat_parts_clear(&f.parts);
    graft_rendered_clear(&f.rendered);
    return status;
}
