/* adapter/slot.h - a named linear map: a frozen weight and whatever has been attached to it.
 *
 * Model families only ask slots to multiply; they never mention adapters. */
#ifndef GRAFT_ADAPTER_SLOT_H
#define GRAFT_ADAPTER_SLOT_H

#include "autograd/ops.h"

typedef struct graft_slot {
    const char *name;               /* of the base tensor, "blk.0.attn_q.weight"; borrowed */
    uint32_t layer;
    graft_weight weight;
    const graft_low_rank *low_rank; /* NULL: nothing attached */
    const graft_real *bias;         /* [n_out], frozen; NULL: none */
    graft_real scale;               /* of the output, adapter and bias included; 0: 1 */
} graft_slot;

/* Multiplies a feed with n <= GRAFT_MAX_MAPS slots that share it: outs[i] are activations; with a
 * residual (n = 1) *outs = residual + that, reals. See graft_op_linears. */
graft_status graft_slots_apply(graft_tape *tape, graft_tensor **outs,
                               const graft_slot *const *slots, size_t n, const graft_feed *feed,
                               graft_tensor *residual);

/* The same with one slot whose matrix holds n maps, one after another: outs[i] are widths[i] of its
 * rows. What is attached is one low-rank map, of which each gets its rows of B. */
graft_status graft_slot_apply_rows(graft_tape *tape, graft_tensor **outs, const graft_slot *slot,
                                   const size_t *widths, size_t n, const graft_feed *feed);

#endif
