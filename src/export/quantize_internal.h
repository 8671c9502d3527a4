/* export/quantize_internal.h - what is planned for each tensor, as its parts in this room see it. */
#ifndef GRAFT_EXPORT_QUANTIZE_INTERNAL_H
#define GRAFT_EXPORT_QUANTIZE_INTERNAL_H

#include "export/quantize.h"

/* What becomes of a source. */
typedef struct graft_quantize__part {
    const graft_tensor_source *source;
    const graft_format *target;
    const float *importance; /* [ne[2]][ne[0]], or NULL */
    size_t row;              /* numbers of a row */
    uint64_t n_rows, rows_per_matrix, n_matrices;
    size_t source_bytes, target_bytes; /* of a row; source_bytes 0 if there is no data */
    bool encoded;                      /* not copied as it is */
    const graft_levels *levels;        /* of the target; NULL: it has none */
} graft_quantize__part;

struct graft_quantize_stream {
    const graft_quantize_job *job;
    graft_quantize__part *parts;
    float *values;   /* a tile per thread */
    float *scratch;  /* for rounding, per thread */
    size_t values_n, scratch_n;
    size_t n_aware;
    uint8_t *blocks; /* of a batch */
    size_t blocks_n;
    uint64_t bytes_done, bytes_total;
};

/* Rows [first, first + n_rows) as they are to be encoded, all finite. */
graft_status graft_quantize__read(const graft_quantize__part *p, uint64_t first, size_t n_rows,
                                  float *values);
/* What becomes of a source whose target is that of `tensor`. */
graft_status graft_quantize__plan(const graft_quantize_job *job, const graft_mix_tensor *tensor,
                                  const graft_tensor_source *source, graft_quantize__part *p);
/* Raises types until the file has the size that the job asks for; `file` has all its keys and no
 * tensors. */
graft_status graft_quantize__raise(graft_quantize_stream *r, graft_mix_tensor *tensors,
                                   const graft_gguf_writer *file, graft_quantized *out);

#endif
