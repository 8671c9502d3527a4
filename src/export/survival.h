/* export/survival.h - what is left of a fine-tune when its weights are rounded to the type of a file.
 *
 * W is what training read, D = scale * B A what it learnt, Q what the file holds. The rounding error is
 * Q - (W + D). What the file realises is Q - W; its projection on D, as a share of D, is what survives:
 * 1 where rounding is as likely up as down, 0 where every weight is rounded back to W.
 *
 * The same is asked of what comes out, if it is known what goes in (rounding.h): norms are then roots of the mean
 * square of D x and of (error) x over inputs x. What a model says depends on this one. Rounding that looks
 * at outputs changes few weights, and those by a step that is large beside D. */
#ifndef GRAFT_EXPORT_SURVIVAL_H
#define GRAFT_EXPORT_SURVIVAL_H

#include <stdbool.h>
#include <stddef.h>

#include "core/strings.h"
#include "io/json.h"
#include "quant/format.h"

typedef struct graft_survival_measure {
    double delta;   /* norm of D */
    double error;   /* ... of the rounding error */
    double kept;    /* share of D that survives; 1 if D is zero */
} graft_survival_measure;

typedef struct graft_survival_row {
    char *name;
    const graft_format *from, *to;
    graft_survival_measure weights;
    graft_survival_measure outputs; /* if has_outputs */
    bool has_outputs;
} graft_survival_row;

typedef struct graft_survival {
    graft_survival_row *rows; /* of adapted tensors, as they stand in the file */
    size_t n, capacity;
    graft_survival_measure weights; /* of all together, as if they were one tensor */
    graft_survival_measure outputs; /* the mean over tensors of shares and of squared errors: they
                                     * are of different sizes, and each feeds the next; delta is 1 */
    bool has_outputs;               /* of every tensor that was rounded */
    char *rounding, *note;          /* "aware" or "nearest", and from what or why; or NULL */
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
/* outputs: NULL if they are not known. */
graft_status graft_survival_add(graft_survival *survival, const char *name,
                                const graft_format *from, const graft_format *to,
                                const graft_survival_sums *weights,
                                const graft_survival_sums *outputs);

/* How it was rounded; copies. */
graft_status graft_survival_set_rounding(graft_survival *survival, bool aware, const char *note);

graft_survival_verdict graft_survival_judge(const graft_survival *survival);
/* A row judged as if it were all. */
graft_survival_verdict graft_survival_judge_row(const graft_survival_row *row);

/* Appends the verdict in words, one sentence. */
graft_status graft_survival_words(const graft_survival *survival, graft_text *out);
/* Appends a table of the worst rows and the whole. */
graft_status graft_survival_table(const graft_survival *survival, graft_text *out);
/* {"verdict", "words", "rounding", "rounding_data", "delta", "error", "kept", "outputs": {"error", "kept"},
 * "tensors": [{"name", "from", "to", ...}]} */
graft_status graft_survival_json(const graft_survival *survival, graft_json **out);

#endif
