/* cmd_generate.c - graft generate. */
#include "cli/commands.h"
#include "cli/terminal.h"

static graft_status check(const cli_call *call)
{
    bool prompt = cli_given(call, "prompt"), messages = cli_given(call, "messages");
    if (prompt == messages) {
        return cli_fail(prompt ? "--prompt and --messages exclude each other"
                               : "--prompt TEXT or --messages FILE is missing");
    }
    if (messages && cli_given(call, "system")) {
        return cli_fail("--system goes with --prompt; --messages has its own system message");
    }
    return GRAFT_OK;
}

static graft_status run(const cli_call *call, graft_config *config)
{
    char *text = NULL;
    bool json = cli_flag(call, "json");
    graft_hooks hooks = cli_hooks();
    graft_generate_request request = {
        .prompt = cli_text(call, "prompt"),
        .messages_path = cli_text(call, "messages"),
        .tools_path = cli_text(call, "tools"),
        .system = cli_text(call, "system"),
        .max_new_tokens = cli_count(call, "max_new_tokens"),
        .temperature = cli_real(call, "temperature"),
        .top_p = cli_real(call, "top_p"),
    };
    graft_status status = check(call);
    if (status == GRAFT_OK) {
        status = cli_configure(call, config, CLI_NEEDS_BASE);
    }
    if (json) {
        hooks.emit = NULL;
    }
    if (status == GRAFT_OK) {
        status = graft_generate_reply(config, &request, &hooks, json, json ? &text : NULL);
        if (status == GRAFT_OK && !json) {
            cli_out_raw("\n", 1);
        }
    }
    return cli_finish(status, text);
}

static const cli_option options[] = {
    {"prompt", CLI_TEXT, "TEXT", "", 0, 0, "what the user says"},
    {"messages", CLI_TEXT, "FILE", "", 0, 0,
     "JSON: an array of messages, or an object with messages (and tools)"},
    {"tools", CLI_TEXT, "FILE", "", 0, 0, "JSON: an array of tools"},
    {"system", CLI_TEXT, "TEXT", "", 0, 0, "system message in front of --prompt"},
    {"max_new_tokens", CLI_COUNT, "N", "512", 1, 1e6, "longest reply in tokens"},
    {"temperature", CLI_REAL, "X", "0", 0, 100, "0: always the likeliest token"},
    {"top_p", CLI_REAL, "X", "1", 1e-6, 1, "with a temperature: sample from this share (1: all)"},
    {"json", CLI_FLAG, "", "false", 0, 0,
     "an object: prompt_tokens, tokens, text, calls, finish"},
    {0},
};

static const cli_setting settings[] = {
    CLI_BASE, CLI_PRE, CLI_ADAPTER, CLI_TEMPLATE, CLI_SETTING("tool_call_format"),
    {NULL, "seed", NULL, "with a temperature: another seed, another reply"},
    CLI_SETTING("compute"), CLI_SETTING("cpu"), CLI_SETTING("threads"), {0},
};

const cli_command cli_cmd_generate = {
    .name = "generate",
    .summary = "one reply of a model, as it comes",
    .arguments = "",
    .about = "Prints the reply while it is made. On a terminal control characters in it are shown "
             "escaped; into a file or a pipe they go as they are.",
    .settings = settings,
    .options = options,
    .run = run,
};
