/* cmd_data_split.c - graft data split. */
#include "cli/commands.h"
#include "cli/terminal.h"

static graft_status run(const cli_call *call, graft_config *config)
{
    char *text = NULL;
    graft_hooks hooks = cli_hooks();
    if (!cli_given(call, "train_out") || !cli_given(call, "eval_out")) {
        return cli_fail("--train_out FILE and --eval_out FILE are both needed");
    }
    graft_status status = cli_configure(call, config, CLI_NEEDS_DATASET);
    if (status == GRAFT_OK) {
        status = graft_data_split(config, cli_text(call, "train_out"), cli_text(call, "eval_out"),
                                  &hooks, cli_flag(call, "json"), &text);
    }
    return cli_finish(status, text);
}

static const cli_option options[] = {
    {"train_out", CLI_TEXT, "FILE", "", 0, 0, "where the training lines are written"},
    {"eval_out", CLI_TEXT, "FILE", "", 0, 0, "where the lines held back are written"},
    {"json", CLI_FLAG, "", "false", 0, 0, "the counts as a JSON object"},
    {0},
};

static const cli_setting settings[] = {
    CLI_DATASET,
    CLI_FORMAT,
    CLI_ANSWERS,
    {"size", "val_set_size", "N|SHARE", "examples held back: a count, or a fraction below 1"},
    {"by", "val_split", NULL, "how they are chosen; tool: no tool of theirs is trained"},
    CLI_SETTING("seed"),
    CLI_SETTING("skip_bad"),
    CLI_SETTING("threads"),
    {0},
};

const cli_command cli_cmd_data_split = {
    .name = "data split",
    .summary = "holds examples back for evaluation, in files of their own",
    .arguments = "[DATASET.jsonl]",
    .about =
        "Both files keep the order and the lines as they stand. With --by tool no tool that an "
        "evaluation example declares or calls appears in the training file; examples that stand "
        "between are left out and counted. It chooses what graft train with val_set_size, "
        "val_split and seed would.",
    .max_args = 1,
    .settings = settings,
    .options = options,
    .run = run,
};
