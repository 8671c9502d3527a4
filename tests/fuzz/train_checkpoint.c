/* A checkpoint of a small trainer with any of its bytes changed, and a digest that is right again, loaded
 * into that trainer: it is refused, or the adapter is finite and the step one of the run. An input is a
 * list of changes, three bytes each (a place and a value), or an image as a whole. */
#include <math.h>
#include <string.h>

#include "core/cpu.h"
#include "core/memory.h"
#include "io/files.h"
#include "support/envelope.h"
#include "support/fuzz.h"
#include "support/test.h"
#include "support/tiny_model.h"
#include "train/checkpoint.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

enum { TOKENS = 6, STEPS = 8 };
static const char identity[] = "base: base\ndata: data\n";

typedef struct fixture {
    graft_config *config;
    graft_model *model;
    graft_adapter *adapter;
    graft_compute compute;
    graft_example example;
    graft_unit unit;
    graft_trainer trainer;
} fixture;

static void open_fixture(fixture *f)
{
    static int32_t ids[TOKENS] = {1, 2, 3, 4, 5, 6};
    static float weights[TOKENS] = {0, 0, 1, 1, 1, 1};
    static uint8_t roles[TOKENS];
    static const tiny_options tiny = {1, 8, 2, 1, 8, 8, .seed = 1};
    const graft_adapter_options options = {
        .rank = 4, .alpha = 8, .seed = 5, .targets = "all-linear"};
    graft_cpu_level level;
    fuzz_check(graft_config_new(&f->config) == GRAFT_OK);
    fuzz_check(graft_config_set(f->config, "max_steps", "8") == GRAFT_OK);
    fuzz_check(graft_config_set(f->config, "batch_size", "1") == GRAFT_OK);
    fuzz_check(graft_config_check(f->config) == GRAFT_OK);
    fuzz_check(graft_model_open(&f->model, tiny_model("base.gguf", &tiny)) == GRAFT_OK);
    fuzz_check(graft_adapter_new(&f->adapter, &options, f->model->slots, f->model->n_slots) ==
               GRAFT_OK);
    fuzz_check(graft_cpu_parse(&level, "portable") == GRAFT_OK);
    fuzz_check(graft_compute_init(&f->compute, level, false) == GRAFT_OK);
    f->example = (graft_example){ids, weights, roles, TOKENS, 0};
    f->unit = (graft_unit){&f->example, 1, 0};
    fuzz_check(graft_trainer_init(&f->trainer, f->config, f->model, f->adapter, &f->compute,
                                  &f->unit, 1) == GRAFT_OK);
}

static void check_best(const graft_best *best, const graft_adapter *adapter)
{
    fuzz_check(best->params == NULL || best->n_params == adapter->n_params);
    for (size_t i = 0; best->params != NULL && i < best->n_params; i++) {
        fuzz_check(isfinite(best->params[i]));
    }
}

/* The image of a checkpoint that the trainer has just saved, with a best adapter in it. */
static void save_image(fixture *f, graft_text *image)
{
    graft_best best;
    graft_text file;
    graft_best_init(&best);
    graft_text_init(&file);
    fuzz_without_syncs();
    f->trainer.step = 3;
    best.step = best.n_evaluations = 1;
    best.n_params = f->adapter->n_params;
    fuzz_check(graft_alloc(&best.params, best.n_params, sizeof *best.params) == GRAFT_OK);
    fuzz_check(graft_checkpoint_save(&f->trainer, &best, identity, test_temp_dir(), 2) == GRAFT_OK);
    fuzz_check(graft_file_read(&file, test_temp_path("step-3.h5"), 1 << 16) == GRAFT_OK);
    fuzz_check(graft_text_append(image, file.data + ENVELOPE_BYTES, file.len - ENVELOPE_BYTES) ==
               GRAFT_OK);
    graft_text_clear(&file);
    graft_best_clear(&best);
}

/* The checkpoint that an input stands for. */
static const char *checkpoint(const graft_text *image, const uint8_t *data, size_t n)
{
    static uint8_t bytes[1 << 16];
    if (n > 3 && data[0] == 0x89) {
        return envelope_file(data, n);
    }
    fuzz_check(image->len <= sizeof bytes);
    memcpy(bytes, image->data, image->len);
    for (size_t i = 0; i + 2 < n; i += 3) {
        bytes[(size_t)(data[i] | data[i + 1] << 8) % image->len] = data[i + 2];
    }
    return envelope_file(bytes, image->len);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    static fixture f;
    static graft_text image;
    graft_best best;
    if (f.config == NULL) {
        open_fixture(&f);
        save_image(&f, &image);
    }
    graft_best_init(&best);
    f.trainer.step = 0;
    graft_status status =
        graft_checkpoint_load(&f.trainer, &best, identity, checkpoint(&image, data, n));
    if (status == GRAFT_OK) {
        fuzz_check(f.trainer.step <= STEPS);
        for (size_t i = 0; i < f.adapter->n_params; i++) {
            fuzz_check(isfinite(f.adapter->params[i]));
        }
        check_best(&best, f.adapter);
    } else {
        fuzz_check(n > 2 && graft_error_message()[0] != '\0'); /* unchanged it is fine */
        fuzz_check(status == GRAFT_E_CHECKPOINT ||
                   (status == GRAFT_E_MEMORY && strstr(graft_error_message(), "was begun with passes of") != NULL));
    }
    graft_best_clear(&best);
    return 0;
}

#ifndef GRAFT_LIBFUZZER
int main(void)
{
    static const char *const words[] = {"\x89HDF\r\n\x1a\n", NULL};
    return fuzz_tests("train_checkpoint", LLVMFuzzerTestOneInput, words);
}
#endif
