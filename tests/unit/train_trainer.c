/* Training a tiny model: what must not depend on layout, threads, or an interruption. */
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>

#include "core/memory.h"
#include "core/rng.h"
#include "core/threads.h"
#include "io/files.h"
#include "model/families.h"
#include "support/test.h"
#include "support/tiny_training.h"
#include "train/checkpoint.h"

#define SETTINGS "max_steps=8 batch_size=6 learning_rate=1e-2 warmup_ratio=0 seed=9 "

/* Runs `n` steps; losses[i] and a copy of the parameters afterwards (freed by the caller). */
static graft_real *run(const char *settings, size_t n, double *losses, size_t *n_params)
{
    tiny_training f;
    graft_real *params = NULL;
    tiny_training_open(&f, settings);
    for (size_t i = 0; i < n; i++) {
        graft_step_report report;
        assert_ok(graft_trainer_step(&f.trainer, &report));
        losses[i] = report.loss;
    }
    *n_params = f.adapter->n_params;
    assert_ok(graft_alloc(&params, *n_params, sizeof *params));
    memcpy(params, f.adapter->params, *n_params * sizeof *params);
    tiny_training_close(&f);
    return params;
}

static double largest_difference(const graft_real *a, const graft_real *b, size_t n)
{
    double worst = 0, size = 0;
    for (size_t i = 0; i < n; i++) {
        assert_true(isfinite(a[i]) && isfinite(b[i])); /* fmax passes over a NaN */
        worst = fmax(worst, fabs((double)a[i] - (double)b[i]));
        size = fmax(size, fabs((double)b[i]));
    }
    return worst / size;
}

static void learns(void **state)
{
    double losses[8];
    size_t n = 0;
    (void)state;
    graft_real *params = run(SETTINGS, 8, losses, &n);
    assert_true(losses[7] < losses[0] - 0.05);
    graft_free(params);
}

static void same_bits_over_threads(const char *settings)
{
    static const int counts[] = {2, 3, 4, 8};
    double losses[4], again[4];
    size_t n = 0;
    graft_threads_set(1);
    graft_real *one = run(settings, 4, losses, &n);
    for (size_t i = 0; i < sizeof counts / sizeof *counts; i++) {
        graft_threads_set(counts[i]);
        graft_real *more = run(settings, 4, again, &n);
        assert_memory_equal(losses, again, sizeof losses);
        assert_memory_equal(one, more, n * sizeof *one);
        graft_free(more);
    }
    graft_threads_set(0);
    graft_free(one);
}

static void same_bits_at_any_thread_count(void **state)
{
    char settings[256];
    (void)state;
    for (int level = 0; level < GRAFT_CPU_N_LEVELS; level++) {
        const char *name = graft_cpu_level_name((graft_cpu_level)level);
        if (graft_cpu_has((graft_cpu_level)level)) {
            snprintf(settings, sizeof settings, SETTINGS "compute=f32 cpu=%s", name);
            same_bits_over_threads(settings);
            snprintf(settings, sizeof settings,
                     SETTINGS "compute=bf16 lora_dropout=0.1 cpu=%s", name);
            same_bits_over_threads(settings);
            snprintf(settings, sizeof settings,
                     SETTINGS "compute=int8 lora_dropout=0.1 cpu=%s", name);
            same_bits_over_threads(settings);
            snprintf(settings, sizeof settings, SETTINGS "compute=%s use_dora=true cpu=%s",
                     level % 2 == 0 ? "f32" : "bf16", name);
            same_bits_over_threads(settings);
        }
    }
}

/* One step of the family; its loss. The bits are the same at one thread and three, recomputed or
 * not. */
static double checked_loss(const char *settings)
{
    double losses[1], again[1];
    char recomputed[256];
    size_t n = 0;
    snprintf(recomputed, sizeof recomputed, "%s gradient_checkpointing=true", settings);
    graft_threads_set(1);
    graft_real *a = run(settings, 1, losses, &n);
    graft_threads_set(3);
    graft_real *b = run(recomputed, 1, again, &n);
    graft_threads_set(0);
    assert_memory_equal(losses, again, sizeof losses);
    assert_memory_equal(a, b, n * sizeof *a);
    graft_free(a);
    graft_free(b);
    return losses[0];
}

