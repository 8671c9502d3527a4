/* data/declared.h - the schemas of declared tools, each compiled once for all the examples that
 * declare it the same way. One per thread; used inside the room.
 *
 * What is kept is found again by the text of the schema, so that a tool of the same name that is
 * declared otherwise is another one; it is kept from the second example on. Beyond 16 MiB all of it
 * is given up and collected anew. */
#ifndef GRAFT_DATA_DECLARED_H
#define GRAFT_DATA_DECLARED_H

#include "schema/schema.h"

typedef struct graft_declared graft_declared;

graft_status graft_declared_new(graft_declared **out);
void graft_declared_free(graft_declared *declared);

/* Begins an example: its tools as the canonical layout has them, borrowed until the next begin. */
graft_status graft_declared_begin(graft_declared *declared, const graft_json *tools);

/* The schema of the arguments of tools[i], valid until the next call; NULL if none is declared. */
graft_status graft_declared_get(const graft_schema **out, graft_declared *declared, size_t i);

size_t graft_declared_bytes(const graft_declared *declared); /* what is kept, nearly */

#endif
