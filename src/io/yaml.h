/* io/yaml.h - the door to libyaml: a YAML document as a graft_json value.
 *
 * Maps, sequences and plain scalars (YAML 1.2 core schema: null, true/false, integers, floats,
 * strings). Anchors, aliases, tags, multiple documents, duplicate keys, depth beyond 16 and files
 * beyond 1 MiB are refused with file:line. A JSON file is YAML and works too. */
#ifndef GRAFT_IO_YAML_H
#define GRAFT_IO_YAML_H

#include "io/json.h"

/* GRAFT_E_CONFIG with "path:line: ..." */
graft_status graft_yaml_read(graft_json **out, const char *path);
/* The line where a top-level key stands in the file just parsed by this thread is kept with the value:
 * line of `value` (1-based), 0 if unknown. */
int graft_yaml_line(const graft_json *value);
/* Appends `key: value` lines that read back as the same value (strings quoted where needed). */
graft_status graft_yaml_write(graft_text *out, const graft_json *object);

#endif
