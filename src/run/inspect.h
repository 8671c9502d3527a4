/* run/inspect.h - describing files as JSON objects, from which the readable text is made too.
 *
 * Each function adds members to the object `out`, first of all "kind". Used by run_inspect.c. */
#ifndef GRAFT_RUN_INSPECT_H
#define GRAFT_RUN_INSPECT_H

#include <stdbool.h>

#include "io/json.h"

/* A GGUF model or adapter. */
graft_status graft_inspect__gguf(graft_json *out, const char *path, bool tensors);
graft_status graft_inspect__safetensors(graft_json *out, const char *path, bool tensors);
graft_status graft_inspect__checkpoint(graft_json *out, const char *path, bool tensors);
graft_status graft_inspect__adapter(graft_json *out, const char *path, bool tensors); /* a folder */
graft_status graft_inspect__run(graft_json *out, const char *path);

/* Appends the object as text for people: safe for a terminal, values in one column. */
graft_status graft_inspect__format(graft_text *out, const graft_json *object);

/* --- helpers --- */

/* A string that may not be UTF-8 (written with escapes then), cut after `limit` bytes (0: whole). */
graft_status graft_inspect__set_text(graft_json *object, const char *key, const char *bytes,
                                     size_t n, size_t limit);
/* {"name", "format", "shape"}; shape outermost first. */
graft_status graft_inspect__push_tensor(graft_json *array, const char *name, const char *format,
                                        const uint64_t *shape, uint32_t n_dims, bool reversed);
/* Moves *value into the object; *value becomes NULL even on failure. */
graft_status graft_inspect__move(graft_json *object, const char *key, graft_json **value);
/* Adds to an integer member, which is made if it is absent. */
graft_status graft_inspect__add_int(graft_json *object, const char *key, uint64_t value);

#endif
