/* export/grammar_value.c - what several schemas ask of one value, type by type. */
#include <string.h>

#include "export/grammar_internal.h"

enum { USED_REF = 1, USED_ALL_OF = 2, USED_ANY_OF = 4, USED_ONE_OF = 8, ALONE = 16 };

/* Keywords that no grammar keeps, and the value with which they ask for nothing. */
static const struct { const char *keyword; unsigned types; int nothing; } not_kept[] = {
    {"not", GRAFT_G_ALL, false}, {"if", GRAFT_G_ALL, -1}, {"$dynamicRef", GRAFT_G_ALL, -1},
    {"uniqueItems", GRAFT_G_ARRAY, false}, {"contains", GRAFT_G_ARRAY, -1},
    {"unevaluatedItems", GRAFT_G_ARRAY, true}, {"unevaluatedProperties", GRAFT_G_OBJECT, true},
    {"propertyNames", GRAFT_G_OBJECT, true}, {"dependentRequired", GRAFT_G_OBJECT, -1},
    {"dependentSchemas", GRAFT_G_OBJECT, -1}, {"dependencies", GRAFT_G_OBJECT, -1},
};

/* --- parts --- */

graft_status graft_grammar__add_part(graft_grammar_maker *m, graft_parts *parts,
                                     const graft_json *json)
{
    if (!graft_json_is(json, GRAFT_JSON_OBJECT) && !graft_json_is(json, GRAFT_JSON_BOOL)) {
        return GRAFT_OK;
    }
    for (size_t i = 0; i < parts->n; i++) {
        if (parts->at[i].json == json) {
            return GRAFT_OK;
        }
    }
    if (parts->n == GRAFT_GRAMMAR_MAX_PARTS) {
        return graft_grammar__remark(m, "allOf", "too many schemas for one value: not all are kept");
    }
    parts->at[parts->n].json = json;
    parts->at[parts->n++].used = 0;
    return GRAFT_OK;
}

const graft_json *graft_grammar__keyword(const graft_parts *parts, size_t i, const char *keyword)
{
    return (parts->at[i].used & ALONE) != 0 ? NULL : graft_json_get(parts->at[i].json, keyword);
}

bool graft_grammar__has(const graft_parts *parts, size_t i, const char *keyword)
{
    return (parts->at[i].used & ALONE) == 0 && graft_json_has(parts->at[i].json, keyword);
}

static unsigned type_named(const graft_json *name)
{
    static const struct { const char *name; unsigned types; } known[] = {
        {"null", GRAFT_G_NULL}, {"boolean", GRAFT_G_BOOL}, {"bool", GRAFT_G_BOOL},
        {"integer", GRAFT_G_INT}, {"int", GRAFT_G_INT},
        {"number", GRAFT_G_INT | GRAFT_G_FRACTION}, {"float", GRAFT_G_INT | GRAFT_G_FRACTION},
        {"string", GRAFT_G_STRING}, {"str", GRAFT_G_STRING},
        {"array", GRAFT_G_ARRAY}, {"list", GRAFT_G_ARRAY}, {"tuple", GRAFT_G_ARRAY},
        {"object", GRAFT_G_OBJECT}, {"dict", GRAFT_G_OBJECT},
    };
    const char *text = graft_json_string(name, NULL);
    for (size_t i = 0; text != NULL && i < sizeof known / sizeof *known; i++) {
        if (strcmp(known[i].name, text) == 0) {
            return known[i].types;
        }
    }
    return 0;
}

/* The types that part i allows; all if it names none that is known. */
static graft_status types_of(graft_grammar_maker *m, const graft_parts *parts, size_t i,
                             unsigned *types)
{
    const graft_json *type = graft_grammar__keyword(parts, i, "type");
    bool list = graft_json_is(type, GRAFT_JSON_ARRAY);
    unsigned found = list ? 0 : type_named(type);
    *types = GRAFT_G_ALL;
    if (type == NULL) {
        return GRAFT_OK;
    }
    for (size_t k = 0; list && k < graft_json_length(type); k++) {
        unsigned one = type_named(graft_json_at(type, k));
        found = one == 0 ? GRAFT_G_ALL : found | one;
    }
    if (found == 0) {
        return graft_grammar__remark(m, "type", "an unknown type lets every value through");
    }
    *types = found;
    return GRAFT_OK;
}

