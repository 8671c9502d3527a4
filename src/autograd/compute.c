#include "autograd/compute.h"

#include <string.h>

#include "core/memory.h"
#include "core/threads.h"

graft_status graft_compute_init(graft_compute *compute, graft_cpu_level level, bool half)
{
    memset(compute, 0, sizeof *compute);
    graft_arena_init(&compute->arena, (size_t)4 << 20);
    return graft_kernels_init(&compute->kernels, level, half);
}

/* Products in 8 bits change gradients by 0.1 to 0.3, bfloat16 by 0.05 (relative, against single precision). Keys
 * below half of an even share are 0.008 of a gradient over whole trajectories, and never more than half of a
 * query's weights; rows below 1/256 of the mean square 0.06, below 1/1024 0.03. */
void graft_compute_sparsify(graft_compute *compute)
{
    compute->left_out.keys = GRAFT_REAL(0.5);
    compute->left_out.rows = compute->kernels.bytes ? 1.0 / 256 : 1.0 / 1024;
}

static void clear_workspace(graft_workspace *workspace)
{
    for (int t = 0; t < workspace->n_threads; t++) {
        graft_free(workspace->per_thread[t]);
    }
    graft_free(workspace->per_thread);
    memset(workspace, 0, sizeof *workspace);
}

void graft_compute_clear(graft_compute *compute)
{
    if (compute == NULL) {
        return;
    }
    clear_workspace(&compute->workspace);
    graft_arena_clear(&compute->arena);
}

/* As many blocks as there are threads, of so many bytes or more. */
static graft_status grow_workspace(graft_workspace *workspace, size_t bytes)
{
    graft_status status = GRAFT_OK;
    int n_threads = graft_threads();
    if (n_threads <= workspace->n_threads && bytes <= workspace->per_thread_bytes) {
        return GRAFT_OK;
    }
    bytes = workspace->per_thread_bytes > bytes ? workspace->per_thread_bytes : bytes;
    clear_workspace(workspace);
    GRAFT_TRY(graft_alloc(&workspace->per_thread, (size_t)n_threads, sizeof(void *)));
    workspace->n_threads = n_threads;
    for (int t = 0; t < n_threads; t++) {
        GRAFT_TRY(graft_alloc(&workspace->per_thread[t], bytes, 1));
    }
    workspace->per_thread_bytes = bytes;
done:
    return status;
}

graft_status graft_compute_prepare(graft_compute *compute, size_t d_head)
{
    size_t bytes = graft_product_thread_bytes(&compute->kernels);
    size_t attention = graft_attention_scratch(d_head) * sizeof(graft_real);
    return grow_workspace(&compute->workspace, attention > bytes ? attention : bytes);
}

graft_status graft_compute_single(graft_compute *compute, graft_kernels *out)
{
    graft_status status = graft_kernels_init(out, compute->kernels.level, false);
    return status == GRAFT_OK ? grow_workspace(&compute->workspace, graft_product_thread_bytes(out))
                              : status;
}
