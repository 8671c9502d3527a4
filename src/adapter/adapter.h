/* adapter/adapter.h - the trainable parameters: low-rank maps attached to the slots of a model.
 *
 * All parameters of an adapter lie in one array, A then B of each map in slot order, and so do
 * their gradients: the optimiser, the checkpoint and the global norm see flat vectors. */
#ifndef GRAFT_ADAPTER_ADAPTER_H
#define GRAFT_ADAPTER_ADAPTER_H

#include "adapter/slot.h"

typedef struct graft_adapter_options {
    size_t rank;
    double alpha;
    bool rslora;          /* scale alpha / sqrt(rank) (Kalajdzievski 2023) instead of alpha / rank */
    double dropout;       /* [0, 1) */
    uint64_t seed;
    const char *targets;  /* "all-linear", or module names (HF or GGUF) separated by commas */
    const char *arch;     /* of the base, which may have names of its own; NULL: it has none */
} graft_adapter_options;

typedef struct graft_adapter_map {
    graft_low_rank low_rank;
    const char *name; /* of the base tensor; borrowed from the slot */
    graft_slot *slot;
} graft_adapter_map;

typedef struct graft_adapter {
    graft_adapter_map *maps;
    size_t n_maps;
    graft_real *params, *grads; /* [n_params] */
    size_t n_params;
    size_t rank;
    double alpha, scale;
} graft_adapter;

/* A kind of adapter is one file and one row of adapters.c. */
typedef struct graft_adapter_kind {
    const char *name; /* "lora" */
    /* Sets the parameters of one map so that the model is unchanged. `stream` differs per map. */
    void (*init)(graft_low_rank *map, uint64_t seed, uint32_t stream);
} graft_adapter_kind;
extern const graft_adapter_kind *const graft_adapter_kinds[]; /* NULL-terminated */

/* Makes a freshly initialised adapter on the slots that the targets name and attaches it. The
 * slots must outlive it. GRAFT_E_CONFIG for an unknown target ("known: ...") or one that no slot
 * of this model has, and for a rank larger than a map allows. */
graft_status graft_adapter_new(graft_adapter **out, const graft_adapter_options *options,
                               graft_slot *slots, size_t n_slots);
void graft_adapter_free(graft_adapter *adapter); /* detaches first */

/* The reference model is the base: switches the low-rank part of every slot on or off. */
void graft_adapter_enable(graft_adapter *adapter, bool on);

/* Copies parameters of one map in or out, as float. a is [rank, n_in], b [n_out, rank].
 * GRAFT_E_MODEL if the adapter has no such map or shapes differ. */
graft_status graft_adapter_set_map(graft_adapter *adapter, const char *name, const float *a,
                                   const float *b, size_t rank, size_t n_in, size_t n_out);

/* The parameters as they were when the adapter was new. */
void graft_adapter_reset(graft_adapter *adapter, uint64_t seed);

void graft_adapter_zero_grad(graft_adapter *adapter);

/* Index of the first non-finite value, or n. */
size_t graft_find_nonfinite(const graft_real *values, size_t n);
/* "blk.3.attn_q.weight lora_b, row 17, column 2" for an index into params or grads, of at most so many
 * bytes; rows and columns count from 0. */
enum { GRAFT_ADAPTER_PLACE_BYTES = 160 };
void graft_adapter_describe(const graft_adapter *adapter, size_t index, char *out, size_t n);

#endif
