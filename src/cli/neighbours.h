/* cli/neighbours.h - how much this process gives way to others. */
#ifndef GRAFT_CLI_NEIGHBOURS_H
#define GRAFT_CLI_NEIGHBOURS_H

#include <graft/config.h>

/* Gives the process the priority that `nice` asks for, unless it has a lower one already: its threads, and
 * those that they start. A system that refuses is a warning. */
void cli_give_way(graft_config *config);

#endif
