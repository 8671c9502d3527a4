/* export/grammar_literal.c - values that a schema lists: enum and const. */
#include <string.h>

#include "export/grammar_internal.h"

enum { MAX_CHECKED = 1000 }; /* values of an enum that are held against the other keywords */

static graft_status append_value(graft_text *out, const graft_json *value, graft_spelled spelled);

static graft_status append_string(graft_text *out, const graft_json *value, graft_spelled spelled)
{
    graft_status status = GRAFT_OK;
    size_t n;
    const char *text = graft_json_string(value, &n);
    GRAFT_TRY(graft_text_append_z(out, spelled == GRAFT_SPELLED_PYTHON ? "(" : ""));
    GRAFT_TRY(graft_grammar__quoted(out, text, n, '"'));
    if (spelled == GRAFT_SPELLED_PYTHON) {
        GRAFT_TRY(graft_text_append_z(out, " | "));
        GRAFT_TRY(graft_grammar__quoted(out, text, n, '\''));
        GRAFT_TRY(graft_text_append_z(out, ")"));
    }
done:
    return status;
}

static graft_status append_array(graft_text *out, const graft_json *value, graft_spelled spelled)
{
    graft_status status = GRAFT_OK;
    GRAFT_TRY(graft_text_append_z(out, "\"[\" ws "));
    for (size_t i = 0; i < graft_json_length(value); i++) {
        GRAFT_TRY(graft_text_append_z(out, i > 0 ? "ws \",\" ws " : ""));
        GRAFT_TRY(append_value(out, graft_json_at(value, i), spelled));
        GRAFT_TRY(graft_text_append_char(out, ' '));
    }
    status = graft_text_append_z(out, graft_json_length(value) > 0 ? "ws \"]\"" : "\"]\"");
done:
    return status;
}

static graft_status append_object(graft_text *out, const graft_json *value, graft_spelled spelled)
{
    graft_status status = GRAFT_OK;
    bool first = true;
    GRAFT_TRY(graft_text_append_z(out, "\"{\" ws "));
    for (graft_json_iter it = graft_json_iter_begin(value); graft_json_iter_next(&it);) {
        GRAFT_TRY(graft_text_append_z(out, first ? "" : "ws \",\" ws "));
        graft_json *key = graft_json_new_string(it.key, strlen(it.key));
        status = key != NULL ? append_string(out, key, spelled)
                             : graft_fail(GRAFT_E_MEMORY, "out of memory: a key");
        graft_json_free(key);
        GRAFT_TRY(status);
        GRAFT_TRY(graft_text_append_z(out, " \":\" ws "));
        GRAFT_TRY(append_value(out, it.value, spelled));
        GRAFT_TRY(graft_text_append_char(out, ' '));
        first = false;
    }
    status = graft_text_append_z(out, first ? "\"}\"" : "ws \"}\"");
done:
    return status;
}

/* Values of 1.0 and 1 are one, and may be written either way. */
static graft_status append_number(graft_text *out, const graft_json *value)
{
    graft_status status = GRAFT_OK;
    graft_text text;
    graft_text_init(&text);
    GRAFT_TRY(graft_json_write(&text, value, GRAFT_JSON_PYTHON));
    GRAFT_TRY(graft_grammar__literal(out, text.data, text.len));
    if (graft_json_is(value, GRAFT_JSON_INT)) {
        GRAFT_TRY(graft_text_append_z(out, " \".0\"?"));
    } else if (graft_str_ends_with(text.data, ".0")) {
        size_t whole = text.len - 2;
        GRAFT_TRY(graft_text_append_z(out, " | "));
        GRAFT_TRY(graft_grammar__literal(out, text.data, whole));
    }
done:
    graft_text_clear(&text);
    return status;
}

static graft_status append_value(graft_text *out, const graft_json *value, graft_spelled spelled)
{
    graft_status status = GRAFT_OK;
    bool python = spelled == GRAFT_SPELLED_PYTHON;
    switch (graft_json_get_type(value)) {
    case GRAFT_JSON_NULL: return graft_text_append_z(out, python ? "py-null" : "null");
    case GRAFT_JSON_BOOL:
        if (!python) {
            return graft_text_append_z(out, graft_json_bool(value) ? "\"true\"" : "\"false\"");
        }
        return graft_text_append_z(out, graft_json_bool(value) ? "(\"True\" | \"true\")"
                                                               : "(\"False\" | \"false\")");
    case GRAFT_JSON_STRING: return append_string(out, value, spelled);
    case GRAFT_JSON_ARRAY: return append_array(out, value, spelled);
    case GRAFT_JSON_OBJECT: return append_object(out, value, spelled);
    default:
        GRAFT_TRY(graft_text_append_char(out, '('));
        GRAFT_TRY(append_number(out, value));
        status = graft_text_append_char(out, ')');
    }
done:
    return status;
}

