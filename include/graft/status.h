/* status.h - how every graft function reports success and failure.
 *
 * A function that can fail returns a graft_status. On failure the reason is kept per thread:
 * one line of text, meant for the person at the terminal, and the place in the source that
 * noticed. The values are the exit codes of the command line (README, "Exit codes"). */
#ifndef GRAFT_STATUS_H
#define GRAFT_STATUS_H

#if defined(__GNUC__)
#define GRAFT_API __attribute__((visibility("default")))
#else
#define GRAFT_API
#endif

typedef enum graft_status {
    GRAFT_OK = 0,
    GRAFT_E_FAILED = 1,      /* anything without a code of its own */
    GRAFT_E_CONFIG = 2,      /* usage or configuration */
    GRAFT_E_MEMORY = 3,      /* out of memory, or a run that would not fit */
    GRAFT_E_NUMERICS = 4,    /* NaN, infinity, divergence */
    GRAFT_E_DATA = 5,        /* a dataset is broken */
    GRAFT_E_MODEL = 6,       /* a model, adapter or tokenizer file is broken or not supported */
    GRAFT_E_CHECKPOINT = 7,  /* a checkpoint is broken or belongs to another run */
    GRAFT_E_DISK = 8,        /* reading or writing failed (missing file, full disk, permissions) */
    GRAFT_E_INTERRUPTED = 9, /* stopped by the user; resumable */
    GRAFT_E_GATE = 10        /* a required score was not reached */
} graft_status;

/* The message of the last failure on this thread; "" if there was none. Borrowed: valid until
 * the next failure on this thread. Never ends in a newline. */
GRAFT_API const char *graft_error_message(void);

/* Where that failure was created ("src/io/gguf.c:118"); for bug reports, not for users. */
GRAFT_API const char *graft_error_place(void);

/* The field's word for a status: "bad data", "disk", ... Never NULL. */
GRAFT_API const char *graft_status_name(graft_status status);

#endif
