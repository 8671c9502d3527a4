/* Fetching tensors, with every shape checked. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "core/memory.h"
#include "model/model.h"

/* Notes that somebody reads it, if it is there. */
static graft_status ask(graft_model *model, const char *name, const graft_gguf_tensor **out)
{
    *out = graft_gguf_find_tensor(model->file, name);
    return *out == NULL ? GRAFT_OK
                        : graft_map_set(&model->asked, (*out)->name, strlen((*out)->name), 0, NULL);
}

static graft_status find_tensor(graft_model *model, const char *name,
                                const graft_gguf_tensor **out)
{
    graft_status status = ask(model, name, out);
    if (status == GRAFT_OK && *out == NULL) {
        status = graft_model__refuse(model, "tensor \"%s\" is missing", name);
    }
    return status;
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

enum { NAME_LENGTH = 128 };

static const char *part_name(char name[NAME_LENGTH], size_t layer, const char *part,
                             const char *suffix)
{
    snprintf(name, NAME_LENGTH, "blk.%zu.%s.%s", layer, part, suffix);
    return name;
}

graft_status graft_model__gain(graft_model *model, size_t layer, const char *part, size_t n,
                               graft_real **out)
{
    char name[NAME_LENGTH];
    return graft_model__vector(model, part_name(name, layer, part, "weight"), n, out);
}

graft_status graft_model__slot(graft_model *model, size_t layer, const char *part, size_t n_out,
                               size_t n_in, graft_slot **out)
{
    graft_status status = GRAFT_OK;
    char name[NAME_LENGTH];
    graft_slot *slot = &model->slots[model->n_slots];
    part_name(name, layer, part, "weight");
    GRAFT_TRY(graft_model__weight(model, name, n_out, n_in, &slot->weight));
    slot->name = graft_gguf_find_tensor(model->file, name)->name;
    slot->layer = (uint32_t)layer;
    model->n_slots++;
    *out = slot;
done:
    return status;
}

graft_status graft_model__bias(graft_model *model, size_t layer, const char *part,
                               graft_slot *slot)
{
    graft_status status = GRAFT_OK;
    graft_real *bias = NULL;
    char name[NAME_LENGTH];
    part_name(name, layer, part, "bias");
    if (graft_gguf_find_tensor(model->file, name) != NULL) {
        GRAFT_TRY(graft_model__vector(model, name, slot->weight.n_out, &bias));
        slot->bias = bias;
    }
done:
    return status;
}

graft_status graft_model__all_known(const graft_model *model)
{
    for (size_t i = 0; i < graft_gguf_n_tensors(model->file); i++) {
        const char *name = graft_gguf_tensor_at(model->file, i)->name;
        if (!graft_map_find(&model->asked, name, strlen(name), NULL)) {
            return graft_model__refuse(model, "tensor \"%s\" is unknown to architecture %s: it "
                                       "would be left out", name, model->family->arch);
        }
    }
    return GRAFT_OK;
}
