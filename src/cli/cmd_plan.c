/* cmd_plan.c - graft plan. */
#include "cli/commands.h"
#include "cli/neighbours.h"

static graft_status run(const cli_call *call, graft_config *config)
{
    char *text = NULL;
    graft_hooks hooks = cli_hooks();
    graft_status status = GRAFT_OK;
    if (call->n_args > 0) {
        status = graft_config_read(config, call->args[0]);
    }
    if (status == GRAFT_OK) {
        status = cli_configure(call, config, 0);
    }
    if (status == GRAFT_OK) {
        cli_give_way(config);
        status = graft_train_plan(config, &hooks, cli_flag(call, "measure"),
                                  cli_flag(call, "json"), &text);
    }
    return cli_finish(status, text);
}

static const cli_option options[] = {
    {"measure", CLI_FLAG, "true|false", "true", 0, 0, "run a few passes to tell the time"},
    {"json", CLI_FLAG, "", "false", 0, 0, "the result as a JSON object"},
    {0},
};

const cli_command cli_cmd_plan = {
    .name = "plan",
    .summary = "what training would cost: tokens, steps, memory, disk, time",
    .arguments = "[CONFIG.yaml]",
    .about =
        "Takes what graft train takes, makes the same checks and preparations, and stops before "
        "the first step: it trains nothing and writes nothing (but token_cache, if that is set). A run that "
        "would be refused is refused here with the same exit code: for its data, memory or disk space, or "
        "for an output_dir that cannot be written to.\n"
        "\n"
        "The time comes from a few passes of the data themselves, so nothing else should be "
        "running; evaluation, checkpoints and the optimiser are not in it. With finish_by or max_hours an "
        "evaluation is measured, too, and the number of steps that there is time for is told.",
    .max_args = 1,
    .all_settings = true,
    .options = options,
    .run = run,
};
