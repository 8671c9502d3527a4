/* cli/terminal.h - standard output and what kind of thing it is.
 *
 * Results go to standard output and nowhere else. On a terminal whatever could steer it is
 * escaped; into a file or a pipe the bytes go as they are. */
#ifndef GRAFT_CLI_TERMINAL_H
#define GRAFT_CLI_TERMINAL_H

#include <stdbool.h>
#include <stddef.h>

#include <graft/status.h>

/* Makes sure that descriptors 0 to 2 are taken, so that no file of ours ever becomes standard
 * output, and that a closed pipe is an error and not the end. */
void cli_terminal_init(void);

/* A failure that the command line itself noticed (GRAFT_E_CONFIG, which is returned). */
graft_status cli_fail(const char *format, ...) __attribute__((format(printf, 1, 2)));
const char *cli_message(void); /* of the last cli_fail; "" if there was none */

/* Is somebody there who could hang up: a controlling terminal, and input or messages at a terminal? */
bool cli_has_terminal(void);
bool cli_stdout_is_terminal(void);
bool cli_stderr_is_terminal(void);
/* Columns of the terminal behind a descriptor, 80 if unknown. */
size_t cli_width(int fd);
/* choice: "auto" (a terminal, and NO_COLOR unset or empty), "always", "never". */
bool cli_colour(const char *choice);

/* Writes to standard output; on a terminal escaped, newlines and tabs kept. False if writing has
 * failed, now or before. */
bool cli_out(const char *bytes, size_t n);
bool cli_out_text(const char *text); /* adds a newline if the text does not end with one */
bool cli_out_raw(const char *bytes, size_t n); /* for text that is safe already and may hold colours */
bool cli_out_flush(void); /* whoever reads a pipe sees each piece when it is made */
bool cli_out_failed(void);
/* Flushes. NULL if everything was written; otherwise why not ("" for a pipe closed by its reader). */
const char *cli_out_close(void);

#endif
