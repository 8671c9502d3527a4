/* train/plan.h: how many tokens a pass gets, and how many of its layers are recomputed. */
#include "support/test.h"

#include <string.h>

#include "core/cpu.h"
#include "core/threads.h"
#include "support/tiny_model.h"
#include "train/plan.h"

#define N_PARAMS 1000

typedef struct fixture {
    graft_config *config;
    graft_model *model;
    graft_compute compute;
} fixture;

#ifdef __SANITIZE_ADDRESS__
void __sanitizer_purge_allocator(void); /* of libasan */
#endif

/* Room is what a limit leaves beside this process, in some tests of a few hundred MiB: what earlier
 * ones freed, which a sanitizer keeps, is no part of it. */
static void open_fixture(fixture *f)
{
#ifdef __SANITIZE_ADDRESS__
    __sanitizer_purge_allocator();
#endif
    tiny_options wide = tiny_default;
    graft_cpu_level level;
    memset(f, 0, sizeof *f);
    wide.n_layer = 12;
    wide.n_embd = 256;
    wide.n_ff = 512;
    graft_threads_set(1); /* their memory is not what is asked about */
    assert_ok(graft_config_new(&f->config));
    assert_ok(graft_model_open(&f->model, tiny_model("plan.gguf", &wide)));
    assert_ok(graft_cpu_choose(&level));
    assert_ok(graft_compute_init(&f->compute, level, false));
}

static void close_fixture(fixture *f)
{
    graft_model_close(f->model);
    graft_compute_clear(&f->compute);
    graft_config_free(f->config);
    graft_threads_set(0);
}

static graft_status plan(const fixture *f, graft_plan *out, unsigned mib, size_t longest)
{
    f->config->max_memory = mib;
    return graft_plan_make(out, f->config, f->model, &f->compute.kernels, N_PARAMS, false, longest);
}

static size_t recomputed(const fixture *f, const graft_plan *p, size_t n_tok)
{
    return graft_plan_recomputed(p, f->model, &f->compute.kernels, n_tok);
}

/* Bytes of a pass that keeps all layers. */
static size_t kept_bytes(const fixture *f, const graft_plan *p, size_t n_tok)
{
    graft_plan keeping = *p;
    keeping.checkpointing = GRAFT_CHECKPOINTING_FALSE;
    return graft_plan_pass_bytes(&keeping, f->model, &f->compute.kernels, n_tok);
}

static void passes_are_shorter_rather_than_recomputed(void **state)
{
    fixture f;
    graft_plan p;
    size_t before = 0, n_between = 0;
    (void)state;
    open_fixture(&f);
    size_t others = ((size_t)75 << 20) + (size_t)graft_gguf_size(f.model->file);
    for (unsigned mib = 100; mib < 1200; mib += 3) {
        if (plan(&f, &p, mib, 8) != GRAFT_OK) {
            continue;
        }
        size_t more = p.usual_tokens + p.usual_tokens / 4;
        assert_in_range(p.usual_tokens, 512, 2048);
        assert_true(p.usual_tokens >= before);
        before = p.usual_tokens;
        if (p.usual_tokens > 512 && p.usual_tokens < 2048) {
            assert_true(kept_bytes(&f, &p, p.usual_tokens) < (size_t)mib << 20);
            /* beside what a process, the adapter and a checkpoint have, a quarter more would not fit */
            assert_true(kept_bytes(&f, &p, more) + others > (size_t)mib << 20);
            n_between++;
        }
    }
    assert_int_equal(before, 2048);
    assert_true(n_between > 10);
    close_fixture(&f);
}

/* It needs a pass of its own, and what is there for others stays as it is. */
static void a_long_example_makes_no_other_pass_longer(void **state)
{
    fixture f;
    graft_plan small, large, longer;
    (void)state;
    open_fixture(&f);
    assert_ok(plan(&f, &small, 300, 8));
    assert_true(small.usual_tokens < 2048);
    assert_ok(plan(&f, &longer, 300, 3000));
    assert_int_equal(longer.usual_tokens, small.usual_tokens);
    assert_int_equal(longer.max_tokens_per_pass, 3000);
    assert_true(recomputed(&f, &longer, 3000) > recomputed(&f, &longer, longer.usual_tokens));
    assert_int_equal(longer.pass_bytes, graft_plan_pass_bytes(&longer, f.model, &f.compute.kernels, 3000));
    /* with room for all of its layers, others may have as many tokens */
    assert_ok(plan(&f, &large, 6000, 4000));
    assert_int_equal(large.usual_tokens, 4000);
    assert_int_equal(large.max_tokens_per_pass, 16384);
    assert_int_equal(recomputed(&f, &large, 16384), 0);
    close_fixture(&f);
}