/* Every family: all levels follow the portable kernels, and bfloat16 single precision. */
static void every_family(void **state)
{
    char settings[192];
    (void)state;
    for (size_t i = 0; graft_families[i] != NULL; i++) {
        double portable = 0;
        tiny_training_arch = graft_families[i]->arch;
        for (int l = 0; l < GRAFT_CPU_N_LEVELS; l++) {
            graft_cpu_level level = (graft_cpu_level)l;
            if (!graft_cpu_has(level)) {
                continue;
            }
            snprintf(settings, sizeof settings, SETTINGS "compute=f32 cpu=%s",
                     graft_cpu_level_name(level));
            double loss = checked_loss(settings);
            portable = l == 0 ? loss : portable;
            assert_true(fabs(loss - portable) <= 1e-5 * portable);
            if (l == 0 || graft_kernels_know_half(level)) {
                snprintf(settings, sizeof settings, SETTINGS "compute=bf16 cpu=%s",
                         graft_cpu_level_name(level));
                assert_true(fabs(checked_loss(settings) - portable) <= 1e-2 * portable);
                snprintf(settings, sizeof settings, SETTINGS "compute=int8 cpu=%s",
                         graft_cpu_level_name(level));
                assert_true(fabs(checked_loss(settings) - portable) <= 1e-2 * portable);
            }
        }
    }
    tiny_training_arch = NULL;
}

/* What is computed again in backward is what was there. */
static void same_bits_recomputed(void **state)
{
    static const char *const computes[] = {"compute=f32", "compute=bf16", "compute=int8",
                                           "compute=bf16 use_dora=true"};
    double losses[3], again[3];
    char kept[256], recomputed[256];
    size_t n = 0;
    (void)state;
    for (size_t i = 0; i < sizeof computes / sizeof *computes; i++) {
        snprintf(kept, sizeof kept, SETTINGS "gradient_checkpointing=false %s", computes[i]);
        snprintf(recomputed, sizeof recomputed, SETTINGS "gradient_checkpointing=true %s",
                 computes[i]);
        graft_real *a = run(kept, 3, losses, &n), *b = run(recomputed, 3, again, &n);
        assert_memory_equal(losses, again, sizeof losses);
        assert_memory_equal(a, b, n * sizeof *a);
        graft_free(a);
        graft_free(b);
    }
}

#define LONGER "max_steps=50 batch_size=6 learning_rate=3e-3 seed=9 "

/* Training in fewer bits follows training in single precision: every step in bfloat16; in 8-bit integers
 * ten steps together, and one within 3 %. */
static void fewer_bits_follow_single(void **state)
{
    enum { STEPS = 50 };
    static const char *const others[] = {LONGER "compute=bf16", LONGER "compute=int8"};
    static const double apart[] = {0.01, 0.03};
    double single[STEPS], other[STEPS];
    size_t n = 0;
    (void)state;
    graft_free(run(LONGER "compute=f32", STEPS, single, &n));
    assert_true(single[STEPS - 1] < single[0] - 0.05);
    for (size_t o = 0; o < 2; o++) {
        graft_free(run(others[o], STEPS, other, &n));
        double ahead = 0, sum = 0;
        for (size_t i = 0; i < STEPS; i++) {
            if (!(fabs(single[i] - other[i]) <= apart[o] * single[i])) {
                fail_msg("%s: step %zu: loss %.6f, in f32 %.6f", others[o], i + 1, other[i],
                         single[i]);
            }
            ahead += other[i] - single[i];
            sum += single[i];
            if (i % 10 == 9) {
                assert_true(fabs(ahead) <= 0.01 * sum);
                ahead = sum = 0;
            }
        }
    }
}

/* Shapes of what examples have in common. */
typedef enum forest { RANDOM_TREES, ONE_CHAIN, NOTHING_SHARED, SAME_EXAMPLES, N_FORESTS } forest;

