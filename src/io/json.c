/* io/json.c - the door to json-c. A graft_json is a struct json_object under another name; JSON
 * null is the C NULL pointer, as json-c has it. */
#include <json-c/json.h>
#include <limits.h>
#include <math.h>
#include <string.h>

#include "core/memory.h"
#include "io/json_internal.h"

static struct json_object *raw(const graft_json *value)
{
    return (struct json_object *)(uintptr_t)value; /* json-c's getters take non-const */
}

static graft_json *cooked(struct json_object *value)
{
    return (graft_json *)value;
}

/* --- parsing --- */

static graft_status parse(graft_json **out, const char *text, size_t n, bool long_integers)
{
    *out = NULL;
    graft_status status = graft_json__scan(text, n, long_integers);
    return status == GRAFT_OK ? graft_json__build(out, text, n) : status;
}

graft_status graft_json_parse(graft_json **out, const char *text, size_t n)
{
    return parse(out, text, n, false);
}

graft_status graft_json_parse_long(graft_json **out, const char *text, size_t n)
{
    return parse(out, text, n, true);
}

/* --- reading --- */

graft_json *graft_json_retain(graft_json *value)
{
    return cooked(json_object_get(raw(value)));
}

void graft_json_free(graft_json *value)
{
    json_object_put(raw(value));
}

graft_json_type graft_json_get_type(const graft_json *value)
{
    switch (json_object_get_type(raw(value))) {
    case json_type_boolean: return GRAFT_JSON_BOOL;
    case json_type_int: return GRAFT_JSON_INT;
    case json_type_double: return GRAFT_JSON_DOUBLE;
    case json_type_string: return GRAFT_JSON_STRING;
    case json_type_array: return GRAFT_JSON_ARRAY;
    case json_type_object: return GRAFT_JSON_OBJECT;
    default: return GRAFT_JSON_NULL;
    }
}

bool graft_json_is(const graft_json *value, graft_json_type type)
{
    return value != NULL && graft_json_get_type(value) == type;
}

const char *graft_json_type_name(graft_json_type type)
{
    static const char *const names[] = {"null", "boolean", "integer", "number", "string", "array",
                                        "object"};
    return type <= GRAFT_JSON_OBJECT ? names[type] : "unknown";
}

bool graft_json_bool(const graft_json *value)
{
    return graft_json_is(value, GRAFT_JSON_BOOL) && json_object_get_boolean(raw(value));
}

int64_t graft_json_int(const graft_json *value)
{
    double d;
    if (graft_json_is(value, GRAFT_JSON_INT)) {
        return json_object_get_int64(raw(value));
    }
    if (!graft_json_is(value, GRAFT_JSON_DOUBLE)) {
        return 0;
    }
    d = json_object_get_double(raw(value));
    if (isnan(d)) {
        return 0;
    }
    return d >= 0x1p63 ? INT64_MAX : d <= -0x1p63 ? INT64_MIN : (int64_t)d;
}

bool graft_json_big(const graft_json *value, uint64_t *out)
{
    if (!graft_json_is(value, GRAFT_JSON_INT)) {
        return false;
    }
    *out = json_object_get_uint64(raw(value)); /* 0 if negative */
    return *out > INT64_MAX;
}

double graft_json_double(const graft_json *value)
{
    uint64_t big;
    if (graft_json_big(value, &big)) {
        return (double)big;
    }
    if (graft_json_is(value, GRAFT_JSON_INT)) {
        return (double)json_object_get_int64(raw(value));
    }
    return graft_json_is(value, GRAFT_JSON_DOUBLE) ? json_object_get_double(raw(value)) : 0.0;
}

const char *graft_json_spelling(const graft_json *value)
{
    /* json-c keeps the text of a parsed double as its user data; computed ones have none */
    return graft_json_is(value, GRAFT_JSON_DOUBLE) ? json_object_get_userdata(raw(value)) : NULL;
}

const char *graft_json_string(const graft_json *value, size_t *n)
{
    bool is_string = graft_json_is(value, GRAFT_JSON_STRING);
    if (n != NULL) {
        *n = is_string ? (size_t)json_object_get_string_len(raw(value)) : 0;
    }
    return is_string ? json_object_get_string(raw(value)) : NULL;
}

size_t graft_json_length(const graft_json *value)
{
    if (graft_json_is(value, GRAFT_JSON_ARRAY)) {
        return json_object_array_length(raw(value));
    }
    return graft_json_is(value, GRAFT_JSON_OBJECT) ? (size_t)json_object_object_length(raw(value))
                                                   : 0;
}

graft_json *graft_json_at(const graft_json *array, size_t i)
{
    return i < graft_json_length(array) && graft_json_is(array, GRAFT_JSON_ARRAY)
               ? cooked(json_object_array_get_idx(raw(array), i)) : NULL;
}

bool graft_json_holds(const graft_json *array, const char *text)
{
    for (size_t i = 0; i < graft_json_length(array); i++) {
        const char *element = graft_json_string(graft_json_at(array, i), NULL);
        if (element != NULL && strcmp(element, text) == 0) {
            return true;
        }
    }
    return false;
}

