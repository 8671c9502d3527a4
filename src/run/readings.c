#include "run/readings.h"

#include <string.h>

#include "core/memory.h"

static bool begins_with(const graft_example *sample, const graft_tokens *prompt)
{
    return prompt->n <= sample->n &&
           memcmp(sample->ids, prompt->ids, prompt->n * sizeof *prompt->ids) == 0;
}

/* The prompts of a sample's conversation stand side by side: [*begin, end). */
static size_t find_prompts(const size_t *conversations, size_t n, size_t conversation,
                           size_t *begin)
{
    size_t low = 0, high = n;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (conversations[middle] < conversation) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    for (*begin = low; high < n && conversations[high] == conversation;) {
        high++;
    }
    return high;
}

/* The predictions of a sample, at `out` (NULL: only counted). Returns how many. */
static size_t list_predictions(const graft_example *sample, graft_prediction *out)
{
    size_t n = 0;
    for (uint32_t k = 1; k < sample->n; k++) {
        if (sample->weights[k] == 0) {
            continue;
        }
        if (out != NULL) {
            out[n] = (graft_prediction){k - 1, sample->ids[k], sample->weights[k], 0, k};
        }
        n++;
    }
    return n;
}

graft_status graft_readings_plan(graft_readings *readings, const graft_corpus *corpus,
                                 const graft_tokens *prompts, const size_t *conversations,
                                 size_t n_prompts)
{
    graft_status status = GRAFT_OK;
    size_t n_trained = 0, used = 0;
    for (size_t i = 0; i < corpus->n_samples; i++) {
        n_trained += list_predictions(&corpus->samples[i], NULL);
    }
    *readings = (graft_readings){.n_prompts = n_prompts};
    GRAFT_TRY(graft_alloc(&readings->of, n_prompts, sizeof *readings->of));
    GRAFT_TRY(graft_alloc(&readings->covered, corpus->n_samples, sizeof *readings->covered));
    GRAFT_TRY(graft_alloc(&readings->predictions, n_trained, sizeof *readings->predictions));
    GRAFT_TRY(graft_alloc(&readings->logprobs, n_trained, sizeof *readings->logprobs));
    GRAFT_TRY(graft_alloc(&readings->best, n_trained, sizeof *readings->best));
    for (size_t i = 0; i < corpus->n_samples; i++) {
        const graft_example *sample = &corpus->samples[i];
        graft_reading *best = NULL;
        size_t at = 0, longest = 0;
        size_t end = find_prompts(conversations, n_prompts, sample->conversation, &at);
        for (; at < end; at++) {
            if (readings->of[at].n == 0 && prompts[at].n > longest &&
                begins_with(sample, &prompts[at])) {
                longest = prompts[at].n;
                best = &readings->of[at];
            }
        }
        size_t n = best == NULL ? 0 : list_predictions(sample, readings->predictions + used);
        if (n == 0) {
            continue;
        }
        size_t last = readings->predictions[used + n - 1].row + 1;
        *best = (graft_reading){sample->ids, last > longest ? last : longest,
                                readings->predictions + used, n, readings->logprobs + used,
                                readings->best + used};
        readings->covered[i] = true;
        used += n;
    }
done:
    return status;
}

void graft_readings_sum(const graft_readings *readings, double *loss, double *weight,
                        graft_visit_logprob *visit, void *context)
{
    for (size_t i = 0; i < readings->n_prompts; i++) {
        const graft_reading *r = &readings->of[i];
        for (size_t k = 0; k < r->n_predictions; k++) {
            *loss -= (double)r->predictions[k].weight * (double)r->logprobs[k];
            *weight += (double)r->predictions[k].weight;
            if (visit != NULL) {
                visit(context, &r->predictions[k], 1, r->logprobs[k]);
            }
        }
    }
}

void graft_readings_clear(graft_readings *readings)
{
    graft_free(readings->of);
    graft_free(readings->covered);
    graft_free(readings->predictions);
    graft_free(readings->logprobs);
    graft_free(readings->best);
    *readings = (graft_readings){0};
}
