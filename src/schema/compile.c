#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "core/memory.h"
#include "schema/ecma.h"
#include "schema/run.h"

enum { ARENA_BYTES = 1 << 13 }; /* at once, for what a schema becomes */

/* --- remarks --- */

static graft_status append_place(graft_text *out, const graft_schema_node *node)
{
    graft_status status = GRAFT_OK;
    const graft_schema_node *path[128];
    size_t n = 0;
    for (; node->parent != NULL && n < sizeof path / sizeof path[0]; node = node->parent) {
        path[n++] = node;
    }
    while (n-- > 0) {
        GRAFT_TRY(graft_schema__append_key(out, path[n]->keyword));
        if (path[n]->key != NULL) {
            GRAFT_TRY(graft_schema__append_key(out, path[n]->key));
        } else if (path[n]->index != SIZE_MAX) {
            GRAFT_TRY(graft_text_appendf(out, "/%zu", path[n]->index));
        }
    }
done:
    return status;
}

graft_status graft_schema__remark(graft_schema_compiler *c, const graft_schema_node *node,
                                  const char *keyword, const char *format, ...)
{
    graft_status status = GRAFT_OK;
    graft_schema *schema = c->schema;
    graft_text text;
    char fact[256], *kept;
    va_list arguments;
    if (schema->n_remarks == GRAFT_SCHEMA_MAX_REMARKS) {
        return GRAFT_OK;
    }
    graft_text_init(&text);
    va_start(arguments, format);
    vsnprintf(fact, sizeof fact, format, arguments);
    va_end(arguments);
    GRAFT_TRY(append_place(&text, node));
    if (keyword != NULL) {
        GRAFT_TRY(graft_schema__append_key(&text, keyword));
    }
    GRAFT_TRY(graft_text_append_z(&text, text.len > 0 ? ": " : ""));
    GRAFT_TRY(graft_text_append_escaped(&text, fact, strlen(fact), false));
    GRAFT_TRY(graft_arena_alloc(&schema->arena, &kept, text.len + 1, 1));
    memcpy(kept, text.data, text.len + 1);
    schema->remarks[schema->n_remarks++] = kept;
done:
    graft_text_clear(&text);
    return status;
}

/* --- nodes --- */

bool graft_schema__is_schema(const graft_json *json)
{
    return graft_json_is(json, GRAFT_JSON_OBJECT) || graft_json_is(json, GRAFT_JSON_BOOL);
}

graft_schema_node *graft_schema__known_node(const graft_schema_compiler *c, const graft_json *json)
{
    uint64_t i;
    return graft_map_find(&c->by_json, (const char *)&json, sizeof json, &i) ? c->nodes[i] : NULL;
}

static graft_status new_node(graft_schema_compiler *c, graft_schema_node **out,
                             const graft_json *json)
{
    graft_status status = GRAFT_OK;
    graft_schema_node *node;
    GRAFT_TRY(graft_reserve(&c->nodes, &c->nodes_capacity, c->n_nodes + 1, sizeof *c->nodes));
    GRAFT_TRY(graft_arena_calloc(&c->schema->arena, &node, 1, sizeof *node));
    node->json = json;
    node->index = SIZE_MAX;
    node->refuses = graft_json_is(json, GRAFT_JSON_BOOL) && !graft_json_bool(json);
    GRAFT_TRY(graft_map_set(&c->by_json, (const char *)&node->json, sizeof node->json, c->n_nodes,
                            NULL));
    c->nodes[c->n_nodes++] = node;
    *out = node;
done:
    return status;
}

graft_status graft_schema__node_of(graft_schema_compiler *c, graft_schema_node **out,
                                   const graft_json *json, graft_schema_resource *resource)
{
    graft_status status = GRAFT_OK;
    *out = graft_schema__known_node(c, json);
    if (*out == NULL) {
        GRAFT_TRY(new_node(c, out, json));
        GRAFT_TRY(graft_schema__enter(c, *out, resource, resource->draft));
    }
done:
    return status;
}

/* What is below a keyword of `node`, if it is a schema that is not known yet. */
static graft_status add_child(graft_schema_compiler *c, const graft_schema_node *node,
                              const char *keyword, const char *key, size_t index,
                              const graft_json *json)
{
    graft_status status = GRAFT_OK;
    graft_schema_node *child;
    if (!graft_schema__is_schema(json) || graft_schema__known_node(c, json) != NULL) {
        return GRAFT_OK;
    }
    GRAFT_TRY(new_node(c, &child, json));
    child->parent = node;
    child->keyword = keyword;
    child->key = key;
    child->index = index;
    GRAFT_TRY(graft_schema__enter(c, child, node->resource, node->resource->draft));
done:
    return status;
}

