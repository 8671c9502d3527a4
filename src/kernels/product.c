#include "kernels/product.h"

#include "core/threads.h"
#include "kernels/gemm.h"

/* One product, cut into jobs: a range of columns times a range of rows. */
typedef struct product {
    const struct graft_gemm *gemm;
    const graft_workspace *workspace;
    const graft_weight *w;
    const graft_real *x;
    graft_real *y;
    size_t ldx, ldy;
    size_t n_rows, n_cols, n_k;
    size_t job_rows, job_cols, n_row_jobs;
    graft_real scale;
    bool backward, accumulate;
} product;

static size_t ceil_div(size_t a, size_t b)
{
    return (a + b - 1) / b;
}

/* Rows from r, a multiple of the tile, and the slice from k, a multiple of GRAFT_KC. */
static graft_real *packed_at(const product *p, size_t r, size_t k, size_t slice)
{
    return (graft_real *)p->workspace->shared + k * p->n_rows + r * slice;
}

static size_t slice_from(const product *p, size_t k)
{
    return p->n_k - k < GRAFT_KC ? p->n_k - k : GRAFT_KC;
}

enum { PACK_TILES = 8 }; /* row tiles of X that one job packs */

static void pack_job(void *context, size_t job, int thread)
{
    const product *p = context;
    size_t step = PACK_TILES * p->gemm->tile, r = job * step;
    size_t rows = p->n_rows - r < step ? p->n_rows - r : step;
    (void)thread;
    for (size_t k = 0; k < p->n_k; k += GRAFT_KC) {
        size_t slice = slice_from(p, k);
        p->gemm->pack(p->x + r * p->ldx + k, p->ldx, rows, slice, packed_at(p, r, k, slice));
    }
}

static void product_job(void *context, size_t job, int thread)
{
    const product *p = context;
    size_t c = job / p->n_row_jobs * p->job_cols, r = job % p->n_row_jobs * p->job_rows;
    size_t cols = p->n_cols - c < p->job_cols ? p->n_cols - c : p->job_cols;
    size_t rows = p->n_rows - r < p->job_rows ? p->n_rows - r : p->job_rows;
    graft_real *panel = p->workspace->per_thread[thread];
    for (size_t k = 0; k < p->n_k; k += GRAFT_KC) {
        size_t slice = slice_from(p, k);
        const graft_real *x =
            p->gemm->tile != 0 ? packed_at(p, r, k, slice) : p->x + r * p->ldx + k;
        p->gemm->unpack(p->w, p->backward, c, cols, k, slice, panel);
        p->gemm->multiply(x, p->ldx, panel, p->backward, rows, cols, slice,
                          p->y + r * p->ldy + c, p->ldy, p->scale, p->accumulate || k > 0);
    }
}

/* Tiles from shapes alone, never from the number of threads. Wide panels and many rows use what
 * was unpacked often; enough jobs keep all threads busy to the end. */
static void cut(product *p)
{
    enum { FEW_ROWS = 32, COLS = 32, ROWS = 240, JOBS = 32 };
    size_t panels = ceil_div(p->n_cols, GRAFT_NC);
    p->job_rows = p->n_rows;
    if (p->n_rows <= FEW_ROWS) { /* no range of rows to divide */
        panels = ceil_div(p->n_cols, 2 * COLS) < JOBS ? ceil_div(p->n_cols, COLS) : panels;
    } else if (panels < JOBS) {
        size_t ranges = ceil_div(JOBS, panels), most = ceil_div(p->n_rows, ROWS);
        p->job_rows = ceil_div(ceil_div(p->n_rows, ranges < most ? ranges : most), 12) * 12;
    }
    p->job_cols = ceil_div(ceil_div(p->n_cols, panels), COLS) * COLS;
    p->n_row_jobs = ceil_div(p->n_rows, p->job_rows);
}

