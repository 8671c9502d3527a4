#include "data/neighbours.h"

#include <math.h>
#include <string.h>

#include "core/map.h"
#include "core/memory.h"

enum { CHUNK = 4096, MOST_COMPARED = 256, FIRST_SLOTS = 1024 };

typedef struct example {
    uint64_t exact, tag;
} example;

/* Examples are numbered from 0; tables and chains hold the number + 1, 0 ends them. */
struct graft_neighbours {
    unsigned wanted;         /* matching bytes that make a near duplicate; 0: not looked for */
    size_t n_bands, n_rows;  /* rows: bytes of a band */
    example *examples;
    size_t n, capacity;
    uint32_t *exact;         /* open addressing by exact hash, [n_slots] */
    size_t n_slots;          /* a power of two, at least 4/3 of n */
    uint32_t *heads;         /* newest example per bucket, [n_bands * n_buckets] */
    size_t n_buckets;        /* a power of two, at least n / 2 */
    char **chunks;           /* of CHUNK examples: signature, then the next one of each band */
    size_t n_chunks, chunks_capacity, stride;
};

/* The fewest bands of as many rows as will do. */
static void choose_bands(graft_neighbours *s, double near)
{
    static const size_t rows[] = {8, 4, 2};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        double agree = pow(near, (double)rows[i]);
        double bands = agree < 1 ? ceil(log(0.005) / log(1 - agree)) : 1;
        s->n_rows = rows[i];
        s->n_bands = (size_t)bands;
        if (s->n_bands * s->n_rows <= GRAFT_MINHASH_BINS) {
            return;
        }
    }
    s->n_bands = GRAFT_MINHASH_BINS / s->n_rows;
}

graft_status graft_neighbours_new(graft_neighbours **out, double near)
{
    graft_status status = GRAFT_OK;
    graft_neighbours *s = NULL;
    *out = NULL;
    GRAFT_TRY(graft_alloc(&s, 1, sizeof *s));
    if (near > 0) {
        choose_bands(s, near);
        while (graft_minhash_similarity(s->wanted) < near && s->wanted < GRAFT_MINHASH_BINS) {
            s->wanted++;
        }
        s->stride = sizeof(graft_signature) + s->n_bands * sizeof(uint32_t);
    }
    *out = s;
done:
    return status;
}

void graft_neighbours_free(graft_neighbours *s)
{
    if (!s) {
        return;
    }
    for (size_t i = 0; i < s->n_chunks; i++) {
        graft_free(s->chunks[i]);
    }
    graft_free(s->chunks);
    graft_free(s->heads);
    graft_free(s->exact);
    graft_free(s->examples);
    graft_free(s);
}

static const graft_signature *signature_of(const graft_neighbours *s, size_t i)
{
    return (const graft_signature *)(s->chunks[i / CHUNK] + i % CHUNK * s->stride);
}

static uint32_t *chain_of(const graft_neighbours *s, size_t i)
{
    return (uint32_t *)(s->chunks[i / CHUNK] + i % CHUNK * s->stride + sizeof(graft_signature));
}

static uint32_t *head_of(const graft_neighbours *s, const graft_signature *signature, size_t band)
{
    uint64_t hash = graft_hash_bytes(signature->bins + band * s->n_rows, s->n_rows);
    return s->heads + band * s->n_buckets + (hash & (s->n_buckets - 1));
}

/* --- finding --- */

/* The slot that holds the hash, or the free one where it belongs. */
static size_t exact_slot(const graft_neighbours *s, uint64_t exact)
{
    size_t i = exact & (s->n_slots - 1);
    while (s->exact[i] && s->examples[s->exact[i] - 1].exact != exact) {
        i = (i + 1) & (s->n_slots - 1);
    }
    return i;
}

static bool find_near(graft_neighbour *out, const graft_neighbours *s,
                      const graft_signature *signature)
{
    unsigned best = 0;
    size_t found = SIZE_MAX;
    for (size_t band = 0; s->n_buckets && band < s->n_bands; band++) {
        size_t at = band * s->n_rows, compared = 0;
        uint32_t next = *head_of(s, signature, band);
        for (; next && compared < MOST_COMPARED; next = chain_of(s, next - 1)[band], compared++) {
            const graft_signature *other = signature_of(s, next - 1);
            if (memcmp(other->bins + at, signature->bins + at, s->n_rows) != 0) {
                continue;
            }
            unsigned matches = graft_minhash_matches(signature, other);
            if (matches > best || (matches == best && next - 1 < found)) {
                best = matches;
                found = next - 1;
            }
        }
    }
    if (found == SIZE_MAX || best < s->wanted) {
        return false;
    }
    *out = (graft_neighbour){s->examples[found].tag, graft_minhash_similarity(best), false};
    return true;
}

