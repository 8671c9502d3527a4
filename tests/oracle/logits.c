/* logits MODEL OUT ID...: writes the f32 logits of every position. */
#include <stdio.h>
#include <stdlib.h>

#include "model/model.h"

static graft_status run(const char *path, const char *out_path, size_t n, char **words)
{
    graft_status status = GRAFT_OK;
    graft_model *model = NULL;
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
    GRAFT_TRY(graft_model_open(&model, path));
    GRAFT_TRY(graft_compute_prepare(&compute, model->hparams.d_head));
    graft_tape_begin(&tape, &compute, false);
    graft_rows_wanted all = {positions, n};
    GRAFT_TRY(graft_model_hidden(model, &tape, &pass, NULL, 0, &all, &hidden));
    GRAFT_TRY(graft_model_logits(model, &tape, hidden, &logits));
    FILE *file = fopen(out_path, "wb");
    if (file == NULL ||
        fwrite(logits->data, sizeof(float), n * logits->n_cols, file) != n * logits->n_cols ||
        fclose(file) != 0) {
        perror(out_path);
        exit(1);
    }
done:
    graft_model_close(model);
    graft_compute_clear(&compute);
    return status;
}

int main(int argc, char **argv)
{
    if (argc < 4 || argc - 3 > 4096) {
        fprintf(stderr, "usage: logits MODEL OUT ID...\n");
        return 2;
    }
    if (run(argv[1], argv[2], (size_t)argc - 3, argv + 3) != GRAFT_OK) {
        fprintf(stderr, "%s\n", graft_error_message());
        return 1;
    }
    return 0;
}
