/* gradients MODEL RANK ALPHA PARAMS OUT ID:WEIGHT...
 *
 * Loss and gradients of one sequence. PARAMS holds f32 values, A then B of each linear map in the
 * order of the model's slots; OUT gets the loss as f64, then the gradients in the same order. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "adapter/adapter.h"
#include "model/model.h"

#define MAX_TOKENS 512

static int32_t ids[MAX_TOKENS];
static uint32_t positions[MAX_TOKENS];
static graft_prediction predictions[MAX_TOKENS];

static void transfer(const char *path, const char *mode, double *loss, float *values, size_t n)
{
    FILE *file = fopen(path, mode);
    bool ok = file != NULL;
    if (mode[0] == 'r') {
        ok = ok && fread(values, sizeof *values, n, file) == n;
    } else {
        ok = ok && fwrite(loss, sizeof *loss, 1, file) == 1;
        ok = ok && fwrite(values, sizeof *values, n, file) == n;
    }
    if (!ok || fclose(file) != 0) {
        fprintf(stderr, "%s: cannot be read or written\n", path);
        exit(1);
    }
}

static graft_status run(char **argv, size_t n, char **tokens)
{
    graft_status status = GRAFT_OK;
    graft_model *model = NULL;
    graft_adapter *adapter = NULL;
    graft_compute compute = {0};
    graft_tape tape;
    graft_cpu_level level;
    size_t n_predictions = 0;
    double loss = 0, total = 0;
    for (size_t i = 0; i < n; i++) {
        float weight = (float)atof(strchr(tokens[i], ':') + 1);
        ids[i] = atoi(tokens[i]);
        positions[i] = (uint32_t)i;
        if (i > 0 && weight != 0) {
            predictions[n_predictions++] =
                (graft_prediction){(uint32_t)i - 1, ids[i], weight, 0, (uint32_t)i};
            total += (double)weight;
        }
    }
    graft_span span = {0, (uint32_t)n, 0, (uint32_t)n, -1, 0};
    graft_pass pass = {n, ids, positions, &span, 1, predictions, n_predictions};
    graft_adapter_options options = {(size_t)atoi(argv[2]), atof(argv[3]), false, 0, 1,
                                     "all-linear"};
    GRAFT_TRY(graft_cpu_choose(&level));
    GRAFT_TRY(graft_compute_init(&compute, level, false));
    GRAFT_TRY(graft_model_open(&model, argv[1]));
    GRAFT_TRY(graft_adapter_new(&adapter, &options, model->slots, model->n_slots));
    transfer(argv[4], "rb", NULL, adapter->params, adapter->n_params);
    GRAFT_TRY(graft_compute_prepare(&compute, model->hparams.d_head));
    graft_tape_begin(&tape, &compute, true);
    GRAFT_TRY(graft_model_loss(model, &tape, &pass, 0, total, &loss, NULL));
    GRAFT_TRY(graft_tape_backward(&tape));
    transfer(argv[5], "wb", &loss, adapter->grads, adapter->n_params);
done:
    graft_adapter_free(adapter);
    graft_model_close(model);
    graft_compute_clear(&compute);
    return status;
}

int main(int argc, char **argv)
{
    if (argc < 8 || argc - 6 > MAX_TOKENS) {
        fprintf(stderr, "usage: gradients MODEL RANK ALPHA PARAMS OUT ID:WEIGHT...\n");
        return 2;
    }
    if (run(argv, (size_t)argc - 6, argv + 6) != GRAFT_OK) {
        fprintf(stderr, "%s\n", graft_error_message());
        return 1;
    }
    return 0;
}
