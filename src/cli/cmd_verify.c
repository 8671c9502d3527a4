/* cmd_verify.c - graft verify. */
#include "cli/commands.h"

static graft_status run(const cli_call *call, graft_config *config)
{
    char *text = NULL;
    graft_hooks hooks = cli_hooks();
    (void)config;
    graft_status status = graft_verify(call->args, call->n_args, cli_text(call, "base"), &hooks,
                                       cli_flag(call, "json"), &text);
    return cli_finish(status, text);
}

static const cli_option options[] = {
    {"base", CLI_TEXT, "FILE", "", 0, 0, "GGUF file that adapters have to be of"},
    {"json", CLI_FLAG, "", "false", 0, 0, "the result as a JSON object"},
    {0},
};

const cli_command cli_cmd_verify = {
    .name = "verify",
    .summary = "is a model, an adapter, a checkpoint or a whole run sound?",
    .arguments = "PATH...",
    .about = "Reads all of a file: every block of a model, every number of an adapter, digests "
             "where there are some, and of a run folder every file and whether they belong "
             "together. A line per object: ok, or what is wrong and where. The exit code is 0 only "
             "if everything is sound; else 6 for a model or an adapter, 7 for a checkpoint, 5 for "
             "data, 2 for settings, 8 for what cannot be read.",
    .min_args = 1,
    .max_args = CLI_MAX_ARGS,
    .options = options,
    .run = run,
};
