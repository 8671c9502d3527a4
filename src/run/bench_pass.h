/* run/bench_pass.h - how fast a training pass of a real model is. */
#ifndef GRAFT_RUN_BENCH_PASS_H
#define GRAFT_RUN_BENCH_PASS_H

#include "autograd/profile.h"
#include "core/cpu.h"
#include "run/session.h"

typedef struct graft_pass_figures {
    graft_cpu_level level;
    const char *format;       /* of the first layer's weights */
    size_t n_tok;             /* of the pass */
    double flop_per_token;    /* 4 per weight of a linear map, head included: forward and gradient of
                               * the inputs. Attention and adapter are not counted, nor is recomputation */
    double tokens_per_second, gflops;
    size_t n_recomputed; /* layers */
    graft_profile profile; /* of the last pass, and the seconds it took */
    double profiled_seconds;
} graft_pass_figures;

/* Forward and backward of one pass of n_tok tokens, all of them trained, with an adapter as the
 * settings say (rank 16 on all linear maps). Repeats for about `seconds`; the fastest counts. */
graft_status graft_bench_pass(graft_pass_figures *out, const graft_config *config,
                              const graft_hooks *hooks, size_t n_tok, double seconds);

/* Forward and backward of one pass as the trainer runs it, into a gradient that is forgotten.
 * *loss is per unit of weight if `weight` is what the predictions of the pass weigh. */
graft_status graft_bench_one_pass(graft_session *session, const graft_pass *pass, double weight,
                                  size_t n_recomputed, double *loss);

#endif
