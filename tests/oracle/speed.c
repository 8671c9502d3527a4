/* speed MODEL N_TOK SECONDS: tokens per second of passes that train on every token, forward and
 * backward, adapters of rank 16 on all linear maps; the best pass within the time. */
#include <stdio.h>
#include <stdlib.h>

#include "adapter/adapter.h"
#include "core/clock.h"
#include "core/threads.h"
#include "model/model.h"

enum { MAX_TOKENS = 4096 };

static int32_t ids[MAX_TOKENS];
static uint32_t positions[MAX_TOKENS];
static graft_prediction predictions[MAX_TOKENS];

static graft_pass make_pass(const graft_span *span, size_t n, size_t n_vocab)
{
    for (uint32_t i = 0; i < n; i++) {
        ids[i] = (int32_t)((i * 2654435761u) % n_vocab);
        positions[i] = i;
        if (i > 0) {
            predictions[i - 1] = (graft_prediction){i - 1, ids[i], 1.0f, 0, i};
        }
    }
    return (graft_pass){n, ids, positions, span, 1, predictions, n - 1};
}

static graft_status run_pass(graft_model *model, graft_compute *compute, const graft_pass *pass)
{
    graft_status status = GRAFT_OK;
    graft_tape tape;
    double loss = 0;
    graft_tape_begin(&tape, compute, true);
    GRAFT_TRY(graft_model_loss(model, &tape, pass, 0, (double)pass->n_predictions, &loss, NULL));
    GRAFT_TRY(graft_tape_backward(&tape));
done:
    return status;
}

static graft_status run(const char *path, size_t n, double seconds)
{
    graft_status status = GRAFT_OK;
    graft_model *model = NULL;
    graft_adapter *adapter = NULL;
    graft_compute compute = {0};
    graft_cpu_level level;
    graft_span span = {0, (uint32_t)n, 0, (uint32_t)n, -1, 0};
    double best = 0, begin;
    GRAFT_TRY(graft_cpu_choose(&level));
    GRAFT_TRY(graft_compute_init(&compute, level, graft_kernels_prefer_half(level)));
    GRAFT_TRY(graft_model_open(&model, path));
    graft_model_set_context(model, n);
    graft_adapter_options options = {.rank = 16, .alpha = 32, .targets = "all-linear",
                                     .arch = model->family->arch};
    GRAFT_TRY(graft_adapter_new(&adapter, &options, model->slots, model->n_slots));
    GRAFT_TRY(graft_compute_prepare(&compute, model->hparams.d_head));
    graft_pass pass = make_pass(&span, n, model->hparams.n_vocab);
    GRAFT_TRY(run_pass(model, &compute, &pass)); /* makes the arena, touches the weights */
    begin = graft_clock_seconds();
    while (best == 0 || graft_clock_seconds() - begin < seconds) {
        double start = graft_clock_seconds();
        GRAFT_TRY(run_pass(model, &compute, &pass));
        double spent = graft_clock_seconds() - start;
        best = best == 0 || spent < best ? spent : best;
    }
    printf("%.1f\n", (double)n / best);
done:
    graft_adapter_free(adapter);
    graft_model_close(model);
    graft_compute_clear(&compute);
    return status;
}

int main(int argc, char **argv)
{
    if (argc != 4 || atoi(argv[2]) < 2 || atoi(argv[2]) > MAX_TOKENS) {
        fprintf(stderr, "usage: speed MODEL N_TOK SECONDS\n");
        return 2;
    }
    if (run(argv[1], (size_t)atoi(argv[2]), atof(argv[3])) != GRAFT_OK) {
        fprintf(stderr, "%s\n", graft_error_message());
        return 1;
    }
    return 0;
}
