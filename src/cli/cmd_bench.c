/* cmd_bench.c - graft bench. */
#include "cli/commands.h"

static graft_status run(const cli_call *call, graft_config *config)
{
    graft_hooks hooks = cli_hooks();
    graft_status status = cli_configure(call, config, 0);
    if (status == GRAFT_OK) {
        status = graft_bench(config, &hooks, cli_flag(call, "csv"), cli_real(call, "seconds"));
    }
    return cli_finish(status, NULL);
}

static const cli_option options[] = {
    {"seconds", CLI_REAL, "X", "0.3", 0.001, 3600, "time spent on each figure"},
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
             "With --base also a training pass of that model (512 tokens, rank 16) in tokens/s.\n"
             "\n"
             "Columns of --csv: kind, name, level, format, shape, direction, gflops, peak_gflops, "
             "fraction. The shape of a pass is tokens x FLOP per token.",
    .settings = settings,
    .options = options,
    .run = run,
};
