/* export/rounding.h - weights rounded so that what a linear map puts out stays, not each weight.
 *
 * An error e = W - Q of a row costs e M e^T, M the mean of x x^T over inputs x that a model really has.
 * With M = R^T D R, R upper triangular with ones on the diagonal, that is the sum over columns k of
 * D_k (e_k + sum of R_kj e_j over j > k)^2: so columns are rounded from the last to the first, each to make
 * good what the errors behind it did (Frantar et al. 2022, GPTQ, in the form of Chee et al. 2023, LDLQ). A block's
 * scale is the one of a few that costs least for what it then has to hold: the base's own, if it is
 * of that type, those of the plain encoder and of the one that weighs.
 *
 * Then all scales and offsets of a row are solved for at once, the levels staying (rounding_scales.c),
 * and the levels are found anew for those. Where a change is much smaller than a level, most of it
 * survives in the scales.
 *
 * A row for which this costs more than the encoder's blocks gets those: no row is worse. */
#ifndef GRAFT_EXPORT_ROUNDING_H
#define GRAFT_EXPORT_ROUNDING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/status.h"
#include "quant/levels.h"

typedef struct graft_rounding {
    size_t n;             /* columns */
    const float *moments; /* M [n][n], of which the upper triangle is read; borrowed */
    float *factor;        /* R [n][n], what is right of the diagonal */
    float *weights;       /* D [n] */
    float *importance;    /* the diagonal of M */
    float *damping;       /* [n]: what the diagonal was raised by */
} graft_rounding;

/* Factors M, its diagonal made a little larger so that a few thousand inputs do not say more than
 * they know. GRAFT_E_NUMERICS if M is not finite. */
graft_status graft_rounding_open(graft_rounding *out, size_t n, const float *moments);
void graft_rounding_close(graft_rounding *rounding);

/* Rows that are rounded together. */
enum { GRAFT_ROUNDING_ROWS = 16 };
size_t graft_rounding_scratch(const graft_levels *levels, size_t n); /* floats */

/* Some rows of W on their way to blocks. */
typedef struct graft_rounding_rows {
    const graft_levels *levels;
    const float *values;  /* [n_rows][n] */
    size_t n_rows;        /* <= GRAFT_ROUNDING_ROWS */
    const uint8_t *own;   /* the base's blocks of these rows, if they have the format; or NULL */
    uint8_t *blocks;      /* what they become; filled with what the encoder makes of them */
    size_t row_bytes;     /* of own and blocks */
    double *costs;        /* [n_rows]: e M e^T of what they became */
} graft_rounding_rows;

/* Replaces the blocks of all rows for which that costs less. */
void graft_rounding_run(const graft_rounding *rounding, const graft_rounding_rows *rows,
                        float *scratch);

/* Where moments come from. */
typedef struct graft_rounding_source {
    /* Called if any weights will be rounded to blocks: sets aware and note, and itself to NULL, so that
     * another artefact finds them set. NULL: they are set. */
    graft_status (*prepare)(struct graft_rounding_source *source);
    /* *out is valid until the next call; NULL: there are none for this tensor. */
    graft_status (*find)(struct graft_rounding_source *source, const char *tensor,
                         const graft_rounding **out);
    void *context;
    bool aware;       /* moments can be had */
    const char *note; /* from what, or why not; NULL: nothing was prepared */
} graft_rounding_source;

#endif
