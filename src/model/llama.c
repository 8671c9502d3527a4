/* The llama family (Touvron et al. 2023 and what shares its graph: Llama 1-3.x, SmolLM2,
 * Mistral 7B, TinyLlama, ...): RMSNorm, grouped-query attention with rotary pairs, SwiGLU. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "core/memory.h"
#include "model/families.h"

typedef struct llama_block {
    graft_real *attn_gain, *ffn_gain;
    graft_slot *q, *k, *v, *output, *gate, *up, *down;
} llama_block;

#define SLOTS_PER_BLOCK 7
#define TENSORS_PER_BLOCK 9

static graft_status get_size(const graft_model *model, const char *key, size_t max, size_t *out)
{
    uint64_t value = *out;
    char name[96];
    graft_status status;
    snprintf(name, sizeof name, "llama.%s", key);
    /* a value that is set already is a default: the key may be absent */
    status = *out == 0 ? graft_gguf_get_u64(model->file, name, 1, max, &value)
                       : graft_gguf_want_u64(model->file, name, 1, max, &value);
    *out = (size_t)value;
    return status;
}

static graft_status refuse(const graft_model *model, const char *what)
{
    return graft_fail(GRAFT_E_MODEL, "%s: %s", graft_gguf_path(model->file), what);
}

static graft_status read_rope(graft_model *model)
{
    graft_status status = GRAFT_OK;
    graft_hparams *h = &model->hparams;
    graft_gguf_string scaling = {"none", 4};
    double factor = 1.0;
    const graft_gguf_tensor *factors = graft_gguf_find_tensor(model->file, "rope_freqs.weight");
    graft_real *values = NULL;
    h->rope_base = 10000.0;
    GRAFT_TRY(graft_gguf_want_f64(model->file, "llama.rope.freq_base", &h->rope_base));
    GRAFT_TRY(graft_gguf_want_string(model->file, "llama.rope.scaling.type", &scaling));
    GRAFT_TRY(graft_gguf_want_f64(model->file, "llama.rope.scaling.factor", &factor));
    bool linear = scaling.len == 6 && memcmp(scaling.data, "linear", 6) == 0;
    bool none = scaling.len == 4 && memcmp(scaling.data, "none", 4) == 0;
    if (!linear && !none) {
        status = graft_fail(GRAFT_E_MODEL, "%s: rope scaling \"%.*s\" (known: none, linear, and "
                            "the factors of rope_freqs.weight)", graft_gguf_path(model->file),
                            (int)(scaling.len < 32 ? scaling.len : 32), scaling.data);
        goto done;
    }
    if (!(h->rope_base > 0) || !(factor > 0)) {
        status = refuse(model, "rope base and scaling factor must be positive");
        goto done;
    }
    h->rope_scale = linear ? 1.0 / factor : 1.0;
    size_t half = h->d_rope / 2;
    GRAFT_TRY(graft_arena_alloc(&model->arena, &model->inv_freq, half, sizeof(graft_real)));
    if (factors != NULL) { /* Llama 3.1: each frequency divided by its own factor */
        GRAFT_TRY(graft_model__vector(model, "rope_freqs.weight", half, &values));
    }
    for (size_t i = 0; i < half; i++) {
        double inv = pow(h->rope_base, -2.0 * (double)i / (double)h->d_rope);
        if (values != NULL && !(values[i] > 0)) {
            status = refuse(model, "rope_freqs.weight has a factor that is not positive");
            goto done;
        }
        model->inv_freq[i] = (graft_real)(values == NULL ? inv : inv / (double)values[i]);
    }
done:
    return status;
}

