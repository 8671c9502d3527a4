/* cmd_data_stats.c - graft data stats. */
#include "cli/commands.h"

static graft_status run(const cli_call *call, graft_config *config)
{
    char *text = NULL;
    graft_hooks hooks = cli_hooks();
    graft_status status = cli_configure(call, config, CLI_NEEDS_DATASET);
    if (status == GRAFT_OK) {
        status = graft_data_stats(config, cli_text(call, "html"), &hooks, cli_flag(call, "json"),
                                  &text);
    }
    return cli_finish(status, text);
}

static const cli_option options[] = {
    {"html", CLI_TEXT, "FILE", "", 0, 0, "write a self-contained page, too"},
    {"json", CLI_FLAG, "", "false", 0, 0, "the result as a JSON object"},
    {0},
};

static const cli_setting settings[] = {
    {"base", "base_model", "FILE", "GGUF file whose tokens are counted"},
    CLI_PRE,
    CLI_DATASET,
    CLI_FORMAT,
    CLI_ANSWERS,
    CLI_TEMPLATE,
    CLI_SETTING("skip_bad"),
    CLI_SETTING("threads"),
    {0},
};

const cli_command cli_cmd_data_stats = {
    .name = "data stats",
    .summary = "what a dataset is made of: messages, calls, lengths, tools",
    .arguments = "[DATASET.jsonl]",
    .about = "Counts, and the distribution of messages, calls, bytes and, with --base, tokens over "
             "the examples; calls per tool.",
    .max_args = 1,
    .settings = settings,
    .options = options,
    .run = run,
};
