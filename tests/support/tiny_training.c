#include "support/tiny_training.h"

#include <string.h>

#include "core/memory.h"
#include "core/rng.h"
#include "support/test.h"
#include "support/tiny_model.h"

/* Examples that share beginnings, of different lengths, with a third of the tokens trained. */
static void make_examples(tiny_training *f)
{
    graft_rng rng;
    graft_rng_init(&rng, 3, GRAFT_RNG_TEST, 1);
    for (size_t i = 0; i < TINY_TRAINING_EXAMPLES; i++) {
        graft_example *e = &f->examples[i];
        e->n = (uint32_t)(6 + graft_rng_below(&rng, 40));
        e->conversation = (uint32_t)i;
        assert_ok(graft_alloc(&e->ids, e->n, sizeof *e->ids));
        assert_ok(graft_alloc(&e->weights, e->n, sizeof *e->weights));
        assert_ok(graft_alloc(&e->roles, e->n, 1));
        for (uint32_t k = 0; k < e->n; k++) {
            e->ids[k] = k < 4 ? (int32_t)k + 1 : (int32_t)graft_rng_below(&rng, 40);
            e->weights[k] = k >= 2 && k % 3 == 0 ? 1.0f : 0.0f;
        }
        f->units[i] = (graft_unit){e, 1, 0};
    }
}

const char *tiny_training_arch;

void tiny_training_open(tiny_training *f, const char *settings)
{
    tiny_options model = tiny_default;
    char text[512];
    memset(f, 0, sizeof *f);
    assert_ok(graft_config_new(&f->config));
    strcpy(text, settings);
    for (char *at = strtok(text, " "); at != NULL; at = strtok(NULL, " ")) {
        char *equal = strchr(at, '=');
        *equal = '\0';
        assert_ok(graft_config_set(f->config, at, equal + 1));
    }
    assert_ok(graft_config_check(f->config));
    model.arch = tiny_training_arch;
    assert_ok(graft_model_open(&f->model, tiny_model("train.gguf", &model)));
    graft_adapter_options options = {.rank = 4, .alpha = 8, .dropout = f->config->lora_dropout,
                                     .seed = 5, .targets = "all-linear",
                                     .arch = tiny_training_arch, .dora = f->config->use_dora};
    assert_ok(graft_adapter_new(&f->adapter, &options, f->model->slots, f->model->n_slots));
    graft_cpu_level level;
    assert_ok(f->config->cpu != NULL ? graft_cpu_parse(&level, f->config->cpu)
                                     : graft_cpu_choose(&level));
    bool bytes = f->config->compute == GRAFT_COMPUTE_INT8;
    bool half = f->config->compute == GRAFT_COMPUTE_BF16 || bytes;
    assert_ok(graft_compute_init(&f->compute, level, half));
    f->compute.kernels.bytes = bytes;
    if (bytes) {
        graft_compute_sparsify(&f->compute);
    }
    make_examples(f);
    assert_ok(graft_trainer_init(&f->trainer, f->config, f->model, f->adapter, &f->compute,
                                 f->units, TINY_TRAINING_EXAMPLES));
}

void tiny_training_close(tiny_training *f)
{
    graft_trainer_clear(&f->trainer);
    graft_adapter_free(f->adapter);
    graft_model_close(f->model);
    graft_compute_clear(&f->compute);
    graft_config_free(f->config);
    for (size_t i = 0; i < TINY_TRAINING_EXAMPLES; i++) {
        graft_example_clear(&f->examples[i]);
    }
}

graft_step_report tiny_training_step(tiny_training *f)
{
    graft_step_report report;
    assert_ok(graft_trainer_step(&f->trainer, &report));
    return report;
}

graft_real *tiny_training_state(const tiny_training *f)
{
    graft_real *copy = NULL;
    size_t n = f->adapter->n_params;
    assert_ok(graft_alloc(&copy, 3 * n, sizeof *copy));
    memcpy(copy, f->adapter->params, n * sizeof *copy);
    memcpy(copy + n, f->trainer.moments[0], n * sizeof *copy);
    memcpy(copy + 2 * n, f->trainer.moments[1], n * sizeof *copy);
    return copy;
}

void tiny_training_assert_state(const tiny_training *f, const graft_real *state)
{
    graft_real *now = tiny_training_state(f);
    assert_memory_equal(now, state, 3 * f->adapter->n_params * sizeof *now);
    graft_free(now);
}
