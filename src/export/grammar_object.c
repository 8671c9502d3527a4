/* export/grammar_object.c - members in the order in which they are declared, then others. */
#include <string.h>

#include "core/memory.h"
#include "export/grammar_internal.h"

enum { MAX_KEY = 256, MAX_MEMBERS = 2000 };

const graft_glue graft_grammar_json_glue = {
    .first = "\"{\" ws", .separator = "ws \",\" ws", .end = "ws \"}\"", .empty = "\"{\" ws \"}\"",
    .key_close = ":", .value = "ws", .quote = '"', .close = NULL};

typedef struct member {
    const char *key;
    bool required, possible;
    graft_text pair; /* expression of key and value */
} member;

typedef struct object_job {
    graft_grammar_maker *m;
    const graft_parts *parts;
    graft_spelled spelled;
    const graft_glue *glue;
    member *members;
    size_t n, capacity;
    graft_map names; /* -> index in members */
    bool open;          /* others may follow */
    bool patterned;     /* they may match patterns */
    graft_parts others; /* what others have to fit */
    graft_text other;   /* alternatives for one of them */
} object_job;

/* --- which members there are --- */

static graft_status add_member(object_job *o, const char *key, bool required)
{
    graft_status status = GRAFT_OK;
    uint64_t i = o->n;
    if (graft_map_find(&o->names, key, strlen(key), &i)) {
        o->members[i].required = o->members[i].required || required;
        return GRAFT_OK;
    }
    if (o->n == MAX_MEMBERS) {
        return graft_fail(GRAFT_E_DATA, "an object has more than %d properties", MAX_MEMBERS);
    }
    GRAFT_TRY(graft_reserve(&o->members, &o->capacity, o->n + 1, sizeof *o->members));
    GRAFT_TRY(graft_map_set(&o->names, key, strlen(key), o->n, NULL));
    o->members[o->n++] = (member){.key = key, .required = required};
done:
    return status;
}

static graft_status find_members(object_job *o)
{
    graft_status status = GRAFT_OK;
    const graft_parts *parts = o->parts;
    for (size_t i = 0; i < parts->n; i++) {
        const graft_json *declared = graft_grammar__keyword(parts, i, "properties");
        for (graft_json_iter it = graft_json_iter_begin(declared); graft_json_iter_next(&it);) {
            GRAFT_TRY(add_member(o, it.key, false));
        }
    }
    for (size_t i = 0; i < parts->n; i++) {
        const graft_json *required = graft_grammar__keyword(parts, i, "required");
        for (size_t k = 0; k < graft_json_length(required); k++) {
            size_t n = 0;
            const char *key = graft_json_string(graft_json_at(required, k), &n);
            if (key != NULL && strlen(key) == n) {
                GRAFT_TRY(add_member(o, key, true));
            }
        }
    }
done:
    return status;
}

/* Does a keyword that is not kept speak of properties, which may be others than those declared? */
static bool speaks_of_more(const graft_parts *parts, size_t i)
{
    static const char *const keywords[] = {"dependentSchemas", "dependencies", "if", "$dynamicRef"};
    for (size_t k = 0; k < sizeof keywords / sizeof *keywords; k++) {
        if (graft_grammar__has(parts, i, keywords[k])) {
            return true;
        }
    }
    return graft_json_bool(graft_grammar__keyword(parts, i, "unevaluatedProperties"));
}

/* May there be members that are not declared, and what do they have to fit? */
static graft_status find_others(object_job *o)
{
    graft_status status = GRAFT_OK;
    bool declares = false, says = false, closed = false;
    bool of_call = o->glue != &graft_grammar_json_glue; /* a tool with no properties takes none */
    for (size_t i = 0; i < o->parts->n; i++) {
        const graft_json *others = graft_grammar__keyword(o->parts, i, "additionalProperties");
        const graft_json *patterns = graft_grammar__keyword(o->parts, i, "patternProperties");
        bool patterned = graft_json_length(patterns) > 0;
        o->patterned = o->patterned || patterned;
        declares = declares || (of_call && graft_grammar__has(o->parts, i, "properties")) ||
                   graft_json_length(graft_grammar__keyword(o->parts, i, "properties")) > 0;
        says = says || others != NULL || speaks_of_more(o->parts, i);
        if (graft_json_is(others, GRAFT_JSON_BOOL) && !graft_json_bool(others)) {
            closed = true;
        } else if (!patterned) { /* what matches a pattern need not fit it */
            GRAFT_TRY(graft_grammar__add_part(o->m, &o->others, others));
        }
    }
    o->open = !closed && (says || !declares);
done:
    return status;
}

/* --- pairs --- */