graft_json *graft_json_get(const graft_json *object, const char *key)
{
    struct json_object *value = NULL;
    if (graft_json_is(object, GRAFT_JSON_OBJECT)) {
        (void)json_object_object_get_ex(raw(object), key, &value);
    }
    return cooked(value);
}

bool graft_json_has(const graft_json *object, const char *key)
{
    return graft_json_is(object, GRAFT_JSON_OBJECT) &&
           json_object_object_get_ex(raw(object), key, NULL);
}

graft_json_iter graft_json_iter_begin(const graft_json *object)
{
    graft_json_iter it = {0};
    if (graft_json_is(object, GRAFT_JSON_OBJECT)) {
        it.state = json_object_get_object(raw(object))->head;
    }
    return it;
}

bool graft_json_iter_next(graft_json_iter *it)
{
    struct lh_entry *entry = it->state;
    if (entry == NULL) {
        it->key = NULL;
        it->value = NULL;
        return false;
    }
    it->key = lh_entry_k(entry);
    it->value = cooked(lh_entry_v(entry));
    it->state = entry->next;
    return true;
}

/* --- building --- */

/* A value that could not be made must not become a null where it was to be put. Where the caller has noticed,
 * the worst that follows is a null that is refused later, after memory has run out already. */
static _Thread_local bool is_missing;

static graft_json *made(struct json_object *value)
{
    is_missing = is_missing || value == NULL;
    return cooked(value);
}

static bool was_not_made(const graft_json *value)
{
    return value == NULL && is_missing;
}

graft_json *graft_json_new_object(void)
{
    return made(json_object_new_object());
}

graft_json *graft_json_new_array(void)
{
    return made(json_object_new_array());
}

graft_json *graft_json_new_string(const char *bytes, size_t n)
{
    return n <= INT_MAX ? made(json_object_new_string_len(n > 0 ? bytes : "", (int)n)) : NULL;
}

graft_json *graft_json_new_text(const char *bytes, size_t n)
{
    graft_json *value = NULL;
    graft_text valid;
    graft_text_init(&valid);
    for (size_t i = 0, used = 0; i < n; i += used) {
        uint32_t codepoint;
        used = graft_utf8_decode(bytes + i, n - i, &codepoint);
        graft_status status = used > 0 ? graft_text_append(&valid, bytes + i, used)
                                       : graft_text_append_codepoint(&valid, 0xFFFD);
        if (status != GRAFT_OK) {
            goto done;
        }
        used = used > 0 ? used : 1;
    }
    value = graft_json_new_string(graft_text_z(&valid), valid.len);
done:
    graft_text_clear(&valid);
    return value;
}

graft_json *graft_json_new_int(int64_t value)
{
    return made(json_object_new_int64(value));
}

graft_json *graft_json__new_unsigned(uint64_t value)
{
    return value > INT64_MAX ? made(json_object_new_uint64(value))
                             : graft_json_new_int((int64_t)value);
}

graft_json *graft_json_new_double(double value)
{
    return made(json_object_new_double(value));
}

graft_json *graft_json__new_spelled(double value, const char *spelling)
{
    return made(json_object_new_double_s(value, spelling));
}

graft_json *graft_json_new_bool(bool value)
{
    return made(json_object_new_boolean(value));
}

graft_status graft_json__no_memory(void)
{
    is_missing = false;
    return graft_fail(GRAFT_E_MEMORY, "out of memory for a JSON value");
}

graft_status graft_json_set(graft_json *object, const char *key, graft_json *value)
{
    bool fits = graft_json_is(object, GRAFT_JSON_OBJECT);
    if (fits && !was_not_made(value) &&
        json_object_object_add(raw(object), key, raw(value)) == 0) {
        return GRAFT_OK;
    }
    graft_json_free(value);
    return fits || object == NULL
               ? graft_json__no_memory()
               : graft_fail(GRAFT_E_FAILED, "cannot set \"%s\" in a JSON %s", key,
                            graft_json_type_name(graft_json_get_type(object)));
}

graft_status graft_json_push(graft_json *array, graft_json *value)
{
    bool fits = graft_json_is(array, GRAFT_JSON_ARRAY);
    if (fits && !was_not_made(value) &&
        json_object_array_add(raw(array), raw(value)) == 0) {
        return GRAFT_OK;
    }
    graft_json_free(value);
    return fits || array == NULL ? graft_json__no_memory()
                                 : graft_fail(GRAFT_E_FAILED, "cannot append to a JSON %s",
                                              graft_json_type_name(graft_json_get_type(array)));
}

/* For the setters below: a NULL value can only mean that memory ran out. */
static graft_status set_new(graft_json *object, const char *key, graft_json *value)
{
    return value == NULL ? graft_json__no_memory() : graft_json_set(object, key, value);
}

graft_status graft_json_set_string(graft_json *object, const char *key, const char *text)
{
    return set_new(object, key, graft_json_new_string(text, strlen(text)));
}

