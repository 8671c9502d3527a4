/* What a pass of every family takes is what plans of memory reckon with. */
#include "adapter/adapter.h"
#include "model/families.h"
#include "support/test.h"
#include "support/tiny_model.h"

enum { N_TOK = 200 };

static int32_t ids[N_TOK];
static uint32_t positions[N_TOK];
static graft_prediction predictions[N_TOK];

static size_t peak_of(graft_model *model, graft_compute *compute, size_t n_recomputed)
{
    graft_tape tape;
    graft_span span = {0, N_TOK, 0, N_TOK, -1, 0};
    graft_pass pass = {N_TOK, ids, positions, &span, 1, predictions, N_TOK - 1};
    double loss = 0;
    for (uint32_t i = 0; i < N_TOK; i++) {
        positions[i] = i;
        ids[i] = (int32_t)(i % 40);
        predictions[i] = (graft_prediction){i, ids[i], 1.0f, 0, i + 1};
    }
    compute->arena.peak = 0;
    graft_tape_begin(&tape, compute, true);
    assert_ok(graft_model_loss(model, &tape, &pass, n_recomputed, N_TOK, &loss, NULL));
    assert_ok(graft_tape_backward(&tape));
    return compute->arena.peak;
}

static void check(const char *arch, bool half, size_t n_recomputed, bool dora)
{
    tiny_options o = {6, 64, 4, 2, 160, 40, false, false, 1, arch, NULL, NULL, NULL, NULL, 0, NULL};
    graft_model *model = NULL;
    graft_adapter *adapter = NULL;
    graft_compute compute = {0};
    graft_cpu_level level;
    graft_adapter_options options = {.rank = 8, .alpha = 8, .targets = "all-linear", .arch = arch,
                                     .dora = dora};
    assert_ok(graft_cpu_choose(&level));
    assert_ok(graft_compute_init(&compute, level, half));
    assert_ok(graft_model_open(&model, tiny_model("memory.gguf", &o)));
    assert_ok(graft_adapter_new(&adapter, &options, model->slots, model->n_slots));
    assert_ok(graft_model_prepare(model, &compute));
    graft_layer_bytes bytes = graft_model_layer_bytes(model, &compute.kernels);
    size_t stream = o.n_embd * sizeof(graft_real);
    size_t layers = n_recomputed * stream + (o.n_layer - n_recomputed) * bytes.kept;
    size_t planned = N_TOK * (layers + bytes.work + (n_recomputed > 0 ? bytes.kept : 0) +
                              3 * stream + bytes.once);
    size_t peak = peak_of(model, &compute, n_recomputed);
    if (peak > planned * 115 / 100 || peak < planned * 85 / 100) { /* of few kilobytes a token */
        print_error("%s in %s%s, %zu layers recomputed: %zu bytes planned, %zu used\n", arch,
                    half ? "bf16" : "f32", dora ? ", DoRA" : "", n_recomputed, planned, peak);
        fail();
    }
    graft_adapter_free(adapter);
    graft_model_close(model);
    graft_compute_clear(&compute);
}

static void every_family(void **state)
{
    (void)state;
    for (size_t i = 0; graft_families[i] != NULL; i++) {
        for (size_t k = 0; k < 8; k++) {
            check(graft_families[i]->arch, k % 2 == 1, k % 4 < 2 ? 0 : 6, k >= 4);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(every_family)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
