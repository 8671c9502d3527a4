#include "kernels/product.h"

#include <stdatomic.h>
#include <string.h>

#include "core/threads.h"
#include "kernels/gemm.h"
#include "kernels/portable/act.h"

enum {
    STAGED_ROWS = 480, /* of a job, whose sums stand in scratch before they are rounded */
    KEPT = 2,          /* panels of a strip of columns that stay unpacked from range to range */
    JOBS = 32,         /* enough of them keep all threads busy to the end */
    SHARED = JOBS * GRAFT_MAX_PRODUCTS
};

/* A part of a term's reduction axis. */
typedef struct part {
    size_t term, k0, n_k, at; /* at: its place in the panel */
} part;

/* One product as it is cut: strips of columns times ranges of rows. */
typedef struct plan {
    const graft_product *product;
    size_t n_cols, strip_cols, n_strips, first_strip, range_rows, n_ranges;
    size_t first_shared; /* place of its strips in batch.next_range */
    bool staged, kept, shared;
} plan;

/* A thread takes a strip, unpacks it, and multiplies it with range after range; when all strips are
 * taken it joins others in theirs. Who does what changes no bit of the result. */
typedef struct batch {
    const graft_kernels *kernels;
    const struct graft_gemm *gemm;
    const graft_workspace *workspace;
    plan plans[GRAFT_MAX_PRODUCTS];
    size_t n_plans, n_rows, n_strips, n_shared;
    atomic_size_t next_strip;
    atomic_uint next_range[SHARED]; /* of strips that several threads may work on */
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

/* Room of a part of a term in a panel. */
static size_t pad(const batch *b, const graft_term *t, size_t n_k)
{
    size_t step = t->bytes != NULL ? GRAFT_GROUP : b->gemm->k_step;
    return ceil_div(n_k, step) * step;
}

/* The next parts, beginning at (*term, *k), that make up one panel. Returns how many. */
static size_t next_parts(const batch *b, const graft_product *p, size_t *term, size_t *k,
                         part parts[GRAFT_SLICES])
{
    size_t kc = b->gemm->kc, n = 0, at = 0;
    while (*term < p->n_terms && n < GRAFT_SLICES) {
        const graft_term *t = &p->terms[*term];
        size_t left = reduction(t) - *k, n_k = left < kc ? left : kc;
        size_t padded = pad(b, t, n_k);
        if (n > 0 && at + padded > kc + GRAFT_K_EXTRA) {
            break;
        }
        parts[n++] = (part){*term, *k, n_k, at};
        at += padded;
        *k += n_k;
        if (*k == reduction(t)) {
            *term += 1;
            *k = 0;
        }
    }
    return n;
}

/* --- multiplying --- */

static size_t panel_bytes(const struct graft_gemm *gemm)
{
    return gemm->element_bytes * gemm->nc * (gemm->kc + GRAFT_K_EXTRA);
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
            if (s->groups != NULL) {
                s->x = (const int8_t *)s->x + m.n_rows * s->row_step;
                s->groups += m.n_rows * s->group_step;
            } else {
                s->x = act_at(s->x, m.n_rows * s->row_step, b->kernels->half);
            }
        }
        m.y = (char *)m.y + m.n_rows * m.ldy * y_bytes;
        m.add = m.add == NULL ? NULL : m.add + m.n_rows * m.ldadd;
    }
}

/* Rows of a term's X from row r on, at element k of them. */
static graft_slice slice_at(const batch *b, const graft_term *t, size_t r, size_t k, size_t n_k)
{
    const graft_bytes *x = t->bytes;
    if (x == NULL) {
        return (graft_slice){.x = act_at(t->x, r * t->ldx + k, b->kernels->half),
                             .row_step = t->ldx, .n_k = n_k};
    }
    return (graft_slice){x->q + r * x->ld + k, x->ld, n_k,
                         x->groups + r * x->n_groups + k / GRAFT_GROUP, x->n_groups};
}

/* Columns [c, c + n_cols) of a product, and what of it stands unpacked in scratch. */
typedef struct strip {
    const plan *plan;
    size_t c, n_cols;
    char *scratch;
    bool unpacked;
} strip;

