/* read_pass.c - a model reads a sequence for what goes through it. */
#include "train/read_pass.h"

#include "core/memory.h"

graft_status graft_read_pass(graft_model *model, graft_compute *compute, const int32_t *ids,
                             uint32_t n)
{
    graft_status status = GRAFT_OK;
    graft_tape tape;
    graft_tensor *hidden;
    uint32_t *rows = NULL; /* all of them, so that the last layer sees them too; and positions */
    graft_span span = {0, n, 0, n, -1, 0};
    GRAFT_TRY(graft_model_prepare(model, compute));
    GRAFT_TRY(graft_alloc(&rows, n, sizeof *rows));
    for (uint32_t i = 0; i < n; i++) {
        rows[i] = i;
    }
    graft_pass pass = {n, ids, rows, &span, 1, NULL, 0};
    graft_tape_begin(&tape, compute, false);
    GRAFT_TRY(graft_model_hidden(model, &tape, &pass, NULL, 0, &(graft_rows_wanted){rows, n},
                                 &hidden));
done:
    graft_free(rows);
    return status;
}

size_t graft_read_slot(const graft_model *model, const graft_weight *w)
{
    size_t i = 0;
    while (i < model->n_slots && model->slots[i].weight.data != w->data) {
        i++;
    }
    return i;
}
