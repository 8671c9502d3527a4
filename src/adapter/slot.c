#include "adapter/slot.h"

graft_status graft_slots_apply(graft_tape *tape, graft_tensor **outs,
                               const graft_slot *const *slots, size_t n, const graft_feed *feed,
                               graft_tensor *residual)
{
    graft_linear maps[GRAFT_MAX_MAPS];
    for (size_t i = 0; i < n; i++) {
        maps[i] = (graft_linear){&slots[i]->weight, slots[i]->low_rank, slots[i]->bias,
                                 slots[i]->scale};
    }
    return graft_op_linears(tape, outs, feed, maps, n, residual, false);
}
