/* scores.c - SentencePiece vocabularies say by a score per token which pair is merged first. */
#include <math.h>
#include <stdlib.h>

#include "core/memory.h"
#include "tokenizer/vocabulary_internal.h"

#define KEY GRAFT_VOCABULARY_KEY("scores")

static int compare(const void *a, const void *b, void *context)
{
    const double *scores = context;
    double x = scores[*(const uint32_t *)a], y = scores[*(const uint32_t *)b];
    return (x < y) - (x > y);
}

/* Floats, or integers as the runtime also reads. */
static graft_status read_numbers(graft_vocabulary__reader *reader, size_t *n)
{
    graft_status status = GRAFT_OK;
    int64_t *integers = NULL;
    const graft_gguf_kv *kv = graft_gguf_find(reader->file, KEY);
    if (kv == NULL || kv->type != GRAFT_GGUF_ARRAY || kv->element_type != GRAFT_GGUF_I32) {
        return graft_gguf_array_f64(reader->file, KEY, &reader->scores, n);
    }
    GRAFT_TRY(graft_gguf_array_i64(reader->file, KEY, &integers, n));
    GRAFT_TRY(graft_alloc(&reader->scores, *n, sizeof *reader->scores));
    for (size_t i = 0; i < *n; i++) {
        reader->scores[i] = (float)integers[i];
    }
done:
    graft_free(integers);
    return status;
}

graft_status graft_vocabulary__read_scores(graft_vocabulary__reader *reader)
{
    graft_status status = GRAFT_OK;
    graft_vocabulary *vocabulary = reader->vocabulary;
    const char *path = graft_gguf_path(reader->file);
    uint32_t *order = NULL, rank = 0;
    size_t n_scores = 0;
    GRAFT_TRY(read_numbers(reader, &n_scores));
    if (n_scores != vocabulary->n) {
        GRAFT_TRY(graft_fail(GRAFT_E_MODEL, "%s: %zu tokens but %zu scores", path, vocabulary->n,
                             n_scores));
    }
    GRAFT_TRY(graft_alloc(&order, vocabulary->n, sizeof *order));
    GRAFT_TRY(graft_alloc(&vocabulary->ranks, vocabulary->n, sizeof *vocabulary->ranks));
    for (size_t i = 0; i < vocabulary->n; i++) {
        if (isnan(reader->scores[i])) {
            GRAFT_TRY(graft_fail(GRAFT_E_MODEL, "%s: the score of token %zu is not a number", path,
                                 i));
        }
        order[i] = (uint32_t)i;
    }
    qsort_r(order, vocabulary->n, sizeof *order, compare, reader->scores);
    for (size_t i = 0; i < vocabulary->n; i++) {
        rank += i > 0 && reader->scores[order[i]] < reader->scores[order[i - 1]];
        vocabulary->ranks[order[i]] = rank;
    }
    graft_vocabulary__hash(&reader->hash, vocabulary->ranks,
                           vocabulary->n * sizeof *vocabulary->ranks);
done:
    graft_free(order);
    return status;
}