static graft_status append_key(object_job *o, graft_text *out, const char *key)
{
    graft_status status = GRAFT_OK;
    const graft_glue *glue = o->glue;
    if (glue->quote == 0) {
        return graft_grammar__literal_z(out, key);
    }
    bool python = o->spelled == GRAFT_SPELLED_PYTHON;
    GRAFT_TRY(graft_text_append_z(out, python ? "(" : ""));
    GRAFT_TRY(graft_grammar__quoted(out, key, strlen(key), glue->quote));
    if (python) {
        GRAFT_TRY(graft_text_append_z(out, " | "));
        GRAFT_TRY(graft_grammar__quoted(out, key, strlen(key), '\''));
        GRAFT_TRY(graft_text_append_z(out, ")"));
    }
    GRAFT_TRY(graft_text_append_char(out, ' '));
    status = graft_grammar__literal_z(out, glue->key_close);
done:
    return status;
}

/* Appends the value's expression; nothing, and *possible is false, if none fits. */
static graft_status append_member_value(object_job *o, graft_text *out, const graft_parts *parts,
                                        bool *possible)
{
    graft_status status = GRAFT_OK;
    graft_rule rule;
    graft_text body;
    graft_text_init(&body);
    if (o->glue->close != NULL) {
        GRAFT_TRY(graft_grammar__raw(o->m, &body, parts, o->glue->close));
        *possible = body.len > 0;
        GRAFT_TRY(*possible ? graft_grammar__rule(o->m, &rule, "raw", &body) : GRAFT_OK);
    } else {
        GRAFT_TRY(graft_grammar__value(o->m, &rule, parts, o->spelled));
        *possible = rule.name[0] != 0;
    }
    if (*possible) {
        GRAFT_TRY(graft_text_appendf(out, " %s %s", o->glue->value, rule.name));
    }
done:
    graft_text_clear(&body);
    return status;
}

/* What a member has to fit: of each part its own property or, unless a pattern might take its place,
 * what others have to fit. */
static graft_status parts_of_member(object_job *o, graft_parts *out, const char *key)
{
    graft_status status = GRAFT_OK;
    *out = (graft_parts){0};
    for (size_t i = 0; i < o->parts->n; i++) {
        const graft_json *declared = graft_grammar__keyword(o->parts, i, "properties");
        const graft_json *patterns = graft_grammar__keyword(o->parts, i, "patternProperties");
        GRAFT_TRY(graft_grammar__add_part(
            o->m, out,
            graft_json_has(declared, key)        ? graft_json_get(declared, key)
            : graft_json_length(patterns) > 0 ? NULL
                                              : graft_grammar__keyword(o->parts, i,
                                                                       "additionalProperties")));
    }
done:
    return status;
}

static graft_status make_pair(object_job *o, member *one)
{
    graft_status status = GRAFT_OK;
    graft_parts parts;
    graft_text pair;
    graft_rule rule;
    graft_text_init(&pair);
    graft_text_init(&one->pair);
    GRAFT_TRY(parts_of_member(o, &parts, one->key));
    GRAFT_TRY(append_key(o, &pair, one->key));
    GRAFT_TRY(append_member_value(o, &pair, &parts, &one->possible));
    if (one->possible) {
        GRAFT_TRY(graft_grammar__rule(o->m, &rule, "member", &pair));
        GRAFT_TRY(graft_text_append_z(&one->pair, rule.name));
    }
done:
    graft_text_clear(&pair);
    return status;
}

/* --- others --- */

/* An expression for the key of another member with what stands behind it. */
static graft_status append_other_key(object_job *o, graft_text *out, const char **keys, size_t n)
{
    graft_status status = GRAFT_OK;
    graft_rule rule, second;
    if (o->glue->quote == 0) { /* a word */
        return graft_text_append_z(out, "[A-Za-z_] [A-Za-z0-9_.-]*");
    }
    GRAFT_TRY(graft_grammar__other_key(o->m, &rule, keys, n, '"'));
    if (o->spelled == GRAFT_SPELLED_PYTHON) {
        GRAFT_TRY(graft_grammar__other_key(o->m, &second, keys, n, '\''));
        GRAFT_TRY(graft_text_appendf(out, "(%s | %s) ", rule.name, second.name));
    } else {
        GRAFT_TRY(graft_text_appendf(out, "%s ", rule.name));
    }
    status = graft_grammar__literal_z(out, o->glue->key_close);
done:
    return status;
}

