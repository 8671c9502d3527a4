/* cmd_compare.c - graft compare. */
#include "cli/commands.h"
#include "cli/terminal.h"

static graft_status run(const cli_call *call, graft_config *config)
{
    (void)config;
    char *text = NULL;
    if (cli_flag(call, "json") && cli_text(call, "show")) {
        return cli_fail("--json and --show exclude each other");
    }
    graft_status status =
        graft_compare(call->args[0], call->args[1], cli_text(call, "show"),
                      (size_t)cli_count(call, "n"), cli_flag(call, "json"), &text);
    return cli_finish(status, text);
}

static const cli_option options[] = {
    {"show", CLI_TEXT, "SCORE", "", 0, 0, "list the replies whose verdict on this score changed"},
    {"n", CLI_COUNT, "N", "10", 1, 1e9, "how many of them"},
    {"json", CLI_FLAG, "", "false", 0, 0, "the result as a JSON object"},
    {0},
};

const cli_command cli_cmd_compare = {
    .name = "compare",
    .summary = "two evaluations of the same items side by side",
    .arguments = "BEFORE.json AFTER.json",
    .about = "Reads two results of graft eval --json (or eval-before.json and eval-after.json of a "
             "run) and shows both shares of every score with 95 % Wilson intervals, McNemar's exact "
             "p over the items both have (same number, same question), and which items "
             "(example/message) turned.",
    .min_args = 2,
    .max_args = 2,
    .options = options,
    .run = run,
};
