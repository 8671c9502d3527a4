/* schema/schema.h - does a JSON value fit a JSON Schema (https://json-schema.org)?
 *
 * A schema is compiled once and then checks any number of values. All of the validation, applicator
 * and unevaluated vocabularies of drafts 7 and 2020-12 is there, with references within the
 * document: $ref, $id, $anchor, $dynamicRef. `format` and `content*` only annotate.
 *
 * Which draft: what $schema says (drafts 4 and 6 are read as 7, 2019-09 as 2020-12), also in a part
 * that has an $id of its own; else what the caller says. Under 2020-12 the forms of draft 7 that
 * tools are still declared with work as they did there: an array of `items` with `additionalItems`
 * (if there is no `prefixItems`), `dependencies`, "$id": "#name", and `definitions`.
 *
 * Compiling never refuses what a schema says; models are judged here, not schemas. A keyword whose
 * value makes no sense, a pattern that is none (ECMA 262) or comes after the 1,000th, and a
 * reference that leads nowhere are not looked at and remarked. Nothing is ever fetched. */
#ifndef GRAFT_SCHEMA_SCHEMA_H
#define GRAFT_SCHEMA_SCHEMA_H

#include "io/json.h"

typedef struct graft_schema graft_schema;

/* What is needed while a value is checked: one per thread, for any number of schemas. */
typedef struct graft_schema_scratch graft_schema_scratch;

typedef enum graft_schema_draft { GRAFT_SCHEMA_7 = 1, GRAFT_SCHEMA_2020_12 = 2 } graft_schema_draft;

/* `json` is borrowed: it must stay as it is while the schema lives. The schema is then constant and
 * may be used by many threads. Fails with GRAFT_E_MEMORY only. */
graft_status graft_schema_compile(graft_schema **out, const graft_json *json,
                                  graft_schema_draft draft);
void graft_schema_free(graft_schema *schema);
size_t graft_schema_bytes(const graft_schema *schema); /* what it takes, nearly */

/* What is not looked at and why, one by one: `/properties/a/pattern: at character 3: ...`. NULL
 * from the last on; at most GRAFT_SCHEMA_MAX_REMARKS are kept. Escaped for terminals. */
enum { GRAFT_SCHEMA_MAX_REMARKS = 100, GRAFT_SCHEMA_MAX_PATTERNS = 1000 };
const char *graft_schema_remark(const graft_schema *schema, size_t i);

/* Where the $ref of `at` leads, which is a schema of the document: borrowed, NULL if nowhere. *alone: nothing
 * else in `at` counts (draft 7). For those who read a schema themselves. */
const graft_json *graft_schema_reference(const graft_schema *schema, const graft_json *at,
                                         bool *alone);

graft_status graft_schema_scratch_new(graft_schema_scratch **out);
void graft_schema_scratch_free(graft_schema_scratch *scratch);
/* How many steps a check may take, instead of some millions. */
void graft_schema_scratch_set_steps(graft_schema_scratch *scratch, size_t steps);

/* Tells whether the value fits. GRAFT_E_DATA if that cannot be told within 512 levels or some
 * millions of steps, which only schemas and patterns that do not end ask for. Most checks allocate
 * nothing (those that do: patterns the first time, propertyNames, uniqueItems of many). */
graft_status graft_schema_check(bool *fits, const graft_schema *schema,
                                graft_schema_scratch *scratch, const graft_json *value);

/* All in one, for a single value; a tool's schema without $schema is of 2020-12. Nothing fits a schema
 * that does not end. */
graft_status graft_schema_fits(bool *fits, const graft_json *json, const graft_json *value);

/* Appends what does not fit, at most `limit` lines that each end in a newline: the place as a JSON
 * pointer behind `at`, and the fact, such as `/arguments/city: is a number, not string` for the
 * place "/arguments". Nothing is appended if the value fits. Escaped for terminals. */
graft_status graft_schema_explain(graft_text *out, const graft_schema *schema,
                                  graft_schema_scratch *scratch, const graft_json *value,
                                  const char *at, size_t limit);

#endif
