/* estimate.c - how large an artefact will be, before there is anything to write. */
#include <string.h>

#include "core/memory.h"
#include "export/exporters.h"
#include "export/mixes.h"
#include "export/quantize.h"

static uint64_t numbers_of(const graft_gguf_tensor *tensor)
{
    return tensor->ne[0] * tensor->ne[1] * tensor->ne[2] * tensor->ne[3];
}

/* Of no type below 16 bits; 32 bits if that is asked for, or what the base has. */
static uint64_t plain_bytes(const graft_gguf *base, const char *type)
{
    uint64_t bytes = 0;
    bool own = type == NULL || strcmp(type, "same") == 0;
    for (size_t i = 0; i < graft_gguf_n_tensors(base); i++) {
        const graft_gguf_tensor *t = graft_gguf_tensor_at(base, i);
        bool wide = own ? t->format == &graft_format_f32 : strcmp(type, "f32") == 0;
        bytes += numbers_of(t) * (wide ? 4 : 2);
    }
    return bytes;
}

static graft_status check_importance(const graft_mix *mix, const graft_mix_tensor *tensor)
{
    return graft_mix_needs_importance(mix, tensor)
               ? graft_fail(GRAFT_E_MODEL, "type %s is of no use without an importance matrix: export it "
                            "when the run is done (graft export --imatrix)", mix->name)
               : GRAFT_OK;
}

static graft_status mixed_bytes(uint64_t *bytes, const graft_mix *mix, const graft_gguf *base)
{
    graft_status status = GRAFT_OK;
    graft_mix_tensor *tensors = NULL;
    graft_mix_model model;
    char arch[64];
    size_t n = graft_gguf_n_tensors(base);
    *bytes = graft_gguf_size(base); /* with keys and vocabulary */
    GRAFT_TRY(graft_mix_model_read(&model, base, arch, sizeof arch));
    GRAFT_TRY(graft_alloc(&tensors, n, sizeof *tensors));
    for (size_t i = 0; i < n; i++) {
        const graft_gguf_tensor *t = graft_gguf_tensor_at(base, i);
        tensors[i] = (graft_mix_tensor){.name = t->name, .format = t->format, .target = t->format};
        memcpy(tensors[i].ne, t->ne, sizeof t->ne);
    }
    GRAFT_TRY(graft_mix_choose(mix, &model, tensors, n, false));
    for (size_t i = 0; i < n; i++) {
        const graft_gguf_tensor *t = graft_gguf_tensor_at(base, i);
        const graft_format *to = tensors[i].target;
        GRAFT_TRY(check_importance(mix, &tensors[i]));
        *bytes += numbers_of(t) / to->block_elems * to->block_bytes - t->n_bytes;
    }
done:
    graft_free(tensors);
    return status;
}

graft_status graft_exporter_estimate(uint64_t *bytes, const graft_exporter *exporter, const char *type,
                                     const graft_gguf *base)
{
    const graft_mix *mix = type != NULL ? graft_mix_find(type) : NULL;
    *bytes = 0;
    if (!exporter->merges || (type != NULL && strcmp(type, "adapter") == 0)) {
        return GRAFT_OK;
    }
    if (exporter == &graft_exporter_hf) {
        *bytes = plain_bytes(base, type);
        return GRAFT_OK;
    }
    if (mix == NULL) {
        *bytes = graft_gguf_size(base);
        return GRAFT_OK;
    }
    return mixed_bytes(bytes, mix, base);
}
