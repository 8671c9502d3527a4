/* export/grammar_array.c - arrays, and how often something is repeated. */
#include <math.h>

#include "export/grammar_internal.h"

bool graft_grammar__count(const graft_parts *parts, const char *keyword, bool largest, size_t *out)
{
    bool found = false;
    for (size_t i = 0; i < parts->n; i++) {
        const graft_json *value = graft_grammar__keyword(parts, i, keyword);
        double count = graft_json_double(value);
        bool number = graft_json_is(value, GRAFT_JSON_INT) || graft_json_is(value, GRAFT_JSON_DOUBLE);
        if (!number || count < 0 || floor(count) != count) {
            continue;
        }
        size_t n = count < 1e9 ? (size_t)count : 1000000000;
        *out = !found || (largest ? n > *out : n < *out) ? n : *out;
        found = true;
    }
    return found;
}

graft_status graft_grammar__repeat(graft_text *out, const char *item, size_t low, size_t high)
{
    low = low > GRAFT_GRAMMAR_MAX_REPEAT ? GRAFT_GRAMMAR_MAX_REPEAT : low;
    high = high > GRAFT_GRAMMAR_MAX_REPEAT ? SIZE_MAX : high;
    if (high == 0) {
        return GRAFT_OK;
    }
    return high == SIZE_MAX && low == 0 ? graft_text_appendf(out, "%s*", item)
           : high == SIZE_MAX           ? graft_text_appendf(out, "%s{%zu,}", item, low)
                                        : graft_text_appendf(out, "%s{%zu,%zu}", item, low, high);
}

typedef struct array_job {
    graft_grammar_maker *m;
    const graft_parts *parts;
    graft_spelled spelled;
    size_t low, high; /* items */
    size_t n_prefix;  /* items with a schema of their own */
} array_job;

/* The array of schemas for the first items, or NULL; *rest: that of the others, NULL if anything. */
static const graft_json *prefix_of(const graft_parts *parts, size_t i, const graft_json **rest)
{
    const graft_json *prefix = graft_grammar__keyword(parts, i, "prefixItems");
    const graft_json *items = graft_grammar__keyword(parts, i, "items");
    bool list = graft_json_is(items, GRAFT_JSON_ARRAY);
    if (graft_json_is(prefix, GRAFT_JSON_ARRAY)) {
        *rest = list ? NULL : items;
        return prefix;
    }
    *rest = list ? graft_grammar__keyword(parts, i, "additionalItems") : items;
    return list ? items : NULL;
}

/* The rule of item `at`: of the others if that is not below n_prefix. */
static graft_status item_rule(array_job *a, graft_rule *out, size_t at)
{
    graft_status status = GRAFT_OK;
    graft_parts item = {0};
    for (size_t i = 0; i < a->parts->n; i++) {
        const graft_json *rest, *prefix = prefix_of(a->parts, i, &rest);
        GRAFT_TRY(graft_grammar__add_part(a->m, &item, at < graft_json_length(prefix)
                                                           ? graft_json_at(prefix, at) : rest));
    }
    status = graft_grammar__value(a->m, out, &item, a->spelled);
done:
    return status;
}

/* What stands behind the prefix, the bracket included, which is behind `n_prefix` items. */
static graft_status append_rest(array_job *a, graft_text *out, const graft_rule *item)
{
    graft_status status = GRAFT_OK;
    size_t low = a->low > a->n_prefix ? a->low - a->n_prefix : 0;
    size_t high = a->high == SIZE_MAX ? SIZE_MAX : a->high > a->n_prefix ? a->high - a->n_prefix : 0;
    graft_text more;
    graft_rule rule;
    graft_text_init(&more);
    if (item->name[0] == 0 || high == 0) {
        GRAFT_TRY(low == 0 ? graft_text_append_z(out, "ws \"]\"") : GRAFT_OK);
        goto done;
    }
    GRAFT_TRY(graft_text_appendf(&more, "ws \",\" ws %s", item->name));
    GRAFT_TRY(graft_grammar__rule(a->m, &rule, "item", &more));
    GRAFT_TRY(graft_grammar__repeat(out, rule.name, low, high));
    status = graft_text_append_z(out, " ws \"]\"");
done:
    graft_text_clear(&more);
    return status;
}

