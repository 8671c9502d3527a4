/* adapter/dora.h: the lengths of the rows of W + scale B A, in what an adapter begins with and after that,
 * against sums in double over rows that are made whole. */
#include <math.h>
#include <string.h>

#include "adapter/adapter.h"
#include "adapter/dora.h"
#include "core/memory.h"
#include "core/rng.h"
#include "core/threads.h"
#include "model/families.h"
#include "support/test.h"
#include "support/tiny_model.h"

typedef struct fixture {
    graft_model *model;
    graft_adapter *adapter;
    graft_compute compute;
} fixture;

static void open_with(fixture *f, const char *arch, const char *init, bool half)
{
    tiny_options o = tiny_default;
    graft_cpu_level level;
    o.arch = arch;
    graft_adapter_options options = {.rank = 3, .alpha = 7, .targets = "all-linear", .arch = arch,
                                     .init = init, .dora = true, .seed = 4};
    assert_ok(graft_cpu_choose(&level));
    assert_ok(graft_compute_init(&f->compute, level, half));
    assert_ok(graft_model_open(&f->model, tiny_model("dora.gguf", &o)));
    assert_ok(graft_adapter_new(&f->adapter, &options, f->model->slots, f->model->n_slots));
}

static void close_fixture(fixture *f)
{
    graft_adapter_free(f->adapter);
    graft_model_close(f->model);
    graft_compute_clear(&f->compute);
}

static void randomise(const fixture *f)
{
    graft_rng rng;
    graft_rng_init(&rng, 9, GRAFT_RNG_TEST, 0);
    for (size_t i = 0; i < f->adapter->n_params; i++) {
        f->adapter->params[i] = (graft_real)(0.3 * graft_rng_normal(&rng));
    }
}

/* Row i of W + scale B A. */
static double length_of(const fixture *f, const graft_adapter_map *map, size_t i)
{
    const graft_low_rank *lr = &map->low_rank;
    graft_real row[256];
    double sum = 0;
    assert_true(lr->a.n_cols <= 256);
    f->compute.kernels.decode_row(&map->slot->weight, i, row);
    for (size_t j = 0; j < lr->a.n_cols; j++) {
        double w = (double)row[j];
        for (size_t k = 0; k < lr->a.n_rows; k++) {
            w += map->scale * (double)lr->b.data[i * lr->b.n_cols + k] *
                 (double)lr->a.data[k * lr->a.n_cols + j];
        }
        sum += w * w;
    }
    return sqrt(sum);
}

static void check_lengths(const fixture *f, bool unchanged)
{
    for (size_t m = 0; m < f->adapter->n_maps; m++) {
        const graft_adapter_map *map = &f->adapter->maps[m];
        const graft_low_rank *lr = &map->low_rank;
        assert_int_equal(lr->magnitude.n_rows, lr->b.n_rows);
        for (size_t i = 0; i < lr->b.n_rows; i++) {
            double length = length_of(f, map, i), m_i = (double)lr->magnitude.data[i];
            assert_true(fabs((double)lr->inv_norm[i] * length - 1) <= 1e-5);
            assert_true(fabs((double)lr->factor[i] * length - m_i) <= 1e-5 * (fabs(m_i) + 1e-3));
            assert_true(!unchanged || fabs((double)lr->factor[i] - 1) <= 1e-5);
        }
    }
}

static void every_kind_begins_unchanged(void **state)
{
    (void)state;
    for (size_t i = 0; graft_adapter_kinds[i] != NULL; i++) {
        for (size_t k = 0; k < 2; k++) { /* in fewer bits rows are measured just as well */
            fixture f = {0};
            open_with(&f, k == 0 ? "llama" : "phi3", graft_adapter_kinds[i]->name, k == 1);
            assert_ok(graft_model_prepare(f.model, &f.compute));
            check_lengths(&f, true);
            close_fixture(&f);
        }
    }
}