static graft_status read_hparams(graft_model *model)
{
    graft_status status = GRAFT_OK;
    graft_hparams *h = &model->hparams;
    uint64_t n_expert = 0;
    const size_t max = (size_t)1 << 20;
    GRAFT_TRY(get_size(model, "block_count", 1024, &h->n_layer));
    GRAFT_TRY(get_size(model, "embedding_length", max, &h->n_embd));
    GRAFT_TRY(get_size(model, "feed_forward_length", max, &h->n_ff));
    GRAFT_TRY(get_size(model, "attention.head_count", 4096, &h->n_head));
    h->n_kv = h->n_head;
    GRAFT_TRY(get_size(model, "attention.head_count_kv", 4096, &h->n_kv));
    GRAFT_TRY(get_size(model, "context_length", (size_t)1 << 31, &h->n_ctx));
    h->d_head = h->n_embd / h->n_head > 0 ? h->n_embd / h->n_head : 1;
    GRAFT_TRY(get_size(model, "attention.key_length", 1024, &h->d_head));
    size_t d_value = h->d_head;
    GRAFT_TRY(get_size(model, "attention.value_length", 1024, &d_value));
    h->d_rope = h->d_head;
    GRAFT_TRY(get_size(model, "rope.dimension_count", 1024, &h->d_rope));
    GRAFT_TRY(graft_gguf_get_f64(model->file, "llama.attention.layer_norm_rms_epsilon",
                                 &h->rms_eps));
    GRAFT_TRY(graft_gguf_want_u64(model->file, "llama.expert_count", 0, 65536, &n_expert));
    if (h->n_head % h->n_kv != 0) {
        status = refuse(model, "the number of heads is not a multiple of that of key/value heads");
    } else if (h->d_rope % 2 != 0 || h->d_rope > h->d_head) {
        status = refuse(model, "rope.dimension_count must be even and at most the head's width");
    } else if (d_value != h->d_head) {
        status = refuse(model, "keys and values of different widths are not supported");
    } else if (!(h->rms_eps > 0)) {
        status = refuse(model, "layer_norm_rms_epsilon must be positive");
    } else if (n_expert > 0) {
        status = refuse(model, "mixtures of experts are not supported");
    }
done:
    return status;
}

static graft_status read_block(graft_model *model, size_t l, llama_block *b)
{
    graft_status status = GRAFT_OK;
    const graft_hparams *h = &model->hparams;
    size_t n_q = h->n_head * h->d_head, n_k = h->n_kv * h->d_head;
    char name[64];
    snprintf(name, sizeof name, "blk.%zu.attn_norm.weight", l);
    GRAFT_TRY(graft_model__vector(model, name, h->n_embd, &b->attn_gain));
    snprintf(name, sizeof name, "blk.%zu.ffn_norm.weight", l);
    GRAFT_TRY(graft_model__vector(model, name, h->n_embd, &b->ffn_gain));
    GRAFT_TRY(graft_model__slot(model, l, "attn_q", n_q, h->n_embd, &b->q));
    GRAFT_TRY(graft_model__slot(model, l, "attn_k", n_k, h->n_embd, &b->k));
    GRAFT_TRY(graft_model__slot(model, l, "attn_v", n_k, h->n_embd, &b->v));
    GRAFT_TRY(graft_model__slot(model, l, "attn_output", h->n_embd, n_q, &b->output));
    GRAFT_TRY(graft_model__slot(model, l, "ffn_gate", h->n_ff, h->n_embd, &b->gate));
    GRAFT_TRY(graft_model__slot(model, l, "ffn_up", h->n_ff, h->n_embd, &b->up));
    GRAFT_TRY(graft_model__slot(model, l, "ffn_down", h->n_embd, h->n_ff, &b->down));
done:
    return status;
}

