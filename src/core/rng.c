/* core/rng.c - Philox4x32-10 and what is drawn from it. */
#include "core/rng.h"

#include <math.h>

void graft_philox(const uint32_t key[2], const uint32_t counter[4], uint32_t out[4])
{
    uint32_t k0 = key[0], k1 = key[1];
    uint32_t c0 = counter[0], c1 = counter[1], c2 = counter[2], c3 = counter[3];
    for (int round = 0; round < 10; round++) {
        uint64_t p0 = (uint64_t)0xd2511f53u * c0;
        uint64_t p1 = (uint64_t)0xcd9e8d57u * c2;
        c0 = (uint32_t)(p1 >> 32) ^ c1 ^ k0;
        c1 = (uint32_t)p1;
        c2 = (uint32_t)(p0 >> 32) ^ c3 ^ k1;
        c3 = (uint32_t)p0;
        k0 += 0x9e3779b9u;
        k1 += 0xbb67ae85u;
    }
    out[0] = c0;
    out[1] = c1;
    out[2] = c2;
    out[3] = c3;
}

void graft_rng_init(graft_rng *rng, uint64_t seed, graft_rng_site site, uint32_t stream)
{
    *rng = (graft_rng){.seed = seed, .site = (uint32_t)site, .stream = stream, .used = 4};
}

uint32_t graft_rng_u32(graft_rng *rng)
{
    if (rng->used == 4) {
        uint32_t key[2] = {(uint32_t)rng->seed, (uint32_t)(rng->seed >> 32)};
        uint32_t counter[4] = {(uint32_t)rng->counter, (uint32_t)(rng->counter >> 32), rng->site,
                               rng->stream};
        graft_philox(key, counter, rng->block);
        rng->counter++;
        rng->used = 0;
    }
    return rng->block[rng->used++];
}

static uint64_t next_u64(graft_rng *rng)
{
    uint64_t low = graft_rng_u32(rng);
    return low | (uint64_t)graft_rng_u32(rng) << 32;
}

uint64_t graft_rng_below(graft_rng *rng, uint64_t n)
{
    /* Numbers below 2^64 mod n would make the small remainders more frequent. */
    uint64_t first_fair = (0 - n) % n;
    uint64_t x;
    do {
        x = next_u64(rng);
    } while (x < first_fair);
    return x % n;
}

double graft_rng_uniform(graft_rng *rng)
{
    return (double)(next_u64(rng) >> 11) * 0x1p-53;
}

double graft_rng_normal(graft_rng *rng)
{
    double radius = sqrt(-2.0 * log(1.0 - graft_rng_uniform(rng)));
    return radius * cos(6.283185307179586476925 * graft_rng_uniform(rng));
}

void graft_rng_shuffle(graft_rng *rng, uint32_t *values, size_t n)
{
    for (size_t i = n; i > 1; i--) {
        size_t j = (size_t)graft_rng_below(rng, i);
        uint32_t kept = values[i - 1];
        values[i - 1] = values[j];
        values[j] = kept;
    }
}