static void grow_forest(tiny_training *f, forest kind, uint64_t seed)
{
    graft_rng rng;
    graft_rng_init(&rng, seed, GRAFT_RNG_TEST, 5);
    for (size_t i = 0; i < TINY_TRAINING_EXAMPLES; i++) {
        graft_example *e = &f->examples[i];
        const graft_example *from = &f->examples[i == 0 ? 0 : graft_rng_below(&rng, i)];
        uint32_t shared = 0;
        if (i > 0 && kind == RANDOM_TREES) {
            shared = (uint32_t)graft_rng_below(&rng, from->n + 1);
        } else if (i > 0 && kind != NOTHING_SHARED) {
            from = &f->examples[i - 1];
            shared = from->n < e->n ? from->n : e->n;
            shared = kind == ONE_CHAIN && shared > 2 ? shared - 2 : shared;
        }
        shared = shared < e->n ? shared : e->n;
        for (uint32_t k = 0; k < e->n; k++) {
            e->ids[k] = k < shared ? from->ids[k] : (int32_t)graft_rng_below(&rng, 40);
            e->weights[k] = k > 0 && graft_rng_below(&rng, 2) == 0 ? 0.5f + (float)(k % 3) : 0.0f;
        }
        e->ids[0] = kind == NOTHING_SHARED ? (int32_t)i : e->ids[0];
        e->weights[e->n - 1] = 1.0f;
    }
}

/* Sharing prefixes is exact: loss and every gradient as without it, also where shared tokens are
 * trained in several examples with different weights. */
static void sharing_with(const char *settings)
{
    char alone[256];
    snprintf(alone, sizeof alone, "%s prefix_sharing=false", settings);
    for (int kind = 0; kind < N_FORESTS; kind++) {
        for (uint64_t seed = 1; seed <= 4; seed++) {
            tiny_training on, off;
            graft_step_report a, b;
            tiny_training_open(&on, settings);
            tiny_training_open(&off, alone);
            grow_forest(&on, (forest)kind, seed);
            grow_forest(&off, (forest)kind, seed);
            graft_rng rng;
            graft_rng_init(&rng, 6, GRAFT_RNG_TEST, 6);
            for (size_t i = 0; i < on.adapter->n_params; i++) { /* B is zero: gradients of A too */
                on.adapter->params[i] = (graft_real)(0.1 * graft_rng_normal(&rng));
                off.adapter->params[i] = on.adapter->params[i];
            }
            assert_ok(graft_trainer_step(&on.trainer, &a));
            assert_ok(graft_trainer_step(&off.trainer, &b));
            assert_int_equal(b.saved_tokens, 0);
            assert_true(kind == NOTHING_SHARED ? a.saved_tokens == 0 : a.saved_tokens > 0);
            assert_true(fabs(a.loss - b.loss) <= 1e-5 * fabs(b.loss));
            assert_true(largest_difference(on.adapter->grads, off.adapter->grads,
                                           on.adapter->n_params) <= 1e-5);
            tiny_training_close(&on);
            tiny_training_close(&off);
        }
    }
}

static void sharing_is_exact(void **state)
{
    (void)state;
    sharing_with(SETTINGS "batch_size=24 compute=f32");
    sharing_with(SETTINGS "batch_size=24 compute=f32 use_dora=true");
}

/* The mathematics of a step does not depend on how its examples lie in memory. */
static void same_step_in_any_layout(void **state)
{
    static const char *const layouts[] = {
        SETTINGS "packing=false", SETTINGS "prefix_sharing=false",
        SETTINGS "gradient_checkpointing=true", SETTINGS "max_tokens_per_pass=64",
        SETTINGS "packing=false gradient_checkpointing=true"};
    double losses[2], again[2];
    size_t n = 0;
    (void)state;
    graft_real *packed = run(SETTINGS "gradient_checkpointing=false", 2, losses, &n);
    for (size_t i = 0; i < sizeof layouts / sizeof *layouts; i++) {
        graft_real *other = run(layouts[i], 2, again, &n);
        assert_true(fabs(losses[0] - again[0]) <= 1e-5 * fabs(losses[0]));
        assert_true(fabs(losses[1] - again[1]) <= 1e-4 * fabs(losses[1]));
        assert_true(largest_difference(other, packed, n) < 2e-2);
        graft_free(other);
    }
    graft_free(packed);
}

