/* cmd_bench.c - graft bench. */
#include "cli/commands.h"

static graft_status run(const cli_call *call, graft_config *config)
{
    graft_hooks hooks = cli_hooks();
    graft_status status = cli_configure(call, config, 0);
    if (status == GRAFT_OK) {
        graft_bench_wish wish = {
            .csv = cli_flag(call, "csv"),
            .seconds = cli_real(call, "seconds"),
            .shapes = cli_text(call, "shapes"),
            .formats = cli_text(call, "formats"),
            .ops = cli_flag(call, "ops"),
            .pass_only = cli_flag(call, "pass-only"),
            .tokens = (size_t)cli_count(call, "tokens"),
        };
        status = graft_bench(config, &hooks, &wish);
    }
    return cli_finish(status, NULL);
}

static const cli_option options[] = {
    {"seconds", CLI_REAL, "X", "0.3", 0.001, 3600, "time spent on each figure"},
    {"shapes", CLI_TEXT, "LIST", "", 0, 0,
     "products to measure: tokens x n_out x n_in, as 2048x1536x576,512x576x1536"},
    {"formats", CLI_TEXT, "LIST", "", 0, 0, "formats of their weights, as Q4_0,Q8_0,F16"},
    {"tokens", CLI_COUNT, "N", "512", 2, 65536, "tokens of the pass that is measured with --base"},
    {"ops", CLI_FLAG, "", "false", 0, 0, "the share of each part of that pass"},
    {"pass-only", CLI_FLAG, "", "false", 0, 0, "leave the products out"},
    {"csv", CLI_FLAG, "", "false", 0, 0, "comma-separated values, one figure a line"},
    {0},
};

static const cli_setting settings[] = {
    CLI_BASE, CLI_SETTING("compute"), CLI_SETTING("cpu"), CLI_SETTING("threads"), {0},
};

const cli_command cli_cmd_bench = {
    .name = "bench",
    .summary = "what this machine does: peak, products, tokens per second",
    .arguments = "",
    .about = "Measures the peak rate of multiply-adds and the products that training consists of. "
             "With --base also a training pass of that model (rank 16) in tokens/s, and "
             "with --ops what each of its parts takes.\n"
             "\n"
             "Columns of --csv: kind, name, level, format, shape, direction, gflops, peak_gflops, "
             "fraction. The shape of a pass is tokens x FLOP per token.",
    .settings = settings,
    .options = options,
    .run = run,
};
