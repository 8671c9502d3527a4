#include "model/model.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "core/memory.h"
#include "core/strings.h"

static graft_status find_family(graft_model *model)
{
    graft_status status = GRAFT_OK;
    graft_gguf_string arch = {0}, type = {"model", 5};
    graft_text known;
    graft_text_init(&known);
    GRAFT_TRY(graft_gguf_get_string(model->file, "general.architecture", &arch));
    GRAFT_TRY(graft_gguf_want_string(model->file, "general.type", &type));
    if (type.len != 5 || memcmp(type.data, "model", 5) != 0) {
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

graft_status graft_model_open(graft_model **out, const char *path)
{
    graft_status status = GRAFT_OK;
    graft_model *model = NULL;
    *out = NULL;
    GRAFT_TRY(graft_alloc(&model, 1, sizeof *model));
    graft_arena_init(&model->arena, 0);
    GRAFT_TRY(graft_gguf_open(&model->file, path));
    GRAFT_TRY(find_family(model));
    GRAFT_TRY(model->family->open(model));
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
    graft_gguf_close(model->file);
    graft_arena_clear(&model->arena);
    graft_free(model);
}

graft_status graft_model_hidden(graft_model *model, graft_tape *tape, const graft_pass *pass,
                                const graft_kv_cache *cache, size_t n_recomputed,
                                const graft_rows_wanted *wanted, graft_tensor **out)
{
    for (size_t i = 0; i < pass->n_tok; i++) {
        if (pass->ids[i] < 0 || (size_t)pass->ids[i] >= model->hparams.n_vocab) {
            return graft_fail(GRAFT_E_DATA, "token id %d is outside the vocabulary of %zu",
                              pass->ids[i], model->hparams.n_vocab);
        }
    }
    return model->family->hidden(model, tape, pass, cache, n_recomputed, wanted, out);
}

graft_head graft_model_head(const graft_model *model)
{
    return (graft_head){.w = &model->head, .gain = model->output_gain,
                        .eps = (graft_real)model->hparams.rms_eps};
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
    GRAFT_TRY(graft_op_head_loss(tape, loss, logprobs, x, &head, pass->predictions,
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

graft_status graft_kv_cache_init(graft_kv_cache *cache, const graft_model *model,
                                 const graft_kernels *kernels, size_t n_rows)
{
    graft_status status = GRAFT_OK;
    const graft_hparams *h = &model->hparams;
    size_t row = graft_act_ld(kernels, h->n_kv * h->d_head) * kernels->act_bytes;
    *cache = (graft_kv_cache){NULL, NULL, n_rows, 0};
    if (!graft_size_mul(n_rows, row, &cache->layer_bytes)) {
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
    size_t row = cache->layer_bytes / cache->n_rows;
    for (size_t layer = 0; layer < model->hparams.n_layer; layer++) {
        char *k = cache->k + layer * cache->layer_bytes, *v = cache->v + layer * cache->layer_bytes;
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