/* The gradient of one step with all examples in one pass against one example per pass. */
static void accumulation_equals_one_batch(void **state)
{
    tiny_training one, eight;
    graft_step_report a, b;
    (void)state;
    tiny_training_open(&one, SETTINGS "batch_size=8 prefix_sharing=false");
    tiny_training_open(&eight, SETTINGS "batch_size=8 packing=false");
    assert_ok(graft_trainer_step(&one.trainer, &a));
    assert_ok(graft_trainer_step(&eight.trainer, &b));
    assert_int_equal(graft_step_layout_n_passes(one.trainer.layout), 1);
    assert_int_equal(graft_step_layout_n_passes(eight.trainer.layout), 8);
    assert_true(fabs(a.loss - b.loss) <= 1e-6 * fabs(a.loss));
    assert_true(largest_difference(one.adapter->grads, eight.adapter->grads,
                                   one.adapter->n_params) < 1e-5);
    tiny_training_close(&one);
    tiny_training_close(&eight);
}

static size_t page_faults(void)
{
    struct rusage usage;
    assert_int_equal(getrusage(RUSAGE_SELF, &usage), 0);
    return (size_t)usage.ru_minflt;
}

static void no_allocation_with(const char *settings)
{
    tiny_training f;
    graft_step_report report;
    tiny_training_open(&f, settings);
    for (size_t i = 0; i < 4; i++) { /* the arena then has its final shape, and its pages */
        assert_ok(graft_trainer_step(&f.trainer, &report));
    }
    uint64_t before = graft_alloc_count();
    size_t faults = page_faults();
    for (size_t i = 0; i < 5; i++) {
        assert_ok(graft_trainer_step(&f.trainer, &report));
    }
    assert_int_equal(graft_alloc_count(), before);
    faults = page_faults() - faults;
    if (faults > 40) { /* of megabytes that are touched: stacks of threads that sleep */
        fail_msg("%zu page faults in five steps", faults);
    }
    tiny_training_close(&f);
}

static void no_allocation_after_the_first_steps(void **state)
{
    (void)state;
    no_allocation_with("max_steps=100 batch_size=24 shuffle=true compute=f32");
    no_allocation_with("max_steps=100 batch_size=24 shuffle=true compute=bf16");
    no_allocation_with("max_steps=100 batch_size=24 recheck_steps=1 loss_spike=skip");
    no_allocation_with("max_steps=100 batch_size=24 shuffle=true compute=int8");
    no_allocation_with("max_steps=100 batch_size=24 compute=bf16 use_dora=true");
}

/* How often the first step asks for memory if a pass is filled up to `usual` tokens, by sharing up
 * to MOST, and a step may need `bytes`; 0: what the plan says. *peak: what it needed. */
enum { MOST = 512 };
static uint64_t first_requests(size_t usual, size_t bytes, size_t *peak)
{
    tiny_training f;
    graft_step_report report;
    tiny_training_open(&f, SETTINGS "batch_size=24 compute=f32");
    for (size_t i = 0; i < TINY_TRAINING_EXAMPLES; i++) { /* two thirds are the same in all */
        for (uint32_t k = 0; k < f.examples[i].n; k++) {
            f.examples[i].ids[k] = k < f.examples[i].n * 2 / 3 ? (int32_t)(k % 40)
                                                               : (int32_t)((7 * k + i) % 40);
        }
    }
    graft_plan *plan = &f.trainer.plan;
    assert_ok(graft_plan_adopt(plan, f.model, &f.compute.kernels, usual, MOST));
    if (bytes != 0) { /* no more than that */
        plan->fixed_bytes = bytes - graft_plan_pass_bytes(plan, f.model, &f.compute.kernels, MOST);
    }
    uint64_t before = graft_alloc_count();
    assert_ok(graft_trainer_step(&f.trainer, &report));
    uint64_t n = graft_alloc_count() - before;
    assert_int_equal(graft_step_layout_n_passes(f.trainer.layout), 1);
    assert_true(report.tokens - report.saved_tokens > 48);
    *peak = f.compute.arena.peak;
    tiny_training_close(&f);
    return n;
}

/* Passes that grew by sharing took pieces of memory one by one, which were then given back: every
 * page was touched anew in the second step. */
