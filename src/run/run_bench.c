/* run_bench.c - graft_bench: peak, products, and a training pass of a model. */
#include <graft/bench.h>

#include <stdio.h>

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
    double peak = graft_peak_f32_gflops(kernels, graft_threads(), seconds);
    snprintf(shape, sizeof shape, "%d threads", graft_threads());
    graft_bench_row row = {"peak", "fma", graft_cpu_level_name(kernels->level), "F32", shape, "-",
                           peak, peak, 1};
    return print_row(p, &row, "");
}

static graft_status bench_pass(const printer *p, const graft_config *config,
                               const graft_kernels *kernels, double seconds)
{
    graft_status status = GRAFT_OK;
    graft_pass_figures figures;
    char shape[48], extra[64];
    GRAFT_TRY(graft_bench_pass(&figures, config, p->hooks, seconds));
    double peak = graft_peak_f32_gflops(kernels, graft_threads(), seconds / 4);
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
done:
    return status;
}

graft_status graft_bench(graft_config *config, const graft_hooks *hooks, int csv, double seconds)
{
    graft_status status = GRAFT_OK;
    graft_cpu_level level;
    graft_kernels kernels;
    graft_bench_options options = {.seconds = seconds};
    printer p = {hooks, csv != 0};
    GRAFT_TRY(graft_config_check(config));
    GRAFT_TRY(graft_machine_prepare(&level, config));
    GRAFT_TRY(graft_kernels_init(&kernels, level));
    GRAFT_TRY(print_head(&p));
    GRAFT_TRY(bench_peak(&p, &kernels, seconds));
    GRAFT_TRY(graft_hooks_check(hooks));
    GRAFT_TRY(graft_bench_products(&kernels, &options, on_product, &p));
    if (config->base_model != NULL) {
        GRAFT_TRY(bench_pass(&p, config, &kernels, seconds));
    }
done:
    return status;
}
