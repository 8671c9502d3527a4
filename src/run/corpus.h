/* run/corpus.h - the examples of a run, tokenised: what is trained and what is held back. */
#ifndef GRAFT_RUN_CORPUS_H
#define GRAFT_RUN_CORPUS_H

#include "data/truncate.h"
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
    size_t n_cut;      /* examples cut between turns because they have more */
    size_t n_refused;  /* examples that the chat template refuses */
    size_t n_lost;     /* examples that it shows only in part */
    char first_unfit[1024]; /* FILE:LINE of the first of them, and why; of refused ones if there are */
    graft_truncation truncation;
    graft_weighting weighting; /* all alike unless graft_corpus_weigh changes it */
} graft_corpus;

void graft_corpus_clear(graft_corpus *corpus);

/* Sets corpus->weighting as graft_session_weigh does, which see. */
graft_status graft_corpus_weigh(graft_corpus *corpus, const graft_session *session, bool trained);

/* Renders and tokenises corpus->dataset. Examples longer than max_seq_length
 * (0: the base's context) are GRAFT_E_DATA with a table of lengths, left out, or cut between turns,
 * as `truncation` says; those that do not fit the chat template are GRAFT_E_DATA with their
 * number, left out, or trained as they are shown, as `template_loss` says. What was left out or cut
 * has no weight in
 * the dataset any more, so that its turns are not answered for evaluation. */
graft_status graft_corpus_build(graft_corpus *corpus, const graft_session *session);

/* Is example i left out for its template? */
bool graft_corpus_leaves_out(const graft_corpus *corpus, size_t i);

/* Tokens of its longest sample. */
size_t graft_corpus_longest(const graft_corpus *corpus);

/* Takes units without a trained token away, and says so. */
void graft_corpus_drop_untrained(graft_corpus *corpus);

/* Makes the folder token_cache. If that is impossible it is said, and the run goes on without it. */
graft_status graft_cache_open_folder(const char *folder);

/* graft_corpus_build, or the same from the file of that name in the folder token_cache, if it is set and
 * there, and the file belongs to the same conversations, base (by its hash), template and settings. A file
 * that does not, or that is damaged, is made anew, and that is said. */
graft_status graft_corpus_build_cached(graft_corpus *corpus, const graft_session *session,
                                       const char *base_hash, const char *name);

/* Is such a file sound, whatever it belongs to? GRAFT_E_CHECKPOINT says what is not. */
graft_status graft_cache_check(const char *path, size_t *n_samples);

/* The parts of building that a cache needs: what an example may have; all but the dataset and the
 * weighting as before building; what is done once the samples are there. */
size_t graft_corpus__limit(const graft_session *session);
void graft_corpus__reset(graft_corpus *corpus);
void graft_corpus__finish(graft_corpus *corpus);

/* Logs tokens and trained share per role; GRAFT_E_DATA if nothing or everything is trained. */
graft_status graft_corpus_show_shares(const graft_corpus *corpus, const char *what);

/* SHA-256 over ids and weights of all samples, as hex: what was trained on. */
void graft_corpus_hash(const graft_corpus *corpus, char out[65]);

#endif