static graft_status add_children(graft_schema_compiler *c, const graft_schema_node *node,
                                 const graft_schema_keyword *row)
{
    graft_status status = GRAFT_OK;
    const graft_json *value = graft_json_get(node->json, row->name);
    bool list = graft_json_is(value, GRAFT_JSON_ARRAY);
    if (row->children == GRAFT_SCHEMA_MAP) {
        for (graft_json_iter it = graft_json_iter_begin(value); graft_json_iter_next(&it);) {
            GRAFT_TRY(add_child(c, node, row->name, it.key, SIZE_MAX, it.value));
        }
    } else if (list && row->children != GRAFT_SCHEMA_ONE) {
        for (size_t i = 0; i < graft_json_length(value); i++) {
            GRAFT_TRY(add_child(c, node, row->name, NULL, i, graft_json_at(value, i)));
        }
    } else if (!list && row->children != GRAFT_SCHEMA_LIST) {
        GRAFT_TRY(add_child(c, node, row->name, NULL, SIZE_MAX, value));
    }
done:
    return status;
}

/* All schemas below nodes[from..), without recursion: what is found is put at the end. */
static graft_status find_nodes(graft_schema_compiler *c, size_t from)
{
    graft_status status = GRAFT_OK;
    for (size_t i = from; i < c->n_nodes; i++) {
        for (size_t k = 0; k < graft_schema_n_keywords; k++) {
            const graft_schema_keyword *row = &graft_schema_keywords[k];
            if (row->children != GRAFT_SCHEMA_NO_CHILDREN &&
                (row->drafts & c->nodes[i]->resource->draft) != 0) {
                GRAFT_TRY(add_children(c, c->nodes[i], row));
            }
        }
    }
done:
    return status;
}

graft_status graft_schema__child(graft_schema_compiler *c, const graft_schema_node **out,
                                 const graft_schema_node *node, const char *keyword,
                                 const graft_json *json)
{
    static const graft_schema_node anything;
    *out = graft_schema__is_schema(json) ? graft_schema__known_node(c, json) : NULL;
    if (*out == NULL) {
        *out = &anything;
        return graft_schema__remark(c, node, keyword, "holds %s where a schema is expected",
                                    graft_json_type_name(graft_json_get_type(json)));
    }
    return GRAFT_OK;
}

graft_status graft_schema__children_of(graft_schema_compiler *c, graft_schema_list *out,
                                       const graft_schema_node *node, const char *keyword,
                                       const graft_json *json)
{
    graft_status status = GRAFT_OK;
    *out = (graft_schema_list){0};
    if (!graft_json_is(json, GRAFT_JSON_ARRAY)) {
        return graft_schema__remark(c, node, keyword, "is no array of schemas");
    }
    size_t n = graft_json_length(json);
    GRAFT_TRY(graft_arena_alloc(&c->schema->arena, &out->nodes, n, sizeof *out->nodes));
    for (; out->n < n; out->n++) {
        GRAFT_TRY(graft_schema__child(c, &out->nodes[out->n], node, keyword,
                                      graft_json_at(json, out->n)));
    }
done:
    return status;
}

/* --- rules --- */

graft_status graft_schema__add_rule(graft_schema_compiler *c, graft_schema_rule_check *check,
                                    const void *data)
{
    graft_status status = GRAFT_OK;
    GRAFT_TRY(graft_reserve(&c->rules, &c->rules_capacity, c->n_rules + 1, sizeof *c->rules));
    c->rules[c->n_rules++] = (graft_schema_rule){check, data};
done:
    return status;
}

graft_status graft_schema__pattern(graft_schema_compiler *c, const graft_pattern **out,
                                   const graft_schema_node *node, const char *keyword,
                                   const char *text, size_t n)
{
    graft_status status = GRAFT_OK;
    graft_schema_pattern *link;
    graft_text translated;
    *out = NULL;
    if (c->schema->n_patterns == GRAFT_SCHEMA_MAX_PATTERNS) {
        return graft_schema__remark(c, node, keyword, "is not looked at: there are more than %d "
                                    "patterns", GRAFT_SCHEMA_MAX_PATTERNS);
    }
    graft_text_init(&translated);
    GRAFT_TRY(graft_arena_calloc(&c->schema->arena, &link, 1, sizeof *link));
    status = graft_schema__translate(&translated, text, n);
    if (status == GRAFT_OK) {
        status = graft_pattern_new(&link->pattern, graft_text_z(&translated), translated.len,
                                   GRAFT_PATTERN_HOSTILE);
    }
    if (status == GRAFT_E_DATA) {
        GRAFT_TRY(graft_schema__remark(c, node, keyword, "is no pattern: %s",
                                       graft_error_message()));
        goto done;
    }
    if (status != GRAFT_OK) {
        goto done;
    }
    link->next = c->schema->patterns;
    c->schema->patterns = link;
    c->schema->n_patterns++;
    *out = link->pattern;
done:
    graft_text_clear(&translated);
    return status;
}

