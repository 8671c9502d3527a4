/* data/token_cache.h - tokenised examples with their loss weights in a file, so that a second run over
 * the same data need not render and tokenise again.
 *
 * An HDF5 file as io/hdf5.h writes it, arrays packed: `key` (text), `lengths` and `conversations`
 * (u64, per example), `ids` (i32), `weights` (f32) and `roles` (text), example after example. */
#ifndef GRAFT_DATA_TOKEN_CACHE_H
#define GRAFT_DATA_TOKEN_CACHE_H

#include "data/example.h"

/* The examples of a cache that was written under this key. GRAFT_E_CHECKPOINT, naming the file, if it
 * is damaged or of another key ("made from other data or settings"); GRAFT_E_DISK if it cannot be
 * read. *out is freed with graft_example_clear on each and graft_free. */
graft_status graft_token_cache_read(graft_example **out, size_t *n_out, const char *path,
                                    const char *key, size_t n_conversations, size_t n_vocab);

/* Atomic. */
graft_status graft_token_cache_write(const char *path, const char *key,
                                     const graft_example *examples, size_t n);

#endif
