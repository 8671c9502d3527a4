/* fault.c - only async-signal-safe calls in the handler, which may run on any thread. */
#include "cli/fault.h"

#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdlib.h>
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
    add(&m, ". Checkpoints are as they were: put the file back, and the same command continues "
        "(with resume_from_checkpoint: auto, the default).", MESSAGE_BYTES);
    if (m.n == sizeof m.text) {
        m.n--;
    }
    m.text[m.n++] = '\n';
    graft_held_remove_temporaries();
    (void)!write(STDERR_FILENO, m.text, m.n);
    _exit(GRAFT_E_DISK);
}

static struct sigaction crash_before, abort_before;

/* Of a library in which memory ran out. */
static void end_for_memory(const char *library)
{
    message m = {.n = 0};
    m.text[m.n++] = '\n';
    add(&m, "graft: out of memory: ", MESSAGE_BYTES);
    add(&m, library, PATH_SHOWN);
    add(&m, " does not survive that, and ended the program. What is on disk is whole, and the same "
            "command goes on from there (with resume_from_checkpoint: auto, the default).",
        MESSAGE_BYTES);
    m.text[m.n++] = '\n';
    graft_held_remove_temporaries();
    (void)!write(STDERR_FILENO, m.text, m.n);
    _exit(GRAFT_E_MEMORY);
}

/* A crash in such a library is what it makes of that; any other, and what another process sent, happens again,
 * for who was asked before. */
static void on_crash(int number, siginfo_t *info, void *context)
{
    const char *library = graft_held_foreign();
    bool sent = info->si_code <= 0, from_outside = sent && info->si_pid != getpid();
    const struct sigaction *before = number == SIGSEGV ? &crash_before : &abort_before;
    (void)context;
    if (library != NULL && !from_outside) {
        end_for_memory(library);
    }
    (void)sigaction(number, before, NULL);
    if (sent && (from_outside || number != SIGABRT)) { /* abort() itself goes on */
        raise(number);
    }
}

/* Some parts of libhdf5 call exit(). */
static void on_exit_within(void)
{
    const char *library = graft_held_foreign();
    if (library != NULL) {
        end_for_memory(library);
    }
}

static void handle(int number, void (*handler)(int, siginfo_t *, void *), struct sigaction *before)
{
    struct sigaction action = {.sa_sigaction = handler, .sa_flags = SA_SIGINFO | SA_ONSTACK};
    sigemptyset(&action.sa_mask);
    (void)sigaction(number, &action, before);
}

void cli_fault_init(void)
{
    stack_t own = {.ss_sp = stack, .ss_size = sizeof stack};
    (void)sigaltstack(&own, NULL); /* of this thread; others use their own, which is sound */
    handle(SIGBUS, on_fault, NULL);
    handle(SIGSEGV, on_crash, &crash_before);
    handle(SIGABRT, on_crash, &abort_before);
    (void)atexit(on_exit_within);
}
