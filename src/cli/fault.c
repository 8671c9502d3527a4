/* fault.c - only async-signal-safe calls in the handler, which may run on any thread. */
#include "cli/fault.h"

#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <string.h>
#include <unistd.h>

#include <graft/held.h>

enum { STACK_BYTES = 64 << 10, MESSAGE_BYTES = 2048, PATH_SHOWN = 1024 };

static char stack[STACK_BYTES];

typedef struct message {
    char text[MESSAGE_BYTES];
    size_t n;
} message;

/* Paths may hold anything: what is no plain character is shown as one. */
static void add(message *m, const char *text, size_t most)
{
    for (size_t i = 0; text[i] != '\0' && i < most && m->n < sizeof m->text; i++) {
        unsigned char c = (unsigned char)text[i];
        m->text[m->n++] = c < ' ' || c == 127 ? '?' : (char)c;
    }
}

static void add_number(message *m, uint64_t number)
{
    char digits[24];
    size_t at = sizeof digits - 1;
    digits[at] = '\0';
    do {
        digits[--at] = (char)('0' + number % 10);
        number /= 10;
    } while (number > 0);
    add(m, digits + at, sizeof digits);
}

static const char *reason(int code)
{
#ifdef BUS_MCEERR_AR
    if (code == BUS_MCEERR_AR) {
        return ": the memory that holds it is broken";
    }
#endif
    (void)code;
    return ": the file was cut short while it was used, or its disk cannot be read";
}

static void on_fault(int number, siginfo_t *info, void *context)
{
    message m = {.n = 0};
    uint64_t offset = 0;
    const char *path = info->si_code > 0 ? graft_held_mapping(info->si_addr, &offset) : NULL;
    (void)context;
    if (path == NULL) {
        signal(number, SIG_DFL); /* what failed is tried again, and fails for good */
        if (info->si_code <= 0) {
            raise(number); /* sent by someone: nothing would fail again */
        }
        return;
    }
    m.text[m.n++] = '\n';
    add(&m, "graft: ", MESSAGE_BYTES);
    add(&m, path, PATH_SHOWN);
    add(&m, ": cannot be read at byte ", MESSAGE_BYTES);
    add_number(&m, offset);
    add(&m, reason(info->si_code), MESSAGE_BYTES);
    add(&m, ". Checkpoints are as they were: put the file back, and the same command continues.",
        MESSAGE_BYTES);
    if (m.n == sizeof m.text) {
        m.n--;
    }
    m.text[m.n++] = '\n';
    graft_held_remove_temporaries();
    (void)!write(STDERR_FILENO, m.text, m.n);
    _exit(GRAFT_E_DISK);
}

void cli_fault_init(void)
{
    stack_t own = {.ss_sp = stack, .ss_size = sizeof stack};
    struct sigaction action = {.sa_sigaction = on_fault, .sa_flags = SA_SIGINFO | SA_ONSTACK};
    sigemptyset(&action.sa_mask);
    (void)sigaltstack(&own, NULL); /* of this thread; others use their own, which is sound */
    (void)sigaction(SIGBUS, &action, NULL);
}
