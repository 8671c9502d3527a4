/* export/survival.h - what is left of a fine-tune when its weights are rounded to the type of a file.
 *
 * W is what training read, D = scale * B A what it learnt, Q what the file holds. The rounding error is
 * Q - (W + D). What the file realises is Q - W; its projection on D, as a share of D, is what survives:
 * 1 where rounding is as likely up as down, 0 where every weight is rounded back to W. */
#ifndef GRAFT_EXPORT_SURVIVAL_H
#define GRAFT_EXPORT_SURVIVAL_H

#include <stdbool.h>
#include <stddef.h>

#include "core/strings.h"
#include "io/json.h"
#include "quant/format.h"

typedef struct graft_survival_row {
    char *name;
    const graft_format *from, *to;
    double delta;   /* Frobenius norm of D */
    double error;   /* ... of the rounding error */
    double kept;    /* share of D that survives; 1 if D is zero */
} graft_survival_row;

typedef struct graft_survival {
    graft_survival_row *rows; /* of adapted tensors, as they stand in the file */
    size_t n, capacity;
    double delta, error, kept; /* of all weights together, as if they were one tensor */
} graft_survival;

typedef enum graft_survival_verdict {
    GRAFT_SURVIVES, GRAFT_SURVIVES_WITH_NOISE, GRAFT_WEAKENED, GRAFT_LOST
} graft_survival_verdict;

void graft_survival_init(graft_survival *survival);
void graft_survival_clear(graft_survival *survival);

/* Sums over all numbers of a tensor: squares of D, of the error, and D times the error. */
typedef struct graft_survival_sums {
    double delta, error, product;
} graft_survival_sums;
graft_status graft_survival_add(graft_survival *survival, const char *name,
                                const graft_format *from, const graft_format *to,
                                const graft_survival_sums *sums);

graft_survival_verdict graft_survival_judge(const graft_survival *survival);
/* A row judged as if it were all. */
graft_survival_verdict graft_survival_judge_row(const graft_survival_row *row);

/* Appends the verdict in words, one sentence. */
graft_status graft_survival_words(const graft_survival *survival, graft_text *out);
/* Appends a table of the worst rows and the whole. */
graft_status graft_survival_table(const graft_survival *survival, graft_text *out);
/* {"verdict", "words", "delta", "error", "kept", "tensors": [{"name", "from", "to", ...}]} */
graft_status graft_survival_json(const graft_survival *survival, graft_json **out);

#endif
