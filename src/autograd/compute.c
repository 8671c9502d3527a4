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

static void clear_workspace(graft_workspace *workspace)
{
    for (int t = 0; t < workspace->n_threads; t++) {
        graft_free(workspace->per_thread[t]);
    }
    graft_free(workspace->per_thread);
    graft_free(workspace->shared);
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

static graft_status grow_threads(graft_workspace *workspace, size_t bytes)
{
    graft_status status = GRAFT_OK;
    int n_threads = graft_threads();
    if (n_threads <= workspace->n_threads && bytes <= workspace->per_thread_bytes) {
        return GRAFT_OK;
    }
    if (bytes < workspace->per_thread_bytes) {
        bytes = workspace->per_thread_bytes;
    }
    for (int t = 0; t < workspace->n_threads; t++) {
        graft_free(workspace->per_thread[t]);
        workspace->per_thread[t] = NULL;
    }
    graft_free(workspace->per_thread);
    workspace->per_thread = NULL;
    workspace->n_threads = 0;
    workspace->per_thread_bytes = 0;
    GRAFT_TRY(graft_alloc(&workspace->per_thread, (size_t)n_threads, sizeof(void *)));
    workspace->n_threads = n_threads;
    for (int t = 0; t < n_threads; t++) {
        GRAFT_TRY(graft_alloc(&workspace->per_thread[t], bytes, 1));
    }
    workspace->per_thread_bytes = bytes;
done:
    return status;
}

static graft_status grow_shared(graft_workspace *workspace, size_t bytes)
{
    if (bytes <= workspace->shared_bytes) {
        return GRAFT_OK;
    }
    graft_free(workspace->shared);
    workspace->shared = NULL;
    workspace->shared_bytes = 0;
    graft_status status = graft_realloc(&workspace->shared, bytes, 1); /* touched only as used */
    if (status == GRAFT_OK) {
        workspace->shared_bytes = bytes;
    }
    return status;
}

graft_status graft_compute_prepare(graft_compute *compute, const graft_compute_sizes *sizes)
{
    graft_status status = GRAFT_OK;
    const graft_kernels *kernels = &compute->kernels;
    size_t thread_bytes = graft_product_thread_bytes(kernels);
    size_t attention =
        graft_attention_scratch(sizes->n_key, sizes->d_head) * sizeof(graft_real);
    size_t shared = graft_product_shared_bytes(kernels, sizes->n_tok, sizes->n_widest);
    size_t head = graft_product_shared_bytes(kernels, sizes->n_head_rows, sizes->n_vocab);
    GRAFT_TRY(grow_threads(&compute->workspace,
                           attention > thread_bytes ? attention : thread_bytes));
    GRAFT_TRY(grow_shared(&compute->workspace, head > shared ? head : shared));
done:
    return status;
}
