/* schema/node.h - what a schema becomes, and how. Room-internal.
 *
 * Every schema of the document is a node: a list of rules, one per keyword or group of keywords
 * that belong together (properties, patternProperties, additionalProperties). A rule is a function
 * and the data its keyword was compiled to. The keywords are the rows of keywords.c; a row's
 * function lives in the file that knows the keyword, beside the rule's. */
#ifndef GRAFT_SCHEMA_NODE_H
#define GRAFT_SCHEMA_NODE_H

#include "core/arena.h"
#include "core/map.h"
#include "core/pattern.h"
#include "schema/schema.h"

typedef struct graft_schema_node graft_schema_node;
typedef struct graft_schema_rule graft_schema_rule;
typedef struct graft_schema_resource graft_schema_resource;
typedef struct graft_schema_anchor graft_schema_anchor;
typedef struct graft_schema_run graft_schema_run;   /* run.h */
typedef struct graft_schema_seen graft_schema_seen; /* run.h */

/* False: the value does not fit, which the function has told (graft_schema__found). */
typedef bool graft_schema_rule_check(graft_schema_run *run, const graft_schema_rule *rule,
                                     const graft_json *value, graft_schema_seen *seen);

struct graft_schema_rule {
    graft_schema_rule_check *check;
    const void *data; /* what the check's file says */
};

struct graft_schema_node {
    const graft_json *json;           /* an object or a boolean */
    graft_schema_resource *resource;
    /* where it stands: parent.keyword, then key (of a map) or index (of a list) if any */
    const graft_schema_node *parent;
    const char *keyword, *key;
    size_t index; /* SIZE_MAX: none */
    bool refuses;     /* the schema false */
    bool unevaluated; /* has unevaluatedItems or unevaluatedProperties */
    const graft_schema_rule *rules;
    size_t n_rules;
};

/* A part of the document with a URI of its own: the whole, and what has an $id. */
struct graft_schema_resource {
    const char *uri; /* without fragment; "" if the document has none */
    const graft_schema_node *root;
    graft_schema_draft draft;
    const graft_schema_anchor *dynamic; /* its $dynamicAnchors, linked by next */
};

struct graft_schema_anchor {
    const char *name;
    const graft_schema_node *node;
    bool dynamic;
    const graft_schema_anchor *next;
};

typedef struct graft_schema_reference_kept {
    const graft_json *at, *target;
    bool alone;
} graft_schema_reference_kept;

typedef struct graft_schema_pattern {
    graft_pattern *pattern;
    struct graft_schema_pattern *next;
} graft_schema_pattern;

struct graft_schema {
    graft_arena arena; /* everything but the patterns */
    const graft_schema_node *root;
    graft_schema_pattern *patterns; /* all of them, linked by next */
    graft_map references; /* the address of JSON with a $ref -> graft_schema_reference_kept * */
    size_t n_patterns; /* at most GRAFT_SCHEMA_MAX_PATTERNS: each may take 64 KiB */
    const char *remarks[GRAFT_SCHEMA_MAX_REMARKS];
    size_t n_remarks;
};

typedef struct graft_schema_compiler {
    graft_schema *schema;
    graft_schema_node **nodes; /* all, in the order in which they were found */
    size_t n_nodes, nodes_capacity;
    graft_arena temporary; /* while a name is looked up */
    graft_map by_json; /* the address of its JSON -> index in nodes */
    graft_map uris;    /* -> graft_schema_resource * */
    graft_map anchors; /* resource and name -> graft_schema_anchor * */
    graft_schema_rule *rules; /* of the node that is being compiled */
    size_t n_rules, rules_capacity;
} graft_schema_compiler;

/* Where the schemas below a keyword are. */
typedef enum graft_schema_children {
    GRAFT_SCHEMA_NO_CHILDREN, GRAFT_SCHEMA_ONE, GRAFT_SCHEMA_LIST, GRAFT_SCHEMA_MAP,
    GRAFT_SCHEMA_ONE_OR_LIST
} graft_schema_children;

typedef struct graft_schema_keyword {
    const char *name;
    unsigned drafts; /* bits of graft_schema_draft */
    graft_schema_children children;
    /* Adds rules for the keyword, whose value is given. NULL: it only holds schemas, or is read
     * together with another. */
    graft_status (*compile)(graft_schema_compiler *c, const graft_schema_node *node,
                            const graft_json *value);
} graft_schema_keyword;

