#include "adapter/slot.h"

graft_status graft_slots_apply(graft_tape *tape, graft_tensor **outs,
                               const graft_slot *const *slots, size_t n, const graft_feed *feed,
                               graft_tensor *residual)
{
    graft_linear maps[GRAFT_MAX_MAPS];
    for (size_t i = 0; i < n; i++) {
        maps[i] = (graft_linear){.w = &slots[i]->weight, .low_rank = slots[i]->low_rank,
                                 .bias = slots[i]->bias, .scale = slots[i]->scale};
    }
    return graft_op_linears(tape, outs, feed, maps, n, residual, false);
}

/* Rows of a slot's matrix, as a map of its own. */
typedef struct slot_rows {
    graft_weight weight;
    graft_low_rank low_rank;
} slot_rows;

static graft_param param_rows(const graft_param *param, size_t first, size_t n)
{
    size_t at = first * param->n_cols;
    return (graft_param){param->data + at, param->grad == NULL ? NULL : param->grad + at, n,
                         param->n_cols};
}

static graft_linear take_rows(slot_rows *rows, const graft_slot *slot, size_t first, size_t n)
{
    const graft_weight *w = &slot->weight;
    rows->weight = *w;
    rows->weight.data = (const char *)w->data + first * w->row_bytes;
    rows->weight.n_out = n;
    if (slot->low_rank != NULL) {
        rows->low_rank = *slot->low_rank;
        rows->low_rank.b = param_rows(&slot->low_rank->b, first, n);
        if (slot->low_rank->magnitude.data != NULL) {
            rows->low_rank.magnitude = param_rows(&slot->low_rank->magnitude, first, n);
            rows->low_rank.inv_norm += first;
            rows->low_rank.factor += first;
            rows->low_rank.w_squares += first;
        }
    }
    return (graft_linear){.w = &rows->weight,
                          .low_rank = slot->low_rank == NULL ? NULL : &rows->low_rank,
                          .bias = slot->bias == NULL ? NULL : slot->bias + first,
                          .scale = slot->scale};
}

graft_status graft_slot_apply_rows(graft_tape *tape, graft_tensor **outs, const graft_slot *slot,
                                   const size_t *widths, size_t n, const graft_feed *feed)
{
    graft_status status = GRAFT_OK;
    graft_linear maps[GRAFT_MAX_MAPS];
    slot_rows *rows = NULL; /* read again in backward */
    size_t first = 0;
    GRAFT_TRY(graft_arena_alloc(&tape->compute->arena, &rows, n, sizeof *rows));
    for (size_t i = 0; i < n; i++) {
        maps[i] = take_rows(&rows[i], slot, first, widths[i]);
        first += widths[i];
    }
    GRAFT_TRY(graft_op_linears(tape, outs, feed, maps, n, NULL, false));
done:
    return status;
}
