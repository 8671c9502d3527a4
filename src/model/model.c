#include "model/model.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "adapter/dora.h"
#include "core/memory.h"
#include "core/strings.h"
#include "model/stack.h"

static graft_status find_family(graft_model *model)
{
    graft_status status = GRAFT_OK;
    graft_gguf_string arch = {0}, type = {"model", 5};
    graft_text known;
    graft_text_init(&known);
    GRAFT_TRY(graft_gguf_get_string(model->file, "general.architecture", &arch));
    GRAFT_TRY(graft_gguf_want_string(model->file, "general.type", &type));
    if (!graft_gguf_string_is(type, "model")) {
        status = graft_fail(GRAFT_E_MODEL, "%s: is of type \"%.*s\", not a model",
                            graft_gguf_path(model->file), (int)type.len, type.data);
        goto done;
    }
    for (size_t i = 0; graft_families[i] != NULL; i++) {
        const char *name = graft_families[i]->arch;
        if (strlen(name) == arch.len && memcmp(name, arch.data, arch.len) == 0) {
            model->family = graft_families[i];
            goto done;
        }
        GRAFT_TRY(graft_text_appendf(&known, "%s%s", i > 0 ? ", " : "", name));
    }
    status = graft_fail(GRAFT_E_MODEL, "%s: unknown architecture \"%.*s\" (known: %s)",
                        graft_gguf_path(model->file), (int)(arch.len < 64 ? arch.len : 64),
                        arch.data, graft_text_z(&known));
done:
    graft_text_clear(&known);
    return status;
}

/* Embeddings, the last norm and the output head. */
static graft_status read_ends(graft_model *model)
{
    graft_status status = GRAFT_OK;
    graft_hparams *h = &model->hparams;
    const graft_gguf_tensor *embedding = graft_gguf_find_tensor(model->file, "token_embd.weight");
    if (embedding == NULL || embedding->ne[1] == 0 || embedding->ne[1] > (size_t)1 << 24) {
        return graft_model__refuse(model,
                                   "tensor \"token_embd.weight\" is missing or out of range");
    }
    h->n_vocab = (size_t)embedding->ne[1];
    GRAFT_TRY(graft_model__weight(model, "token_embd.weight", h->n_vocab, h->n_embd,
                                  &model->embedding));
    model->tied = model->family->tied ||
                  graft_gguf_find_tensor(model->file, "output.weight") == NULL;
    model->head = model->embedding;
    if (!model->tied) {
        GRAFT_TRY(graft_model__weight(model, "output.weight", h->n_vocab, h->n_embd,
                                      &model->head));
    }
    GRAFT_TRY(graft_model__vector(model, "output_norm.weight", h->n_embd, &model->output_gain));
done:
    return status;
}

static graft_status read_rotations(graft_model *model)
{
    graft_status status = GRAFT_OK;
    const graft_rope_hparams *rope = &model->hparams.rope;
    if (rope->none) {
        return GRAFT_OK;
    }
    GRAFT_TRY(graft_model__rotation(model, false, &model->rotations[0]));
    model->n_rotations = 1;
    if (model->hparams.window_period > 0 && rope->local_base > 0) {
        GRAFT_TRY(graft_model__rotation(model, true, &model->rotations[1]));
        model->n_rotations = 2;
    }
done:
    return status;
}

/* What is known of a layer before its tensors. */
static graft_block plan_block(const graft_model *model, size_t l)
{
    const graft_hparams *h = &model->hparams;
    bool local = h->window_period > 0 && l % h->window_period < h->window_period - 1;
    graft_block block = {.run = graft_block_dense,
                         .gate_kind = model->family->gate,
                         .halves = model->family->halves,
                         .window = local ? h->window : 0};
    if (model->n_rotations > 0) {
        block.rotation = &model->rotations[local ? model->n_rotations - 1 : 0];
    }
    return block;
}

