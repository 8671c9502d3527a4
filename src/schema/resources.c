/* Who is called what: resources with URIs of their own, anchors, and where references lead. */
#include <stdio.h>
#include <string.h>

#include "schema/node.h"
#include "schema/uri.h"

/* Of an $id: every name below it is made from it, so that long ones would take much memory. */
enum { MAX_URI_BYTES = 2048 };

/* --- names --- */

static graft_status find_draft(graft_schema_compiler *c, graft_schema_draft *draft,
                               const graft_schema_node *node)
{
    static const struct { const char *part; graft_schema_draft draft; } known[] = {
        {"//json-schema.org/draft-04/schema", GRAFT_SCHEMA_7},
        {"//json-schema.org/draft-06/schema", GRAFT_SCHEMA_7},
        {"//json-schema.org/draft-07/schema", GRAFT_SCHEMA_7},
        {"//json-schema.org/draft/2019-09/schema", GRAFT_SCHEMA_2020_12},
        {"//json-schema.org/draft/2020-12/schema", GRAFT_SCHEMA_2020_12}};
    const char *name = graft_json_string(graft_json_get(node->json, "$schema"), NULL);
    if (name == NULL) {
        return GRAFT_OK;
    }
    const char *slashes = strstr(name, "//");
    size_t n = slashes != NULL ? strcspn(slashes, "#") : 0;
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++) {
        if (n == strlen(known[i].part) && memcmp(slashes, known[i].part, n) == 0) {
            *draft = known[i].draft;
            return GRAFT_OK;
        }
    }
    return graft_schema__remark(c, node, "$schema",
                                "\"%.100s\" is not known and is not fetched; read as draft %s",
                                name, *draft == GRAFT_SCHEMA_7 ? "7" : "2020-12");
}

static graft_status new_resource(graft_schema_compiler *c, graft_schema_node *node, const char *uri,
                                 graft_schema_draft draft)
{
    graft_status status = GRAFT_OK;
    graft_schema_resource *resource;
    size_t n = strlen(uri);
    char *kept;
    GRAFT_TRY(find_draft(c, &draft, node));
    GRAFT_TRY(graft_arena_calloc(&c->schema->arena, &resource, 1, sizeof *resource));
    GRAFT_TRY(graft_arena_alloc(&c->schema->arena, &kept, n + 1, 1));
    memcpy(kept, uri, n + 1);
    *resource = (graft_schema_resource){.uri = kept, .root = node, .draft = draft};
    node->resource = resource;
    if (!graft_map_find(&c->uris, kept, n, NULL)) { /* of two, the first */
        GRAFT_TRY(graft_map_set(&c->uris, kept, n, (uintptr_t)resource, NULL));
    }
done:
    return status;
}

/* What anchors are found by: the address of the resource and the name. */
static graft_status anchor_key(graft_arena *arena, char **out,
                               const graft_schema_resource *resource, const char *name)
{
    graft_status status = GRAFT_OK;
    size_t n = strlen(name) + 20;
    GRAFT_TRY(graft_arena_alloc(arena, out, n, 1));
    snprintf(*out, n, "%jx#%s", (uintmax_t)(uintptr_t)resource, name);
done:
    return status;
}

static graft_status add_anchor(graft_schema_compiler *c, const graft_schema_node *node,
                               const char *name, bool dynamic)
{
    graft_status status = GRAFT_OK;
    graft_schema_resource *resource = node->resource;
    graft_schema_anchor *anchor;
    char *key;
    if (name == NULL) {
        return GRAFT_OK;
    }
    GRAFT_TRY(graft_arena_calloc(&c->schema->arena, &anchor, 1, sizeof *anchor));
    *anchor = (graft_schema_anchor){.name = name, .node = node, .dynamic = dynamic};
    if (dynamic) {
        anchor->next = resource->dynamic;
        resource->dynamic = anchor;
    }
    GRAFT_TRY(anchor_key(&c->schema->arena, &key, resource, name));
    if (!graft_map_find(&c->anchors, key, strlen(key), NULL)) {
        GRAFT_TRY(graft_map_set(&c->anchors, key, strlen(key), (uintptr_t)anchor, NULL));
    }
done:
    return status;
}

