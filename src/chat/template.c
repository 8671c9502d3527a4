/* chat/template.c - templates from the outside: parse, render, the values they are given. */
#include "chat/template.h"

#include <string.h>

#include "chat/jinja.h"
#include "core/clock.h"
#include "core/daytime.h"
#include "core/memory.h"

enum { MAX_SOURCE = 4 << 20, MAX_PARSE_DEPTH = 500 };

struct graft_template {
    graft_jinja parsed; /* owns the tree */
    graft_jtree tree;
    graft_template_limits limits;
    int64_t now;
    char *name;
};

void graft_rendered_init(graft_rendered *rendered)
{
    graft_text_init(&rendered->text);
    graft_text_init(&rendered->origin);
}

void graft_rendered_clear(graft_rendered *rendered)
{
    graft_text_clear(&rendered->text);
    graft_text_clear(&rendered->origin);
}

graft_status graft_template_parse(graft_template **out, const char *source, size_t n, const char *name)
{
    graft_status status = GRAFT_OK;
    graft_template *tpl = NULL;
    graft_jtokens tokens;
    size_t bad;
    *out = NULL;
    if (n > MAX_SOURCE) {
        return graft_fail(GRAFT_E_MODEL, "%s: a template of %zu bytes (at most %d)", name, n,
                          (int)MAX_SOURCE);
    }
    if (!graft_utf8_valid(source, n, &bad)) {
        return graft_fail(GRAFT_E_MODEL, "%s: byte %zu is not valid UTF-8", name, bad);
    }
    GRAFT_TRY(graft_alloc(&tpl, 1, sizeof *tpl));
    graft_j__init(&tpl->parsed, "", GRAFT_E_MODEL, &graft_template_default_limits);
    GRAFT_TRY(graft_strdup(&tpl->name, name));
    tpl->parsed.name = tpl->name;
    tpl->parsed.limits.depth = MAX_PARSE_DEPTH;
    tpl->limits = graft_template_default_limits;
    graft_template_set_time(tpl, -1);
    GRAFT_TRY(graft_j__tokenize(&tpl->parsed, source, n, &tokens));
    GRAFT_TRY(graft_j__parse(&tpl->parsed, &tokens, &tpl->tree));
    GRAFT_TRY(graft_j__resolve(&tpl->parsed, &tpl->tree));
    *out = tpl;
    tpl = NULL;
done:
    graft_template_free(tpl);
    return status;
}

void graft_template_free(graft_template *tpl)
{
    if (tpl != NULL) {
        graft_j__clear(&tpl->parsed);
        graft_free(tpl->name);
        graft_free(tpl);
    }
}

void graft_template_set_limits(graft_template *tpl, const graft_template_limits *limits)
{
    tpl->limits = *limits;
}

void graft_template_set_time(graft_template *tpl, int64_t calendar)
{
    tpl->now = calendar >= 0 ? calendar : graft_daytime_calendar(graft_clock_wall());
}

int64_t graft_template_time(const graft_template *tpl)
{
    return tpl->now;
}

/* ---- values from JSON ---- */

static graft_status string_from_json(graft_jinja *j, const char *bytes, size_t n, graft_jorigin origin,
                                     graft_jvalue *out)
{
    if (!graft_utf8_valid(bytes, n, NULL)) {
        return graft_j__fail(j, "a text given to the template is not valid UTF-8");
    }
    return graft_j__string(j, out, bytes, n, origin);
}

static graft_status object_from_json(graft_jinja *j, const graft_json *json, graft_jorigin origin,
                                     graft_jvalue *out)
{
    graft_status status = GRAFT_OK;
    graft_jdict *dict;
    GRAFT_TRY(graft_j__dict_new(j, &dict));
    for (graft_json_iter it = graft_json_iter_begin(json); graft_json_iter_next(&it);) {
        graft_jvalue key, value;
        GRAFT_TRY(string_from_json(j, it.key, strlen(it.key), origin, &key));
        GRAFT_TRY(graft_j__from_json(j, it.value, origin, &value));
        GRAFT_TRY(graft_j__dict_set(j, dict, &key, value));
    }
    *out = graft_j__dict(dict);
done:
    return status;
}

static graft_status array_from_json(graft_jinja *j, const graft_json *json, graft_jorigin origin,
                                    graft_jvalue *out)
{
    graft_status status = GRAFT_OK;
    const size_t n = graft_json_length(json);
    graft_jlist *list;
    GRAFT_TRY(graft_j__list_new(j, &list, n));
    for (size_t i = 0; i < n; i++) {
        GRAFT_TRY(graft_j__from_json(j, graft_json_at(json, i), origin, &list->items[i]));
        list->n++;
    }
    *out = graft_j__list(list);
done:
    return status;
}

