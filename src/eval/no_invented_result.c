/* no_invented_result: the reply does not write a tool's result itself, as the dialect would mark it. */
#include <string.h>

#include "eval/metrics.h"

static graft_status judge(graft_verdict *out, const graft_judged *judged)
{
    const char *mark = judged->result_mark;
    *out = GRAFT_VERDICT_NONE;
    if (mark != NULL && judged->output != NULL) {
        bool invented = judged->n_output > 0 &&
                        memmem(judged->output, judged->n_output, mark, strlen(mark)) != NULL;
        *out = invented ? GRAFT_VERDICT_NO : GRAFT_VERDICT_YES;
    }
    return GRAFT_OK;
}

const graft_metric graft_metric_no_invented_result = {
    .name = "no_invented_result",
    .help = "the reply writes no tool result itself",
    .judge = judge,
};
