/* data/minhash.h - how alike two sets are, from 128 bytes each.
 *
 * A set of 64-bit hashes is summed up as one byte for each of 128 bins; the share of equal bytes
 * estimates the Jaccard similarity |A and B| / |A or B| with a standard error of about
 * sqrt(J (1 - J) / 128), 0.03 at 0.9. Each element falls into one bin, whose smallest hash counts
 * (one permutation hashing: Li, Owen, Zhang, NIPS 2012). Bins that stay empty take part in further
 * rounds with other hashes until all are filled, so that small sets are judged as well as large
 * ones (in the spirit of Shrivastava, "Optimal densification", ICML 2017). One byte of each
 * smallest hash is kept (Li, Koenig, "b-bit minwise hashing", WWW 2010). */
#ifndef GRAFT_DATA_MINHASH_H
#define GRAFT_DATA_MINHASH_H

#include <stddef.h>
#include <stdint.h>

enum { GRAFT_MINHASH_BINS = 128 };

typedef struct graft_signature {
    uint8_t bins[GRAFT_MINHASH_BINS];
} graft_signature;

/* Signature of a set; repeated elements do not matter. The empty set is like itself only. */
void graft_minhash(graft_signature *out, const uint64_t *elements, size_t n);

/* Bytes that two signatures have in common. */
unsigned graft_minhash_matches(const graft_signature *a, const graft_signature *b);

/* The estimated similarity, in [0, 1]; corrected for bytes that are equal by chance. */
double graft_minhash_similarity(unsigned matches);

#endif