static graft_status read_blocks(graft_model *model)
{
    graft_status status = GRAFT_OK;
    size_t n_layer = model->hparams.n_layer;
    GRAFT_TRY(graft_arena_calloc(&model->arena, &model->slots, n_layer * GRAFT_BLOCK_MAX_SLOTS,
                                 sizeof *model->slots));
    GRAFT_TRY(graft_arena_calloc(&model->arena, &model->blocks, n_layer, sizeof *model->blocks));
    for (size_t l = 0; l < n_layer; l++) {
        graft_block *block = &model->blocks[l];
        *block = plan_block(model, l);
        GRAFT_TRY(model->family->read_block(model, l, block));
        block->output->scale = block->down->scale = (graft_real)model->hparams.residual_scale;
    }
done:
    return status;
}

static graft_status read_model(graft_model *model)
{
    graft_status status = GRAFT_OK;
    GRAFT_TRY(graft_model__read_hparams(model));
    if (model->family->read_hparams != NULL) {
        GRAFT_TRY(model->family->read_hparams(model));
    }
    GRAFT_TRY(graft_model__check_hparams(model));
    GRAFT_TRY(read_ends(model));
    GRAFT_TRY(read_rotations(model));
    GRAFT_TRY(read_blocks(model));
    GRAFT_TRY(graft_model__all_known(model));
done:
    return status;
}

graft_status graft_model_open(graft_model **out, const char *path)
{
    graft_status status = GRAFT_OK;
    graft_model *model = NULL;
    *out = NULL;
    GRAFT_TRY(graft_alloc(&model, 1, sizeof *model));
    graft_arena_init(&model->arena, 0);
    graft_map_init(&model->asked);
    GRAFT_TRY(graft_gguf_open(&model->file, path));
    GRAFT_TRY(find_family(model));
    GRAFT_TRY(read_model(model));
    graft_map_clear(&model->asked);
    *out = model;
    model = NULL;
done:
    graft_model_close(model);
    return status;
}

void graft_model_close(graft_model *model)
{
    if (model == NULL) {
        return;
    }
    graft_map_clear(&model->asked);
    graft_gguf_close(model->file);
    graft_arena_clear(&model->arena);
    graft_free(model);
}

static bool has_long_context(const graft_model *model)
{
    return model->n_rotations > 0 && model->rotations[0].inv_freq_long != NULL;
}

void graft_model_set_context(graft_model *model, size_t n_tok)
{
    model->long_context = has_long_context(model) && n_tok > model->rotations[0].n_short;
}

size_t graft_model_context(const graft_model *model)
{
    bool limited = has_long_context(model) && !model->long_context;
    return limited ? model->rotations[0].n_short : SIZE_MAX;
}

graft_status graft_model_prepare(const graft_model *model, graft_compute *compute)
{
    graft_status status = graft_compute_prepare(compute, model->hparams.d_head);
    return status == GRAFT_OK ? graft_slots_measure(model->slots, model->n_slots, compute) : status;
}

graft_status graft_model_hidden(graft_model *model, graft_tape *tape, const graft_pass *pass,
                                const graft_kv_cache *cache, size_t n_recomputed,
                                const graft_rows_wanted *wanted, graft_tensor **out)
{
    size_t context = graft_model_context(model);
    for (size_t i = 0; i < pass->n_tok; i++) {
        if (pass->ids[i] < 0 || (size_t)pass->ids[i] >= model->hparams.n_vocab) {
            return graft_fail(GRAFT_E_DATA, "token id %d is outside the vocabulary of %zu",
                              pass->ids[i], model->hparams.n_vocab);
        }
        if (pass->positions[i] >= context) {
            return graft_fail(GRAFT_E_DATA, "a sequence is longer than the %zu tokens that the "
                              "model was set to read", context);
        }
    }
    return graft_model__run_layers(model, tape, pass, cache, n_recomputed, wanted, out);
}

graft_head graft_model_head(const graft_model *model)
{
    const graft_hparams *h = &model->hparams;
    return (graft_head){.w = &model->head,
                        .gain = model->output_gain,
                        .eps = (graft_real)h->rms_eps,
                        .logit_scale = (graft_real)h->logit_scale,
                        .softcap = (graft_real)h->logit_softcap};
}

