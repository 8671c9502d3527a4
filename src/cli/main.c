/* main.c - from the command line to an exit code (the values of graft_status). */
#include <stdio.h>
#include <string.h>

#include "cli/commands.h"
#include "cli/fault.h"
#include "cli/help.h"
#include "cli/progress.h"
#include "cli/stop.h"
#include "cli/terminal.h"

/* Says on standard error what went wrong. */
static void report(const cli_command *command, graft_status status)
{
    const char *own = cli_message();
    const char *text = own[0] ? own : graft_error_message();
    const char *name = command ? command->name : NULL;
    cli_error(name, text[0] ? text : graft_status_name(status));
    if (own[0]) {
        char hint[96];
        snprintf(hint, sizeof hint, "try: graft %s%s", name ? name : "", name ? " --help" : "help");
        cli_note(hint);
    }
}

/* The status of the run; if it went well, whether its result could be written. */
static graft_status close_output(const cli_command *command, graft_status status)
{
    const char *why = cli_out_close();
    if (why == NULL) {
        return status;
    }
    if (why[0]) {
        char text[160];
        snprintf(text, sizeof text, "standard output: %s", why);
        cli_error(command ? command->name : NULL, text);
    }
    bool for_that = status == GRAFT_E_INTERRUPTED && !cli_stop_asked(NULL); /* nobody reads it */
    return status == GRAFT_OK || for_that ? GRAFT_E_DISK : status;
}

static graft_status run(const cli_call *call)
{
    graft_config *config = NULL;
    graft_status status = graft_config_new(&config);
    if (status == GRAFT_OK) {
        status = call->command->run(call, config);
    }
    graft_config_free(config);
    cli_progress_end();
    return status;
}

static bool asks_for_help(const char *word)
{
    return strcmp(word, "help") == 0 || strcmp(word, "--help") == 0 || strcmp(word, "-h") == 0;
}

static graft_status run_command(const cli_command **command, int argc, char **argv)
{
    cli_call call;
    int used = 0;
    bool help = argc > 0 && asks_for_help(argv[0]);
    while (argc > 0 && asks_for_help(argv[0])) { /* help on help is all of it */
        argc--;
        argv++;
    }
    if (argc == 0) {
        if (!help) {
            return cli_fail("which command?");
        }
        cli_help_commands();
        return GRAFT_OK;
    }
    if (strcmp(argv[0], "--version") == 0) {
        argv[0] += 2;
    }
    *command = cli_find_command(argc, argv, &used);
    if (*command == NULL) {
        return GRAFT_E_CONFIG;
    }
    if (help) {
        cli_help_command(*command);
        return GRAFT_OK;
    }
    graft_status status = cli_parse(&call, *command, argc - used, argv + used);
    if (status != GRAFT_OK) {
        return status;
    }
    if (cli_flag(&call, "help")) {
        cli_help_command(*command);
        return GRAFT_OK;
    }
    cli_progress_init(cli_flag(&call, "quiet"), cli_flag(&call, "verbose"));
    return run(&call);
}

int main(int argc, char **argv)
{
    const cli_command *command = NULL;
    cli_terminal_init();
    cli_fault_init();
    graft_status status = run_command(&command, argc - 1, argv + 1);
    if (status != GRAFT_OK && !cli_out_failed()) {
        report(command, status);
    }
    return (int)close_output(command, status);
}
