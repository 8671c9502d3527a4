/* run/base_file.h - is the base still the file that it was? */
#ifndef GRAFT_RUN_BASE_FILE_H
#define GRAFT_RUN_BASE_FILE_H

#include "io/gguf.h"

typedef struct graft_base {
    graft_gguf *file;
    const char *sha256; /* of the file; NULL: not known */
    bool replaced;      /* and that was said */
} graft_base;

/* To be asked between steps, while it is merged, and after whatever was computed: the weights are read from
 * the mapped file, and someone may write to it meanwhile. One look at each part's size and time; where the time is
 * another one, the file is read again and compared with its digest (not known: a warning
 * instead). A path that has become another file is only warned of, once: what is mapped is as it was.
 * GRAFT_E_MODEL if the bytes are others: what was computed since the last look is not to be trusted. */
graft_status graft_base_check(graft_base *base);

#endif
