#include "kernels/product.h"

#include <string.h>

#include "core/threads.h"
#include "kernels/gemm.h"
#include "kernels/portable/act.h"

/* Rows of a job whose sums stand in scratch before they are rounded. */
enum { STAGED_ROWS = 480 };

/* A part of a term's reduction axis. */
typedef struct part {
    size_t term, k0, n_k, at; /* at: its place in the panel */
} part;

/* One product as it is cut: panels of columns times ranges of rows. */
typedef struct plan {
    const graft_product *product;
    size_t n_cols, job_rows, job_cols, n_row_jobs, first_job;
    bool staged;
} plan;

typedef struct batch {
    const graft_kernels *kernels;
    const struct graft_gemm *gemm;
    const graft_workspace *workspace;
    plan plans[GRAFT_MAX_PRODUCTS];
    size_t n_plans, n_rows;
} batch;

static size_t ceil_div(size_t a, size_t b)
{
    return (a + b - 1) / b;
}

static size_t reduction(const graft_term *t)
{
    return t->backward ? t->w->n_out : t->w->n_in;
}

static size_t columns(const graft_term *t)
{
    return t->backward ? t->w->n_in : t->w->n_out;
}

/* The next parts, beginning at (*term, *k), that make up one panel. Returns how many. */
static size_t next_parts(const batch *b, const graft_product *p, size_t *term, size_t *k,
                         part parts[GRAFT_SLICES])
{
    size_t kc = b->gemm->kc, step = b->gemm->k_step, n = 0, at = 0;
    while (*term < p->n_terms && n < GRAFT_SLICES) {
        size_t left = reduction(&p->terms[*term]) - *k, n_k = left < kc ? left : kc;
        size_t padded = ceil_div(n_k, step) * step;
        if (n > 0 && at + padded > kc + GRAFT_K_EXTRA) {
            break;
        }
        parts[n++] = (part){*term, *k, n_k, at};
        at += padded;
        *k += n_k;
        if (*k == reduction(&p->terms[*term])) {
            *term += 1;
            *k = 0;
        }
    }
    return n;
}

/* --- multiplying --- */

static size_t panel_bytes(const struct graft_gemm *gemm)
{
    return gemm->element_bytes * GRAFT_NC * (gemm->kc + GRAFT_K_EXTRA);
}

/* In blocks of rows. */
static void multiply_rows(const batch *b, graft_multiply m, bool backward)
{
    size_t block = b->gemm->row_block == 0 ? m.n_rows : b->gemm->row_block;
    size_t y_bytes = m.y_act ? b->kernels->act_bytes : sizeof(graft_real);
    for (size_t left = m.n_rows; left > 0; left -= m.n_rows) {
        m.n_rows = left < block ? left : block;
        b->gemm->multiply(&m, backward);
        for (size_t i = 0; i < m.n_slices; i++) {
            graft_slice *s = &m.slices[i];
            s->x = act_at(s->x, m.n_rows * s->row_step, b->kernels->half);
        }
        m.y = (char *)m.y + m.n_rows * m.ldy * y_bytes;
        m.add = m.add == NULL ? NULL : m.add + m.n_rows * m.ldadd;
    }
}

