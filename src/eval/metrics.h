/* eval/metrics.h - verdicts on one reply: is what was called what should have been called?
 *
 * A metric is one file and one row of metrics.c. Names are part of contract.md. */
#ifndef GRAFT_EVAL_METRICS_H
#define GRAFT_EVAL_METRICS_H

#include <stdbool.h>

#include "io/json.h"

typedef enum graft_verdict {
    GRAFT_VERDICT_NONE = -1, /* the metric does not apply to this item */
    GRAFT_VERDICT_FALSE = 0,
    GRAFT_VERDICT_TRUE = 1
} graft_verdict;

/* A reply and what was expected of it; everything is borrowed. */
typedef struct graft_judged {
    const graft_json *calls;        /* made: array of {"name", "arguments"} */
    size_t n_broken;                /* calls that did not parse */
    bool ended;                     /* by a token that ends the turn */
    const graft_json *expected;     /* array of {"name", "arguments"}; empty or NULL: no call */
    const graft_json *alternatives; /* array of {NAME: {ARG: [values, "" = may be left out]}}, or NULL */
    const graft_json *tools;        /* declared: array of {"type", "function": {...}}, or NULL */
} graft_judged;

typedef struct graft_metric {
    const char *name; /* "valid_json" */
    const char *help; /* one line for tables */
    graft_verdict (*judge)(const graft_judged *item);
} graft_metric;

extern const graft_metric *const graft_metrics[]; /* NULL-terminated, in the order of tables */

#endif