/* Without a prefix: nothing, or an item and others behind it. */
static graft_status plain_array(array_job *a, graft_text *out, const graft_rule *item)
{
    graft_status status = GRAFT_OK;
    if (item->name[0] != 0 && a->high > 0) {
        array_job behind = *a;
        behind.n_prefix = 1;
        GRAFT_TRY(graft_text_appendf(out, "\"[\" ws %s ", item->name));
        GRAFT_TRY(append_rest(&behind, out, item));
    }
    if (a->low == 0) {
        GRAFT_TRY(graft_text_appendf(out, "%s\"[\" ws \"]\"", out->len > 0 ? " | " : ""));
    }
done:
    return status;
}

/* From the last item of the prefix to the first; the array may end before any of them. */
static graft_status prefixed_array(array_job *a, graft_text *out, const graft_rule *others)
{
    graft_status status = GRAFT_OK;
    graft_text rest, one;
    graft_rule item, rule;
    graft_text_init(&rest);
    graft_text_init(&one);
    GRAFT_TRY(append_rest(a, &rest, others));
    for (size_t i = a->n_prefix; i-- > 0;) {
        GRAFT_TRY(item_rule(a, &item, i));
        one.len = 0;
        if (rest.len > 0 && item.name[0] != 0 && i < a->high) {
            GRAFT_TRY(graft_grammar__rule(a->m, &rule, "rest", &rest));
            GRAFT_TRY(graft_text_appendf(&one, "%s%s %s", i > 0 ? "ws \",\" ws " : "", item.name,
                                         rule.name));
        }
        if (a->low <= i && i > 0) {
            GRAFT_TRY(graft_text_appendf(&one, "%sws \"]\"", one.len > 0 ? " | " : ""));
        } else if (a->low == 0) {
            GRAFT_TRY(graft_text_appendf(&one, "%s\"]\"", one.len > 0 ? " | " : ""));
        }
        rest.len = 0;
        GRAFT_TRY(graft_text_append(&rest, graft_text_z(&one), one.len));
    }
    if (rest.len > 0) {
        GRAFT_TRY(graft_grammar__rule(a->m, &rule, "rest", &rest));
        GRAFT_TRY(graft_text_appendf(out, "\"[\" ws %s", rule.name));
    }
done:
    graft_text_clear(&rest);
    graft_text_clear(&one);
    return status;
}

graft_status graft_grammar__array(graft_grammar_maker *m, graft_text *out, const graft_parts *parts,
                                  graft_spelled spelled)
{
    graft_status status = GRAFT_OK;
    array_job a = {.m = m, .parts = parts, .spelled = spelled, .high = SIZE_MAX};
    graft_rule others;
    graft_grammar__count(parts, "minItems", true, &a.low);
    graft_grammar__count(parts, "maxItems", false, &a.high);
    for (size_t i = 0; i < parts->n; i++) {
        const graft_json *rest, *prefix = prefix_of(parts, i, &rest);
        size_t n = graft_json_length(prefix);
        a.n_prefix = n > a.n_prefix ? n : a.n_prefix;
    }
    if (a.low > GRAFT_GRAMMAR_MAX_REPEAT || (a.high > GRAFT_GRAMMAR_MAX_REPEAT &&
                                             a.high != SIZE_MAX)) {
        GRAFT_TRY(graft_grammar__remark(m, a.low > GRAFT_GRAMMAR_MAX_REPEAT ? "minItems" : "maxItems",
                                        "beyond 500 is not kept"));
    }
    if (a.low > a.high) {
        goto done;
    }
    if (a.n_prefix > GRAFT_GRAMMAR_MAX_REPEAT) {
        status = graft_fail(GRAFT_E_DATA, "an array has more than %d schemas for its items",
                            GRAFT_GRAMMAR_MAX_REPEAT);
        goto done;
    }
    GRAFT_TRY(item_rule(&a, &others, SIZE_MAX));
    status = a.n_prefix > 0 ? prefixed_array(&a, out, &others) : plain_array(&a, out, &others);
done:
    return status;
}
