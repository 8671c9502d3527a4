/* run/corpus.h - the examples of a run, tokenised: what is trained and what is held back. */
#ifndef GRAFT_RUN_CORPUS_H
#define GRAFT_RUN_CORPUS_H

#include "run/session.h"
#include "train/trainer.h"

/* A dataset with its samples. Unit i comes from conversation i of `dataset`. */
typedef struct graft_corpus {
    graft_dataset dataset;
    graft_example *samples;
    size_t n_samples, samples_capacity;
    graft_unit *units;
    size_t n_units;
    uint32_t *lengths; /* tokens of every example of `dataset`: of its longest sample */
    size_t n_lengths;  /* how many are known: all of them, unless building failed before */
    size_t limit;      /* tokens an example may have */
    size_t n_dropped;  /* examples left out because they have more */
} graft_corpus;

void graft_corpus_clear(graft_corpus *corpus);

/* Renders and tokenises corpus->dataset. Examples longer than max_seq_length (0: the base's
 * context) are GRAFT_E_DATA with a table of lengths, or left out, as `truncation` says. */
graft_status graft_corpus_build(graft_corpus *corpus, const graft_session *session);

/* Logs tokens and trained share per role; GRAFT_E_DATA if nothing or everything is trained. */
graft_status graft_corpus_show_shares(const graft_corpus *corpus, const char *what);

/* SHA-256 over ids and weights of all samples, as hex: what was trained on. */
void graft_corpus_hash(const graft_corpus *corpus, char out[65]);

#endif
