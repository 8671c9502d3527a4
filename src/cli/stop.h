/* cli/stop.h - the user wants to stop. */
#ifndef GRAFT_CLI_STOP_H
#define GRAFT_CLI_STOP_H

/* From now on the first SIGINT, SIGTERM or SIGHUP only makes cli_stop_asked true, and the second one
 * kills. Signals that are ignored (nohup) stay ignored. */
void cli_stop_init(void);

/* The stop function for graft_hooks. */
int cli_stop_asked(void *context);

#endif
