/* The keywords, cheap checks first. What unevaluated* leaves alone must be known: they are last. */
#include "schema/node.h"

#define BOTH (GRAFT_SCHEMA_7 | GRAFT_SCHEMA_2020_12)
#define NEW GRAFT_SCHEMA_2020_12
#define NONE GRAFT_SCHEMA_NO_CHILDREN
#define ONE GRAFT_SCHEMA_ONE
#define LIST GRAFT_SCHEMA_LIST
#define MAP GRAFT_SCHEMA_MAP

const graft_schema_keyword graft_schema_keywords[] = {
    {"$ref", BOTH, NONE, graft_schema__ref},
    {"$dynamicRef", NEW, NONE, graft_schema__dynamic_ref},
    {"$defs", BOTH, MAP, NULL},
    {"definitions", BOTH, MAP, NULL},
    {"type", BOTH, NONE, graft_schema__type},
    {"const", BOTH, NONE, graft_schema__const},
    {"enum", BOTH, NONE, graft_schema__enum},
    {"minimum", BOTH, NONE, graft_schema__minimum},
    {"maximum", BOTH, NONE, graft_schema__maximum},
    {"exclusiveMinimum", BOTH, NONE, graft_schema__exclusive_minimum},
    {"exclusiveMaximum", BOTH, NONE, graft_schema__exclusive_maximum},
    {"multipleOf", BOTH, NONE, graft_schema__multiple_of},
    {"minLength", BOTH, NONE, graft_schema__min_length},
    {"maxLength", BOTH, NONE, graft_schema__max_length},
    {"minItems", BOTH, NONE, graft_schema__min_items},
    {"maxItems", BOTH, NONE, graft_schema__max_items},
    {"minProperties", BOTH, NONE, graft_schema__min_properties},
    {"maxProperties", BOTH, NONE, graft_schema__max_properties},
    {"required", BOTH, NONE, graft_schema__required},
    {"dependentRequired", NEW, NONE, graft_schema__dependent_required},
    {"properties", BOTH, MAP, graft_schema__properties},
    {"patternProperties", BOTH, MAP, graft_schema__pattern_properties},
    {"additionalProperties", BOTH, ONE, graft_schema__additional_properties},
    {"propertyNames", BOTH, ONE, graft_schema__property_names},
    {"items", BOTH, GRAFT_SCHEMA_ONE_OR_LIST, graft_schema__items},
    {"prefixItems", NEW, LIST, graft_schema__prefix_items},
    {"additionalItems", BOTH, ONE, NULL},
    {"contains", BOTH, ONE, graft_schema__contains},
    {"pattern", BOTH, NONE, graft_schema__pattern_keyword},
    {"uniqueItems", BOTH, NONE, graft_schema__unique_items},
    {"dependentSchemas", NEW, MAP, graft_schema__dependent_schemas},
    {"dependencies", BOTH, MAP, graft_schema__dependencies},
    {"allOf", BOTH, LIST, graft_schema__all_of},
    {"anyOf", BOTH, LIST, graft_schema__any_of},
    {"oneOf", BOTH, LIST, graft_schema__one_of},
    {"not", BOTH, ONE, graft_schema__not},
    {"if", BOTH, ONE, graft_schema__if},
    {"then", BOTH, ONE, NULL},
    {"else", BOTH, ONE, NULL},
    {"unevaluatedItems", NEW, ONE, graft_schema__unevaluated_items},
    {"unevaluatedProperties", NEW, ONE, graft_schema__unevaluated_properties},
};
const size_t graft_schema_n_keywords =
    sizeof graft_schema_keywords / sizeof graft_schema_keywords[0];