graft_status graft_j__from_json(graft_jinja *j, const graft_json *json, graft_jorigin origin,
                                graft_jvalue *out)
{
    graft_status status = GRAFT_OK;
    const char *text;
    size_t n;
    GRAFT_TRY(graft_j__enter(j));
    switch (graft_json_get_type(json)) {
    case GRAFT_JSON_NULL:
        *out = graft_j__none;
        break;
    case GRAFT_JSON_BOOL:
        *out = graft_j__bool(graft_json_bool(json));
        break;
    case GRAFT_JSON_INT:
        *out = graft_j__int(graft_json_int(json));
        break;
    case GRAFT_JSON_DOUBLE:
        *out = graft_j__float(graft_json_double(json));
        break;
    case GRAFT_JSON_STRING:
        text = graft_json_string(json, &n);
        GRAFT_TRY(string_from_json(j, text, n, origin, out));
        break;
    case GRAFT_JSON_ARRAY:
        GRAFT_TRY(array_from_json(j, json, origin, out));
        break;
    case GRAFT_JSON_OBJECT:
        GRAFT_TRY(object_from_json(j, json, origin, out));
        break;
    }
    out->origin = origin;
    graft_j__leave(j);
done:
    return status;
}

/* Roles are words of the format, not words of the user: templates like '<|' + role + '|>' make
 * control tokens of them. */
static graft_status trust_roles(graft_jinja *j, const graft_jdict *data)
{
    static const char *const roles[] = {"system", "developer", "user", "assistant", "tool"};
    graft_status status = GRAFT_OK;
    const graft_jvalue *messages = graft_j__dict_get(data, "messages", 8);
    if (messages == NULL || messages->kind != GRAFT_J_LIST) {
        return GRAFT_OK;
    }
    for (size_t i = 0; i < messages->u.list->n; i++) {
        const graft_jvalue *message = &messages->u.list->items[i], *role;
        if (message->kind != GRAFT_J_DICT ||
            (role = graft_j__dict_get(message->u.dict, "role", 4)) == NULL ||
            role->kind != GRAFT_J_STRING) {
            continue;
        }
        for (size_t k = 0; k < sizeof roles / sizeof *roles; k++) {
            if (graft_j__is(role->u.s, roles[k])) {
                graft_jvalue key, trusted;
                GRAFT_TRY(graft_j__string_z(j, &key, "role"));
                GRAFT_TRY(graft_j__string_z(j, &trusted, roles[k]));
                GRAFT_TRY(graft_j__dict_set(j, message->u.dict, &key, trusted));
            }
        }
    }
done:
    return status;
}

/* The members of `json` as variables. */
static graft_status variables(graft_jinja *j, const graft_json *json, graft_jorigin origin,
                              const graft_jdict **out)
{
    graft_status status = GRAFT_OK;
    graft_jvalue value;
    *out = NULL;
    if (json == NULL) {
        return GRAFT_OK;
    }
    if (!graft_json_is(json, GRAFT_JSON_OBJECT)) {
        return graft_j__fail(j, "the template's variables are not an object");
    }
    GRAFT_TRY(graft_j__from_json(j, json, origin, &value));
    if (origin == GRAFT_FROM_DATA) {
        GRAFT_TRY(trust_roles(j, value.u.dict));
    }
    *out = value.u.dict;
done:
    return status;
}

/* ---- rendering ---- */

static graft_status copy_out(const graft_jbuffer *buffer, graft_rendered *out)
{
    graft_status status = GRAFT_OK;
    GRAFT_TRY(graft_text_append(&out->text, buffer->data, buffer->n));
    /* appended for its length, then overwritten */
    GRAFT_TRY(graft_text_append(&out->origin, buffer->data, buffer->n));
    for (size_t i = 0; i < buffer->n; i++) {
        graft_jorigin origin = buffer->origin != NULL ? buffer->origin[i] : buffer->uniform;
        out->origin.data[i] = origin == GRAFT_FROM_TEMPLATE;
    }
done:
    return status;
}

graft_status graft_template_render(const graft_template *tpl, graft_rendered *out,
                                   const graft_json *data, const graft_json *trusted)
{
    return graft_template_trace(tpl, out, NULL, data, trusted);
}

graft_status graft_template_trace(const graft_template *tpl, graft_rendered *out,
                                  graft_chat_parts *parts, const graft_json *data,
                                  const graft_json *trusted)
{
    graft_status status = GRAFT_OK;
    graft_jinja j;
    graft_jbuffer buffer = {0};
    graft_j__init(&j, tpl->name, GRAFT_E_DATA, &tpl->limits);
    j.now = tpl->now;
    j.line = 1;
    graft_rendered_clear(out);
    GRAFT_TRY(variables(&j, data, GRAFT_FROM_DATA, &j.data));
    GRAFT_TRY(variables(&j, trusted, GRAFT_FROM_TEMPLATE, &j.trusted));
    if (parts != NULL && j.data != NULL) {
        GRAFT_TRY(graft_parts__tag(&j, parts, j.data));
    }
    GRAFT_TRY(graft_j__activate(&j, &tpl->tree.unit, NULL, &j.active));
    graft_j__enter_frame(&j, &tpl->tree.frame);
    j.out = &buffer;
    GRAFT_TRY(graft_j__exec_all(&j, tpl->tree.items, tpl->tree.n_items));
    GRAFT_TRY(copy_out(&buffer, out));
    if (parts != NULL) {
        graft_parts__mark(parts, buffer.origin != NULL ? buffer.origin : &buffer.uniform,
                          buffer.origin != NULL ? buffer.n : buffer.n > 0);
    }
done:
    if (status != GRAFT_OK) {
        graft_rendered_clear(out);
    }
    graft_j__clear(&j);
    return status;
}
