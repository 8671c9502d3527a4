#include "chat/shape.h"

#include <string.h>

#include "chat/parts.h"
#include "core/map.h"

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

/* ---- ids ---- */

enum { ID_LENGTH = 9 };

static bool is_short_id(const char *id, size_t n)
{
    size_t i = 0;
    while (i < n && ((id[i] >= '0' && id[i] <= '9') || (id[i] >= 'a' && id[i] <= 'z') ||
                     (id[i] >= 'A' && id[i] <= 'Z'))) {
        i++;
    }
    return i == n && n == ID_LENGTH;
}

/* Equal ids become equal ones. */
static graft_status shorten_id(graft_json *object, const char *key)
{
    static const char digits[] = "0123456789abcdefghijklmnopqrstuvwxyz";
    size_t n;
    const char *id = graft_json_string(graft_json_get(object, key), &n);
    char made[ID_LENGTH + 1] = "";
    if (!graft_json_is(graft_json_get(object, key), GRAFT_JSON_STRING) || is_short_id(id, n)) {
        return GRAFT_OK;
    }
    uint64_t hash = graft_hash_bytes(id, n);
    for (size_t i = 0; i < ID_LENGTH; i++) {
        made[i] = digits[hash % 36];
        hash /= 36;
    }
    return graft_json_set_string(object, key, made);
}

static graft_status shorten_ids(graft_json *message)
{
    graft_status status = GRAFT_OK;
    const graft_json *calls = graft_json_get(message, "tool_calls");
    for (size_t i = 0; i < graft_json_length(calls); i++) {
        GRAFT_TRY(shorten_id(graft_json_at(calls, i), "id"));
    }
    status = shorten_id(message, "tool_call_id");
done:
    return status;
}

/* ---- thoughts ---- */

/* The thought of the message where the template does not read it, or NULL. */
static graft_json *misplaced_thought(const graft_json *message, const char *wanted)
{
    graft_json *found = NULL;
    if (wanted == NULL || graft_json_get(message, wanted) != NULL) {
        return NULL;
    }
    graft_json_iter it = graft_json_iter_begin(message);
    while (graft_json_iter_next(&it) && found == NULL) {
        found = graft_is_thought_key(it.key, strlen(it.key)) ? it.value : NULL;
    }
    return found;
}

/* A copy of the message with its thought under another key, so that nothing else can be taken for
 * a second one. */
static graft_status move_thought(graft_json **out, const graft_json *message, const char *wanted)
{
    graft_status status = GRAFT_OK;
    graft_json *copy = graft_json_new_object(), *thought = misplaced_thought(message, wanted);
    *out = NULL;
    graft_json_iter it = graft_json_iter_begin(message);
    while (graft_json_iter_next(&it)) {
        if (!graft_is_thought_key(it.key, strlen(it.key))) {
            GRAFT_TRY(graft_json_set(copy, it.key,
                                     it.value != NULL ? graft_json_retain(it.value) : NULL));
        }
    }
    GRAFT_TRY(graft_json_set(copy, wanted, graft_json_retain(thought)));
    GRAFT_TRY(graft_json_copy(out, copy)); /* what is shared must not be changed */
done:
    graft_json_free(copy);
    return status;
}

/* ---- the whole ---- */

graft_status graft_shape__apply(graft_json **out, graft_json *message, const graft_shape *shape)
{
    graft_status status = GRAFT_OK;
    const graft_json *content = graft_json_get(message, "content");
    bool calls = graft_json_length(graft_json_get(message, "tool_calls")) > 0;
    bool spell = shape->string_arguments && calls;
    bool fill = shape->empty_content && !graft_json_is(content, GRAFT_JSON_STRING) &&
                graft_json_length(content) == 0;
    bool shorten = shape->short_ids && (calls || graft_json_has(message, "tool_call_id"));
    const graft_json *role = graft_json_get(message, "role");
    bool rename = shape->developer_as_system && graft_json_is(role, GRAFT_JSON_STRING) &&
                  strcmp(graft_json_string(role, NULL), "developer") == 0;
    bool move = misplaced_thought(message, shape->thought) != NULL;
    *out = NULL;
    if (!spell && !fill && !shorten && !rename && !move) {
        *out = graft_json_retain(message);
        return GRAFT_OK;
    }
    GRAFT_TRY(move ? move_thought(out, message, shape->thought) : graft_json_copy(out, message));
    if (spell) {
        GRAFT_TRY(spell_arguments(*out));
    }
    if (fill) {
        GRAFT_TRY(graft_json_set_string(*out, "content", ""));
    }
    if (rename) {
        GRAFT_TRY(graft_json_set_string(*out, "role", "system"));
    }
    if (shorten) {
        GRAFT_TRY(shorten_ids(*out));
    }
done:
    if (status != GRAFT_OK) {
        graft_json_free(*out);
        *out = NULL;
    }
    return status;
}
