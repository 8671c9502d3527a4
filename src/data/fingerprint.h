/* data/fingerprint.h - when two examples are the same, and how alike they are. */
#ifndef GRAFT_DATA_FINGERPRINT_H
#define GRAFT_DATA_FINGERPRINT_H

#include "chat/conversation.h"
#include "data/minhash.h"

/* A hash of everything that is trained on or scored: roles, texts, thoughts and other keys of
 * messages, calls and which of them a result answers, loss weights, tools, what is expected. Ids of
 * calls do not count, nor the order of keys in a declaration.
 * Two different examples of n have the same hash by chance with probability n * n / 2^65. */
uint64_t graft_fingerprint(const graft_conversation *conversation);

/* A growing list, kept by whoever takes many signatures. */
typedef struct graft_shingles {
    uint64_t *items;
    size_t n, capacity;
} graft_shingles;

void graft_shingles_clear(graft_shingles *shingles);

/* Collects what near duplicates share: every three words in a row of what user, assistant and tools
 * say, with names and arguments of calls. A word is a run of ASCII letters (without regard to
 * case) and digits, or one other character beyond ASCII; each message begins with its role as a
 * word. System prompts and declared tools do not count: many examples of a file share them. */
graft_status graft_shingles_take(graft_shingles *out, const graft_conversation *conversation);

/* Both at once; signature may be NULL. */
graft_status graft_fingerprints(uint64_t *exact, graft_signature *signature,
                                graft_shingles *scratch, const graft_conversation *conversation);

#endif
