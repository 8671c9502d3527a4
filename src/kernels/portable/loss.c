#include "kernels/portable/act.h"
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

/* In order: where out is the front of logits, what is written has been read. */
ACT_INLINE void softmax_gradient(bool half, graft_act *out, const graft_real *logits, size_t n,
                                 graft_real lse, size_t target, graft_real weight)
{
    for (size_t i = 0; i < n; i++) {
        graft_real gradient = weight * graft_exp(logits[i] - lse);
        act_put(out, i, i == target ? gradient - weight : gradient, half);
    }
}

void graft_portable_softmax_gradient(graft_act *out, const graft_real *logits, size_t n,
                                     graft_real lse, size_t target, graft_real weight)
{
    softmax_gradient(false, out, logits, n, lse, target, weight);
}

void graft_portable_softmax_gradient_half(graft_act *out, const graft_real *logits, size_t n,
                                          graft_real lse, size_t target, graft_real weight)
{
    softmax_gradient(true, out, logits, n, lse, target, weight);
}