static graft_status add_other(object_job *o, const graft_text *key, const graft_parts *value)
{
    graft_status status = GRAFT_OK;
    bool possible;
    graft_text pair;
    graft_rule rule;
    graft_text_init(&pair);
    GRAFT_TRY(graft_text_append(&pair, key->data, key->len));
    GRAFT_TRY(append_member_value(o, &pair, value, &possible));
    if (possible) {
        GRAFT_TRY(graft_grammar__rule(o->m, &rule, "other", &pair));
        GRAFT_TRY(graft_text_appendf(&o->other, "%s%s", o->other.len > 0 ? " | " : "", rule.name));
    }
done:
    graft_text_clear(&pair);
    return status;
}

/* The members that a pattern allows; a key is any where the pattern has no grammar. */
static graft_status add_patterned(object_job *o, const char *pattern, const graft_json *schema,
                                  const graft_text *any_key)
{
    graft_status status = GRAFT_OK;
    bool understood = false;
    graft_parts value = {0};
    graft_text key, inner;
    graft_text_init(&key);
    graft_text_init(&inner);
    GRAFT_TRY(graft_grammar__add_part(o->m, &value, schema));
    if (o->glue->quote == '"' && o->spelled == GRAFT_SPELLED_JSON) {
        GRAFT_TRY(graft_grammar__pattern(&inner, &understood, pattern, strlen(pattern), '"'));
    }
    if (understood) {
        GRAFT_TRY(graft_text_appendf(&key, "\"\\\"\" (%s) \"\\\":\"", graft_text_z(&inner)));
    } else {
        GRAFT_TRY(graft_grammar__remark(o->m, "patternProperties", "a pattern lets every key "
                                        "through"));
        GRAFT_TRY(graft_text_append(&key, any_key->data, any_key->len));
    }
    status = add_other(o, &key, &value);
done:
    graft_text_clear(&key);
    graft_text_clear(&inner);
    return status;
}

static graft_status find_keys(object_job *o, const char **keys, size_t *n)
{
    size_t bytes = 0;
    *n = 0;
    for (size_t i = 0; i < o->n; i++) {
        bytes += strlen(o->members[i].key);
        keys[i] = o->members[i].key;
        if (strlen(o->members[i].key) > MAX_KEY || bytes > GRAFT_GRAMMAR_MAX_RULES) {
            return graft_grammar__remark(o->m, "additionalProperties", "long declared keys pass as "
                                         "others, too");
        }
    }
    *n = o->n;
    return GRAFT_OK;
}

static graft_status make_others(object_job *o)
{
    graft_status status = GRAFT_OK;
    const char **keys = NULL;
    size_t n;
    graft_text key;
    graft_text_init(&key);
    if (!o->open && !o->patterned) {
        return GRAFT_OK;
    }
    GRAFT_TRY(graft_alloc(&keys, o->n, sizeof *keys));
    GRAFT_TRY(find_keys(o, keys, &n));
    GRAFT_TRY(append_other_key(o, &key, keys, n));
    for (size_t i = 0; i < o->parts->n; i++) {
        const graft_json *patterns = graft_grammar__keyword(o->parts, i, "patternProperties");
        for (graft_json_iter it = graft_json_iter_begin(patterns); graft_json_iter_next(&it);) {
            GRAFT_TRY(add_patterned(o, it.key, it.value, &key));
        }
    }
    if (o->open) {
        if (o->patterned) {
            GRAFT_TRY(graft_grammar__remark(o->m, "patternProperties", "what others may be, a member "
                                            "of such a key may be, too"));
        }
        GRAFT_TRY(add_other(o, &key, &o->others));
    }
done:
    graft_free(keys);
    graft_text_clear(&key);
    return status;
}

/* --- the object --- */

/* Is there anything that tells how many members there are? At least one is kept, as is none at all. */
static graft_status check_counts(object_job *o, bool *may_be_empty, bool *must_be_empty)
{
    graft_status status = GRAFT_OK;
    size_t low = 0, high = SIZE_MAX, n_required = 0;
    for (size_t i = 0; i < o->n; i++) {
        n_required += o->members[i].required;
    }
    graft_grammar__count(o->parts, "minProperties", true, &low);
    graft_grammar__count(o->parts, "maxProperties", false, &high);
    if (low > 1 && low > n_required) {
        GRAFT_TRY(graft_grammar__remark(o->m, "minProperties", "more than one is not kept"));
    }
    if (high > 0 && high != SIZE_MAX && (o->other.len > 0 || high < o->n)) {
        GRAFT_TRY(graft_grammar__remark(o->m, "maxProperties", "is not kept"));
    }
    *may_be_empty = low == 0 && n_required == 0;
    *must_be_empty = high == 0;
done:
    return status;
}

