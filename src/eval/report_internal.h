/* eval/report_internal.h - what the files of a report share. */
#ifndef GRAFT_EVAL_REPORT_INTERNAL_H
#define GRAFT_EVAL_REPORT_INTERNAL_H

#include "eval/report.h"

graft_call_counts graft_eval__total_counts(const graft_eval_report *report);

/* Sets key to {"hits", "of", "low", "high"}. */
graft_status graft_eval__set_score(graft_json *object, const char *key,
                                   const graft_eval_score *score);
/* Sets loss_per_token; null if it was not measured. */
graft_status graft_eval__set_loss(graft_json *object, double loss);
/* Sets perplexity to {"perplexity", "loss_per_token", "of"} if it was measured. */
graft_status graft_eval__set_perplexity(graft_json *object, const graft_eval_report *report);

#endif
