/* cli/progress.h - standard error: the progress line, remarks, warnings and errors.
 *
 * On a terminal the progress line is rewritten in place (with \r and blanks only) and steps aside
 * for other lines. In a file or a pipe it is a line of its own with the time of day, at the
 * beginning and the end of a phase and every ten seconds between. */
#ifndef GRAFT_CLI_PROGRESS_H
#define GRAFT_CLI_PROGRESS_H

#include <stdbool.h>

#include <graft/job.h>
#include <graft/log.h>

/* quiet: only warnings and errors are shown; verbose: debugging remarks too. Becomes the log sink. */
void cli_progress_init(bool quiet, bool verbose);

/* The progress function for graft_hooks. */
void cli_progress_show(void *context, const graft_progress *progress);

/* Takes the line off the terminal before something else is written there; it comes back with the
 * next report. */
void cli_progress_clear(void);

/* Ends the line: what it showed last stays on the terminal. */
void cli_progress_end(void);

/* "graft COMMAND: text", escaped; command may be NULL. */
void cli_error(const char *command, const char *text);

/* One line on standard error, escaped. */
void cli_note(const char *text);

#endif
