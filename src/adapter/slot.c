#include "adapter/slot.h"

graft_status graft_slot_apply(graft_tape *tape, graft_tensor **out, const graft_slot *slot,
                              graft_tensor *x)
{
    return graft_op_linear(tape, out, x, &slot->weight, slot->low_rank);
}