static void passes_that_grow_find_their_memory_reserved(void **state)
{
    size_t bytes, peak;
    (void)state;
    uint64_t n = first_requests(MOST, 0, &bytes);
    assert_int_equal(first_requests(48, bytes, &peak), n);
    assert_int_equal(peak, bytes);
}

static void resumed_with(const char *settings)
{
    tiny_training f;
    double losses[8];
    size_t n = 0;
    graft_step_report report;
    graft_text identity;
    char *newest = NULL;
    graft_best best;
    graft_best_init(&best);
    graft_text_init(&identity);
    graft_real *whole = run(settings, 8, losses, &n);
    const char *folder = test_temp_path("checkpoints");
    tiny_training_open(&f, settings);
    assert_ok(graft_run_identity(&identity, &f.trainer, &(graft_run_files){.base = "base"}));
    for (size_t i = 0; i < 5; i++) {
        assert_ok(graft_trainer_step(&f.trainer, &report));
        assert_ok(graft_checkpoint_save(&f.trainer, &best, graft_text_z(&identity), folder, 2));
    }
    tiny_training_close(&f);
    tiny_training_open(&f, settings);
    assert_ok(graft_checkpoint_newest(&newest, folder));
    assert_contains(newest, "step-5.h5");
    assert_ok(graft_checkpoint_load(&f.trainer, &best, graft_text_z(&identity), newest));
    for (size_t i = 5; i < 8; i++) {
        assert_ok(graft_trainer_step(&f.trainer, &report));
        assert_true(report.loss == losses[i]);
    }
    assert_memory_equal(f.adapter->params, whole, n * sizeof *whole);
    /* two are kept; another run's is refused with the line that differs */
    assert_false(graft_path_exists(test_temp_path("checkpoints/step-3.h5")));
    assert_true(graft_path_exists(test_temp_path("checkpoints/step-4.h5")));
    assert_fails(graft_checkpoint_load(&f.trainer, &best, "base_model (SHA-256): other\n", newest),
                 GRAFT_E_CHECKPOINT, "base_model (SHA-256): base -> other; ");
    tiny_training_close(&f);
    graft_free(newest);
    graft_free(whole);
    graft_text_clear(&identity);
}

static void resumed_run_has_the_same_bits(void **state)
{
    (void)state;
    resumed_with(SETTINGS "lora_dropout=0.2 compute=f32");
    resumed_with(SETTINGS "lora_dropout=0.2 compute=bf16");
    resumed_with(SETTINGS "use_dora=true compute=bf16");
}

static void settings_have_their_effect(void **state)
{
    tiny_training f;
    graft_step_report report;
    (void)state;
    tiny_training_open(&f, "num_train_epochs=2 batch_size=5 warmup_ratio=0.2 learning_rate=0.5");
    assert_int_equal(f.trainer.steps_per_epoch, 5);
    assert_int_equal(f.trainer.n_steps, 10);
    assert_ok(graft_trainer_step(&f.trainer, &report));
    assert_true(fabs(report.learning_rate - 0.25) < 1e-12); /* first of two warm-up steps */
    assert_ok(graft_trainer_step(&f.trainer, &report));
    assert_true(fabs(report.learning_rate - 0.5) < 1e-12);
    tiny_training_close(&f);
    tiny_training_open(&f, "max_steps=4 max_grad_norm=1e-3 lr_scheduler_type=linear warmup_steps=0");
    assert_ok(graft_trainer_step(&f.trainer, &report));
    assert_ok(graft_trainer_step(&f.trainer, &report));
    assert_true(fabs(report.learning_rate - 2e-4 * 0.75) < 1e-12);
    tiny_training_close(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(learns),
        cmocka_unit_test(same_bits_at_any_thread_count),
        cmocka_unit_test(same_bits_recomputed),
        cmocka_unit_test(fewer_bits_follow_single),
        cmocka_unit_test(sharing_is_exact),
        cmocka_unit_test(same_step_in_any_layout),
        cmocka_unit_test(accumulation_equals_one_batch),
        cmocka_unit_test(no_allocation_after_the_first_steps),
        cmocka_unit_test(passes_that_grow_find_their_memory_reserved),
        cmocka_unit_test(resumed_run_has_the_same_bits),
        cmocka_unit_test(every_family),
        cmocka_unit_test(settings_have_their_effect),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
