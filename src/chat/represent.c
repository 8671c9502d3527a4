/* chat/represent.c - values as text: str, repr and json.dumps. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "chat/jinja.h"
#include "core/strings.h"

/* ---- str and repr ---- */

static graft_status add_float(graft_jinja *j, graft_jbuffer *out, double f, graft_jorigin origin)
{
    graft_status status = GRAFT_OK;
    graft_text text;
    graft_text_init(&text);
    GRAFT_TRY(graft_json_write_double(&text, f));
    status = graft_j__add(j, out, text.data, text.len, origin);
done:
    graft_text_clear(&text);
    return status;
}

static graft_status add_int(graft_jinja *j, graft_jbuffer *out, int64_t i, graft_jorigin origin)
{
    char digits[24];
    int n = snprintf(digits, sizeof digits, "%lld", (long long)i);
    return graft_j__add(j, out, digits, (size_t)n, origin);
}

/* How repr writes code point c (at s->data[at]), or NULL as it is. */
static const char *repr_escape(uint32_t c, char quote, char room[16])
{
    const char *format = c < 0x100 ? "\\x%02x" : c < 0x10000 ? "\\u%04x" : "\\U%08x";
    if (c == '\\' || c == (uint32_t)quote) {
        snprintf(room, 16, "\\%c", (char)c);
    } else if (c == '\n' || c == '\r' || c == '\t') {
        snprintf(room, 16, "\\%c", c == '\n' ? 'n' : c == '\r' ? 'r' : 't');
    } else if (!graft_unicode__is_printable(c)) {
        snprintf(room, 16, format, (unsigned)c);
    } else {
        return NULL;
    }
    return room;
}

static graft_status add_string_repr(graft_jinja *j, graft_jbuffer *out, const graft_jstring *s)
{
    graft_status status = GRAFT_OK;
    const bool single = memchr(s->data, '\'', s->n) == NULL || memchr(s->data, '"', s->n) != NULL;
    const char *quote = single ? "'" : "\"";
    const graft_jorigin origin = graft_j__origin_of(s);
    size_t from = 0, bytes;
    if (s->markup) {
        GRAFT_TRY(graft_j__add_z(j, out, "Markup(", origin));
    }
    GRAFT_TRY(graft_j__add_z(j, out, quote, origin));
    for (size_t at = 0; at < s->n; at += bytes) {
        char room[16];
        uint32_t c = 0;
        bytes = graft_utf8_decode(s->data + at, s->n - at, &c);
        bytes = bytes == 0 ? 1 : bytes;
        const char *escape = repr_escape(c, quote[0], room);
        if (escape != NULL) {
            GRAFT_TRY(graft_j__add_part(j, out, s, from, at));
            GRAFT_TRY(graft_j__add_z(j, out, escape, graft_j__origin_at(s, at)));
            from = at + bytes;
        }
    }
    GRAFT_TRY(graft_j__add_part(j, out, s, from, s->n));
    status = graft_j__add_z(j, out, s->markup ? (single ? "')" : "\")") : quote, origin);
done:
    return status;
}

static graft_status add_items(graft_jinja *j, graft_jbuffer *out, const graft_jvalue *value,
                              const char *open, const char *close)
{
    graft_status status = GRAFT_OK;
    graft_jiter *iter;
    GRAFT_TRY(graft_j__iterate(j, value, &iter));
    GRAFT_TRY(graft_j__add_z(j, out, open, value->origin));
    for (size_t i = 0;; i++) {
        graft_jvalue item;
        bool end = false;
        GRAFT_TRY(graft_j__next(j, iter, &item, &end));
        if (end) {
            if (i == 1 && value->kind == GRAFT_J_TUPLE) {
                GRAFT_TRY(graft_j__add_z(j, out, ",", value->origin));
            }
            break;
        }
        GRAFT_TRY(graft_j__add_z(j, out, i > 0 ? ", " : "", value->origin));
        GRAFT_TRY(graft_j__add_repr(j, out, &item));
    }
    status = graft_j__add_z(j, out, close, value->origin);
done:
    return status;
}

static graft_status add_dict(graft_jinja *j, graft_jbuffer *out, const graft_jvalue *value)
{
    graft_status status = GRAFT_OK;
    const graft_jdict *dict = value->u.dict;
    GRAFT_TRY(graft_j__add_z(j, out, "{", value->origin));
    for (size_t i = 0; i < dict->n; i++) {
        GRAFT_TRY(graft_j__add_z(j, out, i > 0 ? ", " : "", value->origin));
        GRAFT_TRY(graft_j__add_repr(j, out, &dict->entries[i].key));
        GRAFT_TRY(graft_j__add_z(j, out, ": ", value->origin));
        GRAFT_TRY(graft_j__add_repr(j, out, &dict->entries[i].value));
    }
    status = graft_j__add_z(j, out, "}", value->origin);
done:
    return status;
}

