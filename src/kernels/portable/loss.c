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

void graft_portable_softcap(graft_real *x, graft_real cap, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        x[i] = cap * graft_tanh(x[i] / cap);
    }
}

/* In order: where out is the front of logits, what is written has been read. */
ACT_INLINE void softmax_gradient(bool half, bool capped, graft_act *out, const graft_real *logits,
                                 size_t n, graft_real lse, size_t target, graft_real weight,
                                 graft_real softcap)
{
    for (size_t i = 0; i < n; i++) {
        graft_real t = capped ? logits[i] / softcap : 0;
        graft_real gradient = weight * graft_exp(logits[i] - lse);
        gradient = i == target ? gradient - weight : gradient;
        act_put(out, i, capped ? gradient * (GRAFT_REAL(1.0) - t * t) : gradient, half);
    }
}

void graft_portable_softmax_gradient(graft_act *out, const graft_real *logits, size_t n,
                                     graft_real lse, size_t target, graft_real weight,
                                     graft_real softcap)
{
    if (softcap > 0) {
        softmax_gradient(false, true, out, logits, n, lse, target, weight, softcap);
    } else {
        softmax_gradient(false, false, out, logits, n, lse, target, weight, 0);
    }
}

void graft_portable_softmax_gradient_half(graft_act *out, const graft_real *logits, size_t n,
                                          graft_real lse, size_t target, graft_real weight,
                                          graft_real softcap)
{
    if (softcap > 0) {
        softmax_gradient(true, true, out, logits, n, lse, target, weight, softcap);
    } else {
        softmax_gradient(true, false, out, logits, n, lse, target, weight, 0);
    }
}
