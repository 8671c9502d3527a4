/* eval/report.h - the replies of one evaluation with their verdicts, as JSON and as tables.
 *
 * What a model wrote is kept as it is (invalid UTF-8 becomes U+FFFD) and escaped where it is shown.
 */
#ifndef GRAFT_EVAL_REPORT_H
#define GRAFT_EVAL_REPORT_H

#include "core/strings.h"
#include "eval/metrics.h"

/* Bytes of a file of one that is read back: all that JSON is read of. */
#define GRAFT_EVAL_FILE_BYTES ((size_t)1 << 30)

typedef struct graft_eval_item {
    size_t index;         /* of the example in the dataset */
    size_t turn;          /* index of the message that was asked for */
    size_t prompt_tokens;
    graft_json *asked;    /* a string: digest of what users and tools said before; NULL: unknown */
    graft_json *output;   /* a string: the reply */
    graft_json *calls;    /* array of {"name", "arguments"} */
    graft_json *expected; /* the same, or the alternatives it was judged by */
    graft_call_counts counts;
    double answer_f1;     /* of the words that were expected; NaN: none were */
    graft_verdict verdicts[GRAFT_METRICS_MAX]; /* by graft_metrics */
} graft_eval_item;

typedef struct graft_eval_report {
    graft_eval_item *items;
    size_t n, capacity;
    size_t n_turns;        /* that could have been asked for, these included; 0: unknown */
    double loss_per_token; /* natural logarithm, per trained token; NaN: not measured */
    size_t tokens;         /* trained tokens that the loss is over */
    double end_probability; /* mean over the ends of trained turns; NaN: not measured */
    size_t n_turn_ends;
    double general_loss;    /* per token of general text; NaN: not measured */
    size_t general_tokens;
} graft_eval_report;

void graft_eval_report_init(graft_eval_report *report); /* no items, no loss */
void graft_eval_report_clear(graft_eval_report *report);

/* One reply to be added. */
typedef struct graft_eval_reply {
    size_t index, turn, prompt_tokens;
    const char *output;
    size_t n_output;
    const graft_json *calls; /* as the dialect's parse gave them, with `broken` */
    size_t broken;
    bool ended;                     /* by a token that ends a turn */
    bool looped;                    /* cut because it repeated itself */
    bool after_error;               /* it answers a tool's result that is an error */
    const char *content;            /* the words beside the calls; NULL: unknown */
    size_t n_content;
    const char *result_mark;        /* the dialect's `result` */
    const graft_json *messages;     /* the conversation that `turn` counts in, or NULL */
    const graft_json *message;      /* the assistant's message that was to be written */
    const graft_json *alternatives; /* the conversation's `expected`, or NULL */
    const graft_json *tools;        /* the conversation's tools, or NULL */
} graft_eval_reply;

/* Judges a reply and appends it. The values are copied or retained. */
graft_status graft_eval_report_add(graft_eval_report *report, const graft_eval_reply *reply);

/* How often the metric (an index into graft_metrics) says yes, of how often it says anything, and
 * the 95 % Wilson interval of the share. */
typedef struct graft_eval_score {
    size_t hits, of;
    double low, high;
} graft_eval_score;
graft_eval_score graft_eval_report_score(const graft_eval_report *report, size_t metric);

/* The mean of answer_f1 over the *of items that have it; NaN if there are none. */
double graft_eval_report_answer_f1(const graft_eval_report *report, size_t *of);

/* {"n", "turns" (if known), "loss_per_token", "tokens", "scores": {NAME: {"hits", "of", "low", "high"}},
 * "spurious_calls", "missing_calls", "answer_f1": {"mean", "of"}, "end_of_turn_probability": {"mean",
 * "of"}, "perplexity": {"perplexity", "loss_per_token", "of"} (of general text), "items": [{"index", "turn", "prompt_tokens", "asked" (if known), "output", "calls", "expected", "spurious",
 * "missing", "answer_f1", "verdicts": {NAME: true|false|null}}]}. */
graft_status graft_eval_report_json(graft_json **out, const graft_eval_report *report);

/* Reads that back; scores are counted anew. Verdicts of unknown name are left out. GRAFT_E_DATA
 * tells what is wrong ("items[3]: turn is not a count"); the caller adds the file. On failure *out is empty. */
graft_status graft_eval_report_parse(graft_eval_report *out, const graft_json *json);

/* Appends a table: one line per metric that says anything. */
graft_status graft_eval_report_table(graft_text *out, const graft_eval_report *report);

/* --- two evaluations of the same items --- */

/* How many items both have: those of the same index and turn at which the same is asked for, as far as
 * is known. *n_other: of the same index and turn, but other questions (of another file, or another
 * part held back). System prompt and declared tools may differ. All functions here fail with
 * GRAFT_E_DATA if an index and turn stand twice in one report. */
graft_status graft_eval_report_paired(size_t *n, size_t *n_other, const graft_eval_report *before,
                                      const graft_eval_report *after);

/* Appends a table: both scores, the change, and McNemar's exact p over the items both have. */
graft_status graft_eval_report_compare(graft_text *out, const graft_eval_report *before,
                                       const graft_eval_report *after);

/* {"before": {"n", "loss_per_token"}, "after": {...}, "paired", "other_questions", "scores": {NAME: {"before":
 * {"hits", "of", "low", "high"}, "after": {...}, "gained", "lost", "p", "flipped": [{"index", "turn",
 * "to"}]}}}: `to` is the new verdict of an item whose verdict turned. */
graft_status graft_eval_report_compare_json(graft_json **out, const graft_eval_report *before,
                                            const graft_eval_report *after);

/* Appends one line per metric with items whose verdict turned: their numbers, at most `limit` each way. */
graft_status graft_eval_report_flips(graft_text *out, const graft_eval_report *before,
                                     const graft_eval_report *after, size_t limit);

/* Appends the items whose verdict on the metric changed, at most `limit`, with the replies on one
 * line each, escaped and shortened. */
graft_status graft_eval_report_changes(graft_text *out, const graft_eval_report *before,
                                       const graft_eval_report *after, size_t metric, size_t limit);

#endif
