/* data/schema.h - JSON Schema from the types that data files use in its place. Room-internal. */
#ifndef GRAFT_DATA_SCHEMA_H
#define GRAFT_DATA_SCHEMA_H

#include "data/build.h"

/* A copy of a schema in which "dict", "float", "str", ... have the names of JSON Schema. */
graft_status graft_schema__json(graft_json **out, const graft_json *in);

/* The schema of flat parameters {"city": {"type": "str, optional", "description": ...}}. Required
 * are those of the list `required` or, without one (NULL), all that are not optional. What is a
 * schema already is only mapped. */
graft_status graft_schema__flat(graft_json **out, const graft_json *parameters,
                                const graft_json *required);

/* Sets "type" (and "items") of `schema` from "int", "List[str]", "Optional[int]", "str, optional".
 * Unions and what is unknown stay without a type. */
graft_status graft_schema__set_type(graft_json *schema, const char *text, size_t n,
                                    bool *optional);

#endif
