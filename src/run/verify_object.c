/* verify_object.c - what is said of an object, and how it is shown. */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "core/memory.h"
#include "run/verify.h"

enum { MOST_PROBLEMS = 20, MESSAGE = 1024 };

static graft_status push_text(graft_json *array, const char *text)
{
    graft_status status = GRAFT_OK;
    graft_text safe;
    graft_text_init(&safe);
    GRAFT_TRY(graft_text_append_escaped(&safe, text, strlen(text), false));
    graft_json *value = graft_json_new_string(graft_text_z(&safe), safe.len);
    if (value == NULL) {
        status = graft_fail(GRAFT_E_MEMORY, "out of memory");
        goto done;
    }
    GRAFT_TRY(graft_json_push(array, value));
done:
    graft_text_clear(&safe);
    return status;
}

graft_status graft_verify__fact(graft_verify_object *object, const char *format, ...)
{
    char text[MESSAGE];
    va_list args;
    va_start(args, format);
    (void)vsnprintf(text, sizeof text, format, args);
    va_end(args);
    return push_text(object->facts, text);
}

graft_status graft_verify__problem(graft_verify_object *object, graft_status code,
                                   const char *format, ...)
{
    char text[MESSAGE];
    va_list args;
    va_start(args, format);
    (void)vsnprintf(text, sizeof text, format, args);
    va_end(args);
    object->code = object->n_problems == 0 ? code : object->code;
    object->n_problems++;
    return object->n_problems <= MOST_PROBLEMS ? push_text(object->problems, text) : GRAFT_OK;
}

graft_status graft_verify__judge(graft_verify_object *object, graft_status status)
{
    const char *said = graft_error_message();
    size_t n = strlen(object->path);
    if (status == GRAFT_OK || status == GRAFT_E_MEMORY || status == GRAFT_E_INTERRUPTED) {
        return status;
    }
    bool named = strncmp(said, object->path, n) == 0 && strncmp(said + n, ": ", 2) == 0;
    return graft_verify__problem(object, status, "%s", named ? said + n + 2 : said);
}

/* "path: ok (model, 272 tensors)", or a line per problem. */
static graft_status format_one(graft_text *out, const graft_json *object)
{
    graft_status status = GRAFT_OK;
    const char *path = graft_json_string(graft_json_get(object, "path"), NULL);
    const char *kind = graft_json_string(graft_json_get(object, "kind"), NULL);
    const graft_json *facts = graft_json_get(object, "facts");
    const graft_json *problems = graft_json_get(object, "problems");
    size_t n = graft_json_length(problems);
    size_t found = (size_t)graft_json_int(graft_json_get(object, "n_problems"));
    for (size_t i = 0; i < n; i++) {
        GRAFT_TRY(graft_text_appendf(out, "%s: BAD: %s\n", path,
                                     graft_json_string(graft_json_at(problems, i), NULL)));
    }
    if (found > n) {
        GRAFT_TRY(graft_text_appendf(out, "%s: BAD: and %zu more\n", path, found - n));
    }
    if (n > 0) {
        return GRAFT_OK;
    }
    GRAFT_TRY(graft_text_appendf(out, "%s: ok (%s", path, kind));
    for (size_t i = 0; i < graft_json_length(facts); i++) {
        GRAFT_TRY(graft_text_appendf(out, ", %s",
                                     graft_json_string(graft_json_at(facts, i), NULL)));
    }
    GRAFT_TRY(graft_text_append_z(out, ")\n"));
done:
    return status;
}

graft_status graft_verify__format(graft_text *out, const graft_json *objects)
{
    graft_status status = GRAFT_OK;
    for (size_t i = 0; i < graft_json_length(objects); i++) {
        GRAFT_TRY(format_one(out, graft_json_at(objects, i)));
    }
done:
    return status;
}
