/* core/unknown.h - what is said of a name that nobody has. */
#ifndef GRAFT_CORE_UNKNOWN_H
#define GRAFT_CORE_UNKNOWN_H

#include <stddef.h>

#include "core/status.h"

/* Fails with GRAFT_E_CONFIG: unknown WHAT "NAME"; did you mean "..."? (known: ...). */
graft_status graft_fail_unknown(const char *what, const char *name, const char *const *known,
                                size_t n);

#endif
