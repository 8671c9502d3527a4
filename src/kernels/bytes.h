/* kernels/bytes.h - operands of products in 8-bit integers.
 *
 * GRAFT_GROUP neighbours of W along the reduction axis share a scale: the largest of them is
 * graft_kernels.byte_limits.w times it, and the others are rounded to whole multiples (to even). Of X
 * GRAFT_RUN_GROUPS such groups share one (byte_limits.x): scaling takes the place of multiplying, and
 * errors of X, other than those of W, are different ones for each token and cancel out in sums over
 * tokens. Products and sums of a group are exact in integers; what the groups of a run give is added
 * in single precision, in order, and then to what the runs before gave.
 *
 * Forward, both operands of a group are first turned by a Walsh-Hadamard transform, which leaves
 * their product as it is and spreads the few large numbers that activations have over all 64: half
 * the error (cf. QuaRot, Ashkboos et al. 2024). It goes in steps over the bits 0, 5, 1, 2, 3, 4 of
 * an element's number i: with m the bit, x[i] + x[i ^ m] where it is clear, x[i ^ m] - x[i] where it
 * is set. Backward nothing is turned: the error there is small as it is. */
#ifndef GRAFT_KERNELS_BYTES_H
#define GRAFT_KERNELS_BYTES_H

#include "kernels/kernels.h"

#define GRAFT_GROUP 64
#define GRAFT_QUADS (GRAFT_GROUP / 4) /* a lane sums four products at once */
#define GRAFT_RUN_GROUPS 4
/* Where activations are bfloat16; VNNI sums four products in 32 bits. */
#define GRAFT_BYTE_MAX 127
#define GRAFT_BYTE_LIMITS_HALF (graft_byte_limits){GRAFT_BYTE_MAX, GRAFT_BYTE_MAX, 128}
/* Where they are not; AVX2 sums two in 16 bits. What X loses counts for more than what W does. */
#define GRAFT_PAIR_X_MAX 101
#define GRAFT_PAIR_W_MAX 81
#define GRAFT_BYTE_LIMITS (graft_byte_limits){GRAFT_PAIR_X_MAX, GRAFT_PAIR_W_MAX, GRAFT_PAIR_W_MAX}
_Static_assert(2 * 2 * GRAFT_PAIR_W_MAX * GRAFT_PAIR_X_MAX < 1 << 15, "of two products");
/* What the transform leaves to be done: it makes vectors 8 times as long. */
#define GRAFT_TURNED 0.125f
/* Groups with no larger number are zeros, so that the reciprocal of a scale is finite. */
#define GRAFT_GROUP_TINY 0x1p-100f

typedef struct graft_byte_group {
    float scale;    /* of its run; not finite if a number there is not */
    int32_t centre; /* minus the sum of its bytes times what those of W are raised by */
} graft_byte_group;

/* Rows of activations as bytes, for one direction; what is missing of the last group is zero. */
typedef struct graft_bytes {
    int8_t *q;                /* rows ld apart */
    graft_byte_group *groups; /* rows n_groups apart */
    size_t ld, n_groups;
} graft_bytes;

/* Distance between rows n wide. */
size_t graft_bytes_ld(size_t n);
/* Groups in a row n wide. */
size_t graft_bytes_groups(size_t n);

/* Bytes of a row n wide, with its groups. */
size_t graft_bytes_size(size_t n);

/* x [n_tok, n], or these n_tok rows of it, as bytes, on all threads; for products X W^T, or X W if
 * backward. rows NULL: as they stand. */
void graft_bytes_make(const graft_kernels *kernels, const graft_bytes *out, const graft_act *x,
                      size_t ldx, const uint32_t *rows, size_t n_tok, size_t n, bool backward);

#endif
