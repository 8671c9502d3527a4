/* cli/stop.h - the user wants to stop. */
#ifndef GRAFT_CLI_STOP_H
#define GRAFT_CLI_STOP_H

/* From now on the first SIGINT, SIGTERM or SIGHUP only makes cli_stop_asked true, and the next SIGINT or
 * SIGTERM kills. The next SIGHUP does not: where a connection is lost, shell and system both send one.
 * Signals that are ignored (nohup) stay ignored; and so is SIGHUP where nobody sits at a terminal
 * that could hang up: without a controlling terminal, or with neither input nor messages at one. */
void cli_stop_init(void);

/* The stop function for graft_hooks. */
int cli_stop_asked(void *context);

#endif