/* The first part that lists values: its enum, or its const in an array of its own (freed by the caller). */
static graft_status find_list(graft_json **out, const graft_parts *parts)
{
    graft_status status = GRAFT_OK;
    *out = NULL;
    for (size_t i = 0; i < parts->n && *out == NULL; i++) {
        const graft_json *list = graft_grammar__keyword(parts, i, "enum");
        if (graft_grammar__has(parts, i, "const")) {
            graft_json *value = (graft_json *)(uintptr_t)graft_grammar__keyword(parts, i, "const");
            *out = graft_json_new_array();
            GRAFT_TRY(graft_json_push(*out, value != NULL ? graft_json_retain(value) : NULL));
        } else if (graft_json_is(list, GRAFT_JSON_ARRAY)) {
            *out = graft_json_retain((graft_json *)(uintptr_t)list);
        }
    }
done:
    return status;
}

/* keep[i] becomes false where value i does not fit the part. A check that does not end keeps it. */
static graft_status check_against(graft_grammar_maker *m, bool *keep, const graft_json *list,
                                  const graft_json *part, graft_schema_scratch *scratch)
{
    graft_status status = GRAFT_OK;
    graft_schema *schema = NULL;
    GRAFT_TRY(graft_schema_compile(&schema, part, GRAFT_SCHEMA_2020_12));
    GRAFT_TRY(graft_grammar__spend(m, graft_schema_bytes(schema) / 256));
    for (size_t i = 0; i < graft_json_length(list); i++) {
        bool fits = true;
        status = graft_schema_check(&fits, schema, scratch, graft_json_at(list, i));
        if (status == GRAFT_E_DATA) {
            status = GRAFT_OK;
            fits = true;
        }
        GRAFT_TRY(status);
        keep[i] = keep[i] && fits;
    }
done:
    graft_schema_free(schema);
    return status;
}

static graft_status check_all(graft_grammar_maker *m, bool *keep, const graft_json *list,
                              const graft_parts *parts)
{
    graft_status status = GRAFT_OK;
    graft_schema_scratch *scratch = NULL;
    size_t n = graft_json_length(list);
    if (n > MAX_CHECKED) {
        return GRAFT_OK;
    }
    GRAFT_TRY(graft_schema_scratch_new(&scratch));
    for (size_t i = 0; i < parts->n; i++) {
        GRAFT_TRY(check_against(m, keep, list, parts->at[i].json, scratch));
    }
done:
    graft_schema_scratch_free(scratch);
    return status;
}

graft_status graft_grammar__listed(graft_grammar_maker *m, graft_text *out, bool *listed,
                                   const graft_parts *parts, graft_spelled spelled, bool raw)
{
    graft_status status = GRAFT_OK;
    graft_json *list = NULL;
    bool *keep = NULL;
    GRAFT_TRY(find_list(&list, parts));
    *listed = list != NULL;
    size_t n = graft_json_length(list);
    if (list == NULL) {
        return GRAFT_OK;
    }
    GRAFT_TRY(graft_grammar__spend(m, n));
    GRAFT_TRY(graft_arena_alloc(&m->arena, &keep, n, sizeof *keep));
    memset(keep, true, n);
    GRAFT_TRY(check_all(m, keep, list, parts));
    for (size_t i = 0; i < n; i++) {
        const graft_json *value = graft_json_at(list, i);
        size_t length;
        const char *text = graft_json_string(value, &length);
        if (!keep[i]) {
            continue;
        }
        GRAFT_TRY(graft_text_append_z(out, out->len > 0 ? " | " : ""));
        GRAFT_TRY(raw && graft_json_is(value, GRAFT_JSON_STRING)
                      ? graft_grammar__literal(out, text, length)
                      : append_value(out, value, spelled));
    }
done:
    graft_json_free(list);
    return status;
}