static void lengths_follow_the_parameters(void **state)
{
    (void)state;
    for (size_t i = 0; graft_families[i] != NULL; i++) {
        fixture f = {0};
        open_with(&f, graft_families[i]->arch, NULL, i % 2 == 1);
        randomise(&f);
        assert_ok(graft_model_prepare(f.model, &f.compute));
        check_lengths(&f, false);
        assert_ok(graft_adapter_take_lengths(f.adapter, &f.compute));
        assert_ok(graft_model_prepare(f.model, &f.compute));
        check_lengths(&f, true);
        close_fixture(&f);
    }
}

static void lengths_have_the_same_bits_at_any_thread_count(void **state)
{
    graft_real *first = NULL;
    (void)state;
    for (int n = 1; n <= 4; n++) {
        fixture f = {0};
        graft_threads_set(n);
        open_with(&f, "llama", NULL, false);
        randomise(&f);
        assert_ok(graft_model_prepare(f.model, &f.compute));
        const graft_adapter_map *map = &f.adapter->maps[6];
        size_t bytes = 2 * map->low_rank.b.n_rows * sizeof(graft_real);
        if (first == NULL) {
            assert_ok(graft_alloc(&first, bytes, 1));
            memcpy(first, map->measured, bytes);
        }
        assert_memory_equal(first, map->measured, bytes);
        close_fixture(&f);
    }
    graft_threads_set(0);
    graft_free(first);
}

/* What became nothing has no direction, and is left so; what is not finite shows. */
static void rows_of_nothing(void **state)
{
    fixture f = {0};
    (void)state;
    open_with(&f, "llama", NULL, false);
    graft_low_rank *map = &f.adapter->maps[0].low_rank;
    f.adapter->maps[0].w_squares[1] = 0;
    map->b.data[2 * map->b.n_cols] = (graft_real)NAN;
    assert_ok(graft_model_prepare(f.model, &f.compute));
    assert_true(map->factor[1] == 0 && map->inv_norm[1] == 0);
    assert_true(isnan(map->factor[2]) && map->factor[3] != 0);
    close_fixture(&f);
}

static void places_have_names(void **state)
{
    char name[GRAFT_ADAPTER_PLACE_BYTES];
    fixture f = {0};
    (void)state;
    open_with(&f, "llama", NULL, false);
    const graft_low_rank *map = &f.adapter->maps[1].low_rank;
    size_t at = (size_t)(map->magnitude.data - f.adapter->params);
    graft_adapter_describe(f.adapter, at + 2, name, sizeof name);
    assert_string_equal(name, "blk.0.attn_k.weight lora_magnitude_vector, row 2, column 0");
    graft_adapter_describe(f.adapter, at - 1, name, sizeof name);
    assert_string_equal(name, "blk.0.attn_k.weight lora_b, row 7, column 2");
    assert_fails(graft_adapter_set_magnitudes(f.adapter, "blk.0.attn_k.weight", NULL, 9),
                 GRAFT_E_MODEL, "adapter for blk.0.attn_k.weight: 9 magnitudes; expected 8");
    close_fixture(&f);
}

static void dropout_is_refused(void **state)
{
    graft_model *model = NULL;
    graft_adapter *adapter = NULL;
    graft_adapter_options options = {.rank = 3, .alpha = 7, .targets = "all-linear", .dora = true,
                                     .dropout = 0.1};
    (void)state;
    assert_ok(graft_model_open(&model, tiny_model("dora.gguf", &tiny_default)));
    assert_fails(graft_adapter_new(&adapter, &options, model->slots, model->n_slots),
                 GRAFT_E_CONFIG, "use_dora needs lora_dropout: 0");
    graft_model_close(model);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_kind_begins_unchanged),
        cmocka_unit_test(lengths_follow_the_parameters),
        cmocka_unit_test(lengths_have_the_same_bits_at_any_thread_count),
        cmocka_unit_test(rows_of_nothing),
        cmocka_unit_test(places_have_names),
        cmocka_unit_test(dropout_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