static graft_status follow(graft_grammar_maker *m, graft_parts *parts, size_t i)
{
    graft_status status = GRAFT_OK;
    const graft_json *json = parts->at[i].json, *all = NULL;
    bool alone = false;
    if ((parts->at[i].used & USED_REF) == 0 && graft_json_has(json, "$ref")) {
        const graft_json *target = graft_schema_reference(m->schema, json, &alone);
        parts->at[i].used |= USED_REF | (alone ? ALONE : 0);
        if (target == NULL) {
            GRAFT_TRY(graft_grammar__remark(m, "$ref", "leads nowhere: every value passes it"));
        }
        GRAFT_TRY(graft_grammar__add_part(m, parts, target));
    }
    if ((parts->at[i].used & (USED_ALL_OF | ALONE)) == 0) {
        all = graft_json_get(json, "allOf");
        parts->at[i].used |= USED_ALL_OF;
    }
    for (size_t k = 0; graft_json_is(all, GRAFT_JSON_ARRAY) && k < graft_json_length(all); k++) {
        GRAFT_TRY(graft_grammar__add_part(m, parts, graft_json_at(all, k)));
    }
done:
    return status;
}

/* Adds what references and allOf lead to to the parts; *types are those left. */
static graft_status expand(graft_grammar_maker *m, graft_parts *parts, unsigned *types)
{
    graft_status status = GRAFT_OK;
    *types = GRAFT_G_ALL;
    for (size_t i = 0; i < parts->n; i++) {
        unsigned own = 0;
        const graft_json *json = parts->at[i].json;
        if (graft_json_is(json, GRAFT_JSON_BOOL)) {
            *types = graft_json_bool(json) ? *types : 0;
            continue;
        }
        GRAFT_TRY(follow(m, parts, i));
        GRAFT_TRY(types_of(m, parts, i, &own));
        *types &= own;
    }
done:
    return status;
}

/* Says which keywords are let go. */
static graft_status remark_keywords(graft_grammar_maker *m, const graft_parts *parts, unsigned types)
{
    graft_status status = GRAFT_OK;
    for (size_t i = 0; i < parts->n; i++) {
        for (size_t k = 0; k < sizeof not_kept / sizeof *not_kept; k++) {
            const graft_json *value = graft_grammar__keyword(parts, i, not_kept[k].keyword);
            bool nothing = graft_json_is(value, GRAFT_JSON_BOOL) &&
                           graft_json_bool(value) == not_kept[k].nothing;
            if (graft_grammar__has(parts, i, not_kept[k].keyword) && !nothing &&
                (types & not_kept[k].types) != 0) {
                GRAFT_TRY(graft_grammar__remark(m, not_kept[k].keyword, "is not kept"));
            }
        }
    }
done:
    return status;
}

/* --- one of several --- */

/* The first part with anyOf or oneOf that was not used: SIZE_MAX if none. */
static size_t find_choice(const graft_parts *parts, const char **keyword, unsigned *bit)
{
    for (size_t i = 0; i < parts->n; i++) {
        const graft_json *any = graft_grammar__keyword(parts, i, "anyOf");
        const graft_json *one = graft_grammar__keyword(parts, i, "oneOf");
        if ((parts->at[i].used & USED_ANY_OF) == 0 && graft_json_is(any, GRAFT_JSON_ARRAY)) {
            *keyword = "anyOf";
            *bit = USED_ANY_OF;
            return i;
        }
        if ((parts->at[i].used & USED_ONE_OF) == 0 && graft_json_is(one, GRAFT_JSON_ARRAY)) {
            *keyword = "oneOf";
            *bit = USED_ONE_OF;
            return i;
        }
    }
    return SIZE_MAX;
}

/* Do the branches of a oneOf exclude each other? So they do if their types differ, or if all but one
 * are enumerated. */
static graft_status remark_one_of(graft_grammar_maker *m, const graft_json *branches)
{
    graft_status status = GRAFT_OK;
    unsigned seen = 0;
    bool apart = true;
    for (size_t i = 0; i < graft_json_length(branches); i++) {
        graft_parts one = {0};
        unsigned types;
        GRAFT_TRY(graft_grammar__add_part(m, &one, graft_json_at(branches, i)));
        GRAFT_TRY(expand(m, &one, &types));
        apart = apart && (seen & types) == 0;
        seen |= types;
    }
    if (!apart) {
        GRAFT_TRY(graft_grammar__remark(m, "oneOf", "what fits several of them passes, too"));
    }
done:
    return status;
}

