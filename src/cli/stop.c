#include "cli/stop.h"

#include <errno.h>
#include <signal.h>
#include <stddef.h>
#include <unistd.h>

static volatile sig_atomic_t asked;

static void on_signal(int number)
{
    static const char text[] = "\ngraft: stopping at the next safe place (once more: at once)\n";
    int saved = errno;
    (void)number;
    asked = 1;
    (void)!write(STDERR_FILENO, text, sizeof text - 1);
    errno = saved;
}

void cli_stop_init(void)
{
    static const int signals[] = {SIGINT, SIGTERM, SIGHUP};
    for (size_t i = 0; i < sizeof signals / sizeof signals[0]; i++) {
        struct sigaction action = {.sa_handler = on_signal}, old;
        sigemptyset(&action.sa_mask);
        action.sa_flags = SA_RESTART | (int)SA_RESETHAND;
        if (sigaction(signals[i], NULL, &old) == 0 && old.sa_handler != SIG_IGN) {
            sigaction(signals[i], &action, NULL);
        }
    }
}

int cli_stop_asked(void *context)
{
    (void)context;
    return asked;
}
