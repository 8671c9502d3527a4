/* cmd_version.c - graft version. */
#include "cli/commands.h"

static graft_status run(const cli_call *call, graft_config *config)
{
    char *text = NULL;
    graft_status status = cli_configure(call, config, 0);
    if (status == GRAFT_OK) {
        status = graft_version_describe(config, cli_flag(call, "json"), &text);
    }
    return cli_finish(status, text);
}

static const cli_option options[] = {
    {"json", CLI_FLAG, "", "false", 0, 0, "the result as a JSON object"},
    {0},
};

static const cli_setting settings[] = {
    CLI_SETTING("cpu"), CLI_SETTING("threads"), {0},
};

const cli_command cli_cmd_version = {
    .name = "version",
    .summary = "which graft this is, and what it uses on this machine",
    .arguments = "",
    .about = "",
    .settings = settings,
    .options = options,
    .run = run,
};
