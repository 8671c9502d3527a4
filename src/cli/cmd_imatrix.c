/* cmd_imatrix.c - graft imatrix. */
#include "cli/commands.h"
#include "cli/terminal.h"

static graft_status run(const cli_call *call, graft_config *config)
{
    char *text = NULL;
    graft_hooks hooks = cli_hooks();
    graft_status status = cli_configure(call, config, CLI_NEEDS_BASE | CLI_NEEDS_DATASET);
    if (status == GRAFT_OK && !cli_given(call, "out")) {
        status = cli_fail("--out FILE is missing");
    }
    if (status == GRAFT_OK) {
        status = graft_imatrix(config, cli_text(call, "out"), cli_count(call, "examples"), &hooks,
                               cli_flag(call, "json"), &text);
    }
    return cli_finish(status, text);
}

static const cli_option options[] = {
    {"out", CLI_TEXT, "FILE", "", 0, 0, "the importance matrix, a GGUF file"},
    {"examples", CLI_COUNT, "N", "0", 0, 1e15, "read only the first N (0: all)"},
    {"json", CLI_FLAG, "", "false", 0, 0, "what was read as a JSON object"},
    {0},
};

static const cli_setting settings[] = {
    CLI_BASE, CLI_PRE, CLI_DATASET, CLI_FORMAT, CLI_ANSWERS, CLI_TEMPLATE,
    CLI_SETTING("skip_bad"),
    CLI_SETTING("max_seq_length"), CLI_SETTING("truncation"), CLI_SETTING("cpu"),
    CLI_SETTING("threads"), {0},
};

const cli_command cli_cmd_imatrix = {
    .name = "imatrix",
    .summary = "which inputs of a model are large on your data, for quantize --imatrix",
    .arguments = "[DATASET.jsonl]",
    .about = "Reads the examples as training would and writes, for every linear map, the sum of "
             "squares of each input: an importance matrix, in the file format of llama.cpp's "
             "imatrix program. The base should be the model in 16 or 32 bits.",
    .max_args = 1,
    .settings = settings,
    .options = options,
    .run = run,
};
