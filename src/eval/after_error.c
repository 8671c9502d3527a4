/* after_error: where a tool's result was an error, the reply does what was expected: the calls that
 * recover from it, or none where words are expected. */
#include "eval/metrics.h"

static graft_status judge(graft_verdict *out, const graft_judged *judged)
{
    extern const graft_metric graft_metric_exact, graft_metric_no_call;
    *out = GRAFT_VERDICT_NONE;
    if (!judged->after_error) {
        return GRAFT_OK;
    }
    return judged->expected->n > 0 ? graft_metric_exact.judge(out, judged)
                                   : graft_metric_no_call.judge(out, judged);
}

const graft_metric graft_metric_after_error = {
    .name = "after_error",
    .help = "after a tool's error, the expected calls or words",
    .judge = judge,
};
