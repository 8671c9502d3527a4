/* adapter/adapter.h - the trainable parameters: low-rank maps attached to the slots of a model.
 *
 * All parameters of an adapter lie in one array, A then B of each map in slot order (and its magnitudes
 * behind them), and so do their gradients: the optimiser, the checkpoint and the global norm see flat
 * vectors. */
#ifndef GRAFT_ADAPTER_ADAPTER_H
#define GRAFT_ADAPTER_ADAPTER_H

#include "adapter/slot.h"

/* "NAME=NUMBER" each: adapter/patterns.h. Borrowed. */
typedef struct graft_adapter_patterns {
    char *const *items;
    size_t n;
} graft_adapter_patterns;

typedef struct graft_adapter_options {
    size_t rank;
    double alpha;
    bool rslora;          /* scale alpha / sqrt(rank) (Kalajdzievski 2023) instead of alpha / rank */
    double dropout;       /* [0, 1) */
    uint64_t seed;
    const char *targets;  /* "all-linear", or module names (HF or GGUF) separated by commas */
    const char *arch;     /* of the base, which may have names of its own; NULL: it has none */
    graft_adapter_patterns rank_pattern, alpha_pattern; /* of modules that differ from the rest */
    const char *init;     /* name of a kind; NULL: "true" */
    bool dora;            /* rows have magnitudes (adapter/dora.h), at first the lengths they have */
} graft_adapter_options;

typedef struct graft_adapter_map {
    graft_low_rank low_rank;
    const char *name; /* of the base tensor; borrowed from the slot */
    graft_slot *slot;
    double scale;     /* as low_rank.scale, not rounded */
    size_t n_trained; /* rows of A and columns of B; those behind them are frozen */
    graft_real *start; /* [n_out, rank - n_trained], the frozen columns of B; NULL: none */
    double *w_squares; /* of low_rank, and so are these; NULL: no magnitudes */
    graft_real *measured; /* [2 * n_out]: inv_norm, factor */
} graft_adapter_map;

typedef struct graft_adapter {
    graft_adapter_map *maps;
    size_t n_maps;
    graft_real *params, *grads; /* [n_params] */
    size_t n_params;
    size_t rank;         /* of maps that no pattern names, and so are alpha and scale */
    double alpha, scale;
    bool dora;
    const struct graft_adapter_kind *kind;
    uint64_t seed;
} graft_adapter;

/* A kind of adapter is one file and one row of adapters.c; names are values of init_lora_weights. */
typedef struct graft_adapter_kind {
    const char *name; /* "true" */
    /* The start is a low-rank part of the weight itself: what is trained is the difference to it, so
     * that the model begins unchanged. A map of such a kind holds B A and behind it the start, frozen
     * and negative: W + scale (B A - B0 A0), which is an adapter of twice the rank for the unchanged
     * base. */
    bool is_part_of_weight;
    /* Sets the first n_trained rows of A and columns of B of a map, of which rank is a multiple of the
     * real one. `stream` differs per map. */
    graft_status (*init)(graft_low_rank *map, size_t n_trained, const graft_weight *weight,
                         uint64_t seed, uint32_t stream);
} graft_adapter_kind;
extern const graft_adapter_kind *const graft_adapter_kinds[]; /* NULL-terminated */
const graft_adapter_kind *graft_adapter_kind_find(const char *name); /* NULL if unknown */

/* Makes a freshly initialised adapter on the slots that the targets name and attaches it. The
 * slots must outlive it. GRAFT_E_CONFIG for an unknown target ("known: ...") or one that no slot
 * of this model has, for a rank larger than a map allows, and for patterns that fit nothing. */
graft_status graft_adapter_new(graft_adapter **out, const graft_adapter_options *options,
                               graft_slot *slots, size_t n_slots);
void graft_adapter_free(graft_adapter *adapter); /* detaches first */

/* The reference model is the base: switches the low-rank part of every slot on or off. */
void graft_adapter_enable(graft_adapter *adapter, bool on);

/* Copies parameters of one map in or out, as float. a is [rank, n_in], b [n_out, rank].
 * GRAFT_E_MODEL if the adapter has no such map or shapes differ. */
graft_status graft_adapter_set_map(graft_adapter *adapter, const char *name, const float *a,
                                   const float *b, size_t rank, size_t n_in, size_t n_out);

/* The magnitudes of one map, [n_out]; GRAFT_E_MODEL likewise. */
graft_status graft_adapter_set_magnitudes(graft_adapter *adapter, const char *name,
                                          const float *magnitudes, size_t n_out);
/* The magnitudes become the lengths that rows have, so that they change nothing. */
graft_status graft_adapter_take_lengths(graft_adapter *adapter, graft_compute *compute);

/* The parameters as they were when the adapter was new. Fails as its kind's init does. */
graft_status graft_adapter_reset(graft_adapter *adapter);

void graft_adapter_zero_grad(graft_adapter *adapter);
/* Sets to zero what the passes of a step added to gradients of frozen parameters. */
void graft_adapter_freeze_grad(graft_adapter *adapter);

/* Index of the first non-finite value, or n. */
size_t graft_find_nonfinite(const graft_real *values, size_t n);
/* "blk.3.attn_q.weight lora_b, row 17, column 2" for an index into params or grads, of at most so many
 * bytes; rows and columns count from 0. */
enum { GRAFT_ADAPTER_PLACE_BYTES = 160 };
void graft_adapter_describe(const graft_adapter *adapter, size_t index, char *out, size_t n);

#endif
