#include "data/minhash.h"

#include <string.h>

/* With n elements a round leaves a bin empty with probability (1 - 1/128)^n. */
enum { MAX_ROUNDS = 1 << 14, BIN_BITS = 7 };

/* The finaliser of SplitMix64: every input bit reaches every output bit. */
static uint64_t mix(uint64_t x)
{
    x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9u;
    x = (x ^ (x >> 27)) * 0x94d049bb133111ebu;
    return x ^ (x >> 31);
}

void graft_minhash(graft_signature *out, const uint64_t *elements, size_t n)
{
    uint64_t best[GRAFT_MINHASH_BINS];
    int round_of[GRAFT_MINHASH_BINS]; /* in which the bin was filled, from 1; 0: empty */
    size_t n_filled = 0;
    memset(round_of, 0, sizeof round_of);
    memset(out, 0, sizeof *out);
    for (int round = 1; n > 0 && n_filled < GRAFT_MINHASH_BINS && round <= MAX_ROUNDS; round++) {
        uint64_t seed = mix((uint64_t)round * 0x9e3779b97f4a7c15u);
        for (size_t i = 0; i < n; i++) {
            uint64_t hash = mix(elements[i] ^ seed);
            size_t bin = (size_t)(hash >> (64 - BIN_BITS));
            if (round_of[bin] == 0) {
                round_of[bin] = round;
                best[bin] = hash;
                n_filled++;
            } else if (round_of[bin] == round && hash < best[bin]) {
                best[bin] = hash;
            }
        }
    }
    for (size_t bin = 0; bin < GRAFT_MINHASH_BINS; bin++) {
        /* Low bits: the high ones of a smallest hash are mostly zero. */
        out->bins[bin] = round_of[bin] ? (uint8_t)best[bin] : 0;
    }
}

unsigned graft_minhash_matches(const graft_signature *a, const graft_signature *b)
{
    unsigned n = 0;
    for (size_t i = 0; i < GRAFT_MINHASH_BINS; i++) {
        n += a->bins[i] == b->bins[i];
    }
    return n;
}

double graft_minhash_similarity(unsigned matches)
{
    double share = (double)matches / GRAFT_MINHASH_BINS, chance = 1.0 / 256;
    return share > chance ? (share - chance) / (1 - chance) : 0;
}
