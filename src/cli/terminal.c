/* terminal.c - the one place of the command line that asks the environment (NO_COLOR). */
#include "cli/terminal.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <graft/job.h>
#include <graft/text.h>

static char message[1024];
static int out_error; /* errno of the first failed write to standard output */

void cli_terminal_init(void)
{
    for (int fd = 0; fd <= 2; fd++) {
        if (fcntl(fd, F_GETFD) == -1) {
            /* The wrong way round: reading from it and writing to it stay errors. */
            (void)!open("/dev/null", fd == 0 ? O_WRONLY : O_RDONLY);
        }
    }
    signal(SIGPIPE, SIG_IGN);
    signal(SIGXFSZ, SIG_IGN); /* a file beyond ulimit -f: writing fails, and that is handled */
}

graft_status cli_fail(const char *format, ...)
{
    va_list args;
    va_start(args, format);
    vsnprintf(message, sizeof message, format, args);
    va_end(args);
    return GRAFT_E_CONFIG;
}

const char *cli_message(void)
{
    return message;
}

bool cli_has_terminal(void)
{
    int fd = open("/dev/tty", O_RDONLY | O_NOCTTY | O_CLOEXEC);
    if (fd >= 0) {
        close(fd);
    }
    return fd >= 0 && (isatty(STDIN_FILENO) == 1 || isatty(STDERR_FILENO) == 1);
}

bool cli_stdout_is_terminal(void)
{
    return isatty(STDOUT_FILENO) == 1;
}

bool cli_stderr_is_terminal(void)
{
    return isatty(STDERR_FILENO) == 1;
}

size_t cli_width(int fd)
{
    struct winsize size;
    return ioctl(fd, TIOCGWINSZ, &size) == 0 && size.ws_col > 0 ? size.ws_col : 80;
}

bool cli_colour(const char *choice)
{
    if (strcmp(choice, "auto") != 0) {
        return strcmp(choice, "always") == 0;
    }
    const char *no_color = getenv("NO_COLOR");
    return cli_stdout_is_terminal() && (no_color == NULL || no_color[0] == 0);
}

bool cli_out_raw(const char *bytes, size_t n)
{
    if (out_error == 0) {
        errno = 0;
        if (fwrite(bytes, 1, n, stdout) != n) {
            out_error = errno ? errno : EIO;
        }
    }
    return out_error == 0;
}

bool cli_out(const char *bytes, size_t n)
{
    if (!cli_stdout_is_terminal()) {
        return cli_out_raw(bytes, n);
    }
    char *safe;
    if (graft_text_escape(&safe, bytes, n, 1) != GRAFT_OK) {
        out_error = ENOMEM;
        return false;
    }
    bool written = cli_out_raw(safe, strlen(safe));
    graft_text_free(safe);
    return written;
}

bool cli_out_text(const char *text)
{
    size_t n = strlen(text);
    return cli_out(text, n) && (n == 0 || text[n - 1] == '\n' || cli_out_raw("\n", 1));
}

bool cli_out_flush(void)
{
    errno = 0;
    if (out_error == 0 && fflush(stdout) != 0) {
        out_error = errno ? errno : EIO;
    }
    return out_error == 0;
}

bool cli_out_failed(void)
{
    return out_error != 0;
}

const char *cli_out_close(void)
{
    if (cli_out_flush() && close(STDOUT_FILENO) != 0) {
        out_error = errno;
    }
    return out_error == 0 ? NULL : out_error == EPIPE ? "" : strerror(out_error);
}
