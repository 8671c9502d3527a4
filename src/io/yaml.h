/* io/yaml.h - the door to libyaml: a YAML document as a graft_json value.
 *
 * Maps, sequences and plain scalars (YAML 1.2 core schema: null, true/false, integers, floats,
 * strings). Anchors, aliases, tags, multiple documents, duplicate keys, non-finite numbers, depth
 * beyond 16 and files beyond 1 MiB are refused with file:line. A JSON file is YAML and works too
 * (one with escaped surrogates is read as JSON, and has no lines). */
#ifndef GRAFT_IO_YAML_H
#define GRAFT_IO_YAML_H

#include "io/json.h"

/* GRAFT_E_CONFIG with "path:line: ..." (GRAFT_E_DISK if it cannot be read). An empty file fails. */
graft_status graft_yaml_read(graft_json **out, const char *path);
/* The same for text[0..n), part of a file that messages call `path`. */
graft_status graft_yaml_parse(graft_json **out, const char *path, const char *text, size_t n);
/* The line (1-based) where `key` stands in the file, for any map of a value that graft_yaml_read
 * made; 0 if unknown. */
int graft_yaml_line(const graft_json *object, const char *key);
/* Appends one `key: value` line per member, which read back as the same value (strings quoted
 * where needed; lists and maps inside in flow style). */
graft_status graft_yaml_write(graft_text *out, const graft_json *object);

#endif
