/* io/show.h - room-internal: names from files, made safe and short for a message. */
#ifndef GRAFT_IO_SHOW_H
#define GRAFT_IO_SHOW_H

#include <stddef.h>

enum { GRAFT_IO_SHOWN = 336 };

/* Up to 80 bytes of a name; controls, direction marks and invalid UTF-8 become \xNN.
 * Zero-terminated. Returns `out`. */
const char *graft_io__show(char out[GRAFT_IO_SHOWN], const char *bytes, size_t n);

#endif
