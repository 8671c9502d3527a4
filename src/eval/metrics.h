/* eval/metrics.h - what is asked of a reply: one file per question, listed in metrics.c. */
#ifndef GRAFT_EVAL_METRICS_H
#define GRAFT_EVAL_METRICS_H

#include "eval/matching.h"

/* NONE: the question makes no sense for this item, which then counts on neither side. */
typedef enum graft_verdict {
    GRAFT_VERDICT_NONE,
    GRAFT_VERDICT_NO,
    GRAFT_VERDICT_YES
} graft_verdict;

/* A reply as a dialect took it apart, and what it is held against. Everything is borrowed. */
typedef struct graft_judged {
    const graft_json *calls;       /* array of {"name", "arguments"} */
    size_t broken;                 /* calls that did not parse */
    bool ended;                    /* by a token that ends a turn, not by a limit */
    const graft_expected *expected; /* no calls: an answer in words is expected */
    const graft_json *tools; /* array of {"type", "function": {"name", "parameters"}} or NULL */
    bool looped;             /* it was cut because it repeated itself */
    bool after_error;        /* the message before it is a tool's result, and that an error */
    const char *output;      /* the whole reply; NULL: unknown */
    size_t n_output;
    const char *result_mark; /* what the dialect writes before a tool's result; NULL: nothing */
    const graft_json *read;  /* array: the arguments of each call, source text in them read
                              * (eval/foreign.h); graft_judge sets it */
} graft_judged;

/* YES is always the good answer. */
typedef struct graft_metric {
    const char *name; /* "tool_name" */
    const char *help; /* one line for people */
    graft_status (*judge)(graft_verdict *out, const graft_judged *judged);
} graft_metric;

#define GRAFT_METRICS_MAX 16
extern const graft_metric *const graft_metrics[]; /* in the order of reports */
extern const size_t graft_n_metrics;              /* <= GRAFT_METRICS_MAX */

/* The row's index, or graft_n_metrics. */
size_t graft_metric_find(const char *name);

/* verdicts[i] answers graft_metrics[i]. */
graft_status graft_judge(graft_verdict verdicts[GRAFT_METRICS_MAX], const graft_judged *judged);

/* Calls made that no expected call has the name of, and the other way round; a call that did not
 * parse is one too many. */
typedef struct graft_call_counts {
    size_t spurious, missing;
} graft_call_counts;
graft_status graft_count_calls(graft_call_counts *out, const graft_judged *judged);

/* How much of an answer's words a reply says, and the other way round: the harmonic mean of both, as
 * SQuAD has it (Rajpurkar et al., 2016): without regard to ASCII's case and signs and the words a, an,
 * the; each word counts as often as it stands there. 1 if neither says a word. */
graft_status graft_answer_f1(double *out, const char *reply, size_t n_reply, const char *answer,
                             size_t n_answer);

/* --- what several metrics ask --- */

/* The reply's call i: its name (NULL if it has none) and arguments (NULL unless an object). */
const char *graft_judged_name(const graft_judged *judged, size_t i);
const graft_json *graft_judged_arguments(const graft_judged *judged, size_t i);
/* Are they what expected call k says? */
bool graft_judged_match(const graft_judged *judged, size_t i, size_t k);

/* NONE if no call is expected, or tools are needed and not known; NO if the reply makes no call, or
 * one that is no call; YES otherwise: the metric then looks closer. */
graft_verdict graft_judged_calls(const graft_judged *judged, bool needs_tools);

/* YES if every call names a declared tool whose parameters (a schema) its arguments fit. */
typedef graft_status graft_fits(bool *out, const graft_json *parameters,
                                const graft_json *arguments);
graft_status graft_judged_fit(graft_verdict *out, const graft_judged *judged, graft_fits *fits);

/* The schema of the named tool's parameters, or NULL; *found tells if there is such a tool. */
const graft_json *graft_tool_parameters(const graft_json *tools, const char *name, bool *found);

/* True unless the schema, read as tools mean it, knows nothing of one of the arguments: where it
 * lists properties, others are allowed only if additionalProperties says so. */
bool graft_arguments_known(const graft_json *parameters, const graft_json *arguments);

/* YES if the calls can be paired off with the expected ones so that none is left over. */
graft_status graft_judged_pair(graft_verdict *out, const graft_judged *judged,
                               graft_can_stand *can);

#endif
