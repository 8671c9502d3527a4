/* support/attention.h - random problems for the attention kernels of a level: forests of spans, what a kernel makes
 * of them, and what the formula in double makes. */
#ifndef GRAFT_TESTS_SUPPORT_ATTENTION_H
#define GRAFT_TESTS_SUPPORT_ATTENTION_H

#include "support/kernels.h"

enum { MAX_SPANS = 40 };

/* A pass with everything that attention reads and writes. */
typedef struct problem {
    graft_attention a;
    graft_span spans[MAX_SPANS];
    size_t n_query, n_key, width, kv_width; /* rows and row lengths */
    size_t ldo, act_bytes;
    graft_real *q, *k, *v, *dout; /* what the activations hold */
    graft_act *out, *dout_act, *dq;
    graft_real *stats, *dk, *dv, *scratch; /* dk and dv per query head: [n_head][n_key, d_head] */
} problem;

/* What the formula says, in double. ones: as many as the longest of the others. */
typedef struct expectation {
    double *out, *stats, *dq, *dk, *dv, *ones, *slopes;
} expectation;

extern graft_rng problem_rng;
int problem_setup(void **state); /* begins problem_rng anew */
int problem_teardown(void **state);

void problem_heads(problem *p, size_t n_head, size_t n_kv, size_t d_head);
/* A span of n_query new rows behind `cached` rows that have no query. */
void problem_span(problem *p, int parent, size_t cached, size_t n_query);
/* Random parents, lengths from empty to longer than a block. */
void problem_forest(problem *p, size_t n_spans, size_t longest);
/* Fills q, k, v and dout at random, and makes room for the rest. */
void problem_memory(const graft_kernels *kernels, problem *p);

/* All spans and heads, so many rows a call; of one row at most so many heads that share keys, or all. */
void problem_forward_heads(const graft_kernels *kernels, problem *p, size_t rows, size_t heads);
void problem_forward(const graft_kernels *kernels, problem *p, size_t rows);
void problem_backward(const graft_kernels *kernels, problem *p, size_t rows);
/* dk or dv of the key/value heads: sums over their groups. */
graft_real *problem_over_groups(const problem *p, const graft_real *heads);
expectation problem_expect(const problem *p);

/* Memory, both passes (or the first alone) and the comparison; releases what is guarded. */
void problem_check(const graft_kernels *kernels, problem *p, bool gradients);

#endif