/* --- values --- */

static graft_status separate(graft_text *out)
{
    return out->len > 0 ? graft_text_append_z(out, " | ") : GRAFT_OK;
}

static bool says_anything(const graft_parts *parts)
{
    for (size_t i = 0; i < parts->n; i++) {
        if (graft_json_is(parts->at[i].json, GRAFT_JSON_OBJECT) &&
            graft_json_length(parts->at[i].json) > 0) {
            return true;
        }
    }
    return false;
}

static bool refuses(const graft_parts *parts)
{
    for (size_t i = 0; i < parts->n; i++) {
        if (graft_json_is(parts->at[i].json, GRAFT_JSON_BOOL) &&
            !graft_json_bool(parts->at[i].json)) {
            return true;
        }
    }
    return false;
}

static graft_status by_type(graft_grammar_maker *m, graft_text *out, const graft_parts *parts,
                            unsigned types, graft_spelled spelled)
{
    graft_status status = GRAFT_OK;
    bool python = spelled == GRAFT_SPELLED_PYTHON;
    graft_text one;
    graft_text_init(&one);
    GRAFT_TRY(remark_keywords(m, parts, types));
    for (unsigned type = 1; type < GRAFT_G_ALL; type <<= 1) {
        one.len = 0;
        if ((types & type) == 0 || (type == GRAFT_G_FRACTION && (types & GRAFT_G_INT) != 0)) {
            continue;
        }
        switch (type) {
        case GRAFT_G_NULL: GRAFT_TRY(graft_text_append_z(&one, python ? "py-null" : "null")); break;
        case GRAFT_G_BOOL:
            GRAFT_TRY(graft_text_append_z(&one, python ? "py-boolean" : "boolean"));
            break;
        case GRAFT_G_INT:
        case GRAFT_G_FRACTION: GRAFT_TRY(graft_grammar__number(m, &one, parts, types)); break;
        case GRAFT_G_STRING:
            GRAFT_TRY(graft_grammar__string(m, &one, parts, '"'));
            if (python && one.len > 0) {
                GRAFT_TRY(separate(&one));
                GRAFT_TRY(graft_grammar__string(m, &one, parts, '\''));
            }
            break;
        case GRAFT_G_ARRAY: GRAFT_TRY(graft_grammar__array(m, &one, parts, spelled)); break;
        default:
            GRAFT_TRY(graft_grammar__object(m, &one, parts, spelled, &graft_grammar_json_glue));
            break;
        }
        if (one.len > 0) {
            GRAFT_TRY(separate(out));
            GRAFT_TRY(graft_text_append(out, one.data, one.len));
        }
    }
done:
    graft_text_clear(&one);
    return status;
}

static graft_status branches(graft_grammar_maker *m, graft_text *out, const graft_parts *parts,
                             size_t which, const char *keyword, unsigned bit, graft_spelled spelled)
{
    graft_status status = GRAFT_OK;
    const graft_json *list = graft_grammar__keyword(parts, which, keyword);
    if (bit == USED_ONE_OF) {
        GRAFT_TRY(remark_one_of(m, list));
    }
    for (size_t i = 0; i < graft_json_length(list); i++) {
        graft_parts branch = *parts;
        graft_rule rule;
        branch.at[which].used |= bit;
        GRAFT_TRY(graft_grammar__add_part(m, &branch, graft_json_at(list, i)));
        GRAFT_TRY(graft_grammar__value(m, &rule, &branch, spelled));
        if (rule.name[0] != 0) {
            GRAFT_TRY(separate(out));
            GRAFT_TRY(graft_text_append_z(out, rule.name));
        }
    }
done:
    return status;
}

static graft_status value_body(graft_grammar_maker *m, graft_text *out, graft_parts *parts,
                               graft_spelled spelled)
{
    graft_status status = GRAFT_OK;
    const char *keyword;
    unsigned bit, types;
    bool listed;
    GRAFT_TRY(expand(m, parts, &types));
    if (types == 0) {
        return GRAFT_OK;
    }
    GRAFT_TRY(graft_grammar__listed(m, out, &listed, parts, spelled, false));
    if (listed) {
        return GRAFT_OK;
    }
    size_t which = find_choice(parts, &keyword, &bit);
    status = which != SIZE_MAX ? branches(m, out, parts, which, keyword, bit, spelled)
                               : by_type(m, out, parts, types, spelled);
done:
    return status;
}

