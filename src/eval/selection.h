/* eval/selection.h - which of several evaluations is the best one. */
#ifndef GRAFT_EVAL_SELECTION_H
#define GRAFT_EVAL_SELECTION_H

#include "eval/report.h"
#include "train/best.h"

typedef enum graft_selection_kind {
    GRAFT_SELECT_METRIC, /* the share of a row of graft_metrics: higher is better */
    GRAFT_SELECT_F1,     /* the mean F1 of words: higher is better */
    GRAFT_SELECT_LOSS    /* per trained token: lower is better */
} graft_selection_kind;

typedef struct graft_selection {
    graft_selection_kind kind;
    size_t metric;   /* of kind METRIC: an index into graft_metrics */
    bool by_default; /* nobody named it: the loss stands in for it where the data do not yield it */
} graft_selection;

/* Reads the name of a score, "answer_f1" or "loss"; "eval_" may stand before it. NULL: "exact", by
 * default. GRAFT_E_CONFIG "metric_for_best_model: ..." names the nearest known one. */
graft_status graft_selection_read(graft_selection *out, const char *name);

/* The name of what decided a score. */
const char *graft_selection_name(const graft_selection *selection, const graft_merit *score);

/* How well a report does in it: for the loss, the value is negative. GRAFT_E_CONFIG if the report has
 * nothing that was asked for; if that was nobody, the value is NaN then. */
graft_status graft_selection_score(graft_merit *out, const graft_selection *selection,
                                   const graft_eval_report *report);

/* Appends "exact 12/40", or "loss 0.4321". */
graft_status graft_selection_format(graft_text *out, const graft_selection *selection,
                                    const graft_merit *score);

/* Would any reply to this message of the assistant have the score that was asked for? Of a loss it is
 * not asked. */
graft_status graft_selection_is_asked(bool *out, const graft_selection *selection,
                                      const graft_eval_reply *reply);
/* The failure if none would. */
graft_status graft_selection_fail(const graft_selection *selection);

#endif
