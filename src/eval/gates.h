/* eval/gates.h - scores that a model has to reach. */
#ifndef GRAFT_EVAL_GATES_H
#define GRAFT_EVAL_GATES_H

#include "eval/report.h"

typedef struct graft_gates {
    struct {
        size_t metric;
        double share; /* 0 to 1 */
    } items[GRAFT_METRICS_MAX];
    size_t n;
} graft_gates;

/* Reads "exact=0.9" and the like, at most one per metric. GRAFT_E_CONFIG names what is wrong. */
graft_status graft_gates_read(graft_gates *out, const char *const *texts, size_t n);

/* GRAFT_E_GATE with every score that is too low; one that nothing was asked for is too low. */
graft_status graft_gates_check(const graft_gates *gates, const graft_eval_report *report);

#endif
