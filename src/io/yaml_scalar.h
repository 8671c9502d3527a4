/* io/yaml_scalar.h - room-internal: what a plain YAML scalar means (YAML 1.2.2, 10.3 core schema). */
#ifndef GRAFT_IO_YAML_SCALAR_H
#define GRAFT_IO_YAML_SCALAR_H

#include "io/json.h"

/* The value of a plain (unquoted) scalar. GRAFT_E_DATA for numbers that are not finite or do not
 * fit in 64 bits. */
graft_status graft_yaml__resolve(graft_json **out, const char *text, size_t n);

#endif
