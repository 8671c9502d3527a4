/* io/json.h - the door to json-c: JSON values, read strictly and written compactly.
 *
 * A graft_json is a reference-counted value. Key order, the spelling of numbers, and absent
 * against null survive a round trip (but -0 is the integer 0). The reader accepts RFC 8259 and
 * refuses what json-c lets through: duplicate keys, keys with a zero byte, NaN, doubles that
 * overflow, raw control characters, lone surrogates, integers beyond 64 bits (signed, or unsigned
 * when positive), trailing bytes, invalid UTF-8, depth beyond 128, text beyond 1 GiB. */
#ifndef GRAFT_IO_JSON_H
#define GRAFT_IO_JSON_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/strings.h"

typedef struct graft_json graft_json;

typedef enum graft_json_type {
    GRAFT_JSON_NULL, GRAFT_JSON_BOOL, GRAFT_JSON_INT, GRAFT_JSON_DOUBLE, GRAFT_JSON_STRING,
    GRAFT_JSON_ARRAY, GRAFT_JSON_OBJECT
} graft_json_type;

/* Parses text[0..n), which must be one value. On failure *out = NULL and the message says what is
 * wrong and at which byte, from 0 ("at byte 17: duplicate key \"a\""); code GRAFT_E_DATA. The caller adds
 * the file and line with graft_fail_prefix. */
graft_status graft_json_parse(graft_json **out, const char *text, size_t n);
/* The same for files that Python writes, whose integers know no bound: those beyond 64 bits are doubles. */
graft_status graft_json_parse_long(graft_json **out, const char *text, size_t n);

graft_json *graft_json_retain(graft_json *value);
void graft_json_free(graft_json *value); /* gives one reference back; accepts NULL */

/* A JSON null is the C pointer NULL, also as the result of graft_json_parse; it has type NULL.
 * Where absent and null differ, ask graft_json_has. Getters of another type give false, 0, NULL. */
graft_json_type graft_json_get_type(const graft_json *value);
bool graft_json_is(const graft_json *value, graft_json_type type); /* false for a NULL pointer */
const char *graft_json_type_name(graft_json_type type);

bool graft_json_bool(const graft_json *value);
int64_t graft_json_int(const graft_json *value); /* INT, or DOUBLE truncated; saturates beyond 64 bits */
double graft_json_double(const graft_json *value);      /* INT or DOUBLE */
bool graft_json_big(const graft_json *value, uint64_t *out); /* true for an INT above INT64_MAX; *out is its value */
const char *graft_json_spelling(const graft_json *value); /* of a DOUBLE in the text it came from; NULL if computed */
const char *graft_json_string(const graft_json *value, size_t *n); /* borrowed; n may be NULL; may hold NUL */

size_t graft_json_length(const graft_json *value);      /* of an array or object; 0 otherwise */
graft_json *graft_json_at(const graft_json *array, size_t i);      /* borrowed; NULL if absent */
bool graft_json_holds(const graft_json *array, const char *text); /* as one of its elements */
graft_json *graft_json_get(const graft_json *object, const char *key); /* borrowed; NULL if absent, null or not an object */
bool graft_json_has(const graft_json *object, const char *key);

/* Walks an object in order: `for (graft_json_iter it = graft_json_iter_begin(o);
 * graft_json_iter_next(&it);) use it.key, it.value`. A JSON null gives value == NULL here. */
typedef struct graft_json_iter {
    const char *key;
    graft_json *value; /* borrowed */
    void *state;
} graft_json_iter;
graft_json_iter graft_json_iter_begin(const graft_json *object);
bool graft_json_iter_next(graft_json_iter *it);

/* Builders: give one reference; NULL only when out of memory. graft_json_set and graft_json_push refuse
 * such a NULL (GRAFT_E_MEMORY), so that it does not become a JSON null. */
graft_json *graft_json_new_object(void);
graft_json *graft_json_new_array(void);
graft_json *graft_json_new_string(const char *bytes, size_t n);
/* Of any bytes: those of no character become U+FFFD. */
graft_json *graft_json_new_text(const char *bytes, size_t n);
graft_json *graft_json_new_int(int64_t value);
graft_json *graft_json_new_double(double value); /* written with the shortest spelling that reads back; non-finite becomes null */
graft_json *graft_json_new_bool(bool value);
/* `value` is taken even on failure; NULL stores a JSON null. */
graft_status graft_json_set(graft_json *object, const char *key, graft_json *value);
graft_status graft_json_push(graft_json *array, graft_json *value);
graft_status graft_json_set_string(graft_json *object, const char *key, const char *text);
graft_status graft_json_set_int(graft_json *object, const char *key, int64_t value);
graft_status graft_json_set_double(graft_json *object, const char *key, double value);
graft_status graft_json_set_bool(graft_json *object, const char *key, bool value);
graft_status graft_json_copy(graft_json **out, const graft_json *value); /* deep */

/* Deep equality as JSON values: objects without regard to order, 1 equals 1.0. */
bool graft_json_equal(const graft_json *a, const graft_json *b);

/* Appends the value. COMPACT `{"a":1}`; PYTHON `{"a": 1}` as json.dumps(ensure_ascii=False) and
 * jinja2's tojson of transformers write it (floats in Python's repr); PRETTY indents by 2. */
typedef enum graft_json_style { GRAFT_JSON_COMPACT, GRAFT_JSON_PYTHON, GRAFT_JSON_PRETTY } graft_json_style;
graft_status graft_json_write(graft_text *out, const graft_json *value, graft_json_style style);
/* Writes the value as a file, indented, with a newline at its end; atomically. */
graft_status graft_json_save(const graft_json *value, const char *path);
/* Appends Python's repr of a double: shortest digits that read back, "1.0", "1e+16", "nan", "inf". */
graft_status graft_json_write_double(graft_text *out, double value);

#endif
