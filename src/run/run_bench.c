/* run_bench.c - graft_bench: peak, products, and a training pass of a model. */
#include <graft/bench.h>

#include <stdio.h>
#include <string.h>

#include "core/threads.h"
#include "kernels/bench.h"
#include "kernels/peak.h"
#include "run/bench_pass.h"
#include "run/machine.h"
#include "run/session.h"

typedef struct printer {
    const graft_hooks *hooks;
    bool csv;
} printer;

/* One figure; `extra` stands at the end of a line for people. */
static graft_status print_row(const printer *p, const graft_bench_row *row, const char *extra)
{
    graft_status status = GRAFT_OK;
    graft_text line;
    graft_text_init(&line);
    if (p->csv) {
        GRAFT_TRY(graft_text_appendf(&line, "%s,%s,%s,%s,%s,%s,%.2f,%.2f,%.4f\n", row->kind,
                                     row->name, row->level, row->format, row->shape,
                                     row->direction, row->gflops, row->peak_gflops,
                                     row->fraction));
    } else {
        GRAFT_TRY(graft_text_appendf(&line, "%-8s %-10s %-6s %-16s %-9s %8.1f %5.1f %%%s\n",
                                     row->kind, row->level, row->format, row->shape,
                                     row->direction, row->gflops, 100 * row->fraction, extra));
    }
    GRAFT_TRY(graft_hooks_emit(p->hooks, line.data, line.len));
done:
    graft_text_clear(&line);
    return status;
}

static graft_status on_product(void *context, const graft_bench_row *row)
{
    const printer *p = context;
    graft_status status = print_row(p, row, "");
    return status == GRAFT_OK ? graft_hooks_check(p->hooks) : status;
}

static graft_status print_head(const printer *p)
{
    graft_status status = GRAFT_OK;
    graft_text line;
    graft_text_init(&line);
    if (p->csv) {
        GRAFT_TRY(graft_text_append_z(
            &line, "kind,name,level,format,shape,direction,gflops,peak_gflops,fraction\n"));
    } else {
        GRAFT_TRY(graft_text_appendf(&line, "%-8s %-10s %-6s %-16s %-9s %8s %7s\n", "what",
                                     "level", "format", "shape", "direction", "GFLOP/s",
                                     "of peak"));
    }
    GRAFT_TRY(graft_hooks_emit(p->hooks, line.data, line.len));
done:
    graft_text_clear(&line);
    return status;
}

static graft_status bench_peak(const printer *p, const graft_kernels *kernels, double seconds)
{
    char shape[32];
    double peak = graft_peak_gflops(kernels, graft_threads(), seconds);
    snprintf(shape, sizeof shape, "%d threads", graft_threads());
    graft_bench_row row = {"peak", "fma", graft_cpu_level_name(kernels->level),
                           kernels->bytes ? "INT8" : kernels->half ? "BF16" : "F32", shape, "-",
                           peak, peak, 1};
    return print_row(p, &row, "");
}

static graft_status bench_pass(const printer *p, const graft_config *config,
                               const graft_kernels *kernels, const graft_bench_wish *wish)
{
    graft_status status = GRAFT_OK;
    graft_pass_figures figures;
    char shape[48], extra[64];
    GRAFT_TRY(graft_bench_pass(&figures, config, p->hooks, wish->tokens, wish->seconds));
    double peak = graft_peak_gflops(kernels, graft_threads(), wish->seconds / 4);
    /* For programs: tokens/s is gflops * 1e9 / (FLOP per token). */
    if (p->csv) {
        snprintf(shape, sizeof shape, "%zux%.0f", figures.n_tok, figures.flop_per_token);
    } else {
        snprintf(shape, sizeof shape, "%zu tokens", figures.n_tok);
    }
    snprintf(extra, sizeof extra, "  %.0f tokens/s%s", figures.tokens_per_second,
             figures.n_recomputed > 0 ? ", layers recomputed" : "");
    graft_bench_row row = {"pass", "train", graft_cpu_level_name(figures.level), figures.format,
                           shape, "both", figures.gflops, peak,
                           peak > 0 ? figures.gflops / peak : 0};
    GRAFT_TRY(print_row(p, &row, extra));
    for (int i = 0; wish->ops && i < GRAFT_N_PARTS; i++) {
        const graft_part_figures *part = &figures.profile.parts[i];
        double rate = part->seconds > 0 ? part->flop / part->seconds * 1e-9 : 0;
        snprintf(shape, sizeof shape, "%.1f ms", 1e3 * part->seconds);
        snprintf(extra, sizeof extra, "  %-20s %4.1f %% of the pass", graft_part_names[i],
                 100 * part->seconds / figures.profiled_seconds);
        graft_bench_row line = {"op", graft_part_names[i], graft_cpu_level_name(figures.level),
                                figures.format, shape, "both", rate, peak,
                                peak > 0 ? rate / peak : 0};
        GRAFT_TRY(print_row(p, &line, extra));
    }
done:
    return status;
}

