#include "train/mixing.h"

#include <math.h>

#include "core/memory.h"

static size_t unit_tokens(const graft_unit *unit)
{
    size_t n = 0;
    for (size_t i = 0; i < unit->n_samples; i++) {
        n += unit->samples[i].n;
    }
    return n;
}

/* Rounded, but not to nothing. */
static size_t drawn(double wanted)
{
    double n = floor(wanted + 0.5);
    return n < 1 ? 1 : n > UINT32_MAX ? (size_t)UINT32_MAX + 1 : (size_t)n;
}

/* How many units of replay have `share` of an epoch's tokens; the other parts are filled in. */
static size_t replayed(const graft_mix_part *parts, const double *tokens, size_t last, double share)
{
    double others = 0, mean = tokens[last] / (double)parts[last].n;
    for (size_t i = 0; i < last; i++) {
        others += parts[i].n == 0 ? 0
                                  : tokens[i] / (double)parts[i].n * (double)parts[i].per_epoch;
    }
    return drawn(others * share / (1 - share) / mean);
}

graft_status graft_mixing_init(graft_mix *mix, const graft_config *config,
                               const graft_unit *units, size_t n_units)
{
    graft_status status = GRAFT_OK;
    bool replay = config->replay.n > 0;
    size_t n_entries = config->dataset.n > 0 ? config->dataset.n : 1;
    graft_mix_part *parts = NULL;
    double *tokens = NULL;
    GRAFT_TRY(graft_alloc(&parts, n_entries + 1, sizeof *parts));
    GRAFT_TRY(graft_alloc(&tokens, n_entries + 1, sizeof *tokens));
    for (size_t i = 0; i < n_units; i++) {
        size_t part = units[i].part < n_entries ? units[i].part : n_entries;
        parts[part].n++;
        tokens[part] += (double)unit_tokens(&units[i]);
    }
    for (size_t i = 0; i < n_entries; i++) {
        double weight = i < config->dataset.n ? config->dataset.items[i].weight : 0;
        parts[i].per_epoch = weight > 0 ? drawn(weight * (double)parts[i].n) : parts[i].n;
    }
    if (replay && parts[n_entries].n > 0) {
        parts[n_entries].per_epoch =
            replayed(parts, tokens, n_entries, config->replay.items[0].share);
    }
    GRAFT_TRY(graft_mix_init(mix, parts, n_entries + replay, replay, config->seed));
done:
    graft_free(parts);
    graft_free(tokens);
    return status;
}

double graft_mixing_share(const graft_mix *mix, const graft_unit *units, size_t part)
{
    double all = 0, own = 0;
    size_t at = 0;
    for (size_t i = 0; i < mix->n_parts; i++) {
        double tokens = 0;
        for (size_t k = 0; k < mix->parts[i].n; k++) {
            tokens += (double)unit_tokens(&units[at++]);
        }
        if (mix->parts[i].n > 0) {
            tokens *= (double)mix->parts[i].per_epoch / (double)mix->parts[i].n;
        }
        all += tokens;
        own = i == part ? tokens : own;
    }
    return all > 0 ? own / all : 0;
}

bool graft_mixing_is_plain(const graft_mix *mix)
{
    for (size_t i = 0; i < mix->n_parts; i++) {
        if (mix->parts[i].n != mix->parts[i].per_epoch) {
            return false;
        }
    }
    return !mix->spread;
}
