/* cli/names.h - what an option name stands for in a command. */
#ifndef GRAFT_CLI_NAMES_H
#define GRAFT_CLI_NAMES_H

#include "cli/options.h"

/* Either an option (of the command or a common one) or a setting. */
typedef struct cli_match {
    const cli_option *option;
    size_t index; /* of the option in its table */
    bool common;
    const graft_setting *setting;
} cli_match;

/* name[0..n) without the dashes. False if the command knows no such name. */
bool cli_find_name(const cli_command *command, const char *name, size_t n, cli_match *match);

/* The failure for such a name, with the nearest known one (cli_fail). */
graft_status cli_unknown_name(const cli_command *command, const char *name, size_t n);

#endif
