#include "kernels/bench.h"

#include <stdio.h>

#include "core/clock.h"
#include "core/memory.h"
#include "core/rng.h"
#include "core/threads.h"
#include "kernels/peak.h"
#include "kernels/portable/act.h"
#include "kernels/product.h"

static const graft_bench_shape default_shapes[] = {
    {512, 1536, 576},   {512, 576, 1536},   {512, 2048, 2048},  {2048, 1536, 576},
    {2048, 576, 1536},  {2048, 2048, 2048}, {2048, 4096, 4096}, {1, 1536, 576},
    {1, 2048, 2048},    {16, 2048, 2048},   {2048, 16, 576},    {2048, 1536, 16},
};
static const char *const default_formats[] = {"F32", "Q8_0", "Q4_0", "Q4_1", "Q4_K", NULL};

typedef struct bench {
    const graft_kernels *kernels;
    graft_workspace workspace;
    graft_bench_shape shape;
    graft_weight weight;
    graft_act *x;
    graft_bytes bytes;
    graft_real *y;
    uint8_t *blocks;
    double seconds;
} bench;

static void clear(bench *b)
{
    for (int t = 0; b->workspace.per_thread != NULL && t < b->workspace.n_threads; t++) {
        graft_free(b->workspace.per_thread[t]);
    }
    graft_free(b->workspace.per_thread);
    graft_free(b->x);
    graft_free(b->y);
    graft_free(b->bytes.q);
    graft_free(b->bytes.groups);
    graft_free(b->blocks);
}

static graft_status prepare(bench *b, const graft_format *format)
{
    graft_status status = GRAFT_OK;
    graft_workspace *ws = &b->workspace;
    graft_rng rng;
    size_t widest = b->shape.n_in > b->shape.n_out ? b->shape.n_in : b->shape.n_out;
    size_t row_bytes = 0, bytes = 0;
    graft_rng_init(&rng, 1, GRAFT_RNG_TEST, 0);
    GRAFT_TRY(graft_format_row_bytes(format, b->shape.n_in, &row_bytes));
    if (!graft_size_mul(row_bytes, b->shape.n_out, &bytes)) {
        GRAFT_TRY(graft_fail(GRAFT_E_MEMORY, "a weight of this shape does not fit into memory"));
    }
    GRAFT_TRY(graft_alloc(&b->blocks, bytes, 1));
    size_t ld = graft_act_ld(b->kernels, widest);
    GRAFT_TRY(graft_alloc(&b->x, b->shape.n_tok, ld * b->kernels->act_bytes));
    GRAFT_TRY(graft_alloc(&b->y, b->shape.n_tok, widest * sizeof *b->y));
    GRAFT_TRY(graft_alloc(&b->bytes.q, b->shape.n_tok, graft_bytes_ld(widest)));
    GRAFT_TRY(graft_alloc(&b->bytes.groups, b->shape.n_tok,
                          graft_bytes_groups(widest) * sizeof *b->bytes.groups));
    for (size_t i = 0; i < bytes; i++) { /* any of these bytes make a finite, normal scale */
        b->blocks[i] = (uint8_t)(0x20 | (graft_rng_u32(&rng) & 15u));
    }
    for (size_t i = 0; i < b->shape.n_tok * ld; i++) {
        act_put(b->x, i, (graft_real)(graft_rng_uniform(&rng) - 0.5), b->kernels->half);
    }
    b->weight = (graft_weight){b->blocks, format, b->shape.n_out, b->shape.n_in, row_bytes};
    ws->n_threads = graft_threads();
    ws->per_thread_bytes = graft_product_thread_bytes(b->kernels);
    GRAFT_TRY(graft_alloc(&ws->per_thread, (size_t)ws->n_threads, sizeof(void *)));
    for (int t = 0; t < ws->n_threads; t++) {
        GRAFT_TRY(graft_alloc(&ws->per_thread[t], ws->per_thread_bytes, 1));
    }
done:
    return status;
}