static graft_status add_view(graft_jinja *j, graft_jbuffer *out, const graft_jvalue *value)
{
    graft_status status = GRAFT_OK;
    GRAFT_TRY(graft_j__add_z(j, out, graft_j__type_name(value), value->origin));
    status = add_items(j, out, value, "([", "])");
done:
    return status;
}

static graft_status add_range(graft_jinja *j, graft_jbuffer *out, const graft_jrange *range)
{
    char text[96];
    snprintf(text, sizeof text, range->step == 1 ? "range(%lld, %lld)" : "range(%lld, %lld, %lld)",
             (long long)range->start, (long long)range->stop, (long long)range->step);
    return graft_j__add_z(j, out, text, GRAFT_FROM_TEMPLATE);
}

/* Things without a spelling of their own. Python adds an address, which is no use here. */
static graft_status add_thing(graft_jinja *j, graft_jbuffer *out, const graft_jvalue *value)
{
    graft_status status = GRAFT_OK;
    if (value->kind == GRAFT_J_OBJECT && value->u.object->class_->repr != NULL) {
        return value->u.object->class_->repr(j, value->u.object, out);
    }
    GRAFT_TRY(graft_j__add_z(j, out, "<", value->origin));
    GRAFT_TRY(graft_j__add_z(j, out, graft_j__type_name(value), value->origin));
    if (value->kind == GRAFT_J_MACRO) {
        const graft_jnode *macro = value->u.macro->node;
        GRAFT_TRY(graft_j__add_z(j, out, " ", value->origin));
        if (macro->name != NULL) {
            GRAFT_TRY(graft_j__add_z(j, out, "'", value->origin));
            GRAFT_TRY(graft_j__add(j, out, macro->name->text, macro->name->n, value->origin));
        }
        GRAFT_TRY(graft_j__add_z(j, out, macro->name != NULL ? "'" : "anonymous", value->origin));
    } else {
        GRAFT_TRY(graft_j__add_z(j, out, " object", value->origin));
    }
    status = graft_j__add_z(j, out, ">", value->origin);
done:
    return status;
}

static graft_status represent(graft_jinja *j, graft_jbuffer *out, const graft_jvalue *value)
{
    switch (value->kind) {
    case GRAFT_J_UNDEFINED:
        return graft_j__add_z(j, out, "Undefined", value->origin);
    case GRAFT_J_NONE:
        return graft_j__add_z(j, out, "None", value->origin);
    case GRAFT_J_BOOL:
        return graft_j__add_z(j, out, value->u.b ? "True" : "False", value->origin);
    case GRAFT_J_INT:
        return add_int(j, out, value->u.i, value->origin);
    case GRAFT_J_FLOAT:
        return add_float(j, out, value->u.f, value->origin);
    case GRAFT_J_STRING:
        return add_string_repr(j, out, value->u.s);
    case GRAFT_J_LIST:
        return add_items(j, out, value, "[", "]");
    case GRAFT_J_TUPLE:
        return add_items(j, out, value, "(", ")");
    case GRAFT_J_DICT:
        return add_dict(j, out, value);
    case GRAFT_J_VIEW:
        return add_view(j, out, value);
    case GRAFT_J_RANGE:
        return add_range(j, out, value->u.range);
    default:
        return add_thing(j, out, value);
    }
}

graft_status graft_j__add_repr(graft_jinja *j, graft_jbuffer *out, const graft_jvalue *value)
{
    graft_status status = graft_j__enter(j);
    if (status == GRAFT_OK) {
        status = represent(j, out, value);
        graft_j__leave(j);
    }
    return status;
}

graft_status graft_j__add_str(graft_jinja *j, graft_jbuffer *out, const graft_jvalue *value)
{
    if (value->kind == GRAFT_J_STRING) {
        return graft_j__add_string(j, out, value->u.s);
    }
    return value->kind == GRAFT_J_UNDEFINED ? GRAFT_OK : graft_j__add_repr(j, out, value);
}

/* ---- json.dumps ---- */

