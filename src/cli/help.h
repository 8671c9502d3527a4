/* cli/help.h - help texts, made from the tables that the parser reads. */
#ifndef GRAFT_CLI_HELP_H
#define GRAFT_CLI_HELP_H

#include "cli/options.h"

/* On standard output. */
void cli_help_commands(void);
void cli_help_command(const cli_command *command);

#endif
