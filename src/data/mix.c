#include "data/mix.h"

#include <string.h>

#include "core/memory.h"
#include "core/rng.h"

/* ranks[0..n) = a seeded permutation. */
static void draw_ranks(uint32_t *ranks, size_t n, uint64_t seed, size_t part)
{
    graft_rng rng;
    for (size_t i = 0; i < n; i++) {
        ranks[i] = (uint32_t)i;
    }
    graft_rng_init(&rng, seed, GRAFT_RNG_MIX, (uint32_t)part);
    graft_rng_shuffle(&rng, ranks, n);
}

graft_status graft_mix_init(graft_mix *mix, const graft_mix_part *parts, size_t n_parts,
                            bool spread, uint64_t seed)
{
    graft_status status = GRAFT_OK;
    size_t at = 0;
    *mix = (graft_mix){.n_parts = n_parts, .spread = spread};
    for (size_t i = 0; i < n_parts; i++) {
        mix->n_units += parts[i].n;
        mix->n_slots += parts[i].n > 0 ? parts[i].per_epoch : 0;
        if (mix->n_units > UINT32_MAX || mix->n_slots > UINT32_MAX) {
            return graft_fail(GRAFT_E_CONFIG, "an epoch of more than %u examples (dataset: weight)",
                              UINT32_MAX);
        }
    }
    if (mix->n_slots == 0) {
        return graft_fail(GRAFT_E_CONFIG, "an epoch has no examples (dataset: weight)");
    }
    GRAFT_TRY(graft_alloc(&mix->parts, n_parts, sizeof *mix->parts));
    GRAFT_TRY(graft_alloc(&mix->ranks, mix->n_units, sizeof *mix->ranks));
    memcpy(mix->parts, parts, n_parts * sizeof *parts);
    for (size_t i = 0; i < n_parts; at += parts[i++].n) {
        draw_ranks(mix->ranks + at, parts[i].n, seed, i);
    }
done:
    if (status != GRAFT_OK) {
        graft_mix_clear(mix);
    }
    return status;
}

void graft_mix_clear(graft_mix *mix)
{
    graft_free(mix->parts);
    graft_free(mix->ranks);
    *mix = (graft_mix){0};
}

/* Goes over the units of some parts in order, each as often as the epoch has it. */
typedef struct cursor {
    const graft_mix *mix;
    uint64_t epoch;
    size_t part, in_part, unit; /* the next unit: its part, its place there and among all */
    uint64_t left;        /* times the unit before it is still to come */
} cursor;

/* How often the first `steps` steps round a part of n meet the unit of this rank. */
static uint64_t times(uint64_t steps, size_t n, uint32_t rank)
{
    return (steps + n - 1 - rank) / n;
}

static uint32_t next(cursor *c)
{
    const graft_mix *mix = c->mix;
    while (c->left == 0) {
        const graft_mix_part *part = &mix->parts[c->part];
        if (c->in_part == part->n) {
            c->part++;
            c->in_part = 0;
            continue;
        }
        uint32_t rank = mix->ranks[c->unit];
        uint64_t before = c->epoch * part->per_epoch;
        c->left = times(before + part->per_epoch, part->n, rank) - times(before, part->n, rank);
        c->unit++;
        c->in_part++;
    }
    c->left--;
    return (uint32_t)(c->unit - 1);
}

void graft_mix_draw(const graft_mix *mix, uint32_t *slots, uint32_t epoch)
{
    size_t n = mix->n_slots, last = mix->n_parts - 1;
    const graft_mix_part *part = &mix->parts[last];
    uint64_t n_spread = mix->spread && part->n > 0 ? part->per_epoch : 0;
    cursor all = {.mix = mix, .epoch = epoch};
    cursor spread = {.mix = mix, .epoch = epoch, .part = last, .unit = mix->n_units - part->n};
    for (uint64_t i = 0; i < n; i++) {
        bool from_last = (i + 1) * n_spread / n > i * n_spread / n;
        slots[i] = next(from_last ? &spread : &all);
    }
}