static const char *json_escape(uint32_t c, bool ascii, char room[16])
{
    static const char letters[] = "\bb\ff\nn\rr\tt\"\"\\\\";
    for (size_t i = 0; i + 1 < sizeof letters; i += 2) {
        if (c == (uint32_t)letters[i]) {
            snprintf(room, 16, "\\%c", letters[i + 1]);
            return room;
        }
    }
    if (c < 0x20 || (ascii && c > 0x7e && c < 0x10000)) {
        snprintf(room, 16, "\\u%04x", (unsigned)c);
    } else if (ascii && c >= 0x10000) {
        snprintf(room, 16, "\\u%04x\\u%04x", 0xd800 + (unsigned)((c - 0x10000) >> 10),
                 0xdc00 + (unsigned)((c - 0x10000) & 0x3ff));
    } else {
        return NULL;
    }
    return room;
}

static graft_status dump_string(graft_jinja *j, const graft_jstring *s, bool ascii,
                                graft_jbuffer *out)
{
    graft_status status = GRAFT_OK;
    const graft_jorigin origin = graft_j__origin_of(s);
    size_t from = 0, bytes = 1;
    GRAFT_TRY(graft_j__add_z(j, out, "\"", origin));
    for (size_t at = 0; at < s->n; at += bytes) {
        char room[16];
        unsigned char first = (unsigned char)s->data[at];
        uint32_t c = first;
        bytes = 1;
        if (first >= ' ' && first < 0x7f && first != '"' && first != '\\') {
            continue;
        }
        if (first >= 0x80) {
            bytes = graft_utf8_decode(s->data + at, s->n - at, &c);
            bytes = bytes == 0 ? 1 : bytes;
        }
        const char *escape = json_escape(c, ascii, room);
        if (escape != NULL) {
            GRAFT_TRY(graft_j__add_part(j, out, s, from, at));
            GRAFT_TRY(graft_j__add_z(j, out, escape, graft_j__origin_at(s, at)));
            from = at + bytes;
        }
    }
    GRAFT_TRY(graft_j__add_part(j, out, s, from, s->n));
    status = graft_j__add_z(j, out, "\"", origin);
done:
    return status;
}

static graft_status dump_scalar(graft_jinja *j, const graft_jvalue *value, graft_jbuffer *out)
{
    if (value->kind == GRAFT_J_NONE) {
        return graft_j__add_z(j, out, "null", value->origin);
    }
    if (value->kind == GRAFT_J_BOOL) {
        return graft_j__add_z(j, out, value->u.b ? "true" : "false", value->origin);
    }
    if (value->kind == GRAFT_J_FLOAT && !isfinite(value->u.f)) {
        const char *name = isnan(value->u.f) ? "NaN" : value->u.f > 0 ? "Infinity" : "-Infinity";
        return graft_j__add_z(j, out, name, value->origin);
    }
    return graft_j__add_repr(j, out, value);
}

static graft_status dump_value(graft_jinja *j, const graft_jvalue *value, const graft_jdumps *how,
                               size_t level, graft_jbuffer *out);

/* Punctuation between the parts of a container comes from where the container comes from. */
static graft_status dump_separator(graft_jinja *j, const graft_jstring *separator, graft_jorigin origin,
                                   graft_jbuffer *out)
{
    return origin != GRAFT_FROM_TEMPLATE
               ? graft_j__add(j, out, separator->data, separator->n, origin)
               : graft_j__add_string(j, out, separator);
}

/* The line end and indentation in front of an item. */
static graft_status dump_line(graft_jinja *j, const graft_jdumps *how, size_t level, graft_jorigin origin,
                              graft_jbuffer *out)
{
    graft_status status = GRAFT_OK;
    if (how->indent != NULL) {
        GRAFT_TRY(graft_j__add_z(j, out, "\n", origin));
        for (size_t i = 0; i < level; i++) {
            GRAFT_TRY(dump_separator(j, how->indent, origin, out));
        }
    }
done:
    return status;
}

static graft_status dump_list(graft_jinja *j, const graft_jvalue *value, const graft_jdumps *how,
                              size_t level, graft_jbuffer *out)
{
    graft_status status = GRAFT_OK;
    const graft_jlist *list = value->u.list;
    GRAFT_TRY(graft_j__add_z(j, out, "[", value->origin));
    for (size_t i = 0; i < list->n; i++) {
        if (i > 0) {
            GRAFT_TRY(dump_separator(j, how->item_separator, value->origin, out));
        }
        GRAFT_TRY(dump_line(j, how, level + 1, value->origin, out));
        GRAFT_TRY(dump_value(j, &list->items[i], how, level + 1, out));
    }
    if (list->n > 0) {
        GRAFT_TRY(dump_line(j, how, level, value->origin, out));
    }
    status = graft_j__add_z(j, out, "]", value->origin);
done:
    return status;
}

