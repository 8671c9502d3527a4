/* The report of one evaluation as a table. */
#include <math.h>
#include <stdio.h>

#include "eval/report.h"
#include "eval/report_internal.h"

graft_status graft_eval_report_table(graft_text *out, const graft_eval_report *report)
{
    graft_status status = GRAFT_OK;
    graft_call_counts counts = graft_eval__total_counts(report);
    GRAFT_TRY(graft_text_appendf(out, "%-18s %9s %7s   %-13s\n", "", "hits/of", "%",
                                 "95 % interval"));
    for (size_t i = 0; i < graft_n_metrics; i++) {
        graft_eval_score score = graft_eval_report_score(report, i);
        if (score.of == 0) {
            continue;
        }
        char ratio[48];
        snprintf(ratio, sizeof ratio, "%zu/%zu", score.hits, score.of);
        GRAFT_TRY(graft_text_appendf(out, "%-18s %9s %7.1f   %5.1f - %5.1f   %s\n",
                                     graft_metrics[i]->name, ratio,
                                     100.0 * (double)score.hits / (double)score.of,
                                     100 * score.low, 100 * score.high, graft_metrics[i]->help));
    }
    GRAFT_TRY(graft_text_appendf(out, "%zu replies", report->n));
    if (report->n < report->n_turns) {
        GRAFT_TRY(graft_text_appendf(out, ", to the first of %zu turns", report->n_turns));
    }
    GRAFT_TRY(graft_text_appendf(out, "; %zu spurious and %zu missing calls", counts.spurious,
                                 counts.missing));
    if (isfinite(report->loss_per_token)) {
        GRAFT_TRY(graft_text_appendf(out, "; loss %.4f per trained token (%zu)",
                                     report->loss_per_token, report->tokens));
    }
    GRAFT_TRY(graft_text_append_char(out, '\n'));
    size_t n_answers;
    double f1 = graft_eval_report_answer_f1(report, &n_answers);
    if (n_answers > 0) {
        GRAFT_TRY(graft_text_appendf(out, "words of %zu answers: F1 %.3f\n", n_answers, f1));
    }
    if (isfinite(report->end_probability)) {
        GRAFT_TRY(graft_text_appendf(out, "probability of the end of the turn, at %zu ends: %.4f\n",
                                     report->n_turn_ends, report->end_probability));
    }
    if (isfinite(report->general_loss)) {
        GRAFT_TRY(graft_text_appendf(out, "general text: perplexity %.3f, loss %.4f per token (%zu)\n",
                                     exp(report->general_loss), report->general_loss,
                                     report->general_tokens));
    }
done:
    return status;
}
