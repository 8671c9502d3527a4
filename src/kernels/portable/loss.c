#include "kernels/portable/portable.h"

double graft_portable_log_sum_exp(const graft_real *logits, size_t n)
{
    graft_real max = logits[0];
    for (size_t i = 1; i < n; i++) {
        max = logits[i] > max ? logits[i] : max;
    }
    double sum = 0;
    for (size_t i = 0; i < n; i++) {
        sum += (double)graft_exp(logits[i] - max);
    }
    return (double)max + log(sum);
}

void graft_portable_softmax_gradient(graft_real *logits, size_t n, graft_real lse, size_t target,
                                     graft_real weight)
{
    for (size_t i = 0; i < n; i++) {
        logits[i] = weight * graft_exp(logits[i] - lse);
    }
    logits[target] -= weight;
}