graft_status graft_schema__enter(graft_schema_compiler *c, graft_schema_node *node,
                                 graft_schema_resource *outer, graft_schema_draft draft)
{
    graft_status status = GRAFT_OK;
    const graft_json *json = node->json;
    const char *id = graft_json_string(graft_json_get(json, "$id"), NULL);
    const char *base = outer != NULL ? outer->uri : "", *uri = base;
    if (draft == GRAFT_SCHEMA_7 && outer != NULL && graft_json_has(json, "$ref")) {
        id = NULL; /* nothing counts beside a reference */
    }
    size_t n = id != NULL ? strcspn(id, "#") : 0;
    graft_arena_mark mark = graft_arena_save(&c->temporary);
    if (n > 0) {
        GRAFT_TRY(graft_schema__uri_resolve(&uri, &c->temporary, base, id, n));
    }
    node->resource = outer;
    if (strlen(uri) > MAX_URI_BYTES) {
        GRAFT_TRY(graft_schema__remark(c, node, "$id", "is longer than %d bytes", MAX_URI_BYTES));
        uri = base;
    }
    if (outer == NULL || strcmp(uri, base) != 0) {
        GRAFT_TRY(new_resource(c, node, uri, draft));
    }
    if (id != NULL && id[n] == '#' && id[n + 1] != '\0') { /* draft 7's way to write $anchor */
        GRAFT_TRY(add_anchor(c, node, id + n + 1, false));
    }
    if (node->resource->draft == GRAFT_SCHEMA_2020_12) {
        GRAFT_TRY(add_anchor(c, node, graft_json_string(graft_json_get(json, "$anchor"), NULL),
                             false));
        GRAFT_TRY(add_anchor(c, node,
                             graft_json_string(graft_json_get(json, "$dynamicAnchor"), NULL),
                             true));
    }
done:
    graft_arena_release(&c->temporary, mark);
    return status;
}

/* --- references --- */

/* One step of a JSON pointer (RFC 6901): what `token` names in `json`. */
static const graft_json *step(const graft_json *json, const char *token)
{
    size_t n = strspn(token, "0123456789"), index = 0;
    if (!graft_json_is(json, GRAFT_JSON_ARRAY)) {
        return graft_json_get(json, token);
    }
    if (n == 0 || n > 9 || token[n] != '\0' || (token[0] == '0' && n > 1)) {
        return NULL;
    }
    for (size_t i = 0; i < n; i++) {
        index = index * 10 + (size_t)(token[i] - '0');
    }
    return graft_json_at(json, index);
}

/* Writes the token that *pointer ("/token...") begins with, without "~0" and "~1", and moves behind
 * it. */
static void next_token(char *token, const char **pointer)
{
    const char *from = *pointer + 1;
    for (; *from != '\0' && *from != '/'; from++) {
        if (from[0] == '~' && (from[1] == '0' || from[1] == '1')) {
            from++;
            *token++ = *from == '0' ? '~' : '/';
        } else {
            *token++ = *from;
        }
    }
    *token = '\0';
    *pointer = from;
}

/* Follows a pointer from the root of a resource. *out = NULL if it leads to no schema. */
static graft_status follow(graft_schema_compiler *c, const graft_schema_node **out,
                           graft_schema_resource *resource, const char *fragment)
{
    graft_status status = GRAFT_OK;
    const graft_json *json = resource->root->json;
    graft_schema_node *node;
    char *token;
    *out = NULL;
    GRAFT_TRY(graft_arena_alloc(&c->temporary, &token, strlen(fragment) + 1, 1));
    while (*fragment == '/' && json != NULL) {
        next_token(token, &fragment);
        json = step(json, token);
        node = json != NULL ? graft_schema__known_node(c, json) : NULL;
        resource = node != NULL ? node->resource : resource;
    }
    if (graft_schema__is_schema(json)) {
        GRAFT_TRY(graft_schema__node_of(c, &node, json, resource));
        *out = node;
    }
done:
    return status;
}

graft_status graft_schema__resolve(graft_schema_compiler *c, graft_schema_target *out,
                                   const graft_schema_node *node, const char *keyword,
                                   const char *reference)
{
    graft_status status = GRAFT_OK;
    graft_arena *arena = &c->temporary;
    size_t n = strcspn(reference, "#");
    const char *uri, *fragment = "";
    uint64_t found;
    char *key;
    *out = (graft_schema_target){0};
    graft_arena_reset(arena);
    GRAFT_TRY(graft_schema__uri_resolve(&uri, arena, node->resource->uri, reference, n));
    if (!graft_map_find(&c->uris, uri, strlen(uri), &found)) {
        return graft_schema__remark(c, node, keyword,
                                    "\"%.150s\" is not in this document and is not fetched",
                                    reference);
    }
    graft_schema_resource *resource = (graft_schema_resource *)(uintptr_t)found;
    if (reference[n] == '#') {
        GRAFT_TRY(graft_schema__uri_decode(&fragment, arena, reference + n + 1));
    }
    if (fragment[0] == '\0' || fragment[0] == '/') {
        GRAFT_TRY(follow(c, &out->node, resource, fragment));
    } else {
        GRAFT_TRY(anchor_key(arena, &key, resource, fragment));
        if (graft_map_find(&c->anchors, key, strlen(key), &found)) {
            const graft_schema_anchor *anchor = (const graft_schema_anchor *)(uintptr_t)found;
            out->node = anchor->node;
            out->dynamic = anchor->dynamic ? anchor->name : NULL;
        }
    }
    if (out->node == NULL) {
        status = graft_schema__remark(c, node, keyword, "\"%.150s\" leads to no schema", reference);
    }
done:
    return status;
}
