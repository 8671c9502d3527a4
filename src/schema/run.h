/* schema/run.h - one check of one value. Room-internal. */
#ifndef GRAFT_SCHEMA_RUN_H
#define GRAFT_SCHEMA_RUN_H

#include "schema/node.h"

/* Steps, each some tens of nanoseconds; nodes deep, which bounds the C stack. */
enum { GRAFT_SCHEMA_BUDGET = 4 << 20, GRAFT_SCHEMA_MAX_DEPTH = 512 };

/* Resources that were entered and not left, innermost first ("dynamic scope"). */
typedef struct graft_schema_scope {
    const graft_schema_resource *resource;
    const struct graft_schema_scope *outer;
} graft_schema_scope;

/* Where in the value a check is: parent, then key, or index if key is NULL. */
typedef struct graft_schema_place {
    const struct graft_schema_place *parent;
    const char *key;
    size_t index;
} graft_schema_place;

/* What is said of values that do not fit. */
typedef struct graft_schema_findings {
    graft_text *text;
    const char *at;
    size_t n, limit;
} graft_schema_findings;

struct graft_schema_scratch {
    graft_arena arena;
    graft_matcher *matcher; /* NULL until a pattern needs it */
    size_t budget;
};

struct graft_schema_run {
    graft_status status; /* not OK: what the rules answer does not count any more */
    size_t budget, depth;
    const graft_schema_scope *scope;
    const graft_schema_place *place;
    graft_schema_findings *findings; /* NULL: nothing is said */
    graft_schema_scratch *scratch;
};

/* Which items or properties (by their place in the object's order) were looked at by a schema that
 * they fit: what unevaluatedItems and unevaluatedProperties leave alone. */
struct graft_schema_seen {
    uint64_t few, *bits; /* up to 64 need no memory */
    size_t n;
};
void graft_schema__seen_begin(graft_schema_run *run, graft_schema_seen *seen,
                              const graft_json *value);
void graft_schema__seen_add(graft_schema_seen *seen, size_t i); /* accepts NULL */
void graft_schema__seen_merge(graft_schema_seen *into, const graft_schema_seen *from);
bool graft_schema__seen_has(const graft_schema_seen *seen, size_t i);

/* Does the value fit? `seen` (or NULL) is added to as far as it does; if it does not, it may hold
 * anything. */
bool graft_schema__fits(graft_schema_run *run, const graft_schema_node *node,
                        const graft_json *value, graft_schema_seen *seen);

/* The same, but nothing is said, and `seen` stays as it is if the value does not fit. */
bool graft_schema__tries(graft_schema_run *run, const graft_schema_node *node,
                         const graft_json *value, graft_schema_seen *seen);

/* Does what is at `key` (or, if that is NULL, `index`) of the value fit? */
bool graft_schema__part_fits(graft_schema_run *run, const graft_schema_node *node,
                             const graft_json *part, const char *key, size_t index);

/* True: go on with the next part although one does not fit. */
bool graft_schema__goes_on(const graft_schema_run *run);

/* Takes n steps; false if there are not so many left. Whatever a rule does in a loop or with the
 * bytes of a text is counted: references can make it happen any number of times. */
bool graft_schema__step(graft_schema_run *run, size_t n);
/* A step, and more for a text of n bytes that is read. */
bool graft_schema__step_text(graft_schema_run *run, size_t n);

/* graft_json_equal in steps; false as well if they do not suffice. */
bool graft_schema__equal(graft_schema_run *run, const graft_json *a, const graft_json *b);

/* False if the pattern is not found or the search fails. */
bool graft_schema__matches(graft_schema_run *run, const graft_pattern *pattern, const char *text,
                           size_t n);

/* findings.c: says what is wrong with the value at the place where the run is, in the words of the
 * format, and gives false. Arguments cost nothing if written behind `graft_schema__tells() &&`. */
bool graft_schema__tells(const graft_schema_run *run);
bool graft_schema__found(graft_schema_run *run, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
/* The value as JSON in a few words; valid while the run lasts. */
const char *graft_schema__spell(graft_schema_run *run, const graft_json *value);
const char *graft_schema__spell_name(graft_schema_run *run, const char *name);

/* Appends "/key" or "/index" with the escapes of RFC 6901 and for terminals. */
graft_status graft_schema__append_key(graft_text *out, const char *key);

/* numbers.c: exact, also between integers and doubles: -1, 0, 1. */
int graft_schema__compare(const graft_json *a, const graft_json *b);
bool graft_schema__is_number(const graft_json *value);

#endif
