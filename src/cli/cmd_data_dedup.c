/* cmd_data_dedup.c - graft data dedup. */
#include "cli/commands.h"
#include "cli/terminal.h"

static graft_status run(const cli_call *call, graft_config *config)
{
    char *text = NULL;
    graft_hooks hooks = cli_hooks();
    double near = cli_real(call, "near");
    if (!cli_given(call, "out")) {
        return cli_fail("--out FILE is missing");
    }
    if (near > 0 && near < 0.5) {
        return cli_fail("--near: %g is neither 0 nor in 0.5 to 1", near);
    }
    graft_status status = cli_configure(call, config, CLI_NEEDS_DATASET);
    if (status == GRAFT_OK) {
        status = graft_data_dedup(config, cli_text(call, "out"), near, &hooks,
                                  cli_flag(call, "json"), &text);
    }
    return cli_finish(status, text);
}

static const cli_option options[] = {
    {"out", CLI_TEXT, "FILE", "", 0, 0, "where the remaining lines are written"},
    {"near", CLI_REAL, "X", "0", 0, 1,
     "leave out, too, what shares this much of its wording with a line that is kept, e.g. 0.9 (0: "
     "only exact duplicates)"},
    {"json", CLI_FLAG, "", "false", 0, 0, "the counts as a JSON object"},
    {0},
};

static const cli_setting settings[] = {
    CLI_DATASET, CLI_FORMAT, CLI_ANSWERS, CLI_SETTING("skip_bad"), CLI_SETTING("threads"), {0},
};

const cli_command cli_cmd_data_dedup = {
    .name = "data dedup",
    .summary = "writes a dataset without its duplicates",
    .arguments = "[DATASET.jsonl]",
    .about =
        "Of examples that are the same, but for ids of calls, the first is kept; lines are written "
        "as they stand (examples of toolalpaca and api-bank, which are no lines, as openai). With --near those go as well whose wording is nearly that of a kept one: "
        "the share of common runs of three words in what user, assistant and tools say, estimated "
        "to within about 0.03.",
    .max_args = 1,
    .settings = settings,
    .options = options,
    .run = run,
};
