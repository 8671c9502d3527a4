/* cli/commands.h - the table of commands, and what they share. A command is one file and its rows
 * of commands.c. */
#ifndef GRAFT_CLI_COMMANDS_H
#define GRAFT_CLI_COMMANDS_H

#include "cli/options.h"

extern const cli_command *const cli_commands[]; /* NULL-terminated */

extern const cli_command cli_cmd_train, cli_cmd_plan, cli_cmd_eval, cli_cmd_compare,
    cli_cmd_score, cli_cmd_generate, cli_cmd_tokenize, cli_cmd_inspect, cli_cmd_data_check,
    cli_cmd_data_show, cli_cmd_data_stats, cli_cmd_data_convert, cli_cmd_data_dedup,
    cli_cmd_data_split, cli_cmd_export, cli_cmd_quantize, cli_cmd_imatrix, cli_cmd_bench,
    cli_cmd_version, cli_cmd_verify;

/* Finds the command that argv[0] (or argv[0] and argv[1]) names; *used is the number of words.
 * NULL: unknown, and cli_fail was told. */
const cli_command *cli_find_command(int argc, char **argv, int *used);

/* Hooks for a job: progress and stopping; results that come in pieces go to standard output
 * (escaped on a terminal), with raw as they are. */
graft_hooks cli_hooks(void);
graft_hooks cli_hooks_raw(void);

/* Prints the text a job gave out, if any, frees it, and returns `status`. */
graft_status cli_finish(graft_status status, char *text);

/* What a command cannot do without. */
enum { CLI_NEEDS_BASE = 1, CLI_NEEDS_DATASET = 2 };

/* Applies the settings of the command line; an argument, if given, is the dataset. Fails if one
 * of `needs` is missing. */
graft_status cli_configure(const cli_call *call, graft_config *config, unsigned needs);

#endif