/* A sequence that may be long is given a name, so that it is not written twice. */
static graft_status name_it(object_job *o, graft_text *text)
{
    graft_status status = GRAFT_OK;
    graft_rule rule;
    GRAFT_TRY(graft_grammar__rule(o->m, &rule, "rest", text));
    text->len = 0;
    status = graft_text_append_z(text, rule.name);
done:
    return status;
}

/* From the last member to the first: `rest` is what stands behind a member, `begin` what members can
 * begin with from here on ("": nothing). */
static graft_status chain(object_job *o, graft_text *begin)
{
    graft_status status = GRAFT_OK;
    const graft_glue *glue = o->glue;
    graft_text rest, next;
    graft_text_init(&rest);
    graft_text_init(&next);
    if (o->other.len > 0) {
        GRAFT_TRY(name_it(o, &o->other));
        GRAFT_TRY(graft_text_appendf(&rest, "(%s %s)* ", glue->separator, o->other.data));
        GRAFT_TRY(graft_text_appendf(begin, "%s (%s %s)* %s", o->other.data, glue->separator,
                                     o->other.data, glue->end));
    }
    GRAFT_TRY(graft_text_append_z(&rest, glue->end));
    for (size_t i = o->n; i-- > 0;) {
        const member *one = &o->members[i];
        if (!one->possible) {
            continue;
        }
        GRAFT_TRY(name_it(o, &rest));
        next.len = 0;
        GRAFT_TRY(graft_text_appendf(&next, "%s %s", one->pair.data, rest.data));
        if (!one->required && begin->len > 0) {
            GRAFT_TRY(name_it(o, begin));
            GRAFT_TRY(graft_text_appendf(&next, " | %s", begin->data));
        }
        begin->len = 0;
        GRAFT_TRY(graft_text_append(begin, next.data, next.len));
        next.len = 0;
        GRAFT_TRY(graft_text_appendf(&next, "%s %s %s", glue->separator, one->pair.data, rest.data));
        if (!one->required) {
            GRAFT_TRY(graft_text_appendf(&next, " | %s", rest.data));
        }
        rest.len = 0;
        GRAFT_TRY(graft_text_append(&rest, next.data, next.len));
    }
done:
    graft_text_clear(&rest);
    graft_text_clear(&next);
    return status;
}

static graft_status write_object(object_job *o, graft_text *out)
{
    graft_status status = GRAFT_OK;
    bool may_be_empty = true, must_be_empty = false;
    graft_text begin;
    graft_text_init(&begin);
    for (size_t i = 0; i < o->n; i++) {
        if (o->members[i].required && !o->members[i].possible) {
            return GRAFT_OK;
        }
    }
    GRAFT_TRY(check_counts(o, &may_be_empty, &must_be_empty));
    GRAFT_TRY(chain(o, &begin));
    if (begin.len > 0 && !must_be_empty) {
        GRAFT_TRY(name_it(o, &begin));
        GRAFT_TRY(graft_text_appendf(out, "%s %s", o->glue->first, begin.data));
    }
    if (may_be_empty) {
        GRAFT_TRY(graft_text_appendf(out, "%s%s", out->len > 0 ? " | " : "", o->glue->empty));
    }
done:
    graft_text_clear(&begin);
    return status;
}

graft_status graft_grammar__object(graft_grammar_maker *m, graft_text *out,
                                   const graft_parts *parts, graft_spelled spelled,
                                   const graft_glue *glue)
{
    graft_status status = GRAFT_OK;
    object_job o = {.m = m, .parts = parts, .spelled = spelled, .glue = glue};
    graft_map_init(&o.names);
    graft_text_init(&o.other);
    GRAFT_TRY(find_members(&o));
    GRAFT_TRY(graft_grammar__spend(m, o.n * parts->n));
    GRAFT_TRY(find_others(&o));
    if (o.n == 0 && o.open && !o.patterned && o.others.n == 0 && glue == &graft_grammar_json_glue &&
        !graft_grammar__count(parts, "minProperties", true, &(size_t){0}) &&
        !graft_grammar__count(parts, "maxProperties", false, &(size_t){0})) {
        status = graft_text_append_z(out, spelled == GRAFT_SPELLED_JSON ? "object" : "py-object");
        goto done;
    }
    for (size_t i = 0; i < o.n; i++) {
        GRAFT_TRY(make_pair(&o, &o.members[i]));
    }
    GRAFT_TRY(make_others(&o));
    status = write_object(&o, out);
done:
    for (size_t i = 0; i < o.n; i++) {
        graft_text_clear(&o.members[i].pair);
    }
    graft_free(o.members);
    graft_map_clear(&o.names);
    graft_text_clear(&o.other);
    return status;
}
