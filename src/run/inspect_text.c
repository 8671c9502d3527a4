/* inspect_text.c - a description as text: a label, then the value; tables one row a line. */
#include <string.h>

#include "run/inspect.h"

enum { LABEL_WIDTH = 18, WIDEST_LABEL = 44 };

/* "88.7 MiB" behind a number of bytes, "134.5 million" behind other large numbers. */
static graft_status append_int(graft_text *out, const char *key, int64_t value)
{
    graft_status status = GRAFT_OK;
    GRAFT_TRY(graft_text_appendf(out, "%lld", (long long)value));
    if (graft_str_ends_with(key, "bytes") && value >= 1 << 10) {
        double mib = (double)value / (1 << 20);
        status = mib >= 1 ? graft_text_appendf(out, " (%.1f MiB)", mib)
                          : graft_text_appendf(out, " (%.1f KiB)", mib * 1024);
    } else if (strcmp(key, "parameters") == 0 && value >= 1000000) {
        status = graft_text_appendf(out, " (%.1f million)", (double)value / 1e6);
    }
done:
    return status;
}

static graft_status append_scalar(graft_text *out, const char *key, const graft_json *value)
{
    size_t n;
    switch (graft_json_get_type(value)) {
    case GRAFT_JSON_STRING: {
        const char *text = graft_json_string(value, &n);
        return graft_text_append_escaped(out, text, n, false);
    }
    case GRAFT_JSON_INT: return append_int(out, key, graft_json_int(value));
    case GRAFT_JSON_DOUBLE: return graft_text_appendf(out, "%.6g", graft_json_double(value));
    case GRAFT_JSON_BOOL: return graft_text_append_z(out, graft_json_bool(value) ? "yes" : "no");
    default: return graft_text_append_z(out, "none");
    }
}

static bool is_compound(const graft_json *value)
{
    return graft_json_is(value, GRAFT_JSON_OBJECT) || graft_json_is(value, GRAFT_JSON_ARRAY);
}

/* The members of a row or the elements of a list, on one line. */
static graft_status append_row(graft_text *out, const graft_json *row)
{
    graft_status status = GRAFT_OK;
    bool object = graft_json_is(row, GRAFT_JSON_OBJECT), first = true;
    if (!is_compound(row)) {
        return append_scalar(out, "", row);
    }
    for (size_t i = 0; !object && i < graft_json_length(row); i++) {
        GRAFT_TRY(graft_text_append_z(out, i ? ", " : ""));
        GRAFT_TRY(append_row(out, graft_json_at(row, i)));
    }
    if (!object) {
        return GRAFT_OK;
    }
    for (graft_json_iter it = graft_json_iter_begin(row); graft_json_iter_next(&it);) {
        GRAFT_TRY(graft_text_append_z(out, first ? "" : "  "));
        first = false;
        if (strcmp(it.key, "shape") == 0) {
            for (size_t i = 0; i < graft_json_length(it.value); i++) {
                GRAFT_TRY(graft_text_append_z(out, i ? " x " : ""));
                GRAFT_TRY(append_scalar(out, "", graft_json_at(it.value, i)));
            }
            continue;
        }
        if (strcmp(it.key, "name") != 0 && strcmp(it.key, "format") != 0) {
            GRAFT_TRY(graft_text_appendf(out, "%s ", it.key));
        }
        GRAFT_TRY(append_row(out, it.value));
    }
done:
    return status;
}

/* The label in a column of its own; nothing follows the label of a table. */
static graft_status append_label(graft_text *out, const char *key, size_t indent, size_t width,
                                 bool alone)
{
    graft_status status = GRAFT_OK;
    graft_text label;
    graft_text_init(&label);
    GRAFT_TRY(graft_text_append_escaped(&label, key, strlen(key), false));
    /* Our own keys are words; those of a file (with dots) stay as they are. */
    for (size_t i = 0; indent == 0 && i < label.len; i++) {
        label.data[i] = label.data[i] == '_' ? ' ' : label.data[i];
    }
    GRAFT_TRY(graft_text_appendf(out, "%*s%-*s%s", (int)indent, "", alone ? 0 : (int)width,
                                 graft_text_z(&label), alone ? "" : " "));
done:
    graft_text_clear(&label);
    return status;
}

static size_t label_width(const graft_json *object, size_t indent)
{
    size_t width = LABEL_WIDTH - indent;
    for (graft_json_iter it = graft_json_iter_begin(object); graft_json_iter_next(&it);) {
        size_t n = strlen(it.key);
        width = n > width && n <= WIDEST_LABEL ? n : width;
    }
    return width;
}

/* A line of its own for each member; tables below their label. */
static graft_status append_members(graft_text *out, const graft_json *object, size_t indent)
{
    graft_status status = GRAFT_OK;
    size_t width = label_width(object, indent);
    for (graft_json_iter it = graft_json_iter_begin(object); graft_json_iter_next(&it);) {
        bool table = graft_json_is(it.value, GRAFT_JSON_ARRAY) &&
                     graft_json_is(graft_json_at(it.value, 0), GRAFT_JSON_OBJECT);
        bool members = graft_json_is(it.value, GRAFT_JSON_OBJECT) && indent == 0;
        GRAFT_TRY(append_label(out, it.key, indent, width, table || members));
        if (table) {
            for (size_t i = 0; i < graft_json_length(it.value); i++) {
                GRAFT_TRY(graft_text_appendf(out, "\n%*s", (int)indent + 2, ""));
                GRAFT_TRY(append_row(out, graft_json_at(it.value, i)));
            }
        } else if (members) {
            GRAFT_TRY(graft_text_append_char(out, '\n'));
            GRAFT_TRY(append_members(out, it.value, indent + 2));
            continue;
        } else if (is_compound(it.value)) {
            GRAFT_TRY(append_row(out, it.value));
        } else {
            GRAFT_TRY(append_scalar(out, it.key, it.value));
        }
        GRAFT_TRY(graft_text_append_char(out, '\n'));
    }
done:
    return status;
}

graft_status graft_inspect__format(graft_text *out, const graft_json *object)
{
    return append_members(out, object, 0);
}
