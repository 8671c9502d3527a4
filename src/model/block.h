/* model/block.h - one layer of a transformer: attention and a gated unit on a residual stream.
 *
 * What families differ in is a field that is set or not; a family's own file only fetches the
 * tensors its files have. */
#ifndef GRAFT_MODEL_BLOCK_H
#define GRAFT_MODEL_BLOCK_H

#include "adapter/slot.h"
#include "model/rotation.h"

typedef struct graft_block {
    graft_layer *run; /* what computes it; its context is a graft_block_pass */
    graft_real *attn_gain, *ffn_gain;           /* of the norms before attention and unit */
    graft_real *attn_post_gain, *ffn_post_gain; /* after them; NULL: none */
    graft_real *q_gain, *k_gain;                /* per head, [d_head]; NULL: heads are not normed */
    graft_slot *q, *k, *v, *qkv;                /* three maps, or one with their rows */
    graft_slot *output, *down;
    graft_slot *gate, *up, *gate_up;            /* two maps, or one with their rows */
    graft_gate gate_kind;                       /* of the unit */
    bool halves;                                /* which entries of a head are turned together */
    const graft_rotation *rotation;             /* NULL: positions do not matter (NoPE) */
    size_t window;                              /* keys that a query sees; 0: all before it */
} graft_block;

enum { GRAFT_BLOCK_MAX_SLOTS = 7 };

/* What one layer of a pass needs to know. */
typedef struct graft_block_pass {
    const struct graft_hparams *hparams;
    const graft_block *block;
    const graft_pass *pass;
    const graft_real *q_angles, *k_angles; /* NULL: none */
    graft_key_cache rows;                  /* of this layer */
    bool cached;
    const uint32_t *wanted; /* the last layer: rows that anything reads; NULL: all */
    size_t n_wanted;
} graft_block_pass;

/* Norm, attention, residual, norm, gated unit, residual. */
graft_layer graft_block_dense;

/* --- for families: tensors of layer l --- */

/* attn_norm and ffn_norm. */
graft_status graft_block_norms(struct graft_model *model, size_t l, graft_block *block);
/* post_attention_norm and post_ffw_norm. */
graft_status graft_block_post_norms(struct graft_model *model, size_t l, graft_block *block);
/* attn_q_norm and attn_k_norm. */
graft_status graft_block_head_norms(struct graft_model *model, size_t l, graft_block *block);
/* attn_q, attn_k, attn_v, with biases where the file has them, and attn_output. */
graft_status graft_block_attention(struct graft_model *model, size_t l, graft_block *block);
/* ffn_gate, ffn_up, ffn_down. */
graft_status graft_block_unit(struct graft_model *model, size_t l, graft_block *block);

/* Norms, attention and unit: what most families have. */
graft_status graft_block_plain(struct graft_model *model, size_t l, graft_block *block);

#endif
