/* data/dedup.h - files without their duplicates, lines as they stand where they are records. */
#ifndef GRAFT_DATA_DEDUP_H
#define GRAFT_DATA_DEDUP_H

#include "data/dataset.h"
#include "io/files.h"

typedef struct graft_dedup graft_dedup;

typedef struct graft_dedup_result {
    size_t examples, kept, exact, near; /* exact, near: left out */
    size_t bad;                         /* lines left out */
    size_t bytes_compared;              /* memory of what is compared */
} graft_dedup_result;

/* near: [0.5, 1], leaves out what is so much like an example that was kept; 0: only what is the
 * same (data/fingerprint.h says what that means). What is kept goes to `out`, which stays the
 * caller's, one example per line. poll: see graft_record_visitor. */
graft_status graft_dedup_new(graft_dedup **out, double near, bool skip_bad, graft_writer *writer,
                             graft_status (*poll)(void *context), void *context);
void graft_dedup_free(graft_dedup *dedup);
graft_status graft_dedup_read(graft_dedup *dedup, const graft_source *source);
graft_dedup_result graft_dedup_result_get(const graft_dedup *dedup);

#endif