/* Parts and spelling as bytes that outlive the search. */
static graft_status key_of(graft_grammar_maker *m, char **key, size_t *n, const graft_parts *parts,
                           graft_spelled spelled)
{
    graft_status status = GRAFT_OK;
    const size_t each = sizeof parts->at[0].json + sizeof parts->at[0].used;
    *n = parts->n * each + 1;
    GRAFT_TRY(graft_arena_alloc(&m->arena, key, *n, 1));
    for (size_t i = 0; i < parts->n; i++) {
        memcpy(*key + i * each, &parts->at[i].json, sizeof parts->at[i].json);
        memcpy(*key + i * each + sizeof parts->at[i].json, &parts->at[i].used,
               sizeof parts->at[i].used);
    }
    (*key)[*n - 1] = (char)spelled;
done:
    return status;
}

/* The rule of a value; `handed`: named elsewhere before it was known, so that it must have that name. */
typedef struct known_value {
    graft_rule rule;
    bool open, handed;
} known_value;

static bool is_name(const graft_text *text)
{
    size_t n = strspn(text->data, "abcdefghijklmnopqrstuvwxyz0123456789-");
    return n == text->len && n < sizeof ((graft_rule *)0)->name;
}

static graft_status finish_value(graft_grammar_maker *m, known_value *value, const graft_text *body)
{
    graft_status status = GRAFT_OK;
    graft_text never = {0};
    value->open = false;
    if (value->handed && body->len == 0) { /* whoever named it shall match nothing */
        GRAFT_TRY(graft_text_append_z(&never, "[^\\x00-\\U0010FFFF]"));
    }
    if (value->handed) {
        GRAFT_TRY(graft_grammar__define(m, &value->rule, body->len > 0 ? body : &never));
    }
    if (body->len == 0) {
        value->rule = (graft_rule){""};
    } else if (!value->handed && is_name(body)) {
        memcpy(value->rule.name, body->data, body->len + 1);
    } else if (!value->handed) {
        GRAFT_TRY(graft_grammar__rule(m, &value->rule, "value", body));
    }
done:
    graft_text_clear(&never);
    return status;
}

graft_status graft_grammar__value(graft_grammar_maker *m, graft_rule *out, const graft_parts *parts,
                                  graft_spelled spelled)
{
    graft_status status = GRAFT_OK;
    graft_parts own = *parts;
    known_value *value;
    uint64_t known;
    char *key;
    size_t n;
    graft_text body;
    graft_text_init(&body);
    *out = (graft_rule){""};
    GRAFT_TRY(graft_grammar__enter(m));
    if (!says_anything(parts) && !refuses(parts)) {
        *out = spelled == GRAFT_SPELLED_JSON ? (graft_rule){"value"} : (graft_rule){"py-value"};
        goto done;
    }
    GRAFT_TRY(key_of(m, &key, &n, parts, spelled));
    if (graft_map_find(&m->values, key, n, &known)) {
        value = (known_value *)(uintptr_t)known;
        value->handed = value->handed || value->open;
        *out = value->rule;
        goto done;
    }
    GRAFT_TRY(graft_arena_alloc(&m->arena, &value, 1, sizeof *value));
    *value = (known_value){.open = true};
    GRAFT_TRY(graft_grammar__name(m, &value->rule, "value"));
    GRAFT_TRY(graft_map_set(&m->values, key, n, (uintptr_t)value, NULL));
    GRAFT_TRY(value_body(m, &body, &own, spelled));
    GRAFT_TRY(finish_value(m, value, &body));
    *out = value->rule;
done:
    m->depth--;
    graft_text_clear(&body);
    return status;
}

/* --- arguments --- */

