/* No checkpoint holds a number that is not finite, and none that does is taken. */
#include <math.h>
#include <stdio.h>

#include "core/memory.h"
#include "io/files.h"
#include "support/test.h"
#include "support/tiny_training.h"
#include "train/checkpoint.h"

#define RUN "seed: 9\n"
#define SETTINGS "max_steps=40 batch_size=6 learning_rate=1e-2 warmup_ratio=0 seed=9 "

static void nothing_that_is_not_finite_is_saved(void **state)
{
    tiny_training f;
    graft_best best;
    const char *folder = test_temp_path("unsaved");
    (void)state;
    graft_best_init(&best);
    tiny_training_open(&f, SETTINGS);
    tiny_training_step(&f);
    graft_merit merit = {1, 1, 0, 0};
    assert_ok(graft_best_offer(&best, f.adapter, 1, &merit, 0));
    graft_real *const places[] = {f.adapter->params + 9, f.trainer.moments[0] + 9,
                                  f.trainer.moments[1] + 9, best.params + 9};
    static const char *const messages[] = {"the value", "the first moment", "the second moment",
                                           "the best value"};
    for (size_t i = 0; i < 8; i++) {
        char message[128];
        graft_real kept = *places[i / 2];
        *places[i / 2] = i % 2 == 0 ? (graft_real)NAN : (graft_real)-INFINITY;
        snprintf(message, sizeof message, "step-1.h5: %s of blk.0.attn_q.weight lora_a, row 0, "
                 "column 9 is not finite", messages[i / 2]);
        assert_fails(graft_checkpoint_save(&f.trainer, &best, RUN, folder, 2),
                     GRAFT_E_NUMERICS, message);
        *places[i / 2] = kept;
        assert_false(graft_path_exists(test_temp_path("unsaved/step-1.h5")));
    }
    assert_ok(graft_checkpoint_save(&f.trainer, &best, RUN, folder, 2));
    graft_best_clear(&best);
    tiny_training_close(&f);
}

/* A checkpoint whose digest matches and that holds what it must not. */
static const char *forged(tiny_training *f, graft_real *place, graft_real value, uint64_t n_skipped)
{
    graft_h5 *sound = NULL;
    graft_h5_writer *image = NULL;
    const char *const texts[] = {"run/identity", "run/notes", "adapter/maps", "best/basis"};
    const char *const words[] = {"run/format", "run/step", "run/passes", "best/state"};
    const char *const arrays[] = {"adapter/params", "optimizer/m", "optimizer/v"};
    const graft_real *const values[] = {f->adapter->params, f->trainer.moments[0],
                                        f->trainer.moments[1]};
    const char *path = test_temp_path("forged.h5");
    graft_watch w = f->trainer.watch;
    graft_real kept = *place;
    graft_text text[4];
    uint64_t numbers[4][32];
    size_t n[4];
    graft_best best;
    graft_best_init(&best);
    w.n_skipped = n_skipped;
    assert_ok(graft_checkpoint_save(&f->trainer, &best, RUN, test_temp_path("sound"), 2));
    assert_ok(graft_h5_read(&sound, test_temp_path("sound/step-1.h5")));
    for (size_t i = 0; i < 4; i++) {
        graft_text_init(&text[i]);
        assert_ok(graft_h5_get_text(sound, texts[i], &text[i]));
        assert_ok(graft_h5_size(sound, words[i], &n[i]));
        assert_ok(graft_h5_get_u64(sound, words[i], numbers[i], n[i]));
    }
    graft_h5_free(sound);
    assert_ok(graft_h5_new(&image));
    *place = value;
    for (size_t i = 0; i < 4; i++) {
        assert_ok(graft_h5_put_text(image, texts[i], graft_text_z(&text[i]), text[i].len));
        assert_ok(graft_h5_put_u64(image, words[i], numbers[i], n[i]));
        graft_text_clear(&text[i]);
    }
    for (size_t i = 0; i < 3; i++) {
        assert_ok(graft_h5_put_f32(image, arrays[i], values[i], f->adapter->n_params));
    }
    assert_ok(graft_watch_put(&w, image));
    assert_ok(graft_h5_write(image, path));
    *place = kept;
    graft_h5_writer_free(image);
    return path;
}

static void nothing_that_is_not_finite_is_loaded(void **state)
{
    static const char *const messages[] = {"adapter/params: number 9 is not finite",
                                           "optimizer/m: number 9 is not finite",
                                           "optimizer/v: number 9 is not finite"};
    tiny_training f;
    graft_best best;
    (void)state;
    graft_best_init(&best);
    tiny_training_open(&f, SETTINGS);
    tiny_training_step(&f);
    graft_real *const places[] = {f.adapter->params + 9, f.trainer.moments[0] + 9,
                                  f.trainer.moments[1] + 9};
    graft_real *sound = tiny_training_state(&f);
    for (int i = 0; i < 6; i++) {
        const char *path = forged(&f, places[i / 2], i % 2 == 0 ? NAN : INFINITY, 0);
        assert_fails(graft_checkpoint_load(&f.trainer, &best, RUN, path), GRAFT_E_CHECKPOINT,
                     messages[i / 2]);
        tiny_training_assert_state(&f, sound);
    }
    assert_fails(graft_checkpoint_load(&f.trainer, &best, RUN, forged(&f, places[0], 0, 2)),
                 GRAFT_E_CHECKPOINT, "cannot be true: 2 of 1 steps were not applied");
    assert_ok(graft_checkpoint_load(&f.trainer, &best, RUN, forged(&f, places[0], 0, 1)));
    assert_int_equal(f.trainer.watch.n_skipped, 1);
    graft_free(sound);
    tiny_training_close(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_that_is_not_finite_is_saved),
        cmocka_unit_test(nothing_that_is_not_finite_is_loaded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
