/* support/tiny_training.h - a trainer on a random model of a few kilobytes and random examples. */
#ifndef GRAFT_TESTS_SUPPORT_TINY_TRAINING_H
#define GRAFT_TESTS_SUPPORT_TINY_TRAINING_H

#include "train/trainer.h"

enum { TINY_TRAINING_EXAMPLES = 24 };

typedef struct tiny_training {
    graft_config *config;
    graft_model *model;
    graft_adapter *adapter;
    graft_compute compute;
    graft_example examples[TINY_TRAINING_EXAMPLES];
    graft_unit units[TINY_TRAINING_EXAMPLES];
    graft_trainer trainer;
} tiny_training;

extern const char *tiny_training_arch; /* of the model; NULL: llama */

/* Settings as "max_steps=8 seed=9 ". */
void tiny_training_open(tiny_training *f, const char *settings);
void tiny_training_close(tiny_training *f);

/* One step, which must succeed. */
graft_step_report tiny_training_step(tiny_training *f);
/* Parameters and moments in one piece, 3 * n_params; the caller frees it. */
graft_real *tiny_training_state(const tiny_training *f);
/* They are still these bits. */
void tiny_training_assert_state(const tiny_training *f, const graft_real *state);

#endif
