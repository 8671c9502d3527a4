/* cmd_data_check.c - graft data check. */
#include "cli/commands.h"
#include "cli/terminal.h"

static graft_status run(const cli_call *call, graft_config *config)
{
    char *text = NULL;
    graft_hooks hooks = cli_hooks();
    graft_check_options options = {
        .near = cli_real(call, "near"),
        .fix_to = cli_flag(call, "fix") ? cli_text(call, "out") : NULL,
        .limit = cli_count(call, "limit"),
        .strict = cli_flag(call, "strict"),
        .json = cli_flag(call, "json"),
    };
    if (cli_flag(call, "fix") != cli_given(call, "out")) {
        return cli_fail("--fix and --out FILE go together");
    }
    if (options.near > 0 && options.near < 0.5) {
        return cli_fail("--near: %g is neither 0 nor in 0.5 to 1", options.near);
    }
    graft_status status = cli_configure(call, config, CLI_NEEDS_DATASET);
    if (status == GRAFT_OK) {
        status = graft_data_check(config, &options, &hooks, &text);
    }
    return cli_finish(status, text);
}

static const cli_option options[] = {
    {"near", CLI_REAL, "X", "0.9", 0, 1,
     "tell of examples that share this much of their wording (0: do not look)"},
    {"fix", CLI_FLAG, "", "false", 0, 0,
     "write the data to --out without bad lines and exact duplicates, repaired where that changes "
     "nothing of what they teach"},
    {"out", CLI_TEXT, "FILE", "", 0, 0, "where --fix writes"},
    {"limit", CLI_COUNT, "N", "100", 0, 1e15, "findings shown of each kind (0: all)"},
    {"strict", CLI_FLAG, "", "false", 0, 0, "exit with 5 for any finding, not only for bad lines"},
    {"json", CLI_FLAG, "", "false", 0, 0, "findings and summary as a JSON object"},
    {0},
};

static const cli_setting settings[] = {
    CLI_DATASET,
    CLI_FORMAT,
    CLI_ANSWERS,
    {"eval", "eval_dataset", "FILE", "evaluation data: examples that stand there too are told"},
    CLI_SETTING("eval_format"),
    CLI_SETTING("eval_answers"),
    {"base", "base_model", "FILE", "base: tells which examples do not fit its chat template, too"},
    CLI_TEMPLATE,
    {NULL, "reasoning", NULL, "drop: thoughts are left out before they could be lost"},
    {NULL, "skip_bad", NULL, "bad lines are told, but do not fail"},
    CLI_SETTING("threads"),
    {0},
};

const cli_command cli_cmd_data_check = {
    .name = "data check",
    .summary = "finds what is wrong or doubtful in a dataset, before training on it",
    .arguments = "[DATASET.jsonl]",
    .about =
        "Prints each finding as FILE:LINE (and the element, of a JSON array) with what is wrong, what "
        "to do and the kind of finding, then counts. Bad lines are errors: training would stop there. With --base or "
        "--chat_template so are examples that the chat template refuses, or of which it shows only a "
        "part. The others are warnings: calls "
        "against declared tools and their schemas, results without calls, order of roles, empty or "
        "damaged texts, secrets, duplicates, evaluation data among the examples, outliers.\n"
        "\n"
        "Exits with 5 if there was an error. Needs no model. Files may be larger than memory.",
    .max_args = 1,
    .settings = settings,
    .options = options,
    .run = run,
};