static void product_job(void *context, size_t job, int thread)
{
    const batch *b = context;
    const plan *pl = b->plans;
    while (pl + 1 < b->plans + b->n_plans && job >= pl[1].first_job) {
        pl++;
    }
    const graft_product *p = pl->product;
    job -= pl->first_job;
    size_t c = job / pl->n_row_jobs * pl->job_cols, r = job % pl->n_row_jobs * pl->job_rows;
    char *scratch = b->workspace->per_thread[thread];
    graft_real *stage = (graft_real *)(void *)(scratch + panel_bytes(b->gemm));
    graft_multiply m = {.panel = {scratch, pl->n_cols - c, 0}, .n_rows = b->n_rows - r,
                        .scale = p->scale, .ldy = p->ldy};
    m.panel.n_cols = m.panel.n_cols < pl->job_cols ? m.panel.n_cols : pl->job_cols;
    m.n_rows = m.n_rows < pl->job_rows ? m.n_rows : pl->job_rows;
    m.add = p->add == NULL ? NULL : p->add + r * p->ldadd + c;
    m.ldadd = p->ldadd;
    bool act = p->y_act;
    void *y = act ? act_to(p->y, r * p->ldy + c, b->kernels->half)
                  : (void *)((graft_real *)p->y + r * p->ldy + c);
    for (size_t term = 0, k = 0; term < p->n_terms;) {
        part parts[GRAFT_SLICES];
        size_t n = next_parts(b, p, &term, &k, parts);
        const part *end = &parts[n - 1];
        bool last = term == p->n_terms;
        m.n_slices = n;
        m.panel.n_k = end->at + ceil_div(end->n_k, b->gemm->k_step) * b->gemm->k_step;
        for (size_t i = 0; i < n; i++) {
            const graft_term *t = &p->terms[parts[i].term];
            const part *at = &parts[i];
            m.slices[i] = (graft_slice){act_at(t->x, r * t->ldx + at->k0, b->kernels->half),
                                        t->ldx, at->n_k};
            b->gemm->unpack(t->w, t->backward, c, at->k0, at->n_k, &m.panel, at->at);
        }
        m.y_act = act && last;
        m.y = pl->staged && !last ? (void *)stage : y;
        m.ldy = pl->staged && !last ? GRAFT_NC : p->ldy;
        multiply_rows(b, m, p->terms[0].backward);
        m.add = m.y;
        m.ldadd = m.ldy;
    }
}

/* Tiles from shapes alone, never from the number of threads. Wide panels and many rows use what
 * was unpacked often; enough jobs keep all threads busy to the end. */
static void cut(const batch *b, plan *pl)
{
    enum { FEW_ROWS = 32, COLS = 32, WIDE = 64, JOBS = 32 };
    size_t panels = ceil_div(pl->n_cols, GRAFT_NC), n_rows = b->n_rows, step = COLS;
    pl->job_rows = n_rows;
    if (n_rows <= FEW_ROWS) { /* no range of rows to divide */
        panels = ceil_div(pl->n_cols, 2 * COLS) < JOBS ? ceil_div(pl->n_cols, COLS) : panels;
    } else {
        size_t ranges = ceil_div(JOBS, panels), most = ceil_div(n_rows, b->gemm->rows);
        size_t least = pl->staged ? ceil_div(n_rows, STAGED_ROWS) : 1;
        ranges = ranges < most ? ranges : most;
        ranges = ranges > least ? ranges : least;
        if (panels * ranges < JOBS / 2 && pl->n_cols > GRAFT_NC) { /* then rather narrow panels */
            size_t narrow = ceil_div(pl->n_cols, WIDE);
            panels = narrow < JOBS / 2 ? narrow : JOBS / 2;
        }
        pl->job_rows = ceil_div(ceil_div(n_rows, ranges), 12) * 12;
        step = pl->n_cols >= WIDE ? WIDE : COLS;
    }
    pl->job_cols = ceil_div(ceil_div(pl->n_cols, panels), step) * step;
    pl->n_row_jobs = ceil_div(n_rows, pl->job_rows);
}

void graft_products_run(const graft_kernels *kernels, graft_workspace *workspace,
                        const graft_product *products, size_t n, size_t n_tok)
{
    batch b = {.kernels = kernels, .gemm = kernels->gemm, .workspace = workspace, .n_plans = n,
               .n_rows = n_tok};
    size_t n_jobs = 0;
    if (n_tok == 0) {
        return;
    }
    for (size_t i = 0; i < n; i++) {
        plan *pl = &b.plans[i];
        const graft_product *p = &products[i];
        part parts[GRAFT_SLICES];
        size_t term = 0, k = 0;
        *pl = (plan){.product = p, .n_cols = columns(&p->terms[0]), .first_job = n_jobs};
        next_parts(&b, p, &term, &k, parts);
        pl->staged = p->y_act && term < p->n_terms;
        cut(&b, pl);
        n_jobs += ceil_div(pl->n_cols, pl->job_cols) * pl->n_row_jobs;
    }
    graft_parallel(n_jobs, product_job, &b);
}