/* Ranges [range, range + n_ranges). */
static void run_ranges(const batch *b, strip *s, size_t range, size_t n_ranges)
{
    const plan *pl = s->plan;
    const graft_product *p = pl->product;
    size_t r = range * pl->range_rows, n_rows = n_ranges * pl->range_rows, c = s->c, slot = 0;
    graft_real *stage = (graft_real *)(void *)(s->scratch + KEPT * panel_bytes(b->gemm));
    graft_multiply m = {.panel = {s->scratch, s->n_cols, 0}, .n_rows = b->n_rows - r,
                        .scale = p->scale};
    m.n_rows = m.n_rows < n_rows ? m.n_rows : n_rows;
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
        m.panel.n_k = end->at + pad(b, &p->terms[end->term], end->n_k);
        m.panel.data = s->scratch + slot * panel_bytes(b->gemm);
        slot += pl->kept;
        for (size_t i = 0; i < n; i++) {
            const graft_term *t = &p->terms[parts[i].term];
            const part *at = &parts[i];
            m.slices[i] = slice_at(b, t, r, at->k0, at->n_k);
            if (!s->unpacked) {
                (t->bytes != NULL ? b->gemm->unpack_bytes : b->gemm->unpack)(
                    t->w, t->backward, c, at->k0, at->n_k, &m.panel, at->at);
            }
        }
        m.y_act = act && last;
        m.y = pl->staged && !last ? (void *)stage : y;
        m.ldy = pl->staged && !last ? b->gemm->nc : p->ldy;
        multiply_rows(b, m, p->terms[0].backward);
        m.add = m.y;
        m.ldadd = m.ldy;
    }
    s->unpacked = pl->kept;
}

/* Ranges to be taken at once. Panels that are not kept are unpacked again each time; but there must be
 * work to share at the end. */
static size_t take(const batch *b, const plan *pl, size_t at)
{
    size_t more = b->n_strips - pl->first_strip - at;
    return pl->kept || pl->staged || more < (size_t)graft_threads() ? 1 : pl->n_ranges;
}

/* What is left of a strip. */
static void run_strip(batch *b, const plan *pl, size_t at, char *scratch)
{
    size_t c = at * pl->strip_cols, left = pl->n_cols - c, n = take(b, pl, at);
    strip s = {pl, c, left < pl->strip_cols ? left : pl->strip_cols, scratch, false};
    if (!pl->shared) {
        for (size_t range = 0; range < pl->n_ranges; range += n) {
            run_ranges(b, &s, range, n);
        }
        return;
    }
    atomic_uint *next = &b->next_range[pl->first_shared + at];
    while (atomic_load_explicit(next, memory_order_relaxed) < pl->n_ranges) {
        size_t range = atomic_fetch_add_explicit(next, (unsigned)n, memory_order_relaxed);
        if (range < pl->n_ranges) {
            run_ranges(b, &s, range, n);
        }
    }
}

static void work(void *context, size_t worker, int thread)
{
    batch *b = context;
    char *scratch = b->workspace->per_thread[thread];
    (void)worker;
    for (size_t at; (at = atomic_fetch_add(&b->next_strip, 1)) < b->n_strips;) {
        const plan *pl = b->plans;
        while (pl + 1 < b->plans + b->n_plans && at >= pl[1].first_strip) {
            pl++;
        }
        run_strip(b, pl, at - pl->first_strip, scratch);
    }
    for (size_t i = b->n_plans; i-- > 0;) {
        const plan *pl = &b->plans[i];
        for (size_t at = pl->shared ? pl->n_strips : 0; at-- > 0;) {
            run_strip(b, pl, at, scratch);
        }
    }
}

/* Tiles from shapes alone, never from the number of threads. Wide panels and many rows use what
 * was unpacked often; enough jobs keep all threads busy to the end. */
