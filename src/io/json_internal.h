/* io/json_internal.h - what the JSON files (and yaml.c) share beside the header. */
#ifndef GRAFT_IO_JSON_INTERNAL_H
#define GRAFT_IO_JSON_INTERNAL_H

#include "io/json.h"

#define GRAFT_JSON_MAX_BYTES ((size_t)1 << 30)
enum { GRAFT_JSON_MAX_DEPTH = 128 };

/* Accepts exactly one JSON value (RFC 8259) within the limits of json.h; else GRAFT_E_DATA
 * "at byte N: what". long_integers: beyond 64 bits too. */
graft_status graft_json__scan(const char *text, size_t n, bool long_integers);

/* The value of text that graft_json__scan has accepted. */
graft_status graft_json__build(graft_json **out, const char *text, size_t n);

/* The failure of who notices that a builder gave NULL. */
graft_status graft_json__no_memory(void);

/* Builders as those of json.h. spelling: the text of a double. */
graft_json *graft_json__new_unsigned(uint64_t value);
graft_json *graft_json__new_spelled(double value, const char *spelling);

/* One block (from graft_alloc) that is freed with the object. Not carried by graft_json_copy. */
void graft_json__set_note(graft_json *object, void *note);
const void *graft_json__note(const graft_json *object); /* NULL if none or not an object */

/* Appends a string in quotes with the escapes of json.dumps(ensure_ascii=False). */
graft_status graft_json__write_string(graft_text *out, const char *bytes, size_t n);

#endif