bool graft_neighbours_find(graft_neighbour *out, const graft_neighbours *s, uint64_t exact,
                           const graft_signature *signature)
{
    uint32_t same = s->n_slots ? s->exact[exact_slot(s, exact)] : 0;
    if (same) {
        *out = (graft_neighbour){s->examples[same - 1].tag, 1, true};
        return true;
    }
    return s->wanted && find_near(out, s, signature);
}

/* --- adding --- */

static graft_status grow_exact(graft_neighbours *s)
{
    graft_status status = GRAFT_OK;
    size_t n_slots = s->n_slots ? 2 * s->n_slots : FIRST_SLOTS;
    uint32_t *slots;
    if (s->n + 1 <= s->n_slots / 4 * 3) {
        return GRAFT_OK;
    }
    GRAFT_TRY(graft_alloc(&slots, n_slots, sizeof *slots));
    graft_free(s->exact);
    s->exact = slots;
    s->n_slots = n_slots;
    for (size_t i = 0; i < s->n; i++) {
        size_t slot = exact_slot(s, s->examples[i].exact);
        s->exact[slot] = s->exact[slot] ? s->exact[slot] : (uint32_t)(i + 1);
    }
done:
    return status;
}

static void link_bands(graft_neighbours *s, size_t i)
{
    for (size_t band = 0; band < s->n_bands; band++) {
        uint32_t *head = head_of(s, signature_of(s, i), band);
        chain_of(s, i)[band] = *head;
        *head = (uint32_t)(i + 1);
    }
}

static graft_status grow_buckets(graft_neighbours *s)
{
    graft_status status = GRAFT_OK;
    size_t n_buckets = s->n_buckets ? 2 * s->n_buckets : FIRST_SLOTS;
    uint32_t *heads;
    if (s->n < 2 * s->n_buckets) {
        return GRAFT_OK;
    }
    GRAFT_TRY(graft_alloc(&heads, s->n_bands * n_buckets, sizeof *heads));
    graft_free(s->heads);
    s->heads = heads;
    s->n_buckets = n_buckets;
    for (size_t i = 0; i < s->n; i++) {
        link_bands(s, i);
    }
done:
    return status;
}

static graft_status add_signature(graft_neighbours *s, const graft_signature *signature)
{
    graft_status status = GRAFT_OK;
    GRAFT_TRY(grow_buckets(s));
    if (s->n / CHUNK == s->n_chunks) {
        GRAFT_TRY(graft_reserve(&s->chunks, &s->chunks_capacity, s->n_chunks + 1,
                                sizeof *s->chunks));
        GRAFT_TRY(graft_alloc(&s->chunks[s->n_chunks], CHUNK, s->stride));
        s->n_chunks++;
    }
    memcpy(s->chunks[s->n / CHUNK] + s->n % CHUNK * s->stride, signature, sizeof *signature);
    link_bands(s, s->n);
done:
    return status;
}

graft_status graft_neighbours_add(graft_neighbours *s, uint64_t exact,
                                  const graft_signature *signature, uint64_t tag)
{
    graft_status status = GRAFT_OK;
    if (s->n >= UINT32_MAX - 1) {
        return graft_fail(GRAFT_E_MEMORY, "more than %u examples to compare", UINT32_MAX - 1);
    }
    GRAFT_TRY(graft_reserve(&s->examples, &s->capacity, s->n + 1, sizeof *s->examples));
    GRAFT_TRY(grow_exact(s));
    if (s->wanted) {
        GRAFT_TRY(add_signature(s, signature));
    }
    s->examples[s->n] = (example){exact, tag};
    size_t slot = exact_slot(s, exact);
    s->exact[slot] = s->exact[slot] ? s->exact[slot] : (uint32_t)(s->n + 1);
    s->n++;
done:
    return status;
}

size_t graft_neighbours_n(const graft_neighbours *s)
{
    return s->n;
}

size_t graft_neighbours_bytes(const graft_neighbours *s)
{
    return s->capacity * sizeof *s->examples + s->n_slots * sizeof *s->exact +
           s->n_bands * s->n_buckets * sizeof *s->heads + s->n_chunks * CHUNK * s->stride;
}