static void run_once(bench *b, bool backward)
{
    size_t n_in = b->shape.n_in, n_out = b->shape.n_out;
    size_t width = backward ? n_out : n_in, ldx = graft_act_ld(b->kernels, width);
    graft_product p = {.terms = {{b->x, ldx, &b->weight, backward, NULL}}, .n_terms = 1,
                       .y = b->y, .ldy = backward ? n_in : n_out, .scale = GRAFT_REAL(1.0)};
    if (b->kernels->bytes) {
        b->bytes.ld = graft_bytes_ld(width);
        b->bytes.n_groups = graft_bytes_groups(width);
        graft_bytes_make(b->kernels, &b->bytes, b->x, ldx, NULL, b->shape.n_tok, width,
                         backward);
        p.terms[0].bytes = &b->bytes;
    }
    graft_products_run(b->kernels, &b->workspace, &p, 1, b->shape.n_tok);
}

/* The best of the runs that fit into the time, in GFLOP/s; short ones are timed in groups. */
static double measure(bench *b, bool backward)
{
    double flops = 2.0 * (double)b->shape.n_tok * (double)b->shape.n_in * (double)b->shape.n_out;
    double best = 0, start = graft_clock_seconds();
    size_t group = 1;
    run_once(b, backward);
    do {
        double begin = graft_clock_seconds();
        for (size_t i = 0; i < group; i++) {
            run_once(b, backward);
        }
        double took = graft_clock_seconds() - begin;
        double rate = (double)group * flops / took * 1e-9;
        best = rate > best ? rate : best;
        group *= took < 1e-3 ? 2 : 1;
    } while (graft_clock_seconds() - start < b->seconds);
    return best;
}

static graft_status run_shape(const graft_kernels *kernels, const graft_format *format,
                              const graft_bench_shape *shape, double seconds,
                              graft_bench_sink *sink, void *context)
{
    graft_status status = GRAFT_OK;
    bench b = {.kernels = kernels, .shape = *shape, .seconds = seconds};
    char name[48], text[72];
    if (shape->n_in % format->block_elems != 0) {
        return GRAFT_OK;
    }
    GRAFT_TRY(prepare(&b, format));
    snprintf(name, sizeof name, "%zux%zu", shape->n_out, shape->n_in);
    snprintf(text, sizeof text, "%zux%s", shape->n_tok, name);
    for (int backward = 0; backward < 2; backward++) {
        double peak = graft_peak_gflops(kernels, graft_threads(), seconds / 4);
        double rate = measure(&b, backward != 0);
        graft_bench_row row = {"product", name, graft_cpu_level_name(kernels->level),
                               format->name, text, backward ? "backward" : "forward", rate, peak,
                               peak > 0 ? rate / peak : 0};
        GRAFT_TRY(sink(context, &row));
    }
done:
    clear(&b);
    return status;
}

graft_status graft_bench_products(const graft_kernels *kernels, const graft_bench_options *options,
                                  graft_bench_sink *sink, void *context)
{
    graft_status status = GRAFT_OK;
    const graft_bench_shape *shapes = options->shapes;
    const char *const *formats = options->formats != NULL ? options->formats : default_formats;
    size_t n_shapes = options->n_shapes;
    double seconds = options->seconds > 0 ? options->seconds : 0.3;
    if (shapes == NULL) {
        shapes = default_shapes;
        n_shapes = sizeof default_shapes / sizeof *default_shapes;
    }
    for (size_t f = 0; formats[f] != NULL; f++) {
        const graft_format *format = graft_format_by_name(formats[f]);
        if (format == NULL) {
            return graft_fail(GRAFT_E_CONFIG, "format \"%s\": unknown", formats[f]);
        }
        for (size_t i = 0; i < n_shapes; i++) {
            GRAFT_TRY(run_shape(kernels, format, &shapes[i], seconds, sink, context));
        }
    }
done:
    return status;
}
