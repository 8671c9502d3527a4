#include "model/stack.h"

#include "core/memory.h"

/* Layers below the lowest adapter need no backward. */
static size_t lowest_adapted(const graft_model *model)
{
    size_t lowest = model->hparams.n_layer;
    for (size_t i = 0; i < model->n_slots; i++) {
        if (model->slots[i].low_rank != NULL && model->slots[i].layer < lowest) {
            lowest = model->slots[i].layer;
        }
    }
    return lowest;
}

/* Angles of queries and of keys, per kind of rotation; the same where nothing tells them apart. */
typedef struct angle_tables {
    const graft_real *q, *k;
} angle_tables;

static graft_status make_angles(const graft_model *model, graft_tape *tape, const graft_pass *pass,
                                angle_tables *out)
{
    graft_status status = GRAFT_OK;
    for (size_t i = 0; i < model->n_rotations; i++) {
        const graft_rotation *rotation = &model->rotations[i];
        GRAFT_TRY(graft_rotation_table(rotation, tape, pass, false, model->long_context,
                                       &out[i].k));
        out[i].q = out[i].k;
        if (rotation->temperature != 0) {
            GRAFT_TRY(graft_rotation_table(rotation, tape, pass, true, model->long_context,
                                           &out[i].q));
        }
    }
done:
    return status;
}

static graft_block_pass prepare(const graft_model *model, size_t l, const graft_pass *pass,
                                const graft_kv_cache *cache, const angle_tables *angles)
{
    const graft_block *block = &model->blocks[l];
    graft_block_pass out = {.hparams = &model->hparams, .block = block, .pass = pass,
                            .cached = cache != NULL};
    if (block->rotation != NULL) {
        size_t kind = (size_t)(block->rotation - model->rotations);
        out.q_angles = angles[kind].q;
        out.k_angles = angles[kind].k;
    }
    if (cache != NULL) {
        size_t at = l * cache->layer_bytes;
        out.rows = (graft_key_cache){cache->k + at, cache->v + at, cache->n_rows};
    }
    return out;
}

graft_status graft_model__run_layers(graft_model *model, graft_tape *tape, const graft_pass *pass,
                                     const graft_kv_cache *cache, size_t n_recomputed,
                                     const graft_rows_wanted *wanted, graft_tensor **out)
{
    graft_status status = GRAFT_OK;
    const graft_hparams *h = &model->hparams;
    graft_tensor *x = NULL;
    angle_tables angles[GRAFT_MAX_ROTATIONS] = {{NULL, NULL}};
    graft_block_pass *contexts = NULL;
    bool recording = tape->recording;
    size_t lowest = lowest_adapted(model);
    GRAFT_TRY(make_angles(model, tape, pass, angles));
    GRAFT_TRY(graft_arena_calloc(&tape->compute->arena, &contexts, h->n_layer, sizeof *contexts));
    GRAFT_TRY(graft_op_embedding(tape, &x, &model->embedding, pass->ids, pass->n_tok,
                                 (graft_real)h->embedding_scale, false));
    for (size_t l = 0; l < h->n_layer; l++) {
        size_t n_rows = pass->n_tok;
        contexts[l] = prepare(model, l, pass, cache, angles);
        if (l + 1 == h->n_layer && wanted->n < n_rows) {
            contexts[l].wanted = wanted->rows;
            contexts[l].n_wanted = n_rows = wanted->n;
        }
        tape->recording = recording && l >= lowest;
        GRAFT_TRY(graft_tape_layer(tape, &x, x, n_rows, model->blocks[l].run, &contexts[l],
                                   l < n_recomputed));
    }
    *out = x;
done:
    tape->recording = recording;
    return status;
}

/* --- memory --- */

static bool has_head_norms(const graft_block *block)
{
    return block->q_gain != NULL;
}

graft_layer_bytes graft_model_layer_bytes(const graft_model *model, const graft_kernels *kernels)
{
    const graft_hparams *h = &model->hparams;
    const graft_block *b = &model->blocks[0];
    size_t n_q = h->n_head * h->d_head, n_k = h->n_kv * h->d_head, ranks = 0, dropped = 0;
    size_t bare = 0; /* what comes out of maps before magnitudes */
    size_t act = kernels->act_bytes, real = sizeof(graft_real);
    for (size_t i = 0; i < model->n_slots; i++) {
        const graft_low_rank *map = model->slots[i].low_rank;
        ranks += map == NULL ? 0 : graft_act_ld(kernels, map->a.n_rows);
        dropped = map != NULL && map->dropout > 0 ? map->a.n_cols : dropped;
        bool scaled = map != NULL && map->magnitude.data != NULL;
        bare += scaled ? graft_act_ld(kernels, map->b.n_rows) : 0;
    }
    size_t q = graft_act_ld(kernels, n_q), k = graft_act_ld(kernels, n_k);
    size_t ff = graft_act_ld(kernels, h->n_ff), embd = graft_act_ld(kernels, h->n_embd);
    graft_layer_bytes bytes = {.once = 0};
    /* q, k, v, attention; gate, up; low-rank parts; bare outputs; two residuals; statistics */
    bytes.kept = (2 * q + 2 * k + 2 * ff + (ranks + bare) / h->n_layer) * act +
                 (2 * h->n_embd + h->n_head + 2) * real;
    /* what norms of heads and of outputs read again */
    bytes.kept += has_head_norms(b) ? (q + k) * act + (h->n_head + h->n_kv) * real : 0;
    bytes.kept += b->attn_post_gain != NULL ? 2 * (embd * act + real) : 0;
    /* In backward at most: the gradients of the unit's map, or those of attention, or of what
     * goes into it; with what is made again beside them. */
    size_t unit = (2 * embd + ff + ranks / h->n_layer) * act + h->n_embd * real;
    size_t attended = (2 * embd + 2 * q + 2 * k + ff) * act + (4 * n_q + h->n_embd) * real;
    bytes.work = unit > attended ? unit : attended;
    bytes.work += dropped * (2 * real + act);
    bytes.work += bare > 0 && !kernels->half ? embd * act : 0; /* a copy of the stream's gradient */
    bytes.work += b->attn_post_gain != NULL ? 2 * embd * act : 0;
    bytes.work += kernels->bytes ? 2 * graft_bytes_size(h->n_ff) : 0; /* gradients of gate and up */
    bytes.work += 4 * sizeof(uint32_t); /* which rows go back, and what they see */
    /* those rows, of low-rank parts and of the stream's gradient */
    bytes.work += (ranks / h->n_layer + (kernels->bytes ? 0 : embd)) * act;
    for (size_t i = 0; i < model->n_rotations; i++) {
        size_t tables = model->rotations[i].temperature != 0 ? 2 : 1;
        bytes.once += tables * model->rotations[i].d_rope * real;
    }
    return bytes;
}
