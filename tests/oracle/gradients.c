/* gradients MODEL RANK ALPHA PARAMS OUT LAYOUT ID:WEIGHT... [/ ID:WEIGHT...]...
 *
 * Loss and gradients of a step with one or more sequences. PARAMS holds f32 values, A then B of each
 * linear map in the order of the model's slots (and its magnitudes, if ALPHA ends with "dora"); OUT gets the loss as f64, then the gradients in the
 * same order. LAYOUT: "plain" (a pass per sequence), "packed" (one pass), "shared" (one pass, in which
 * sequences share how they begin), "recomputed" (the same; layers run again in backward). */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "adapter/adapter.h"
#include "data/example.h"
#include "model/model.h"

enum { MAX_TOKENS = 512, MAX_SEQUENCES = 16 };

static int32_t ids[MAX_TOKENS];
static float weights[MAX_TOKENS];
static graft_example examples[MAX_SEQUENCES];
static const graft_example *pointers[MAX_SEQUENCES];

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

/* Fills examples; returns how many, and the length of the longest. */
static size_t take_sequences(char **words, size_t n_words, size_t *longest)
{
    size_t n = 0, at = 0;
    *longest = 0;
    for (size_t i = 0; i < n_words; i++) {
        if (strcmp(words[i], "/") == 0) {
            n++;
            continue;
        }
        graft_example *e = &examples[n];
        pointers[n] = e;
        e->ids = e->n == 0 ? ids + at : e->ids;
        e->weights = e->n == 0 ? weights + at : e->weights;
        ids[at] = atoi(words[i]);
        weights[at++] = (float)atof(strchr(words[i], ':') + 1);
        e->n++;
        *longest = e->n > *longest ? e->n : *longest;
    }
    return n + 1;
}

static graft_status run_passes(graft_model *model, graft_compute *compute,
                               const graft_step_layout *layout, size_t n_recomputed, double *loss)
{
    graft_status status = GRAFT_OK;
    graft_tape tape;
    for (size_t i = 0; i < graft_step_layout_n_passes(layout); i++) {
        graft_tape_begin(&tape, compute, true);
        GRAFT_TRY(graft_model_loss(model, &tape, graft_step_layout_pass(layout, i), n_recomputed,
                                   graft_step_layout_weight(layout), loss, NULL));
        GRAFT_TRY(graft_tape_backward(&tape));
    }
done:
    return status;
}

static graft_status run(char **argv, char **words, size_t n_words)
{
    graft_status status = GRAFT_OK;
    graft_model *model = NULL;
    graft_adapter *adapter = NULL;
    graft_step_layout *layout = NULL;
    graft_compute compute = {0};
    graft_cpu_level level;
    size_t longest, n = take_sequences(words, n_words, &longest);
    double loss = 0;
    bool plain = strcmp(argv[6], "plain") == 0, packed = strcmp(argv[6], "packed") == 0;
    bool recomputed = strcmp(argv[6], "recomputed") == 0;
    graft_layout_options layout_options = {MAX_TOKENS, !plain, !plain && !packed, 0};
    GRAFT_TRY(graft_cpu_choose(&level));
    GRAFT_TRY(graft_compute_init(&compute, level, false));
    GRAFT_TRY(graft_model_open(&model, argv[1]));
    graft_model_set_context(model, longest);
    graft_adapter_options options = {.rank = (size_t)atoi(argv[2]), .alpha = atof(argv[3]),
                                     .targets = "all-linear", .arch = model->family->arch,
                                     .dora = strstr(argv[3], "dora") != NULL};
    GRAFT_TRY(graft_adapter_new(&adapter, &options, model->slots, model->n_slots));
    transfer(argv[4], "rb", NULL, adapter->params, adapter->n_params);
    GRAFT_TRY(graft_model_prepare(model, &compute));
    GRAFT_TRY(graft_step_layout_new(&layout));
    GRAFT_TRY(graft_step_layout_build(layout, pointers, n, &layout_options));
    GRAFT_TRY(run_passes(model, &compute, layout, recomputed ? model->hparams.n_layer : 0, &loss));
    transfer(argv[5], "wb", &loss, adapter->grads, adapter->n_params);
    printf("%zu passes, %zu of %zu tokens saved\n", graft_step_layout_n_passes(layout),
           graft_step_layout_saved(layout), graft_step_layout_tokens(layout));
done:
    graft_step_layout_free(layout);
    graft_adapter_free(adapter);
    graft_model_close(model);
    graft_compute_clear(&compute);
    return status;
}

int main(int argc, char **argv)
{
    if (argc < 9 || argc - 7 > MAX_TOKENS) {
        fprintf(stderr, "usage: gradients MODEL RANK ALPHA PARAMS OUT plain|packed|shared|recomputed "
                        "ID:WEIGHT... [/ ...]\n");
        return 2;
    }
    if (run(argv, argv + 7, (size_t)argc - 7) != GRAFT_OK) {
        fprintf(stderr, "%s\n", graft_error_message());
        return 1;
    }
    return 0;
}
