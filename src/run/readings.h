/* run/readings.h - which examples of an evaluation are read on the way to a reply, so that loss and
 * replies cost one reading, and what their tokens turned out to be worth. */
#ifndef GRAFT_RUN_READINGS_H
#define GRAFT_RUN_READINGS_H

#include "infer/generator.h"
#include "run/corpus.h"

typedef struct graft_readings {
    graft_reading *of; /* [n_prompts]: n == 0 where nothing is read beyond the prompt */
    size_t n_prompts;
    bool *covered;     /* [n_samples]: this sample is one of them */
    graft_prediction *predictions; /* of all of them, one after the other */
    float *logprobs;
    int32_t *best;
} graft_readings;

/* A sample is read with the longest prompt of its conversation that it begins with, unless that one
 * reads another already. conversations[i] is that of prompts[i]; all samples and prompts must outlive
 * the readings. The caller clears, also after failure. */
graft_status graft_readings_plan(graft_readings *readings, const graft_corpus *corpus,
                                 const graft_tokens *prompts, const size_t *conversations,
                                 size_t n_prompts);
/* After generation: adds weighted losses and weights, and shows each log-probability (NULL: not). */
void graft_readings_sum(const graft_readings *readings, double *loss, double *weight,
                        graft_visit_logprob *visit, void *context);
void graft_readings_clear(graft_readings *readings);

#endif
