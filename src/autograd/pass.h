/* autograd/pass.h - the layout of one pass: flat tokens in a forest of spans.
 *
 * Tokens of all examples stand in one array. A span is a run of tokens with a parent span or
 * none; a token attends to its own span up to itself and to all ancestors; its position is its
 * depth in tokens. What is to be predicted is a list of its own, because the last token of a
 * shared span may have several successors. */
#ifndef GRAFT_AUTOGRAD_PASS_H
#define GRAFT_AUTOGRAD_PASS_H

#include "kernels/kernels.h"

typedef struct graft_prediction {
    uint32_t row;     /* token whose hidden state predicts */
    int32_t target;   /* the id to be predicted */
    float weight;     /* loss weight, any real number; predictions of weight 0 are left out */
    uint32_t example; /* index of the example within the step (of the first one, if shared) */
    uint32_t index;   /* position of the target within that example */
} graft_prediction;

typedef struct graft_pass {
    size_t n_tok;
    const int32_t *ids;          /* [n_tok] */
    const uint32_t *positions;   /* [n_tok] */
    const graft_span *spans;     /* parents before children */
    size_t n_spans;
    const graft_prediction *predictions; /* sorted by row */
    size_t n_predictions;
} graft_pass;

#endif
