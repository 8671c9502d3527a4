/* export/merge.h - the weights of a base with a fine-tune added, as tensor sources.
 *
 * An adapted tensor has rows W + scale * B A, with W dequantised as training reads it, and of a DoRA
 * each of them as long as its magnitude; the sum is made in
 * double precision and rounded once. All others are the base's own bytes. Rows are made when they are
 * asked for, so a merge needs the memory of a batch and not of a model. */
#ifndef GRAFT_EXPORT_MERGE_H
#define GRAFT_EXPORT_MERGE_H

#include "export/export.h"
#include "export/quantize.h"

struct graft_merged_tensor;

typedef struct graft_merged {
    graft_tensor_source *sources; /* in the order of the base's tensors */
    struct graft_merged_tensor *tensors;
    const graft_format **targets; /* of the same index: what a tensor was written as; for the job */
    size_t n;
} graft_merged;

/* Everything is borrowed until the clear. GRAFT_E_MODEL if a map fits no tensor of the base. */
graft_status graft_merged_open(graft_merged *out, const graft_gguf *base,
                              const graft_export_adapter *adapter);
void graft_merged_clear(graft_merged *merge);

/* The order in which quantised files have their tensors. */
void graft_merged_sort(graft_merged *merge);

/* Once all rows were written: what survived. */
graft_status graft_merged_survival(const graft_merged *merge, graft_survival *out);

/* The same, and GRAFT_E_FAILED if most is lost and job->force is not set. */
graft_status graft_export__judge(const graft_export_job *job, const graft_merged *merge,
                                 graft_survival *survival);

#endif
