/* train/base_watch.h - is the frozen base still what it was?
 *
 * Every chunk of the mapped file, as it lies in memory, has a fast digest from before the first step
 * (not a cryptographic one: it is against faults, not against people). Between steps a share of the chunks is compared
 * with theirs, so that all of the base is looked at within base_check_steps steps. That finds a file that
 * was written to under the run, and memory or a disk that does not keep what it is given. */
#ifndef GRAFT_TRAIN_BASE_WATCH_H
#define GRAFT_TRAIN_BASE_WATCH_H

#include "io/gguf.h"

enum { GRAFT_BASE_CHUNK = 1 << 18 }; /* bytes */

typedef struct graft_base_chunk {
    const uint8_t *data;
    size_t n;
    size_t part;     /* of the model's files */
    uint64_t offset; /* in it */
    uint64_t digest;
} graft_base_chunk;

typedef struct graft_base_watch {
    const graft_gguf *file;
    graft_base_chunk *chunks;
    size_t n_chunks, per_step, next;
} graft_base_watch;

/* Reads all of the file, which must outlive the watch. steps 0: nothing is watched. */
graft_status graft_base_watch_init(graft_base_watch *watch, const graft_gguf *file, uint64_t steps);
void graft_base_watch_clear(graft_base_watch *watch);

/* Compares the next share. GRAFT_E_MODEL, naming file, bytes and tensor, if it has changed. Allocates
 * nothing. */
graft_status graft_base_watch_step(graft_base_watch *watch);
/* Compares everything. */
graft_status graft_base_watch_all(graft_base_watch *watch);

#endif
