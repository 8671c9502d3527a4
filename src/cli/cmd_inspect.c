/* cmd_inspect.c - graft inspect. */
#include "cli/commands.h"

static graft_status run(const cli_call *call, graft_config *config)
{
    (void)config;
    char *text = NULL;
    graft_status status = graft_inspect(call->args[0], cli_flag(call, "tensors"),
                                        cli_flag(call, "json"), &text);
    return cli_finish(status, text);
}

static const cli_option options[] = {
    {"tensors", CLI_FLAG, "", "false", 0, 0, "list every tensor too"},
    {"json", CLI_FLAG, "", "false", 0, 0, "the result as a JSON object"},
    {0},
};

const cli_command cli_cmd_inspect = {
    .name = "inspect",
    .summary = "what is in a model, an adapter, a checkpoint or a run folder",
    .arguments = "PATH",
    .about = "Reads a GGUF model or adapter, a safetensors file, a checkpoint (.h5), a folder of "
             "PEFT or mlx-lm, or a run folder. The whole structure of the file is checked on the way.",
    .min_args = 1,
    .max_args = 1,
    .options = options,
    .run = run,
};
