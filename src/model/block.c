#include "model/block.h"

#include "model/model.h"

/* --- tensors --- */

graft_status graft_block_norms(graft_model *model, size_t l, graft_block *block)
{
    graft_status status = GRAFT_OK;
    size_t n = model->hparams.n_embd;
    GRAFT_TRY(graft_model__gain(model, l, "attn_norm", n, &block->attn_gain));
    GRAFT_TRY(graft_model__gain(model, l, "ffn_norm", n, &block->ffn_gain));
done:
    return status;
}

graft_status graft_block_post_norms(graft_model *model, size_t l, graft_block *block)
{
    graft_status status = GRAFT_OK;
    size_t n = model->hparams.n_embd;
    GRAFT_TRY(graft_model__gain(model, l, "post_attention_norm", n, &block->attn_post_gain));
    GRAFT_TRY(graft_model__gain(model, l, "post_ffw_norm", n, &block->ffn_post_gain));
done:
    return status;
}

graft_status graft_block_head_norms(graft_model *model, size_t l, graft_block *block)
{
    graft_status status = GRAFT_OK;
    size_t n = model->hparams.d_head;
    GRAFT_TRY(graft_model__gain(model, l, "attn_q_norm", n, &block->q_gain));
    GRAFT_TRY(graft_model__gain(model, l, "attn_k_norm", n, &block->k_gain));
done:
    return status;
}

graft_status graft_block_attention(graft_model *model, size_t l, graft_block *block)
{
    graft_status status = GRAFT_OK;
    const graft_hparams *h = &model->hparams;
    size_t n_q = h->n_head * h->d_head, n_k = h->n_kv * h->d_head;
    GRAFT_TRY(graft_model__slot(model, l, "attn_q", n_q, h->n_embd, &block->q));
    GRAFT_TRY(graft_model__slot(model, l, "attn_k", n_k, h->n_embd, &block->k));
    GRAFT_TRY(graft_model__slot(model, l, "attn_v", n_k, h->n_embd, &block->v));
    GRAFT_TRY(graft_model__slot(model, l, "attn_output", h->n_embd, n_q, &block->output));
    GRAFT_TRY(graft_model__bias(model, l, "attn_q", block->q));
    GRAFT_TRY(graft_model__bias(model, l, "attn_k", block->k));
    GRAFT_TRY(graft_model__bias(model, l, "attn_v", block->v));
done:
    return status;
}

graft_status graft_block_unit(graft_model *model, size_t l, graft_block *block)
{
    graft_status status = GRAFT_OK;
    const graft_hparams *h = &model->hparams;
    GRAFT_TRY(graft_model__slot(model, l, "ffn_gate", h->n_ff, h->n_embd, &block->gate));
    GRAFT_TRY(graft_model__slot(model, l, "ffn_up", h->n_ff, h->n_embd, &block->up));
    GRAFT_TRY(graft_model__slot(model, l, "ffn_down", h->n_embd, h->n_ff, &block->down));
done:
    return status;
}

graft_status graft_block_plain(graft_model *model, size_t l, graft_block *block)
{
    graft_status status = GRAFT_OK;
    GRAFT_TRY(graft_block_norms(model, l, block));
    GRAFT_TRY(graft_block_attention(model, l, block));
    GRAFT_TRY(graft_block_unit(model, l, block));
done:
    return status;
}

/* --- the forward pass --- */

/* Queries, keys and values of the normed stream. */
static graft_status project(graft_tape *tape, graft_tensor **qkv, graft_tensor *x,
                            const graft_block_pass *c)
{
    const graft_hparams *h = c->hparams;
    const graft_block *b = c->block;
    const graft_slot *const slots[] = {b->q, b->k, b->v};
    size_t n_k = h->n_kv * h->d_head, widths[] = {h->n_head * h->d_head, n_k, n_k};
    graft_feed normed = {.kind = GRAFT_FEED_NORM, .x = x, .gain = b->attn_gain,
                         .eps = (graft_real)h->rms_eps};
    return b->qkv != NULL ? graft_slot_apply_rows(tape, qkv, b->qkv, widths, 3, &normed)
                          : graft_slots_apply(tape, qkv, slots, 3, &normed, NULL);
}

