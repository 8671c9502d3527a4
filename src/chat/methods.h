/* chat/methods.h - what the tables of methods share. Room-internal. */
#ifndef GRAFT_CHAT_METHODS_H
#define GRAFT_CHAT_METHODS_H

#include "chat/jinja.h"

extern const graft_jmethod graft_jmethods_of_str[]; /* ends with a NULL name */

/* Parameter i as a number; left out or none it is `otherwise`. */
graft_status graft_jmethod__optional_int(graft_jinja *j, const graft_jcall *call, size_t i,
                                         int64_t otherwise, int64_t *out);

#endif
