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
} graft_slot;

graft_status graft_slot_apply(graft_tape *tape, graft_tensor **out, const graft_slot *slot,
                              graft_tensor *x);

#endif
