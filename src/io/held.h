/* io/held.h - room-internal: the files that this process has mapped, and those it is writing.
 *
 * Tables of fixed size that a signal handler may read at any moment (<graft/held.h>). What finds no
 * room in them is used all the same; the handler then does not know of it. */
#ifndef GRAFT_IO_HELD_H
#define GRAFT_IO_HELD_H

#include <stddef.h>

#include <graft/held.h>

/* `path` is borrowed until the mapping at `begin` is dropped. */
void graft_held__add_mapping(const void *begin, size_t n, const char *path);
void graft_held__drop_mapping(const void *begin);

/* `path`, of a file that is to disappear if the process ends now, is borrowed until it is dropped. */
void graft_held__add_temporary(const char *path);
void graft_held__drop_temporary(const char *path);

/* Until _leave this thread calls a library that does not survive it if memory runs out. */
void graft_held__enter(const char *library);
void graft_held__leave(void);

#endif