graft_status graft_json_set_int(graft_json *object, const char *key, int64_t value)
{
    return set_new(object, key, graft_json_new_int(value));
}

graft_status graft_json_set_double(graft_json *object, const char *key, double value)
{
    return set_new(object, key, graft_json_new_double(value));
}

graft_status graft_json_set_bool(graft_json *object, const char *key, bool value)
{
    return set_new(object, key, graft_json_new_bool(value));
}

/* A copy of a value that holds no others. */
static struct json_object *copy_scalar(const graft_json *value)
{
    uint64_t big;
    const char *spelling = graft_json_spelling(value);
    size_t n;
    const char *text;
    switch (graft_json_get_type(value)) {
    case GRAFT_JSON_BOOL: return json_object_new_boolean(graft_json_bool(value));
    case GRAFT_JSON_INT:
        return graft_json_big(value, &big) ? json_object_new_uint64(big)
                                            : json_object_new_int64(graft_json_int(value));
    case GRAFT_JSON_DOUBLE:
        return spelling != NULL ? json_object_new_double_s(graft_json_double(value), spelling)
                                : json_object_new_double(graft_json_double(value));
    default:
        text = graft_json_string(value, &n);
        return raw(graft_json_new_string(text, n));
    }
}

graft_status graft_json_copy(graft_json **out, const graft_json *value)
{
    graft_status status = GRAFT_OK;
    graft_json *copy = NULL, *child = NULL;
    *out = NULL;
    if (value == NULL) {
        return GRAFT_OK;
    }
    if (graft_json_is(value, GRAFT_JSON_OBJECT)) {
        copy = graft_json_new_object();
        for (graft_json_iter it = graft_json_iter_begin(value); graft_json_iter_next(&it);) {
            GRAFT_TRY(graft_json_copy(&child, it.value));
            GRAFT_TRY(graft_json_set(copy, it.key, child));
        }
    } else if (graft_json_is(value, GRAFT_JSON_ARRAY)) {
        copy = graft_json_new_array();
        for (size_t i = 0; i < graft_json_length(value); i++) {
            GRAFT_TRY(graft_json_copy(&child, graft_json_at(value, i)));
            GRAFT_TRY(graft_json_push(copy, child));
        }
    } else {
        copy = cooked(copy_scalar(value));
    }
    if (copy == NULL) {
        status = graft_json__no_memory();
        goto done;
    }
    *out = copy;
    copy = NULL;
done:
    graft_json_free(copy);
    return status;
}

static void release_note(struct json_object *object, void *note)
{
    (void)object;
    graft_free(note);
}

void graft_json__set_note(graft_json *object, void *note)
{
    json_object_set_userdata(raw(object), note, release_note);
}

const void *graft_json__note(const graft_json *object)
{
    return graft_json_is(object, GRAFT_JSON_OBJECT) ? json_object_get_userdata(raw(object)) : NULL;
}

/* --- comparing --- */

static bool equal_numbers(const graft_json *a, const graft_json *b)
{
    uint64_t big_a = 0, big_b = 0;
    bool is_big_a = graft_json_big(a, &big_a), is_big_b = graft_json_big(b, &big_b);
    if (graft_json_is(a, GRAFT_JSON_INT) && graft_json_is(b, GRAFT_JSON_INT)) {
        return is_big_a == is_big_b &&
               (is_big_a ? big_a == big_b : graft_json_int(a) == graft_json_int(b));
    }
    return graft_json_double(a) == graft_json_double(b);
}

static bool equal_objects(const graft_json *a, const graft_json *b)
{
    for (graft_json_iter it = graft_json_iter_begin(a); graft_json_iter_next(&it);) {
        if (!graft_json_has(b, it.key) || !graft_json_equal(it.value, graft_json_get(b, it.key))) {
            return false;
        }
    }
    return graft_json_length(a) == graft_json_length(b);
}

static bool is_number(graft_json_type type)
{
    return type == GRAFT_JSON_INT || type == GRAFT_JSON_DOUBLE;
}

bool graft_json_equal(const graft_json *a, const graft_json *b)
{
    graft_json_type type = graft_json_get_type(a), other = graft_json_get_type(b);
    size_t n, m;
    const char *x, *y;
    if (is_number(type) && is_number(other)) {
        return equal_numbers(a, b);
    }
    if (type != other) {
        return false;
    }
    switch (type) {
    case GRAFT_JSON_BOOL: return graft_json_bool(a) == graft_json_bool(b);
    case GRAFT_JSON_STRING:
        x = graft_json_string(a, &n);
        y = graft_json_string(b, &m);
        return n == m && memcmp(x, y, n) == 0;
    case GRAFT_JSON_OBJECT: return equal_objects(a, b);
    case GRAFT_JSON_ARRAY:
        for (size_t i = 0; i < graft_json_length(a); i++) {
            if (!graft_json_equal(graft_json_at(a, i), graft_json_at(b, i))) {
                return false;
            }
        }
        return graft_json_length(a) == graft_json_length(b);
    default: return true;
    }
}