graft_status graft_grammar__arguments(graft_grammar_maker *m, graft_text *out,
                                      const graft_parts *parts, graft_spelled spelled,
                                      const graft_glue *glue)
{
    graft_status status = GRAFT_OK;
    graft_parts own = *parts;
    const char *keyword;
    unsigned bit, types;
    graft_text one;
    graft_text_init(&one);
    GRAFT_TRY(graft_grammar__enter(m));
    GRAFT_TRY(expand(m, &own, &types));
    if ((types & GRAFT_G_OBJECT) == 0) {
        goto done;
    }
    size_t which = find_choice(&own, &keyword, &bit);
    if (which == SIZE_MAX) {
        GRAFT_TRY(remark_keywords(m, &own, GRAFT_G_OBJECT));
        GRAFT_TRY(graft_grammar__object(m, &one, &own, spelled, glue));
        GRAFT_TRY(one.len > 0 ? separate(out) : GRAFT_OK);
        status = graft_text_append(out, graft_text_z(&one), one.len);
        goto done;
    }
    const graft_json *list = graft_grammar__keyword(&own, which, keyword);
    if (bit == USED_ONE_OF) {
        GRAFT_TRY(remark_one_of(m, list));
    }
    for (size_t i = 0; i < graft_json_length(list); i++) {
        graft_parts branch = own;
        branch.at[which].used |= bit;
        GRAFT_TRY(graft_grammar__add_part(m, &branch, graft_json_at(list, i)));
        GRAFT_TRY(graft_grammar__arguments(m, out, &branch, spelled, glue));
    }
done:
    m->depth--;
    graft_text_clear(&one);
    return status;
}

/* --- values without quotes --- */

static graft_status append_closed(graft_text *out, const char *expression, const char *close)
{
    graft_status status = GRAFT_OK;
    GRAFT_TRY(separate(out));
    GRAFT_TRY(graft_text_appendf(out, "(%s) ", expression));
    status = graft_grammar__literal_z(out, close);
done:
    return status;
}

/* Without branches: a text that may be anything stands for all other types as well. */
static graft_status raw_by_type(graft_grammar_maker *m, graft_text *out, const graft_parts *parts,
                                unsigned types, const char *close)
{
    graft_status status = GRAFT_OK;
    graft_text one;
    graft_rule rule;
    graft_text_init(&one);
    if ((types & GRAFT_G_STRING) == 0) {
        GRAFT_TRY(graft_grammar__value(m, &rule, parts, GRAFT_SPELLED_PYTHON));
        GRAFT_TRY(rule.name[0] != 0 ? append_closed(out, rule.name, close) : GRAFT_OK);
        goto done;
    }
    if (types == GRAFT_G_STRING) {
        GRAFT_TRY(graft_grammar__string(m, &one, parts, 0));
        if (one.len > 0) {
            GRAFT_TRY(append_closed(out, one.data, close));
            goto done;
        }
    }
    GRAFT_TRY(graft_grammar__until(m, &rule, close, "", true));
    GRAFT_TRY(separate(out));
    status = graft_text_append_z(out, rule.name);
done:
    graft_text_clear(&one);
    return status;
}

graft_status graft_grammar__raw(graft_grammar_maker *m, graft_text *out, const graft_parts *parts,
                                const char *close)
{
    graft_status status = GRAFT_OK;
    graft_parts own = *parts;
    const char *keyword;
    unsigned bit, types;
    bool listed = false;
    graft_text values;
    graft_text_init(&values);
    GRAFT_TRY(graft_grammar__enter(m));
    GRAFT_TRY(expand(m, &own, &types));
    if (types == 0) {
        goto done;
    }
    GRAFT_TRY(graft_grammar__listed(m, &values, &listed, &own, GRAFT_SPELLED_PYTHON, true));
    if (listed) {
        GRAFT_TRY(values.len > 0 ? append_closed(out, values.data, close) : GRAFT_OK);
        goto done;
    }
    size_t which = find_choice(&own, &keyword, &bit);
    if (which == SIZE_MAX || (types & GRAFT_G_STRING) == 0) {
        status = raw_by_type(m, out, &own, types, close);
        goto done;
    }
    const graft_json *list = graft_grammar__keyword(&own, which, keyword);
    for (size_t i = 0; i < graft_json_length(list); i++) {
        graft_parts branch = own;
        branch.at[which].used |= bit;
        GRAFT_TRY(graft_grammar__add_part(m, &branch, graft_json_at(list, i)));
        GRAFT_TRY(graft_grammar__raw(m, out, &branch, close));
    }
done:
    m->depth--;
    graft_text_clear(&values);
    return status;
}
