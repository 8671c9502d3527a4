/* stop.c - only async-signal-safe calls in the handler. */
#include "cli/stop.h"

#include <errno.h>
#include <signal.h>
#include <unistd.h>

#include "cli/terminal.h"

enum { N_SIGNALS = 3 };
static const int signals[N_SIGNALS] = {SIGINT, SIGTERM, SIGHUP};
static volatile sig_atomic_t caught[N_SIGNALS]; /* by us */
static volatile sig_atomic_t asked;

static void on_signal(int number)
{
    static const char text[] = "\ngraft: stopping at the next safe place (once more: at once)\n";
    int saved = errno;
    (void)number;
    asked = 1;
    for (int i = 0; i < N_SIGNALS; i++) {
        if (caught[i]) {
            signal(signals[i], signals[i] == SIGHUP ? SIG_IGN : SIG_DFL);
        }
    }
    (void)!write(STDERR_FILENO, text, sizeof text - 1);
    errno = saved;
}

void cli_stop_init(void)
{
    if (!cli_has_terminal()) {
        signal(SIGHUP, SIG_IGN);
    }
    for (int i = 0; i < N_SIGNALS; i++) {
        struct sigaction action = {.sa_handler = on_signal, .sa_flags = SA_RESTART}, old;
        sigemptyset(&action.sa_mask);
        if (sigaction(signals[i], NULL, &old) == 0 && old.sa_handler != SIG_IGN) {
            caught[i] = 1;
            sigaction(signals[i], &action, NULL);
        }
    }
}

int cli_stop_asked(void *context)
{
    (void)context;
    return asked;
}
