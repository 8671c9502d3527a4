/* mixes FILE IMPORTANCE MIX...  which type each tensor of a GGUF file gets under each mix, a line per
 * tensor: mix, tensor, type. IMPORTANCE 1: as if there were an importance matrix. For
 * test_quantize.py. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "export/quantize.h"

static graft_status show(const graft_gguf *file, const graft_mix_model *model, const char *name,
                         bool importance)
{
    graft_status status = GRAFT_OK;
    const graft_mix *mix = NULL;
    size_t n = graft_gguf_n_tensors(file);
    graft_mix_tensor *tensors = calloc(n, sizeof *tensors);
    GRAFT_TRY(graft_mix_get(&mix, name));
    for (size_t i = 0; i < n; i++) {
        const graft_gguf_tensor *t = graft_gguf_tensor_at(file, i);
        tensors[i] = (graft_mix_tensor){.name = t->name, .format = t->format};
        memcpy(tensors[i].ne, t->ne, sizeof t->ne);
    }
    GRAFT_TRY(graft_mix_choose(mix, model, tensors, n, importance));
    for (size_t i = 0; i < n; i++) {
        printf("%s %s %s\n", name, tensors[i].name, tensors[i].target->name);
    }
done:
    free(tensors);
    return status;
}

int main(int argc, char **argv)
{
    graft_status status = GRAFT_OK;
    graft_gguf *file = NULL;
    graft_mix_model model;
    char arch[64];
    GRAFT_TRY(argc > 3 ? graft_gguf_open(&file, argv[1]) : GRAFT_E_CONFIG);
    GRAFT_TRY(graft_mix_model_read(&model, file, arch, sizeof arch));
    for (int i = 3; i < argc; i++) {
        GRAFT_TRY(show(file, &model, argv[i], argv[2][0] == '1'));
    }
done:
    if (status != GRAFT_OK) {
        fprintf(stderr, "mixes: %s\n", graft_error_message());
    }
    graft_gguf_close(file);
    return (int)status;
}
