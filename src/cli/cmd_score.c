/* cmd_score.c - graft score. */
#include "cli/commands.h"

static graft_status run(const cli_call *call, graft_config *config)
{
    graft_hooks hooks = cli_hooks();
    graft_status status = cli_configure(call, config, CLI_NEEDS_BASE | CLI_NEEDS_DATASET);
    if (status == GRAFT_OK) {
        status = graft_score(config, &hooks, cli_flag(call, "json"));
    }
    return cli_finish(status, NULL);
}

static const cli_option options[] = {
    {"json", CLI_FLAG, "", "false", 0, 0,
     "one object per example: index, ids, weights, logprobs"},
    {0},
};

static const cli_setting settings[] = {
    CLI_BASE, CLI_PRE, CLI_ADAPTER, CLI_DATASET, CLI_FORMAT, CLI_ANSWERS, CLI_TEMPLATE,
    CLI_SETTING("skip_bad"), CLI_SETTING("template_loss"), CLI_SETTING("max_seq_length"),
    CLI_SETTING("truncation"), CLI_SETTING("compute"),
    CLI_SETTING("cpu"), CLI_SETTING("threads"), {0},
};

const cli_command cli_cmd_score = {
    .name = "score",
    .summary = "log-probability and loss weight of every token of a dataset",
    .arguments = "[DATASET.jsonl]",
    .about = "Renders each example as training would and gives, token by token, its text, its loss "
             "weight and log p(token | what stands before it) in natural logarithm.",
    .max_args = 1,
    .settings = settings,
    .options = options,
    .run = run,
};
