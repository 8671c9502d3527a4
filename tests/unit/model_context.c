/* Models that read short and long contexts with factors of their own: which are used, and when. */
#include <math.h>
#include <string.h>

#include "model/families.h"
#include "support/test.h"
#include "support/tiny_model.h"

enum { N_SHORT = 12, N_VOCAB = 40 };

typedef struct fixture {
    graft_model *model;
    graft_compute compute;
} fixture;

static void open_fixture(fixture *f, const char *arch)
{
    tiny_options o = tiny_default;
    graft_cpu_level level;
    o.arch = arch;
    o.rope_factors = true;
    o.key = "rope.scaling.original_context_length";
    o.value = N_SHORT;
    assert_ok(graft_cpu_choose(&level));
    assert_ok(graft_compute_init(&f->compute, level, false));
    assert_ok(graft_model_open(&f->model, tiny_model("context.gguf", &o)));
    assert_ok(graft_compute_prepare(&f->compute, f->model->hparams.d_head));
}

static void close_fixture(fixture *f)
{
    graft_model_close(f->model);
    graft_compute_clear(&f->compute);
}

/* Logits behind n tokens. */
static graft_status read_tokens(fixture *f, uint32_t n, graft_real *out)
{
    graft_status status = GRAFT_OK;
    static int32_t ids[64];
    static uint32_t positions[64];
    graft_span span = {0, n, 0, n, -1, 0};
    graft_pass pass = {n, ids, positions, &span, 1, NULL, 0};
    graft_tape tape;
    graft_tensor *hidden = NULL, *logits = NULL;
    uint32_t last = n - 1;
    graft_rows_wanted wanted = {&last, 1};
    for (uint32_t i = 0; i < n; i++) {
        ids[i] = (int32_t)(i * 7 % N_VOCAB);
        positions[i] = i;
    }
    graft_tape_begin(&tape, &f->compute, false);
    GRAFT_TRY(graft_model_hidden(f->model, &tape, &pass, NULL, 0, &wanted, &hidden));
    GRAFT_TRY(graft_model_logits(f->model, &tape, hidden, &logits));
    memcpy(out, logits->data, N_VOCAB * sizeof *out);
done:
    return status;
}

static double difference(const graft_real *a, const graft_real *b)
{
    double worst = 0;
    for (size_t i = 0; i < N_VOCAB; i++) {
        double off = fabs((double)a[i] - (double)b[i]);
        worst = off > worst ? off : worst; /* gcc 12 for arm64 cannot compile fmax here */
    }
    return worst;
}

static void chosen_by_context(void **state)
{
    fixture f;
    graft_real near[N_VOCAB], again[N_VOCAB], far[N_VOCAB];
    (void)state;
    open_fixture(&f, "phi3");
    assert_int_equal(graft_model_context(f.model), N_SHORT);
    assert_ok(read_tokens(&f, N_SHORT, near));
    assert_fails(read_tokens(&f, N_SHORT + 1, again), GRAFT_E_DATA,
                 "a sequence is longer than the 12 tokens that the model was set to read");
    graft_model_set_context(f.model, N_SHORT);
    assert_ok(read_tokens(&f, N_SHORT, again));
    assert_memory_equal(near, again, sizeof near);
    graft_model_set_context(f.model, N_SHORT + 1);
    assert_true(graft_model_context(f.model) == SIZE_MAX);
    assert_ok(read_tokens(&f, N_SHORT, far)); /* a short one among long ones */
    assert_true(difference(near, far) > 1e-2);
    assert_ok(read_tokens(&f, 3 * N_SHORT, far));
    graft_model_set_context(f.model, 1);
    assert_ok(read_tokens(&f, N_SHORT, again));
    assert_memory_equal(near, again, sizeof near);
    close_fixture(&f);
}

static void others_do_not_care(void **state)
{
    fixture f;
    graft_real before[N_VOCAB], after[N_VOCAB];
    (void)state;
    open_fixture(&f, "llama");
    assert_true(graft_model_context(f.model) == SIZE_MAX);
    assert_ok(read_tokens(&f, 3 * N_SHORT, before));
    graft_model_set_context(f.model, 3 * N_SHORT);
    assert_ok(read_tokens(&f, 3 * N_SHORT, after));
    assert_memory_equal(before, after, sizeof before);
    close_fixture(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(chosen_by_context),
                                       cmocka_unit_test(others_do_not_care)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
