/* cmd_train.c - graft train. */
#include "cli/commands.h"
#include "cli/neighbours.h"

static graft_status run(const cli_call *call, graft_config *config)
{
    char *text = NULL;
    graft_hooks hooks = cli_hooks();
    graft_status status = GRAFT_OK;
    if (call->n_args > 0) {
        status = graft_config_read(config, call->args[0]);
    }
    if (status == GRAFT_OK) {
        status = cli_configure(call, config, 0);
    }
    if (status == GRAFT_OK) {
        cli_give_way(config);
        status = graft_train(config, &hooks, cli_flag(call, "json"), &text);
    }
    return cli_finish(status, text);
}

static const cli_option options[] = {
    {"json", CLI_FLAG, "", "false", 0, 0, "the result as a JSON object"},
    {0},
};

const cli_command cli_cmd_train = {
    .name = "train",
    .summary = "the main job: check, evaluate, train, evaluate, export",
    .arguments = "[CONFIG.yaml]",
    .about =
        "Reads settings from CONFIG.yaml (or JSON) and then from the command line, which wins. "
        "Needs base_model, dataset and output_dir. Everything it writes lies in output_dir: the "
        "adapter, scores, metrics.jsonl, run.log, checkpoints.\n"
        "\n"
        "Ctrl-C (or SIGTERM) finishes the step, saves a checkpoint and exits with 9. The same "
        "command again continues from there. So does a terminal that is lost (SIGHUP); started with "
        "nohup or setsid, or with neither input nor messages at a terminal, the run goes on.\n"
        "\n"
        "A full disk costs no step: what cannot be written is written later, and what is still missing "
        "at the end is exit 8.",
    .max_args = 1,
    .all_settings = true,
    .options = options,
    .run = run,
};
