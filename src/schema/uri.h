/* schema/uri.h - URIs as far as schemas name each other by them (RFC 3986). Room-internal. */
#ifndef GRAFT_SCHEMA_URI_H
#define GRAFT_SCHEMA_URI_H

#include "core/arena.h"

/* Resolves reference[0..n) against a base (section 5.2), both without fragments. The result is
 * zero terminated and lives in the arena. */
graft_status graft_schema__uri_resolve(const char **out, graft_arena *arena, const char *base,
                                       const char *reference, size_t n);

/* A fragment without its "%XX", zero terminated, in the arena. */
graft_status graft_schema__uri_decode(const char **out, graft_arena *arena, const char *fragment);

#endif
