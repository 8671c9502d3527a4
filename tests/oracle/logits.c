/* logits MODEL ADAPTER OUT ID...: writes the f32 logits of every position. ADAPTER is a file or folder
 * whose maps are all of one rank and scale, or "-". */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "adapter/adapter.h"
#include "export/export.h"
#include "model/model.h"

static graft_status attach(graft_adapter **out, graft_model *model, const char *path)
{
    graft_status status = GRAFT_OK;
    graft_loaded_adapter loaded = {0};
    GRAFT_TRY(graft_adapter_load(&loaded, path, model->file));
    size_t rank = loaded.maps[0].rank;
    graft_adapter_options options = {.rank = rank, .alpha = loaded.maps[0].scale * (double)rank,
                                     .targets = "all-linear", .arch = model->family->arch,
                                     .dora = graft_export_is_dora(loaded.maps, loaded.n_maps)};
    GRAFT_TRY(graft_adapter_new(out, &options, model->slots, model->n_slots));
    memset((*out)->params, 0, (*out)->n_params * sizeof *(*out)->params);
    for (size_t i = 0; i < loaded.n_maps; i++) {
        const graft_export_map *map = &loaded.maps[i];
        if (map->scale != loaded.maps[0].scale) {
            status = graft_fail(GRAFT_E_MODEL, "%s: maps of different scales", path);
            goto done;
        }
        GRAFT_TRY(graft_adapter_set_map(*out, map->name, map->a, map->b, map->rank, map->n_in,
                                        map->n_out));
        if (options.dora) {
            GRAFT_TRY(graft_adapter_set_magnitudes(*out, map->name, map->magnitude, map->n_out));
        }
    }
done:
    graft_loaded_adapter_clear(&loaded);
    return status;
}

static graft_status run(char **argv, size_t n, char **words)
{
    graft_status status = GRAFT_OK;
    graft_model *model = NULL;
    graft_adapter *adapter = NULL;
    graft_compute compute = {0};
    graft_cpu_level level;
    graft_tape tape;
    graft_tensor *hidden = NULL, *logits = NULL;
    static int32_t ids[4096];
    static uint32_t positions[4096];
    for (size_t i = 0; i < n; i++) {
        ids[i] = atoi(words[i]);
        positions[i] = (uint32_t)i;
    }
    graft_span span = {0, (uint32_t)n, 0, (uint32_t)n, -1, 0};
    graft_pass pass = {n, ids, positions, &span, 1, NULL, 0};
    GRAFT_TRY(graft_cpu_choose(&level));
    GRAFT_TRY(graft_compute_init(&compute, level, false));
    GRAFT_TRY(graft_model_open(&model, argv[1]));
    graft_model_set_context(model, n);
    if (strcmp(argv[2], "-") != 0) {
        GRAFT_TRY(attach(&adapter, model, argv[2]));
    }
    GRAFT_TRY(graft_model_prepare(model, &compute));
    graft_tape_begin(&tape, &compute, false);
    graft_rows_wanted all = {positions, n};
    GRAFT_TRY(graft_model_hidden(model, &tape, &pass, NULL, 0, &all, &hidden));
    GRAFT_TRY(graft_model_logits(model, &tape, hidden, &logits));
    FILE *file = fopen(argv[3], "wb");
    if (file == NULL ||
        fwrite(logits->data, sizeof(float), n * logits->n_cols, file) != n * logits->n_cols ||
        fclose(file) != 0) {
        perror(argv[3]);
        exit(1);
    }
done:
    graft_adapter_free(adapter);
    graft_model_close(model);
    graft_compute_clear(&compute);
    return status;
}

int main(int argc, char **argv)
{
    if (argc < 5 || argc - 4 > 4096) {
        fprintf(stderr, "usage: logits MODEL ADAPTER|- OUT ID...\n");
        return 2;
    }
    if (run(argv, (size_t)argc - 4, argv + 4) != GRAFT_OK) {
        fprintf(stderr, "%s\n", graft_error_message());
        return 1;
    }
    return 0;
}
