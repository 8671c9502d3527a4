/* cmd_eval.c - graft eval. */
#include "cli/commands.h"
#include "cli/terminal.h"

static graft_status run(const cli_call *call, graft_config *config)
{
    char *text = NULL;
    graft_hooks hooks = cli_hooks();
    const char *replies = cli_text(call, "replies");
    bool prompts = cli_flag(call, "prompts"), json = cli_flag(call, "json");
    graft_status status = cli_configure(call, config, CLI_NEEDS_BASE | CLI_NEEDS_DATASET);
    if (status == GRAFT_OK && prompts && replies != NULL) {
        status = cli_fail("--prompts writes what --replies is to answer: give one of them");
    } else if (status == GRAFT_OK && prompts) {
        status = graft_eval_prompts(config, &hooks);
    } else if (status == GRAFT_OK) {
        status = replies != NULL ? graft_eval_replies(config, replies, &hooks, json, &text)
                                 : graft_eval(config, &hooks, json, &text);
    }
    return cli_finish(status, text);
}

static const cli_option options[] = {
    {"json", CLI_FLAG, "", "false", 0, 0, "the result as a JSON object, with every item"},
    {"prompts", CLI_FLAG, "", "false", 0, 0,
     "only writes the prompts, as token ids, one object a line, for another runtime"},
    {"replies", CLI_TEXT, "FILE", "", 0, 0,
     "judges these replies instead of the model's: lines of index, turn, ids"},
    {0},
};

static const cli_setting settings[] = {
    CLI_BASE, CLI_PRE, CLI_ADAPTER, CLI_DATASET, CLI_FORMAT, CLI_ANSWERS, CLI_TEMPLATE,
    CLI_SETTING("skip_bad"), CLI_SETTING("template_loss"), CLI_SETTING("max_seq_length"),
    CLI_SETTING("truncation"),
    {"samples", "eval_samples", NULL, NULL}, {"turns", "eval_turns", NULL, NULL},
    CLI_SETTING("tool_call_format"), CLI_SETTING("require"), CLI_SETTING("perplexity_dataset"),
    CLI_SETTING("perplexity_tokens"),
    {"max_new_tokens", "eval_max_new_tokens", NULL, NULL}, CLI_SETTING("compute"),
    CLI_SETTING("cpu"), CLI_SETTING("threads"), {0},
};

const cli_command cli_cmd_eval = {
    .name = "eval",
    .summary = "loss and tool-call scores of a model, with or without an adapter",
    .arguments = "[DATASET.jsonl]",
    .about = "Lets the model answer each assistant turn of the dataset (greedily) and compares its "
             "calls with the expected ones; measures the loss per trained token, and of general "
             "text its perplexity. Prints hits, counts and 95 % Wilson intervals.\n"
             "\n"
             "Another runtime's replies are judged alike: --prompts gives what it is to be asked, --replies "
             "reads what it said (scripts/prove-llamacpp does both with llama.cpp).",
    .max_args = 1,
    .settings = settings,
    .options = options,
    .run = run,
};
