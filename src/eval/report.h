/* eval/report.h - verdicts of many items: counts with intervals, tables, JSON. */
#ifndef GRAFT_EVAL_REPORT_H
#define GRAFT_EVAL_REPORT_H

#include "eval/metrics.h"

typedef struct graft_report graft_report;

/* One item; texts and JSON are copied or retained by graft_report_add. */
typedef struct graft_report_item {
    size_t index, turn;       /* example in the dataset; message the reply stands for */
    size_t prompt_tokens;
    const char *output;       /* the reply's text */
    size_t output_len;
    const char *content;      /* the text beside its calls */
    size_t content_len;
    graft_judged judged;
} graft_report_item;

graft_status graft_report_new(graft_report **out);
void graft_report_free(graft_report *report); /* accepts NULL */

/* Judges the item with every metric. */
graft_status graft_report_add(graft_report *report, const graft_report_item *item);
void graft_report_set_loss(graft_report *report, double loss_per_token, size_t tokens);

/* {"n", "loss_per_token", "tokens", "scores": {NAME: {"hits", "of", "low", "high"}},
 * "items": [...]} as contract.md has it. The caller frees. */
graft_status graft_report_json(const graft_report *report, graft_json **out);
/* Reads back what graft_report_json wrote to a file. */
graft_status graft_report_read(graft_report **out, const char *path);

/* Appends a table: metric, hits/of, percent, 95 % Wilson interval. */
graft_status graft_report_table(const graft_report *report, graft_text *out);
/* The same side by side; either may be NULL. */
graft_status graft_report_compare(const graft_report *before, const graft_report *after,
                                  graft_text *out);

#endif