size_t graft_product_thread_bytes(const graft_kernels *kernels)
{
    return panel_bytes(kernels->gemm) + sizeof(graft_real) * GRAFT_NC * (STAGED_ROWS + 12);
}

void graft_product_run(const graft_kernels *kernels, graft_workspace *workspace, graft_real *y,
                       size_t ldy, const graft_act *x, size_t ldx, const graft_weight *w,
                       bool backward, size_t n_tok, graft_real scale, bool accumulate)
{
    graft_product p = {.terms = {{x, ldx, w, backward}}, .n_terms = 1, .y = y, .ldy = ldy,
                       .scale = scale, .add = accumulate ? y : NULL, .ldadd = ldy};
    graft_products_run(kernels, workspace, &p, 1, n_tok);
}

/* --- gradients of narrow factors: cut along the wide side; every job walks all tokens in slices,
 * in order --- */

typedef struct outer_batch {
    const graft_kernels *kernels;
    const graft_workspace *workspace;
    const graft_outer *outers;
    size_t n_tok, n_outers;
} outer_batch;

/* Rows [i0, i0 + m) of dw, columns [j, j + n). Sums stand close together in scratch until all tokens
 * are in: the columns of dw may lie far apart. */
static void outer_part(const outer_batch *b, const graft_outer *o, size_t i0, size_t m, size_t j,
                       size_t n, char *scratch)
{
    bool half = b->kernels->half;
    graft_real *sums = (graft_real *)(void *)(scratch + panel_bytes(b->kernels->gemm));
    memset(sums, 0, m * GRAFT_OUTER_N * sizeof *sums);
    for (size_t t = 0; t < b->n_tok; t += GRAFT_OUTER_TOKENS) {
        size_t n_tok = b->n_tok - t < GRAFT_OUTER_TOKENS ? b->n_tok - t : GRAFT_OUTER_TOKENS;
        b->kernels->gemm->outer(sums, act_at(o->a, t * o->lda + i0, half), o->lda,
                                act_at(o->b, t * o->ldb + j, half), o->ldb, n_tok, m, n, scratch);
    }
    for (size_t i = 0; i < m; i++) {
        graft_real *to = o->dw + (i0 + i) * o->row_step + j * o->col_step;
        for (size_t k = 0; k < n; k++) {
            to[k * o->col_step] += o->scale * sums[i * GRAFT_OUTER_N + k];
        }
    }
}

static void outer_job(void *context, size_t job, int thread)
{
    enum { ROWS = 256 };
    const outer_batch *b = context;
    const graft_outer *o = b->outers;
    for (; job >= ceil_div(o->n, GRAFT_OUTER_N); o++) {
        job -= ceil_div(o->n, GRAFT_OUTER_N);
    }
    size_t j = job * GRAFT_OUTER_N, n = o->n - j < GRAFT_OUTER_N ? o->n - j : GRAFT_OUTER_N;
    for (size_t i = 0; i < o->m; i += ROWS) {
        outer_part(b, o, i, o->m - i < ROWS ? o->m - i : ROWS, j, n,
                   b->workspace->per_thread[thread]);
    }
}

void graft_outers_run(const graft_kernels *kernels, graft_workspace *workspace,
                      const graft_outer *outers, size_t n, size_t n_tok)
{
    outer_batch b = {kernels, workspace, outers, n_tok, n};
    size_t n_jobs = 0;
    for (size_t i = 0; i < n; i++) {
        n_jobs += ceil_div(outers[i].n, GRAFT_OUTER_N);
    }
    graft_parallel(n_jobs, outer_job, &b);
}