/* The system maps as much of the base around a byte that is read as it likes: where another program had
 * read the file from end to end that was 64 MiB of 94. */
static void pages_of_the_base_are_not_counted_twice(void **state)
{
    fixture f;
    graft_plan before, after;
    size_t n, sum = 0;
    (void)state;
    open_fixture(&f);
    const uint8_t *bytes = graft_gguf_bytes(f.model->file, 0, &n);
    assert_true(n > (size_t)4 << 20);
    assert_ok(plan(&f, &before, 6000, 8));
    for (size_t i = 0; i < n; i += 512) {
        sum += bytes[i];
    }
    assert_true(sum > 0);
    assert_ok(plan(&f, &after, 6000, 8));
    assert_true(after.room_bytes + n / 4 > before.room_bytes);
    close_fixture(&f);
}

static void where_all_layers_are_recomputed_short_passes_gain_nothing(void **state)
{
    fixture f;
    graft_plan p, keeping;
    (void)state;
    open_fixture(&f);
    assert_ok(plan(&f, &keeping, 200, 8));
    f.config->gradient_checkpointing = GRAFT_CHECKPOINTING_TRUE;
    assert_ok(plan(&f, &p, 200, 8));
    assert_true(keeping.usual_tokens < 1024);
    assert_int_equal(p.usual_tokens, 1024);
    close_fixture(&f);
}

static void an_adopted_plan_has_room_for_the_longest(void **state)
{
    fixture f;
    graft_plan p;
    (void)state;
    open_fixture(&f);
    assert_ok(plan(&f, &p, 6000, 4000));
    size_t bytes = p.pass_bytes;
    assert_ok(graft_plan_adopt(&p, f.model, &f.compute.kernels, 600, 4000));
    assert_int_equal(p.usual_tokens, 600);
    assert_int_equal(p.pass_bytes, bytes);
    p.room_bytes = graft_plan_pass_bytes(&p, f.model, &f.compute.kernels, 600);
    assert_fails(graft_plan_adopt(&p, f.model, &f.compute.kernels, 600, 4000), GRAFT_E_MEMORY,
                 "begun with passes of 4000 tokens");
    close_fixture(&f);
}

static void what_does_not_fit_is_refused(void **state)
{
    fixture f;
    graft_plan p;
    (void)state;
    open_fixture(&f);
    assert_fails(plan(&f, &p, 100, 100000), GRAFT_E_MEMORY, "lower max_seq_length, or raise max_memory");
    f.config->max_tokens_per_pass = 100;
    assert_fails(plan(&f, &p, 100, 101), GRAFT_E_CONFIG, "smaller than the longest example (101");
    f.config->max_tokens_per_pass = 100000;
    assert_fails(plan(&f, &p, 100, 8), GRAFT_E_MEMORY, "lower max_tokens_per_pass");
    close_fixture(&f);
}

/* Where memory was short the sizes of passes, and so the order of sums, followed from the number of threads. */
static void passes_do_not_depend_on_threads(void **state)
{
    fixture f;
    size_t n_planned = 0;
    (void)state;
    open_fixture(&f);
    for (unsigned mib = 100; mib < 1200; mib++) {
        graft_plan plans[2] = {{0}};
        size_t n_good = 0;
        for (int i = 0; i < 2; i++) {
            graft_threads_set(i == 0 ? 1 : 64);
            n_good += plan(&f, &plans[i], mib, 8) == GRAFT_OK;
        }
        if (n_good == 2) { /* the threads' own memory may leave no room at all */
            assert_int_equal(plans[0].usual_tokens, plans[1].usual_tokens);
            assert_int_equal(plans[0].max_tokens_per_pass, plans[1].max_tokens_per_pass);
            n_planned++;
        }
    }
    assert_true(n_planned > 500);
    close_fixture(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(passes_are_shorter_rather_than_recomputed),
        cmocka_unit_test(a_long_example_makes_no_other_pass_longer),
        cmocka_unit_test(pages_of_the_base_are_not_counted_twice),
        cmocka_unit_test(where_all_layers_are_recomputed_short_passes_gain_nothing),
        cmocka_unit_test(an_adopted_plan_has_room_for_the_longest),
        cmocka_unit_test(what_does_not_fit_is_refused),
        cmocka_unit_test(passes_do_not_depend_on_threads),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
