/* job.h - what all jobs share: progress, stopping, and text results.
 *
 * A job takes its settings from a graft_config and gives its result as text, which the caller
 * prints or keeps. It prints nothing itself; remarks go to the log sink (<graft/log.h>). */
#ifndef GRAFT_JOB_H
#define GRAFT_JOB_H

#include <stddef.h>
#include <stdint.h>

#include <graft/config.h>

/* How far a job is. Fields that do not apply are 0. */
typedef struct graft_progress {
    const char *phase;     /* "reading", "evaluating", "training", "saving" */
    uint64_t done, total;  /* in `unit` */
    const char *unit;      /* "examples", "items", "steps" */
    double epoch;          /* training: epochs done, a fraction */
    double loss, learning_rate, grad_norm;
    double tokens_per_second, seconds, seconds_left;
    uint64_t tokens;       /* processed so far */
    size_t rss_bytes;
    double celsius;        /* of the processor */
    double paused_seconds; /* that it rests already, being hotter than max_temperature */
    double finishes_at;    /* when all will be done, in seconds since 1970, if there is a time limit */
} graft_progress;

typedef struct graft_hooks {
    void *context;
    /* Called now and then from the thread that runs the job; NULL: not called. */
    void (*progress)(void *context, const graft_progress *progress);
    /* Asked at safe points; non-zero ends the job with GRAFT_E_INTERRUPTED (a training run saves a
     * checkpoint first). NULL: never. */
    int (*stop)(void *context);
    /* Pieces of the result as they come (generate, score, tokenize, bench); non-zero stops. */
    int (*emit)(void *context, const char *bytes, size_t n);
    /* For time limits: with `wall` seconds since 1970, else seconds that never jump. NULL: the system's
     * clocks. */
    double (*clock)(void *context, int wall);
    const char *sysfs; /* folder in which the system shows temperatures; NULL: /sys */
} graft_hooks;

/* Frees text that a job gave out. Accepts NULL. */
GRAFT_API void graft_text_free(char *text);

#endif