static void cut(const batch *b, plan *pl)
{
    enum { FEW_ROWS = 32, COLS = 32, WIDE = 64 };
    size_t nc_short = b->gemm->nc_short > 0 ? b->gemm->nc_short : b->gemm->nc;
    size_t nc = reduction(&pl->product->terms[0]) < b->gemm->kc ? nc_short : b->gemm->nc;
    size_t strips = ceil_div(pl->n_cols, nc), n_rows = b->n_rows, step = COLS;
    pl->range_rows = n_rows;
    if (n_rows <= FEW_ROWS) { /* no ranges to divide; a narrow panel is read before it leaves the caches */
        strips = ceil_div(pl->n_cols, 2 * COLS);
        strips = strips < JOBS ? ceil_div(pl->n_cols, COLS) : strips;
    } else {
        size_t ranges = ceil_div(JOBS, strips), most = ceil_div(n_rows, b->gemm->rows);
        size_t least = pl->staged ? ceil_div(n_rows, STAGED_ROWS) : 1;
        ranges = ranges < most ? ranges : most;
        ranges = ranges > least ? ranges : least;
        if (strips * ranges < JOBS / 2 && pl->n_cols > nc_short) { /* then rather narrow strips */
            size_t narrow = ceil_div(pl->n_cols, WIDE);
            strips = narrow < JOBS / 2 ? narrow : JOBS / 2;
        }
        pl->range_rows = ceil_div(ceil_div(n_rows, ranges), 12) * 12;
        step = pl->n_cols >= WIDE ? WIDE : COLS;
    }
    pl->strip_cols = ceil_div(ceil_div(pl->n_cols, strips), step) * step;
    pl->n_strips = ceil_div(pl->n_cols, pl->strip_cols);
    pl->n_ranges = ceil_div(n_rows, pl->range_rows);
    pl->shared = pl->n_ranges > 1 && pl->n_strips <= JOBS;
}

static size_t count_panels(const batch *b, const graft_product *p)
{
    part parts[GRAFT_SLICES];
    size_t n = 0;
    for (size_t term = 0, k = 0; term < p->n_terms; n++) {
        next_parts(b, p, &term, &k, parts);
    }
    return n;
}

static bool any_bytes(const graft_product *products, size_t n)
{
    bool any = false;
    for (size_t i = 0; i < n; i++) {
        for (size_t t = 0; t < products[i].n_terms; t++) {
            any = any || products[i].terms[t].bytes != NULL;
        }
    }
    return any;
}

void graft_products_run(const graft_kernels *kernels, graft_workspace *workspace,
                        const graft_product *products, size_t n, size_t n_tok)
{
    batch b;
    if (n_tok == 0) {
        return;
    }
    b.kernels = kernels;
    b.gemm = any_bytes(products, n) ? kernels->gemm_bytes : kernels->gemm;
    b.workspace = workspace;
    b.n_plans = n;
    b.n_rows = n_tok;
    b.n_strips = b.n_shared = 0;
    size_t n_ranges = 0;
    for (size_t i = 0; i < n; i++) {
        plan *pl = &b.plans[i];
        const graft_product *p = &products[i];
        size_t n_panels = count_panels(&b, p);
        *pl = (plan){.product = p, .n_cols = columns(&p->terms[0]), .first_strip = b.n_strips,
                     .first_shared = b.n_shared, .staged = p->y_act && n_panels > 1,
                     .kept = n_panels <= KEPT};
        cut(&b, pl);
        b.n_strips += pl->n_strips;
        b.n_shared += pl->shared ? pl->n_strips : 0;
        n_ranges += pl->n_strips * pl->n_ranges;
    }
    atomic_init(&b.next_strip, 0);
    for (size_t i = 0; i < b.n_shared; i++) {
        atomic_init(&b.next_range[i], 0);
    }
    size_t threads = (size_t)graft_threads();
    graft_parallel(threads < n_ranges ? threads : n_ranges, work, &b);
}

static size_t thread_bytes(const struct graft_gemm *gemm)
{
    return KEPT * panel_bytes(gemm) + sizeof(graft_real) * gemm->nc * (STAGED_ROWS + 12);
}

size_t graft_product_thread_bytes(const graft_kernels *kernels)
{
    size_t plain = thread_bytes(kernels->gemm);
    size_t bytes = kernels->bytes ? thread_bytes(kernels->gemm_bytes) : 0;
    return bytes > plain ? bytes : plain;
}

void graft_product_run(const graft_kernels *kernels, graft_workspace *workspace, graft_real *y,
                       size_t ldy, const graft_act *x, size_t ldx, const graft_weight *w,
                       bool backward, size_t n_tok, graft_real scale, bool accumulate)
{
    graft_product p = {.terms = {{x, ldx, w, backward, NULL}}, .n_terms = 1, .y = y, .ldy = ldy,
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