enum { MAX_SHAPES = 32, MAX_FORMATS = 32, NAME = 16 };

/* What is to be measured, from lists of words. */
typedef struct wishes {
    graft_bench_shape shapes[MAX_SHAPES];
    char names[MAX_FORMATS][NAME];
    const char *formats[MAX_FORMATS + 1];
} wishes;

static graft_status read_shapes(wishes *w, const char *list, graft_bench_options *options)
{
    for (const char *at = list; *at != '\0';) {
        graft_bench_shape *s = &w->shapes[options->n_shapes];
        int used = 0;
        if (options->n_shapes == MAX_SHAPES ||
            sscanf(at, "%7zux%7zux%7zu%n", &s->n_tok, &s->n_out, &s->n_in, &used) != 3 ||
            s->n_tok == 0 || s->n_out == 0 || s->n_in == 0 ||
            (at[used] != ',' && at[used] != '\0')) {
            return graft_fail(GRAFT_E_CONFIG, "shapes: \"%.40s\": expected tokens x n_out x n_in, "
                              "as 2048x1536x576, at most %d of them", at, MAX_SHAPES);
        }
        options->n_shapes++;
        at += used + (at[used] == ',');
    }
    options->shapes = w->shapes;
    return GRAFT_OK;
}

static graft_status read_formats(wishes *w, const char *list, graft_bench_options *options)
{
    size_t n = 0;
    for (const char *at = list; *at != '\0';) {
        size_t length = strcspn(at, ",");
        if (n == MAX_FORMATS || length >= NAME) {
            return graft_fail(GRAFT_E_CONFIG, "formats: too many, or a name too long: \"%.40s\"",
                              at);
        }
        memcpy(w->names[n], at, length);
        w->names[n][length] = '\0';
        w->formats[n] = w->names[n];
        n++;
        at += length + (at[length] == ',');
    }
    w->formats[n] = NULL;
    options->formats = w->formats;
    return GRAFT_OK;
}

graft_status graft_bench(graft_config *config, const graft_hooks *hooks,
                         const graft_bench_wish *wish)
{
    graft_status status = GRAFT_OK;
    graft_cpu_level level;
    graft_kernels kernels;
    wishes w;
    bool half = false;
    graft_bench_options options = {.seconds = wish->seconds};
    printer p = {hooks, wish->csv != 0};
    GRAFT_TRY(graft_config_check(config));
    GRAFT_TRY(graft_machine_prepare(&level, &half, config));
    GRAFT_TRY(graft_kernels_init(&kernels, level, half));
    kernels.bytes = config->compute == GRAFT_COMPUTE_INT8;
    if (wish->shapes != NULL) {
        GRAFT_TRY(read_shapes(&w, wish->shapes, &options));
    }
    if (wish->formats != NULL) {
        GRAFT_TRY(read_formats(&w, wish->formats, &options));
    }
    GRAFT_TRY(print_head(&p));
    GRAFT_TRY(bench_peak(&p, &kernels, wish->seconds));
    GRAFT_TRY(graft_hooks_check(hooks));
    if (!wish->pass_only) {
        GRAFT_TRY(graft_bench_products(&kernels, &options, on_product, &p));
    }
    if (config->base_model != NULL) {
        GRAFT_TRY(bench_pass(&p, config, &kernels, wish));
    }
done:
    return status;
}