static graft_status open(graft_model *model)
{
    graft_status status = GRAFT_OK;
    graft_hparams *h = &model->hparams;
    llama_block *blocks = NULL;
    const graft_gguf_tensor *embedding =
        graft_gguf_find_tensor(model->file, "token_embd.weight");
    GRAFT_TRY(read_hparams(model));
    GRAFT_TRY(read_rope(model));
    if (embedding == NULL || embedding->ne[1] == 0 || embedding->ne[1] > (size_t)1 << 24) {
        status = refuse(model, "tensor \"token_embd.weight\" is missing or out of range");
        goto done;
    }
    h->n_vocab = (size_t)embedding->ne[1];
    GRAFT_TRY(graft_model__weight(model, "token_embd.weight", h->n_vocab, h->n_embd,
                                  &model->embedding));
    model->tied = graft_gguf_find_tensor(model->file, "output.weight") == NULL;
    model->head = model->embedding;
    if (!model->tied) {
        GRAFT_TRY(graft_model__weight(model, "output.weight", h->n_vocab, h->n_embd,
                                      &model->head));
    }
    GRAFT_TRY(graft_model__vector(model, "output_norm.weight", h->n_embd, &model->output_gain));
    GRAFT_TRY(graft_arena_calloc(&model->arena, &model->slots, h->n_layer * SLOTS_PER_BLOCK,
                                 sizeof *model->slots));
    GRAFT_TRY(graft_arena_calloc(&model->arena, &blocks, h->n_layer, sizeof *blocks));
    for (size_t l = 0; l < h->n_layer; l++) {
        GRAFT_TRY(read_block(model, l, &blocks[l]));
    }
    model->family_data = blocks;
    bool factors = graft_gguf_find_tensor(model->file, "rope_freqs.weight") != NULL;
    GRAFT_TRY(graft_model__all_known(model, h->n_layer * TENSORS_PER_BLOCK + 2 + !model->tied +
                                                factors));
done:
    return status;
}

/* What one layer of a pass needs to know. */
typedef struct layer_context {
    const graft_hparams *hparams;
    const llama_block *block;
    const graft_pass *pass;
    const graft_real *cos_sin;
    graft_key_cache rows; /* of this layer */
    bool cached;
    const uint32_t *wanted; /* the last layer: rows that anything reads; NULL: all */
    size_t n_wanted;
} layer_context;

static graft_status attention(graft_tape *tape, graft_tensor **out, graft_tensor *x,
                              const layer_context *c)
{
    graft_status status = GRAFT_OK;
    const graft_hparams *h = c->hparams;
    const llama_block *b = c->block;
    graft_tensor *qkv[3] = {NULL, NULL, NULL}, *q = NULL, *k = NULL;
    graft_rope q_rope = {.cos_sin = c->cos_sin, .n_head = h->n_head, .d_head = h->d_head,
                         .d_rope = h->d_rope};
    graft_rope k_rope = {.cos_sin = c->cos_sin, .n_head = h->n_kv, .d_head = h->d_head,
                         .d_rope = h->d_rope};
    graft_attention_shape shape = {.n_head = h->n_head, .n_kv = h->n_kv, .d_head = h->d_head,
                                   .scale = (graft_real)(1.0 / sqrt((double)h->d_head))};
    const graft_slot *const slots[] = {b->q, b->k, b->v};
    graft_feed normed = {.kind = GRAFT_FEED_NORM, .x = x, .gain = b->attn_gain,
                         .eps = (graft_real)h->rms_eps};
    GRAFT_TRY(graft_slots_apply(tape, qkv, slots, 3, &normed, NULL));
    GRAFT_TRY(graft_op_rope(tape, &q, qkv[0], &q_rope));
    GRAFT_TRY(graft_op_rope(tape, &k, qkv[1], &k_rope));
    GRAFT_TRY(graft_op_attention(tape, out, q, k, qkv[2], c->pass, &shape,
                                 c->cached ? &c->rows : NULL));
done:
    return status;
}

static graft_status layer(graft_tape *tape, graft_tensor **out, graft_tensor *x, void *context)
{
    graft_status status = GRAFT_OK;
    const layer_context *c = context;
    const llama_block *b = c->block;
    graft_tensor *a = NULL, *gated[2] = {NULL, NULL};
    const graft_slot *const output[] = {b->output}, *const both[] = {b->gate, b->up};
    const graft_slot *const down[] = {b->down};
    GRAFT_TRY(attention(tape, &a, x, c));
    if (c->wanted != NULL) {
        GRAFT_TRY(graft_op_gather(tape, &a, a, c->wanted, c->n_wanted));
        GRAFT_TRY(graft_op_gather(tape, &x, x, c->wanted, c->n_wanted));
    }
    graft_feed attended = {.kind = GRAFT_FEED_PLAIN, .x = a};
    GRAFT_TRY(graft_slots_apply(tape, &x, output, 1, &attended, x));
    graft_feed normed = {.kind = GRAFT_FEED_NORM, .x = x, .gain = b->ffn_gain,
                         .eps = (graft_real)c->hparams->rms_eps};
    GRAFT_TRY(graft_slots_apply(tape, gated, both, 2, &normed, NULL));
    graft_feed unit = {.kind = GRAFT_FEED_GATED, .x = gated[0], .up = gated[1]};
    GRAFT_TRY(graft_slots_apply(tape, out, down, 1, &unit, x));
done:
    return status;
}

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

