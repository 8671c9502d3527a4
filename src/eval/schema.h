/* eval/schema.h - does a JSON value fit a JSON Schema?
 *
 * The part of drafts 7 and 2020-12 that tools are declared with (https://json-schema.org): boolean
 * schemas, type, enum, const, properties, required, additionalProperties, items, prefixItems,
 * anyOf, oneOf, allOf, not, $ref within the document ("#/..."), and the bounds minimum, maximum,
 * exclusiveMinimum, exclusiveMaximum, multipleOf, minLength, maxLength, minItems, maxItems,
 * uniqueItems, minProperties, maxProperties. Other keywords (pattern, format, ...) are not looked
 * at. A keyword whose value makes no sense is not looked at either: models are judged here, not
 * schemas. */
#ifndef GRAFT_EVAL_SCHEMA_H
#define GRAFT_EVAL_SCHEMA_H

#include "io/json.h"

/* A schema that needs more than 100,000 steps or 64 levels of references for one value fits
 * nothing. */
bool graft_schema_accepts(const graft_json *schema, const graft_json *value);

#endif