/* The rows that predict something, none twice; and for each prediction which of them it reads. */
static graft_status predicting_rows(graft_tape *tape, const graft_pass *pass,
                                    graft_rows_wanted *wanted, uint32_t **reads)
{
    graft_status status = GRAFT_OK;
    graft_arena *arena = &tape->compute->arena;
    uint32_t *rows = NULL;
    size_t n = 0;
    GRAFT_TRY(graft_arena_alloc(arena, &rows, pass->n_predictions, sizeof *rows));
    GRAFT_TRY(graft_arena_alloc(arena, reads, pass->n_predictions, sizeof **reads));
    for (size_t i = 0; i < pass->n_predictions; i++) {
        uint32_t row = pass->predictions[i].row;
        if (n == 0 || rows[n - 1] != row) {
            rows[n++] = row;
        }
        (*reads)[i] = (uint32_t)(n - 1);
    }
    *wanted = (graft_rows_wanted){rows, n};
done:
    return status;
}

graft_status graft_model_loss(graft_model *model, graft_tape *tape, const graft_pass *pass,
                              size_t n_recomputed, double total_weight, double *loss,
                              float *logprobs)
{
    graft_status status = GRAFT_OK;
    graft_tensor *x = NULL;
    graft_rows_wanted wanted;
    uint32_t *reads = NULL;
    if (pass->n_predictions == 0) {
        return GRAFT_OK;
    }
    GRAFT_TRY(predicting_rows(tape, pass, &wanted, &reads));
    GRAFT_TRY(graft_model_hidden(model, tape, pass, NULL, n_recomputed, &wanted, &x));
    if (wanted.n != pass->n_predictions) {
        GRAFT_TRY(graft_op_gather(tape, &x, x, reads, pass->n_predictions));
    }
    graft_head head = graft_model_head(model);
    GRAFT_TRY(graft_op_head_loss(tape, loss, logprobs, NULL, x, &head, pass->predictions,
                                 total_weight));
done:
    return status;
}

graft_status graft_model_logits(graft_model *model, graft_tape *tape, graft_tensor *hidden,
                                graft_tensor **out)
{
    graft_head head = graft_model_head(model);
    return graft_op_logits(tape, out, hidden, &head);
}

size_t graft_kv_row_bytes(const graft_model *model, const graft_kernels *kernels)
{
    const graft_hparams *h = &model->hparams;
    return 2 * h->n_layer * h->n_kv * h->d_head * kernels->act_bytes;
}

graft_status graft_kv_cache_init(graft_kv_cache *cache, const graft_model *model,
                                 const graft_kernels *kernels, size_t n_rows)
{
    graft_status status = GRAFT_OK;
    const graft_hparams *h = &model->hparams;
    *cache = (graft_kv_cache){NULL, NULL, n_rows, 0, 0};
    if (!graft_size_mul(n_rows, h->d_head * kernels->act_bytes, &cache->head_bytes) ||
        !graft_size_mul(cache->head_bytes, h->n_kv, &cache->layer_bytes)) {
        return graft_fail(GRAFT_E_MEMORY, "a key/value cache of %zu tokens does not fit", n_rows);
    }
    GRAFT_TRY(graft_alloc(&cache->k, h->n_layer, cache->layer_bytes));
    GRAFT_TRY(graft_alloc(&cache->v, h->n_layer, cache->layer_bytes));
done:
    if (status != GRAFT_OK) {
        graft_kv_cache_clear(cache);
    }
    return status;
}

void graft_kv_cache_copy(graft_kv_cache *cache, const graft_model *model, size_t to, size_t from,
                         size_t n)
{
    size_t row = cache->head_bytes / cache->n_rows;
    for (size_t i = 0; i < model->hparams.n_layer * model->hparams.n_kv; i++) {
        char *k = cache->k + i * cache->head_bytes, *v = cache->v + i * cache->head_bytes;
        memmove(k + to * row, k + from * row, n * row);
        memmove(v + to * row, v + from * row, n * row);
    }
}

void graft_kv_cache_clear(graft_kv_cache *cache)
{
    graft_free(cache->k);
    graft_free(cache->v);
    cache->k = cache->v = NULL;
}