static graft_status hidden(graft_model *model, graft_tape *tape, const graft_pass *pass,
                           const graft_kv_cache *cache, size_t n_recomputed,
                           const graft_rows_wanted *wanted, graft_tensor **out)
{
    graft_status status = GRAFT_OK;
    const graft_hparams *h = &model->hparams;
    const llama_block *blocks = model->family_data;
    graft_tensor *x = NULL;
    graft_real *cos_sin = NULL;
    layer_context *contexts = NULL;
    bool recording = tape->recording;
    size_t lowest = lowest_adapted(model);
    GRAFT_TRY(graft_model__rope_table(model, tape, pass, &cos_sin));
    GRAFT_TRY(graft_arena_calloc(&tape->compute->arena, &contexts, h->n_layer, sizeof *contexts));
    GRAFT_TRY(graft_op_embedding(tape, &x, &model->embedding, pass->ids, pass->n_tok, 0,
                                 false));
    for (size_t l = 0; l < h->n_layer; l++) {
        size_t n_rows = pass->n_tok;
        contexts[l] = (layer_context){.hparams = h, .block = &blocks[l], .pass = pass,
                                      .cos_sin = cos_sin, .cached = cache != NULL};
        if (cache != NULL) {
            size_t at = l * cache->layer_bytes;
            contexts[l].rows = (graft_key_cache){cache->k + at, cache->v + at};
        }
        if (l + 1 == h->n_layer && wanted->n < n_rows) {
            contexts[l].wanted = wanted->rows;
            contexts[l].n_wanted = n_rows = wanted->n;
        }
        tape->recording = recording && l >= lowest;
        GRAFT_TRY(graft_tape_layer(tape, &x, x, n_rows, layer, &contexts[l], l < n_recomputed));
    }
    *out = x;
done:
    tape->recording = recording;
    return status;
}

static graft_layer_bytes layer_bytes(const graft_model *model, const graft_kernels *kernels)
{
    const graft_hparams *h = &model->hparams;
    size_t n_q = h->n_head * h->d_head, n_k = h->n_kv * h->d_head, ranks = 0, dropped = 0;
    size_t act = kernels->act_bytes, real = sizeof(graft_real);
    for (size_t i = 0; i < model->n_slots; i++) {
        const graft_low_rank *map = model->slots[i].low_rank;
        ranks += map == NULL ? 0 : graft_act_ld(kernels, map->a.n_rows);
        dropped = map != NULL && map->dropout > 0 ? map->a.n_cols : dropped;
    }
    size_t q = graft_act_ld(kernels, n_q), k = graft_act_ld(kernels, n_k);
    size_t ff = graft_act_ld(kernels, h->n_ff), embd = graft_act_ld(kernels, h->n_embd);
    graft_layer_bytes bytes;
    /* q, k, v, attention; gate, up; low-rank parts; two residuals; statistics */
    bytes.kept = (2 * q + 2 * k + 2 * ff + ranks / h->n_layer) * act +
                 (2 * h->n_embd + h->n_head + 2) * real;
    /* In backward at most: the gradients of the unit's map, or those of attention, or of what
     * goes into it; with what is made again beside them. */
    size_t unit = (2 * embd + ff + ranks / h->n_layer) * act + h->n_embd * real;
    size_t attended = (2 * embd + 2 * q + 2 * k + ff) * act + (4 * n_q + h->n_embd) * real;
    bytes.work = unit > attended ? unit : attended;
    bytes.work += dropped * (2 * real + act);
    return bytes;
}

const graft_family graft_family_llama = {"llama", open, hidden, layer_bytes};
