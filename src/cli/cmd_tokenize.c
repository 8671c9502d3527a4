/* cmd_tokenize.c - graft tokenize. */
#include "cli/commands.h"
#include "cli/terminal.h"

static graft_status run(const cli_call *call, graft_config *config)
{
    const char *file = cli_text(call, "file");
    graft_hooks hooks = cli_hooks();
    if ((file != NULL) == (call->n_args > 0)) {
        return cli_fail(file ? "TEXT and --file exclude each other"
                             : "TEXT (or --file FILE) is missing");
    }
    graft_status status = cli_configure(call, config, CLI_NEEDS_BASE);
    if (status == GRAFT_OK) {
        status = graft_tokenize(config, call->args[0], file, cli_flag(call, "special"), &hooks,
                                cli_flag(call, "json"));
    }
    return cli_finish(status, NULL);
}

static const cli_option options[] = {
    {"file", CLI_TEXT, "FILE", "", 0, 0, "tokenise each line of a file"},
    {"special", CLI_FLAG, "", "false", 0, 0,
     "text like <|im_end|> is the control token, not its letters"},
    {"json", CLI_FLAG, "", "false", 0, 0, "one object per text: ids, pieces"},
    {0},
};

static const cli_setting settings[] = {
    CLI_BASE, CLI_PRE, {0},
};

const cli_command cli_cmd_tokenize = {
    .name = "tokenize",
    .summary = "text to token ids, as the model's runtime does it",
    .arguments = "[TEXT]",
    .about = "No BOS is added. A text that begins with - is written after --.",
    .max_args = 1,
    .settings = settings,
    .options = options,
    .run = run,
};