static void run(product *p)
{
    enum { SMALL = 32768 }; /* numbers of X not worth waking threads for */
    if (p->n_rows == 0 || p->n_cols == 0) {
        return;
    }
    cut(p);
    if (p->gemm->tile != 0 && p->n_rows * p->n_k <= SMALL) {
        size_t n = ceil_div(p->n_rows, PACK_TILES * p->gemm->tile);
        for (size_t job = 0; job < n; job++) {
            pack_job(p, job, 0);
        }
    } else if (p->gemm->tile != 0) {
        graft_parallel(ceil_div(p->n_rows, PACK_TILES * p->gemm->tile), pack_job, p);
    }
    graft_parallel(ceil_div(p->n_cols, p->job_cols) * p->n_row_jobs, product_job, p);
}

size_t graft_product_thread_bytes(const graft_kernels *kernels)
{
    (void)kernels;
    return sizeof(graft_real) * GRAFT_KC * GRAFT_NC;
}

size_t graft_product_shared_bytes(const graft_kernels *kernels, size_t n_tok, size_t n_widest)
{
    return kernels->gemm->tile != 0 ? sizeof(graft_real) * n_tok * n_widest : 0;
}

void graft_product(const graft_kernels *kernels, graft_workspace *workspace, graft_real *y,
                   size_t ldy, const graft_real *x, size_t ldx, const graft_weight *w,
                   size_t n_tok, graft_real scale, bool accumulate)
{
    product p = {.gemm = kernels->gemm, .workspace = workspace, .w = w, .x = x, .y = y,
                 .ldx = ldx, .ldy = ldy, .n_rows = n_tok, .n_cols = w->n_out, .n_k = w->n_in,
                 .scale = scale, .backward = false, .accumulate = accumulate};
    run(&p);
}

void graft_product_backward(const graft_kernels *kernels, graft_workspace *workspace,
                            graft_real *dx, size_t lddx, const graft_real *dy, size_t lddy,
                            const graft_weight *w, size_t n_tok, graft_real scale,
                            bool accumulate)
{
    product p = {.gemm = kernels->gemm, .workspace = workspace, .w = w, .x = dy, .y = dx,
                 .ldx = lddy, .ldy = lddx, .n_rows = n_tok, .n_cols = w->n_in, .n_k = w->n_out,
                 .scale = scale, .backward = true, .accumulate = accumulate};
    run(&p);
}

/* dW = dY^T X, cut into rectangles of dW; every job walks all tokens in slices, in order. */
typedef struct outer_product {
    const struct graft_gemm *gemm;
    const graft_workspace *workspace;
    graft_real *dw;
    const graft_real *dy, *x;
    size_t lddw, lddy, ldx, n_tok, n_out, n_in;
    graft_real scale;
} outer_product;

enum { OUTER_M = 48, OUTER_N = 64 };

static void outer_job(void *context, size_t job, int thread)
{
    const outer_product *p = context;
    size_t across = (p->n_in + OUTER_N - 1) / OUTER_N;
    size_t i = job / across * OUTER_M, j = job % across * OUTER_N;
    size_t m = p->n_out - i < OUTER_M ? p->n_out - i : OUTER_M;
    size_t n = p->n_in - j < OUTER_N ? p->n_in - j : OUTER_N;
    for (size_t t = 0; t < p->n_tok; t += GRAFT_OUTER_TOKENS) {
        size_t n_tok = p->n_tok - t < GRAFT_OUTER_TOKENS ? p->n_tok - t : GRAFT_OUTER_TOKENS;
        p->gemm->outer(p->dw + i * p->lddw + j, p->lddw, p->dy + t * p->lddy + i, p->lddy,
                       p->x + t * p->ldx + j, p->ldx, n_tok, m, n, p->scale,
                       p->workspace->per_thread[thread]);
    }
}

void graft_product_outer(const graft_kernels *kernels, graft_workspace *workspace, graft_real *dw,
                         size_t lddw, const graft_real *dy, size_t lddy, const graft_real *x,
                         size_t ldx, size_t n_tok, size_t n_out, size_t n_in, graft_real scale)
{
    outer_product p = {kernels->gemm, workspace, dw, dy, x, lddw, lddy, ldx,
                       n_tok, n_out, n_in, scale};
    size_t down = (n_out + OUTER_M - 1) / OUTER_M, across = (n_in + OUTER_N - 1) / OUTER_N;
    graft_parallel(down * across, outer_job, &p);
}
