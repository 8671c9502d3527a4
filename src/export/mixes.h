/* export/mixes.h - the names under which quantised models are published, and which tensor gets which
 * type under each ("q4_k_m": Q4_K, with attn_v and ffn_down of some layers in Q6_K, the head in Q6_K).
 *
 * The rules are those of llama.cpp's quantize (src/llama-quant.cpp), so that a file made here and a
 * file made there have the same types. */
#ifndef GRAFT_EXPORT_MIXES_H
#define GRAFT_EXPORT_MIXES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/status.h"
#include "quant/format.h"

typedef struct graft_mix {
    const char *name;    /* "q4_k_m" */
    const char *alias;   /* "q4_k", or NULL */
    uint32_t file_type;  /* general.file_type */
    const char *format;  /* name of the format most tensors get: "Q4_K" */
    const char *help;    /* for people */
} graft_mix;
extern const graft_mix graft_mixes[]; /* ends with name NULL */

const graft_mix *graft_mix_find(const char *name); /* any case; NULL if unknown */
graft_status graft_mix_get(const graft_mix **out, const char *name); /* GRAFT_E_CONFIG, lists the known */

/* What the rules ask about a model. */
typedef struct graft_mix_model {
    const char *arch;   /* "llama" */
    uint64_t n_layer;
    uint64_t n_head, n_kv; /* of the first layer; 0: unknown */
    uint64_t n_expert;  /* 0 for dense models */
} graft_mix_model;

typedef struct graft_mix_tensor {
    const char *name;
    uint64_t ne[4];              /* unused are 1 */
    const graft_format *format;  /* what it has now */
    const graft_format *target;  /* result; == format: it stays as it is */
    bool fallback;               /* result: the mix meant a type that its rows do not fit */
} graft_mix_tensor;

/* Sets target and fallback of all tensors of a model. The order of the tensors does not matter.
 * GRAFT_E_MODEL if a row fits no type. */
graft_status graft_mix_choose(const graft_mix *mix, const graft_mix_model *model,
                              graft_mix_tensor *tensors, size_t n, bool has_importance);

/* Orders names of tensors as llama.cpp does: what is of no layer, then layer by layer, by name. */
int graft_mix_order(const char *a, const char *b);

/* Is a tensor, whose target is chosen, of no use without an importance? */
bool graft_mix_needs_importance(const graft_mix *mix, const graft_mix_tensor *tensor);

#endif
