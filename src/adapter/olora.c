/* olora.c - OLoRA (Buyukakyuz 2024): B and A are the first columns of Q and rows of R in W = QR. */
#include "adapter/decompose.h"
#include "adapter/kinds.h"
#include "core/memory.h"

static graft_status init(graft_low_rank *map, size_t n_trained, const graft_weight *weight,
                         uint64_t seed, uint32_t stream)
{
    graft_status status = GRAFT_OK;
    graft_real *q = NULL;
    size_t n_out = weight->n_out, rank = map->b.n_cols;
    (void)seed, (void)stream;
    GRAFT_TRY(graft_alloc(&q, n_trained * n_out, sizeof *q));
    GRAFT_TRY(graft_leading_qr(weight, n_trained, q, map->a.data));
    for (size_t k = 0; k < n_trained; k++) {
        for (size_t i = 0; i < n_out; i++) {
            map->b.data[i * rank + k] = (float)q[k * n_out + i];
        }
    }
done:
    graft_free(q);
    return status;
}

const graft_adapter_kind graft_adapter_olora = {"olora", true, init};
