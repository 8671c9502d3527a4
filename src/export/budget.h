/* export/budget.h - types of single tensors raised so that a file has the size that was asked for.
 *
 * What a type loses is measured on rows of the tensor itself: squared errors, weighted by what goes in, as a
 * share of the squared weights. Step by step that tensor gets a larger type which loses least per
 * byte, until none fits any more. */
#ifndef GRAFT_EXPORT_BUDGET_H
#define GRAFT_EXPORT_BUDGET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/status.h"
#include "quant/format.h"

typedef struct graft_budget_tensor {
    const graft_format *unchanged; /* with this type it is copied and loses nothing; NULL: it is not */
    const graft_format *target; /* the least it may have; becomes what it gets */
    bool fixed;                 /* it keeps that */
    size_t row;
    uint64_t n_rows;
    const float *importance;    /* [row]: of the columns; NULL: all alike */
    const void *context;
    /* As graft_tensor_source.read, from one thread. */
    graft_status (*read)(const void *context, uint64_t first_row, size_t n_rows, float *out);
    /* Filled by graft_budget_measure. */
    struct graft_budget_choice {
        const graft_format *format;
        uint64_t bytes;
        double loss;
    } choices[16]; /* the first is the target; ends with format NULL */
} graft_budget_tensor;

/* Measures what the types lose that the tensor could get. */
graft_status graft_budget_measure(graft_budget_tensor *tensor);

/* Raises targets. fixed_bytes: what the file has beside the data of the tensors, each padded to
 * `alignment`. The file has at most `size` bytes, and no tensor that would lose less fits with a larger type.
 * GRAFT_E_CONFIG with the smallest and the largest possible if the size is outside of those. */
graft_status graft_budget_raise(graft_budget_tensor *tensors, size_t n, uint64_t fixed_bytes,
                                size_t alignment, uint64_t size);

#endif
