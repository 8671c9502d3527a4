/* Fetching tensors for the families, with every shape checked. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "autograd/rows.h"
#include "core/memory.h"
#include "model/model.h"

static graft_status find_tensor(const graft_model *model, const char *name,
                                const graft_gguf_tensor **out)
{
    *out = graft_gguf_find_tensor(model->file, name);
    if (*out == NULL) {
        return graft_fail(GRAFT_E_MODEL, "%s: tensor \"%s\" is missing",
                          graft_gguf_path(model->file), name);
    }
    return GRAFT_OK;
}

graft_status graft_model__weight(graft_model *model, const char *name, size_t n_out, size_t n_in,
                                 graft_weight *out)
{
    const graft_gguf_tensor *t = NULL;
    graft_status status = find_tensor(model, name, &t);
    if (status != GRAFT_OK) {
        return status;
    }
    if (t->ne[0] != n_in || t->ne[1] != n_out || t->n_dims > 2) {
        return graft_fail(GRAFT_E_MODEL, "%s: tensor \"%s\" is %llu x %llu, expected %zu x %zu",
                          graft_gguf_path(model->file), name, (unsigned long long)t->ne[0],
                          (unsigned long long)t->ne[1], n_in, n_out);
    }
    *out = (graft_weight){t->data, t->format, n_out, n_in, t->row_bytes};
    return GRAFT_OK;
}

graft_status graft_model__vector(graft_model *model, const char *name, size_t n, graft_real **out)
{
    graft_status status = GRAFT_OK;
    const graft_gguf_tensor *t = NULL;
    float *values = NULL;
    GRAFT_TRY(find_tensor(model, name, &t));
    if (t->ne[0] != n || t->n_bytes != t->row_bytes) {
        status = graft_fail(GRAFT_E_MODEL, "%s: tensor \"%s\" has %llu elements, expected %zu",
                            graft_gguf_path(model->file), name, (unsigned long long)t->ne[0], n);
        goto done;
    }
    GRAFT_TRY(graft_alloc(&values, n, sizeof *values));
    GRAFT_TRY(graft_arena_alloc(&model->arena, out, n, sizeof **out));
    t->format->decode(t->data, values, n / t->format->block_elems);
    for (size_t i = 0; i < n; i++) {
        if (!isfinite(values[i])) {
            status = graft_fail(GRAFT_E_MODEL, "%s: tensor \"%s\": element %zu is not finite",
                                graft_gguf_path(model->file), name, i);
            goto done;
        }
        (*out)[i] = values[i];
    }
done:
    graft_free(values);
    return status;
}

graft_status graft_model__slot(graft_model *model, size_t layer, const char *part, size_t n_out,
                               size_t n_in, graft_slot **out)
{
    graft_status status = GRAFT_OK;
    char name[128];
    graft_slot *slot = &model->slots[model->n_slots];
    snprintf(name, sizeof name, "blk.%zu.%s.weight", layer, part);
    GRAFT_TRY(graft_model__weight(model, name, n_out, n_in, &slot->weight));
    slot->name = graft_gguf_find_tensor(model->file, name)->name;
    slot->layer = (uint32_t)layer;
    slot->low_rank = NULL;
    model->n_slots++;
    *out = slot;
done:
    return status;
}

graft_status graft_model__all_known(const graft_model *model, size_t n_asked)
{
    size_t n = graft_gguf_n_tensors(model->file);
    if (n == n_asked) {
        return GRAFT_OK;
    }
    return graft_fail(GRAFT_E_MODEL,
                      "%s: has %zu tensors where this architecture is known with %zu: it carries "
                      "something (biases, experts, ...) that would be left out",
                      graft_gguf_path(model->file), n, n_asked);
}

typedef struct rope_rows {
    const graft_model *model;
    const uint32_t *positions;
    graft_real *table;
} rope_rows;

static void rope_table_rows(const void *context, size_t begin, size_t end)
{
    const rope_rows *r = context;
    size_t half = r->model->hparams.d_rope / 2;
    for (size_t i = begin; i < end; i++) {
        double position = r->positions[i] * r->model->hparams.rope_scale;
        for (size_t k = 0; k < half; k++) {
            double angle = position * (double)r->model->inv_freq[k];
            r->table[(i * half + k) * 2] = (graft_real)cos(angle);
            r->table[(i * half + k) * 2 + 1] = (graft_real)sin(angle);
        }
    }
}

graft_status graft_model__rope_table(const graft_model *model, graft_tape *tape,
                                     const graft_pass *pass, graft_real **out)
{
    graft_status status = GRAFT_OK;
    GRAFT_TRY(graft_arena_alloc(&tape->compute->arena, out, pass->n_tok * model->hparams.d_rope,
                                sizeof **out));
    rope_rows rows = {model, pass->positions, *out};
    graft_rows_run(pass->n_tok, rope_table_rows, &rows);
done:
    return status;
}