static graft_status dump_key(graft_jinja *j, const graft_jvalue *key, const graft_jdumps *how,
                             graft_jbuffer *out)
{
    graft_status status = GRAFT_OK;
    if (key->kind == GRAFT_J_STRING) {
        return dump_string(j, key->u.s, how->ensure_ascii, out);
    }
    if (key->kind != GRAFT_J_NONE && !graft_j__is_number(key)) {
        return graft_j__fail(j, "keys must be str, int, float, bool or None, not %s",
                             graft_j__type_name(key));
    }
    GRAFT_TRY(graft_j__add_z(j, out, "\"", key->origin));
    GRAFT_TRY(dump_scalar(j, key, out));
    status = graft_j__add_z(j, out, "\"", key->origin);
done:
    return status;
}

/* The dict's entries in the order to write them, as pairs. */
static graft_status entries_in_order(graft_jinja *j, const graft_jdict *dict, bool sorted,
                                     const graft_jentry **out)
{
    graft_status status = GRAFT_OK;
    graft_jvalue *order, *keys;
    graft_jentry *entries;
    *out = dict->entries;
    if (!sorted) {
        return GRAFT_OK;
    }
    GRAFT_TRY(graft_j__alloc(j, &order, dict->n, sizeof *order));
    GRAFT_TRY(graft_j__alloc(j, &keys, dict->n, sizeof *keys));
    GRAFT_TRY(graft_j__alloc(j, &entries, dict->n, sizeof *entries));
    for (size_t i = 0; i < dict->n; i++) {
        order[i] = graft_j__int((int64_t)i);
        keys[i] = dict->entries[i].key;
    }
    GRAFT_TRY(graft_j__sort(j, order, keys, dict->n, false));
    for (size_t i = 0; i < dict->n; i++) {
        entries[i] = dict->entries[order[i].u.i];
    }
    *out = entries;
done:
    return status;
}

static graft_status dump_dict(graft_jinja *j, const graft_jvalue *value, const graft_jdumps *how,
                              size_t level, graft_jbuffer *out)
{
    graft_status status = GRAFT_OK;
    const graft_jentry *entries;
    const size_t n = value->u.dict->n;
    GRAFT_TRY(entries_in_order(j, value->u.dict, how->sort_keys, &entries));
    GRAFT_TRY(graft_j__add_z(j, out, "{", value->origin));
    for (size_t i = 0; i < n; i++) {
        if (i > 0) {
            GRAFT_TRY(dump_separator(j, how->item_separator, value->origin, out));
        }
        GRAFT_TRY(dump_line(j, how, level + 1, value->origin, out));
        GRAFT_TRY(dump_key(j, &entries[i].key, how, out));
        GRAFT_TRY(dump_separator(j, how->key_separator, value->origin, out));
        GRAFT_TRY(dump_value(j, &entries[i].value, how, level + 1, out));
    }
    if (n > 0) {
        GRAFT_TRY(dump_line(j, how, level, value->origin, out));
    }
    status = graft_j__add_z(j, out, "}", value->origin);
done:
    return status;
}

static graft_status dump_value(graft_jinja *j, const graft_jvalue *value, const graft_jdumps *how,
                               size_t level, graft_jbuffer *out)
{
    graft_status status = GRAFT_OK;
    GRAFT_TRY(graft_j__enter(j));
    switch (value->kind) {
    case GRAFT_J_NONE:
    case GRAFT_J_BOOL:
    case GRAFT_J_INT:
    case GRAFT_J_FLOAT:
        status = dump_scalar(j, value, out);
        break;
    case GRAFT_J_STRING:
        status = dump_string(j, value->u.s, how->ensure_ascii, out);
        break;
    case GRAFT_J_LIST:
    case GRAFT_J_TUPLE:
        status = dump_list(j, value, how, level, out);
        break;
    case GRAFT_J_DICT:
        status = dump_dict(j, value, how, level, out);
        break;
    default:
        status = graft_j__fail(j, "Object of type %s is not JSON serializable",
                               graft_j__type_name(value));
        break;
    }
    graft_j__leave(j);
done:
    return status;
}

graft_status graft_j__dumps(graft_jinja *j, const graft_jvalue *value, const graft_jdumps *how,
                            graft_jbuffer *out)
{
    return dump_value(j, value, how, 0, out);
}
