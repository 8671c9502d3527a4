/* held.h - for the signal handlers of a program: which files the library holds, and whom it calls.
 *
 * Models and data are mapped: where such a file is cut short while it is used, or its disk fails, the
 * system sends SIGBUS. The library installs no handler; a program that does asks here which file it
 * was. All functions may be called from a handler, on any thread. */
#ifndef GRAFT_HELD_H
#define GRAFT_HELD_H

#include <stdint.h>

#include <graft/status.h>

/* The path of the mapped file that `address` (siginfo_t's si_addr) lies in, and how far behind its
 * beginning; NULL if it is in none. */
GRAFT_API const char *graft_held_mapping(const void *address, uint64_t *offset);

/* A library of others that this thread is in and that does not survive a failed allocation: libhdf5 crashes or
 * aborts. NULL: none. */
GRAFT_API const char *graft_held_foreign(void);

/* Removes the temporary files of what is being written, before the process ends without returning
 * from where it is. */
GRAFT_API void graft_held_remove_temporaries(void);

#endif
