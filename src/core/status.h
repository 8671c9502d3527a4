/* core/status.h - creating and forwarding failures (the public half is <graft/status.h>). */
#ifndef GRAFT_CORE_STATUS_H
#define GRAFT_CORE_STATUS_H

#include <graft/status.h>

/* The only way to create a failure: stores code, message and place, returns the code.
 * The message names the object and the fact: `train.jsonl:118: message 4: role "tool" ...`. */
#define graft_fail(code, ...) graft_fail_at((code), __FILE__, __LINE__, __VA_ARGS__)

graft_status graft_fail_at(graft_status code, const char *file, int line, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

/* Puts `prefix: ` before the message of the last failure and returns its code. For callers that
 * know the file or line which the callee could not know. */
graft_status graft_fail_prefix(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* The code of the last failure on this thread. */
graft_status graft_error_code(void);

/* Evaluates EXPR (a graft_status); on failure jumps to the function's one label `done`.
 * The function declares `graft_status status = GRAFT_OK;` and cleans up under `done:`. */
#define GRAFT_TRY(expr)                         \
    do {                                        \
        if ((status = (expr)) != GRAFT_OK) {    \
            goto done;                          \
        }                                       \
    } while (0)

#endif