extern const graft_schema_keyword graft_schema_keywords[]; /* in the order of the checks */
extern const size_t graft_schema_n_keywords;

typedef graft_status graft_schema_compile_keyword(graft_schema_compiler *c,
                                                  const graft_schema_node *node,
                                                  const graft_json *value);

/* --- compile.c: for the functions of the rows --- */

graft_status graft_schema__add_rule(graft_schema_compiler *c, graft_schema_rule_check *check,
                                    const void *data);

/* The node of a schema below `node`; one that fits everything, with a remark, if it is none. */
graft_status graft_schema__child(graft_schema_compiler *c, const graft_schema_node **out,
                                 const graft_schema_node *node, const char *keyword,
                                 const graft_json *json);

/* The schemas of an array; empty, with a remark, if it is none. */
typedef struct graft_schema_list {
    const graft_schema_node **nodes;
    size_t n;
} graft_schema_list;
graft_status graft_schema__children_of(graft_schema_compiler *c, graft_schema_list *out,
                                       const graft_schema_node *node, const char *keyword,
                                       const graft_json *json);

/* The node of a schema that may be anywhere in the document, made if it is new. */
graft_status graft_schema__node_of(graft_schema_compiler *c, graft_schema_node **out,
                                   const graft_json *json, graft_schema_resource *resource);
/* NULL if there is none yet. */
graft_schema_node *graft_schema__known_node(const graft_schema_compiler *c,
                                            const graft_json *json);

/* Compiles an ECMA 262 pattern; NULL with a remark if it is none. */
graft_status graft_schema__pattern(graft_schema_compiler *c, const graft_pattern **out,
                                   const graft_schema_node *node, const char *keyword,
                                   const char *text, size_t n);

/* "POINTER/keyword: ..." is put on the list of remarks. */
graft_status graft_schema__remark(graft_schema_compiler *c, const graft_schema_node *node,
                                  const char *keyword, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

/* --- resources.c --- */

/* Finds out the resource of a new node that lies in `outer` (NULL: the whole document; then `draft`
 * counts unless it says otherwise) and enters its names. */
graft_status graft_schema__enter(graft_schema_compiler *c, graft_schema_node *node,
                                 graft_schema_resource *outer, graft_schema_draft draft);

/* Where a reference leads. node NULL: nowhere, which is remarked. */
typedef struct graft_schema_target {
    const graft_schema_node *node;
    const char *dynamic; /* the name of a $dynamicAnchor, if it leads to one by name */
} graft_schema_target;
graft_status graft_schema__resolve(graft_schema_compiler *c, graft_schema_target *out,
                                   const graft_schema_node *node, const char *keyword,
                                   const char *reference);

bool graft_schema__is_schema(const graft_json *json); /* an object or a boolean */

/* --- the functions of the rows, by file --- */

/* values.c */
graft_schema_compile_keyword graft_schema__type, graft_schema__enum, graft_schema__const;
/* numbers.c */
graft_schema_compile_keyword graft_schema__minimum, graft_schema__maximum,
    graft_schema__exclusive_minimum, graft_schema__exclusive_maximum, graft_schema__multiple_of;
/* sizes.c */
graft_schema_compile_keyword graft_schema__min_length, graft_schema__max_length,
    graft_schema__min_items, graft_schema__max_items, graft_schema__min_properties,
    graft_schema__max_properties;
/* strings.c */
graft_schema_compile_keyword graft_schema__pattern_keyword;
/* arrays.c, unique.c */
graft_schema_compile_keyword graft_schema__items, graft_schema__prefix_items,
    graft_schema__contains, graft_schema__unique_items;
/* members.c */
graft_schema_compile_keyword graft_schema__properties, graft_schema__pattern_properties,
    graft_schema__additional_properties;
/* objects.c */
graft_schema_compile_keyword graft_schema__required, graft_schema__property_names,
    graft_schema__dependent_required, graft_schema__dependent_schemas,
    graft_schema__dependencies;
/* combine.c */
graft_schema_compile_keyword graft_schema__all_of, graft_schema__any_of, graft_schema__one_of,
    graft_schema__not, graft_schema__if;
/* references.c */
graft_schema_compile_keyword graft_schema__ref, graft_schema__dynamic_ref;
/* unevaluated.c */
graft_schema_compile_keyword graft_schema__unevaluated_items,
    graft_schema__unevaluated_properties;

#endif