static graft_status compile_node(graft_schema_compiler *c, graft_schema_node *node)
{
    graft_status status = GRAFT_OK;
    graft_schema_draft draft = node->resource->draft;
    /* in draft 7 nothing counts beside a reference */
    bool alone = draft == GRAFT_SCHEMA_7 &&
                 graft_json_is(graft_json_get(node->json, "$ref"), GRAFT_JSON_STRING);
    graft_schema_rule *rules;
    c->n_rules = 0;
    for (size_t i = 0; i < (alone ? 1 : graft_schema_n_keywords); i++) {
        const graft_schema_keyword *row = &graft_schema_keywords[i]; /* the first is $ref */
        if (row->compile != NULL && (row->drafts & draft) != 0 &&
            graft_json_has(node->json, row->name)) {
            GRAFT_TRY(row->compile(c, node, graft_json_get(node->json, row->name)));
        }
    }
    node->unevaluated = draft == GRAFT_SCHEMA_2020_12 &&
                        (graft_json_has(node->json, "unevaluatedItems") ||
                         graft_json_has(node->json, "unevaluatedProperties"));
    GRAFT_TRY(graft_arena_alloc(&c->schema->arena, &rules, c->n_rules, sizeof *rules));
    if (c->n_rules > 0) {
        memcpy(rules, c->rules, c->n_rules * sizeof *rules);
    }
    node->rules = rules;
    node->n_rules = c->n_rules;
done:
    return status;
}

static graft_status compile_document(graft_schema_compiler *c, const graft_json *json,
                                     graft_schema_draft draft)
{
    graft_status status = GRAFT_OK;
    graft_schema_node *root;
    GRAFT_TRY(new_node(c, &root, json));
    GRAFT_TRY(graft_schema__enter(c, root, NULL, draft));
    c->schema->root = root;
    if (!graft_schema__is_schema(json)) {
        return graft_schema__remark(c, root, NULL, "the schema is %s",
                                    graft_json_type_name(graft_json_get_type(json)));
    }
    GRAFT_TRY(find_nodes(c, 0));
    for (size_t i = 0; i < c->n_nodes; i++) {
        size_t known = c->n_nodes;
        GRAFT_TRY(compile_node(c, c->nodes[i]));
        GRAFT_TRY(find_nodes(c, known)); /* a reference may lead to where no keyword is known */
    }
done:
    return status;
}

graft_status graft_schema_compile(graft_schema **out, const graft_json *json,
                                  graft_schema_draft draft)
{
    graft_status status = GRAFT_OK;
    graft_schema_compiler c = {0};
    *out = NULL;
    GRAFT_TRY(graft_alloc(&c.schema, 1, sizeof *c.schema));
    graft_arena_init(&c.schema->arena, ARENA_BYTES);
    graft_arena_init(&c.temporary, 1 << 12);
    GRAFT_TRY(compile_document(&c, json, draft));
    *out = c.schema;
    c.schema = NULL;
done:
    graft_schema_free(c.schema);
    graft_free(c.nodes);
    graft_free(c.rules);
    graft_arena_clear(&c.temporary);
    graft_map_clear(&c.by_json);
    graft_map_clear(&c.uris);
    graft_map_clear(&c.anchors);
    return status;
}

void graft_schema_free(graft_schema *schema)
{
    if (schema == NULL) {
        return;
    }
    for (const graft_schema_pattern *p = schema->patterns; p != NULL; p = p->next) {
        graft_pattern_free(p->pattern);
    }
    graft_map_clear(&schema->references);
    graft_arena_clear(&schema->arena);
    graft_free(schema);
}

size_t graft_schema_bytes(const graft_schema *schema)
{
    size_t bytes = sizeof *schema + ARENA_BYTES + schema->arena.in_use;
    for (const graft_schema_pattern *p = schema->patterns; p != NULL; p = p->next) {
        bytes += graft_pattern_bytes(p->pattern);
    }
    return bytes;
}

const char *graft_schema_remark(const graft_schema *schema, size_t i)
{
    return i < schema->n_remarks ? schema->remarks[i] : NULL;
}
