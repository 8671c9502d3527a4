/* cmd_data.c - graft data show, graft data convert. */
#include "cli/commands.h"
#include "cli/terminal.h"

static graft_status run_show(const cli_call *call, graft_config *config)
{
    bool json = cli_flag(call, "json"), colour = cli_colour(cli_text(call, "color"));
    /* Readable text is escaped where it is made, because it holds colours. */
    graft_hooks hooks = json ? cli_hooks() : cli_hooks_raw();
    uint64_t n = cli_flag(call, "all") ? UINT64_MAX : cli_count(call, "n");
    graft_status status = cli_configure(call, config, CLI_NEEDS_BASE | CLI_NEEDS_DATASET);
    if (status == GRAFT_OK) {
        status = graft_data_show(config, cli_count(call, "first"), n, &hooks, colour && !json, json);
    }
    return cli_finish(status, NULL);
}

static graft_status run_convert(const cli_call *call, graft_config *config)
{
    char *text = NULL;
    graft_hooks hooks = cli_hooks();
    graft_status status = cli_configure(call, config, CLI_NEEDS_DATASET);
    if (status == GRAFT_OK && (!cli_given(call, "to") || !cli_given(call, "out"))) {
        status = cli_fail(cli_given(call, "to") ? "--out FILE is missing"
                                                : "--to LAYOUT is missing");
    }
    if (status == GRAFT_OK) {
        status = graft_data_convert(config, cli_text(call, "to"), cli_text(call, "out"), &hooks,
                                    cli_flag(call, "json"), &text);
    }
    return cli_finish(status, text);
}

static const cli_option show_options[] = {
    {"first", CLI_COUNT, "N", "0", 0, 1e15, "number of the first example, from 0"},
    {"n", CLI_COUNT, "N", "1", 1, 1e15, "how many"},
    {"all", CLI_FLAG, "", "false", 0, 0, "all from the first on"},
    {"color", CLI_CHOICE, "auto|always|never", "auto", 0, 0,
     "auto: on a terminal, unless NO_COLOR is set"},
    {"json", CLI_FLAG, "", "false", 0, 0,
     "one object per example: index, ids, weights, roles, text"},
    {0},
};

static const cli_setting show_settings[] = {
    CLI_BASE, CLI_PRE, CLI_DATASET, CLI_FORMAT, CLI_ANSWERS, CLI_TEMPLATE, CLI_SETTING("skip_bad"),
    CLI_SETTING("train_on"), CLI_SETTING("mask_errors"), CLI_SETTING("tool_call_weight"),
    CLI_SETTING("reasoning"), CLI_SETTING("max_seq_length"), CLI_SETTING("truncation"), {0},
};

static const cli_option convert_options[] = {
    {"to", CLI_TEXT, "LAYOUT", "", 0, 0,
     "openai, sharegpt, hermes, xlam, toolace, ms-swift, alpaca or prompt"},
    {"out", CLI_TEXT, "FILE", "", 0, 0, "the file to write, one record per line"},
    {"json", CLI_FLAG, "", "false", 0, 0, "the summary as a JSON object"},
    {0},
};

static const cli_setting convert_settings[] = {
    CLI_DATASET, CLI_FORMAT, CLI_ANSWERS, CLI_SETTING("skip_bad"), CLI_SETTING("threads"),
    {0},
};

const cli_command cli_cmd_data_show = {
    .name = "data show",
    .summary = "shows examples as the model would see them: what is trained, what is context",
    .arguments = "[DATASET.jsonl]",
    .about = "Renders examples with the chat template and marks each token: trained or context, and "
             "whose message it belongs to.",
    .max_args = 1,
    .settings = show_settings,
    .options = show_options,
    .run = run_show,
};

const cli_command cli_cmd_data_convert = {
    .name = "data convert",
    .summary = "writes a dataset in another layout",
    .arguments = "[DATASET.jsonl]",
    .about = "What is written is read back and compared. A bad line, or an example that the "
             "layout cannot hold, ends the job with what would be lost; with --skip-bad it is left "
             "out, named and counted. Needs no model.",
    .max_args = 1,
    .settings = convert_settings,
    .options = convert_options,
    .run = run_convert,
};