static graft_status turn(graft_tape *tape, graft_tensor **x, const graft_block_pass *c,
                         bool queries)
{
    const graft_hparams *h = c->hparams;
    const graft_block *b = c->block;
    graft_rope rope = {.cos_sin = queries ? c->q_angles : c->k_angles,
                       .n_head = queries ? h->n_head : h->n_kv,
                       .d_head = h->d_head,
                       .d_rope = h->rope.d_rope,
                       .halves = b->halves,
                       .gain = queries ? b->q_gain : b->k_gain,
                       .eps = (graft_real)h->rms_eps};
    if (rope.cos_sin == NULL && rope.gain == NULL) {
        return GRAFT_OK;
    }
    return graft_op_rope(tape, x, *x, &rope);
}

static graft_status attend(graft_tape *tape, graft_tensor **out, graft_tensor *x,
                           const graft_block_pass *c)
{
    graft_status status = GRAFT_OK;
    const graft_hparams *h = c->hparams;
    graft_tensor *qkv[3] = {NULL, NULL, NULL};
    graft_attention_shape shape = {.n_head = h->n_head,
                                   .n_kv = h->n_kv,
                                   .d_head = h->d_head,
                                   .scale = (graft_real)h->attention_scale,
                                   .softcap = (graft_real)h->attention_softcap,
                                   .window = c->block->window};
    GRAFT_TRY(project(tape, qkv, x, c));
    GRAFT_TRY(turn(tape, &qkv[0], c, true));
    GRAFT_TRY(turn(tape, &qkv[1], c, false));
    GRAFT_TRY(graft_op_attention(tape, out, qkv[0], qkv[1], qkv[2], c->pass, &shape,
                                 c->cached ? &c->rows : NULL));
done:
    return status;
}

/* *out = x and what the map makes of the feed, normed first if there is a gain. */
static graft_status join(graft_tape *tape, graft_tensor **out, graft_tensor *x,
                         const graft_slot *slot, const graft_feed *feed, const graft_real *gain,
                         const graft_block_pass *c)
{
    graft_status status = GRAFT_OK;
    graft_tensor *y = NULL;
    if (gain == NULL) {
        return graft_slots_apply(tape, out, &slot, 1, feed, x);
    }
    GRAFT_TRY(graft_slots_apply(tape, &y, &slot, 1, feed, NULL));
    GRAFT_TRY(graft_op_norm_add(tape, out, x, y, gain, (graft_real)c->hparams->rms_eps));
done:
    return status;
}

static graft_status unit(graft_tape *tape, graft_tensor **out, graft_tensor *x,
                         const graft_block_pass *c)
{
    graft_status status = GRAFT_OK;
    const graft_block *b = c->block;
    const graft_slot *const both[] = {b->gate, b->up};
    graft_tensor *gated[2] = {NULL, NULL};
    size_t widths[] = {c->hparams->n_ff, c->hparams->n_ff};
    graft_feed normed = {.kind = GRAFT_FEED_NORM, .x = x, .gain = b->ffn_gain,
                         .eps = (graft_real)c->hparams->rms_eps};
    GRAFT_TRY(b->gate_up != NULL
                  ? graft_slot_apply_rows(tape, gated, b->gate_up, widths, 2, &normed)
                  : graft_slots_apply(tape, gated, both, 2, &normed, NULL));
    graft_feed feed = {.kind = GRAFT_FEED_GATED, .gate = b->gate_kind, .x = gated[0], .up = gated[1]};
    GRAFT_TRY(join(tape, out, x, b->down, &feed, b->ffn_post_gain, c));
done:
    return status;
}

graft_status graft_block_dense(graft_tape *tape, graft_tensor **out, graft_tensor *x,
                               void *context)
{
    graft_status status = GRAFT_OK;
    const graft_block_pass *c = context;
    graft_tensor *attended = NULL;
    GRAFT_TRY(attend(tape, &attended, x, c));
    if (c->wanted != NULL) {
        GRAFT_TRY(graft_op_gather(tape, &attended, attended, c->wanted, c->n_wanted));
        GRAFT_TRY(graft_op_gather(tape, &x, x, c->wanted, c->n_wanted));
    }
    graft_feed feed = {.kind = GRAFT_FEED_PLAIN, .x = attended};
    GRAFT_TRY(join(tape, &x, x, c->block->output, &feed, c->block->attn_post_gain, c));
    GRAFT_TRY(unit(tape, out, x, c));
done:
    return status;
}
