#include "chat/parts.h"

#include <string.h>

#include "chat/jinja.h"
#include "core/memory.h"

enum { MAX_PARTS = UINT16_MAX - GRAFT_FROM_PART };

void graft_chat_parts_init(graft_chat_parts *parts)
{
    *parts = (graft_chat_parts){0};
}

void graft_chat_parts_clear(graft_chat_parts *parts)
{
    graft_free(parts->items);
    graft_chat_parts_init(parts);
}

/* ---- thoughts ---- */

static bool is_space(char c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

static size_t skip_space(const char *text, size_t n, size_t at)
{
    while (at < n && is_space(text[at])) {
        at++;
    }
    return at;
}

/* Where `what` stands in text[from..n); n if it does not. */
static size_t find(const char *text, size_t n, size_t from, const char *what)
{
    size_t length = strlen(what);
    for (size_t i = from; i + length <= n; i++) {
        if (memcmp(text + i, what, length) == 0) {
            return i;
        }
    }
    return n;
}

size_t graft_thought_length(const char *content, size_t n)
{
    static const char open[] = "<think>", close[] = "</think>";
    size_t begin = skip_space(content, n, 0), end = find(content, n, begin, close);
    size_t opened = find(content, n, begin, open);
    if (end == n || (opened < end && opened > begin)) {
        return 0;
    }
    return skip_space(content, n, end + sizeof close - 1);
}

const char *const graft_thought_keys[] = {"reasoning_content", "reasoning", "thinking"};

bool graft_is_thought_key(const char *key, size_t n)
{
    for (size_t i = 0; i < GRAFT_N_THOUGHT_KEYS; i++) {
        if (strlen(graft_thought_keys[i]) == n && memcmp(graft_thought_keys[i], key, n) == 0) {
            return true;
        }
    }
    return false;
}

/* ---- giving every value its part ---- */

typedef struct tagging {
    graft_jinja *j;
    graft_chat_parts *parts;
} tagging;

static bool says_something(const graft_jvalue *value)
{
    switch (value->kind) {
    case GRAFT_J_BOOL:
    case GRAFT_J_INT:
    case GRAFT_J_FLOAT:
        return true;
    case GRAFT_J_STRING:
        return skip_space(value->u.s->data, value->u.s->n, 0) < value->u.s->n;
    case GRAFT_J_LIST:
        return value->u.list->n > 0;
    case GRAFT_J_DICT:
        return value->u.dict->n > 0;
    default:
        return false;
    }
}

static graft_status new_part(tagging *t, graft_chat_part part, graft_jorigin *out)
{
    graft_status status = GRAFT_OK;
    graft_chat_parts *parts = t->parts;
    *out = GRAFT_FROM_DATA;
    if (parts->n < MAX_PARTS) {
        GRAFT_TRY(graft_reserve(&parts->items, &parts->capacity, parts->n + 1,
                                sizeof *parts->items));
        *out = (graft_jorigin)(GRAFT_FROM_PART + parts->n);
        parts->items[parts->n++] = part;
    }
done:
    return status;
}

/* Everything in the value comes from `origin` from now on. */
static graft_status tag(tagging *t, graft_jvalue *value, graft_jorigin origin)
{
    graft_status status = GRAFT_OK;
    GRAFT_TRY(graft_j__enter(t->j));
    value->origin = origin;
    if (value->kind == GRAFT_J_STRING) {
        GRAFT_TRY(graft_j__string(t->j, value, value->u.s->data, value->u.s->n, origin));
    } else if (value->kind == GRAFT_J_LIST) {
        for (size_t i = 0; i < value->u.list->n; i++) {
            GRAFT_TRY(tag(t, &value->u.list->items[i], origin));
        }
    } else if (value->kind == GRAFT_J_DICT) {
        for (size_t i = 0; i < value->u.dict->n; i++) {
            GRAFT_TRY(tag(t, &value->u.dict->entries[i].key, origin));
            GRAFT_TRY(tag(t, &value->u.dict->entries[i].value, origin));
        }
    }
    graft_j__leave(t->j);
done:
    return status;
}

static graft_status tag_part(tagging *t, graft_jvalue *value, graft_chat_part part)
{
    graft_status status = GRAFT_OK;
    graft_jorigin origin;
    if (value == NULL || !says_something(value)) {
        return GRAFT_OK;
    }
    GRAFT_TRY(new_part(t, part, &origin));
    status = tag(t, value, origin);
done:
    return status;
}

static graft_jvalue *member(graft_jvalue *value, const char *key)
{
    graft_jdict *dict = value != NULL && value->kind == GRAFT_J_DICT ? value->u.dict : NULL;
    for (size_t i = 0; dict != NULL && i < dict->n; i++) {
        graft_jentry *entry = &dict->entries[i];
        if (entry->key.kind == GRAFT_J_STRING && graft_j__is(entry->key.u.s, key)) {
            return &entry->value;
        }
    }
    return NULL;
}

static size_t length(const graft_jvalue *list)
{
    return list != NULL && list->kind == GRAFT_J_LIST ? list->u.list->n : 0;
}

/* Each member is a part, with its key. */
static graft_status tag_members(tagging *t, graft_jvalue *value, graft_chat_part part)
{
    graft_status status = GRAFT_OK;
    for (size_t i = 0; i < value->u.dict->n; i++) {
        graft_jorigin origin;
        part.item = (uint32_t)i;
        GRAFT_TRY(new_part(t, part, &origin));
        GRAFT_TRY(tag(t, &value->u.dict->entries[i].key, origin));
        GRAFT_TRY(tag(t, &value->u.dict->entries[i].value, origin));
    }
done:
    return status;
}

/* ---- messages ---- */

/* Where in a content with a thought its begin mark, the thought, its end mark, and what is said
 * begin, and where all ends. */
static bool find_thought(const graft_jstring *s, size_t cuts[5])
{
    static const char open[] = "<think>";
    size_t begin = skip_space(s->data, s->n, 0);
    cuts[3] = graft_thought_length(s->data, s->n);
    cuts[4] = s->n;
    cuts[2] = find(s->data, s->n, begin, "</think>");
    cuts[1] = find(s->data, cuts[2], begin, open) == begin ? begin + sizeof open - 1 : begin;
    return cuts[3] > 0;
}

/* The thought at the begin of a content is a part of its own. */
static graft_status tag_content(tagging *t, graft_jvalue *content, uint32_t owner, bool thinks)
{
    graft_status status = GRAFT_OK;
    graft_chat_part whole = {.kind = GRAFT_CHAT_PART_CONTENT, .owner = owner};
    graft_chat_part thought = {.kind = GRAFT_CHAT_PART_THOUGHT, .owner = owner};
    graft_jbuffer joined = {0};
    size_t cuts[5] = {0};
    if (!thinks || content == NULL || content->kind != GRAFT_J_STRING ||
        !find_thought(content->u.s, cuts)) {
        return tag_part(t, content, whole);
    }
    for (size_t i = 0; i < 4; i++) { /* <think>, the thought, </think>, and what is said */
        graft_jvalue piece;
        GRAFT_TRY(graft_j__cut(t->j, content->u.s, cuts[i], cuts[i + 1], &piece));
        if (i % 2 == 1) {
            GRAFT_TRY(tag_part(t, &piece, i == 1 ? thought : whole));
        }
        GRAFT_TRY(graft_j__add_string(t->j, &joined, piece.u.s));
    }
    status = graft_j__finish(t->j, &joined, content);
done:
    return status;
}

/* Texts and the like; of content in parts the texts of these. */
static graft_status tag_contents(tagging *t, graft_jvalue *content, uint32_t owner, bool thinks)
{
    graft_status status = GRAFT_OK;
    if (length(content) == 0) {
        return tag_content(t, content, owner, thinks);
    }
    for (size_t i = 0; i < content->u.list->n; i++) {
        graft_jvalue *item = &content->u.list->items[i];
        GRAFT_TRY(tag_part(t, item->kind == GRAFT_J_DICT ? member(item, "text") : item,
                           (graft_chat_part){.kind = GRAFT_CHAT_PART_CONTENT, .owner = owner}));
    }
done:
    return status;
}

static graft_status tag_calls(tagging *t, graft_jvalue *calls, uint32_t owner)
{
    graft_status status = GRAFT_OK;
    for (size_t i = 0; i < length(calls); i++) {
        graft_jvalue *call = &calls->u.list->items[i];
        graft_jvalue *function = member(call, "function");
        graft_jvalue *of = function != NULL ? function : call, *arguments = member(of, "arguments");
        graft_chat_part part = {.kind = GRAFT_CHAT_PART_CALL, .owner = owner, .call = (uint32_t)i};
        GRAFT_TRY(tag_part(t, member(of, "name"), part));
        part.kind = GRAFT_CHAT_PART_ARGUMENT;
        if (arguments != NULL && arguments->kind == GRAFT_J_DICT) {
            GRAFT_TRY(tag_members(t, arguments, part));
        } else {
            GRAFT_TRY(tag_part(t, arguments, part));
        }
    }
done:
    return status;
}

static graft_status tag_message(tagging *t, graft_jvalue *message, uint32_t owner)
{
    graft_status status = GRAFT_OK;
    const graft_jvalue *role = member(message, "role");
    bool speaks = role != NULL && role->kind == GRAFT_J_STRING &&
                  graft_j__is(role->u.s, "assistant");
    for (size_t i = 0; message->kind == GRAFT_J_DICT && i < message->u.dict->n; i++) {
        graft_jentry *entry = &message->u.dict->entries[i];
        const graft_jstring *key = entry->key.u.s;
        if (speaks && graft_is_thought_key(key->data, key->n)) {
            GRAFT_TRY(tag_part(t, &entry->value,
                               (graft_chat_part){.kind = GRAFT_CHAT_PART_THOUGHT, .owner = owner}));
        }
    }
    GRAFT_TRY(tag_contents(t, member(message, "content"), owner, speaks));
    GRAFT_TRY(tag_calls(t, member(message, "tool_calls"), owner));
done:
    return status;
}

/* ---- tools ---- */

static graft_status tag_tool(tagging *t, graft_jvalue *tool, uint32_t owner)
{
    graft_status status = GRAFT_OK;
    graft_jvalue *function = member(tool, "function"), *of = function != NULL ? function : tool;
    graft_jvalue *parameters = member(member(of, "parameters"), "properties");
    GRAFT_TRY(tag_part(t, member(of, "name"),
                       (graft_chat_part){.kind = GRAFT_CHAT_PART_TOOL, .owner = owner}));
    GRAFT_TRY(tag_part(t, member(of, "description"),
                       (graft_chat_part){.kind = GRAFT_CHAT_PART_DESCRIPTION, .owner = owner}));
    if (parameters != NULL && parameters->kind == GRAFT_J_DICT) {
        GRAFT_TRY(tag_members(t, parameters,
                              (graft_chat_part){.kind = GRAFT_CHAT_PART_PARAMETER, .owner = owner}));
    }
done:
    return status;
}

graft_status graft_parts__tag(graft_jinja *j, graft_chat_parts *parts, const graft_jdict *variables)
{
    graft_status status = GRAFT_OK;
    tagging t = {j, parts};
    const graft_jvalue *found[2] = {graft_j__dict_get(variables, "messages", 8),
                                    graft_j__dict_get(variables, "tools", 5)};
    parts->n = 0;
    for (size_t k = 0; k < 2; k++) {
        for (size_t i = 0; i < length(found[k]); i++) {
            graft_jvalue *item = &found[k]->u.list->items[i];
            GRAFT_TRY(k == 0 ? tag_message(&t, item, (uint32_t)i) : tag_tool(&t, item, (uint32_t)i));
        }
    }
done:
    return status;
}

void graft_parts__mark(graft_chat_parts *parts, const graft_jorigin *origins, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (origins[i] >= GRAFT_FROM_PART) {
            parts->items[origins[i] - GRAFT_FROM_PART].shown = true;
        }
    }
}
