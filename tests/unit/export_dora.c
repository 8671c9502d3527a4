/* A DoRA of every family is the same model attached to the base, merged into it, and read back from its
 * PEFT folder; and what cannot hold one says so and writes nothing. */
#include <math.h>
#include <string.h>

#include "adapter/adapter.h"
#include "core/memory.h"
#include "core/rng.h"
#include "export/export.h"
#include "io/files.h"
#include "model/families.h"
#include "support/test.h"
#include "support/tiny_model.h"
#include "train/trainer.h"

enum { N_TOK = 30, MOST_MAPS = 32 };

static int32_t ids[N_TOK];

typedef struct fixture {
    graft_model *model;
    graft_adapter *adapter;
    graft_compute compute;
    graft_export_map maps[MOST_MAPS];
    graft_export_adapter description;
    float *values;
} fixture;

static void describe(fixture *f, const char *arch)
{
    const graft_adapter *a = f->adapter;
    assert_true(a->n_maps <= MOST_MAPS);
    assert_ok(graft_alloc(&f->values, a->n_params, sizeof *f->values));
    for (size_t i = 0; i < a->n_params; i++) {
        f->values[i] = (float)a->params[i];
    }
    for (size_t i = 0; i < a->n_maps; i++) {
        const graft_low_rank *m = &a->maps[i].low_rank;
        f->maps[i] = (graft_export_map){
            .name = a->maps[i].name,
            .a = f->values + (m->a.data - a->params),
            .b = f->values + (m->b.data - a->params),
            .rank = m->a.n_rows, .n_in = m->a.n_cols, .n_out = m->b.n_rows,
            .scale = a->maps[i].scale,
            .magnitude = f->values + (m->magnitude.data - a->params)};
    }
    f->description = (graft_export_adapter){
        .maps = f->maps, .n_maps = a->n_maps, .alpha = a->alpha, .arch = arch,
        .n_head = f->model->hparams.n_head, .n_kv = f->model->hparams.n_kv, .base_name = "tiny"};
}

/* With random parameters; magnitudes are those of rows, changed by a third or so. */
static void open_wide(fixture *f, const char *arch, size_t width)
{
    tiny_options o = tiny_default;
    graft_cpu_level level;
    graft_rng rng;
    memset(f, 0, sizeof *f);
    o.arch = arch;
    o.n_embd = width;
    o.n_ff = width > o.n_ff ? width : o.n_ff;
    graft_adapter_options options = {.rank = 3, .alpha = 7, .targets = "all-linear", .arch = arch,
                                     .dora = true, .seed = 4};
    assert_ok(graft_cpu_choose(&level));
    assert_ok(graft_compute_init(&f->compute, level, false));
    assert_ok(graft_model_open(&f->model, tiny_model("base.gguf", &o)));
    assert_ok(graft_adapter_new(&f->adapter, &options, f->model->slots, f->model->n_slots));
    graft_rng_init(&rng, 9, GRAFT_RNG_TEST, 0);
    for (size_t i = 0; i < f->adapter->n_maps; i++) {
        const graft_low_rank *m = &f->adapter->maps[i].low_rank;
        for (size_t k = 0; k < m->b.n_rows * m->b.n_cols; k++) {
            m->b.data[k] = (float)(0.2 * graft_rng_normal(&rng));
        }
        for (size_t k = 0; k < m->magnitude.n_rows; k++) {
            m->magnitude.data[k] *= (float)(1 + 0.3 * graft_rng_normal(&rng));
        }
    }
    for (size_t i = 0; i < N_TOK; i++) {
        ids[i] = (int32_t)graft_rng_below(&rng, o.n_vocab);
    }
    describe(f, arch);
}

static void open_fixture(fixture *f, const char *arch)
{
    open_wide(f, arch, tiny_default.n_embd);
}

static void close_fixture(fixture *f)
{
    graft_free(f->values);
    graft_adapter_free(f->adapter);
    graft_model_close(f->model);
    graft_compute_clear(&f->compute);
}

static void logprobs_of(graft_model *model, graft_compute *compute, float *out)
{
    graft_example example = {.ids = ids, .n = N_TOK};
    assert_ok(graft_example_logprobs(model, compute, &example, out));
}

static double largest_difference(const float *a, const float *b)
{
    double worst = 0;
    for (size_t i = 1; i < N_TOK; i++) {
        worst = fmax(worst, fabs((double)a[i] - (double)b[i]));
        assert_true(isfinite(a[i]) && isfinite(b[i]));
    }
    return worst;
}

/* What `to` writes holds every bit of the magnitudes. */
static void reads_back(fixture *f, const char *to)
{
    const graft_export_job job = {.adapter = &f->description, .base = f->model->file};
    graft_loaded_adapter loaded;
    assert_ok(graft_make_dirs(test_temp_path(to)));
    assert_ok(graft_exporter_find(to)->write(&job, test_temp_path(to)));
    assert_ok(graft_adapter_load(&loaded, test_temp_path(to), f->model->file));
    assert_int_equal(loaded.n_maps, f->description.n_maps);
    for (size_t i = 0; i < loaded.n_maps; i++) {
        const graft_export_map *map = &f->maps[i];
        while (strcmp(map->name, loaded.maps[i].name) != 0) {
            map = map == f->maps ? f->maps + f->description.n_maps - 1 : map - 1;
        }
        assert_memory_equal(loaded.maps[i].magnitude, map->magnitude,
                            map->n_out * sizeof *map->magnitude);
    }
    graft_loaded_adapter_clear(&loaded);
}

static void check_family(const char *arch)
{
    fixture f;
    graft_model *merged = NULL;
    float bare[N_TOK], tuned[N_TOK], other[N_TOK];
    open_fixture(&f, arch);
    logprobs_of(f.model, &f.compute, tuned);
    graft_adapter_enable(f.adapter, false);
    logprobs_of(f.model, &f.compute, bare);
    assert_true(largest_difference(tuned, bare) > 1e-3);
    const graft_export_job job = {.adapter = &f.description, .base = f.model->file};
    assert_ok(graft_exporter_find("gguf")->write(&job, test_temp_path("merged.gguf")));
    assert_ok(graft_model_open(&merged, test_temp_path("merged.gguf")));
    logprobs_of(merged, &f.compute, other);
    if (largest_difference(tuned, other) > 2e-5) {
        fail_msg("%s: %g from the merged model", arch, largest_difference(tuned, other));
    }
    graft_model_close(merged);
    reads_back(&f, "peft");
    reads_back(&f, "mlx");
    close_fixture(&f);
}

static void attached_merged_and_read_back(void **state)
{
    (void)state;
    for (size_t i = 0; graft_families[i] != NULL; i++) {
        check_family(graft_families[i]->arch);
    }
}

static void what_cannot_hold_one_refuses(void **state)
{
    static const char *const names[] = {"adapter", "vllm"};
    fixture f;
    (void)state;
    open_fixture(&f, "llama");
    const graft_export_job job = {.adapter = &f.description, .base = f.model->file};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        const graft_exporter *exporter = graft_exporter_find(names[i]);
        const char *path = test_temp_path(names[i]);
        assert_ok(exporter->is_folder ? graft_make_dirs(path) : GRAFT_OK);
        assert_fails(exporter->write(&job, path), GRAFT_E_FAILED, "cannot hold a DoRA: ");
        assert_contains(graft_error_message(), "; merge it into the base (gguf, ");
        assert_fails(graft_exporter_check_dora(exporter, NULL), GRAFT_E_FAILED, names[i]);
    }
    assert_false(graft_path_exists(test_temp_path("adapter")));
    assert_fails(graft_exporter_check_dora(graft_exporter_find("ollama"), "adapter"),
                 GRAFT_E_FAILED, "ollama: cannot hold a DoRA");
    assert_ok(graft_exporter_check_dora(graft_exporter_find("ollama"), NULL));
    f.maps[3].magnitude = NULL;
    assert_fails(graft_exporter_find("peft")->write(&job, test_temp_path("vllm")), GRAFT_E_FAILED,
                 "some maps of the adapter have magnitudes (DoRA)");
    close_fixture(&f);
}

/* A row of the base that is all zeros has no direction: it stays. */
static void rows_of_nothing_stay(void **state)
{
    fixture f;
    graft_model *merged = NULL;
    graft_real row[64];
    float *b;
    (void)state;
    open_fixture(&f, "llama");
    const graft_gguf_tensor *t = graft_gguf_find_tensor(f.model->file, f.maps[0].name);
    float *base_row = NULL;
    assert_ok(graft_alloc(&base_row, f.maps[0].n_in, sizeof *base_row));
    t->format->decode(t->data, base_row, f.maps[0].n_in / t->format->block_elems);
    /* B A takes all of row 0 away: A is that row, B is -1 / scale */
    float *a = (float *)(uintptr_t)f.maps[0].a;
    memcpy(a, base_row, f.maps[0].n_in * sizeof *a);
    b = (float *)(uintptr_t)f.maps[0].b;
    b[0] = -1.0f;
    b[1] = b[2] = 0;
    f.maps[0].scale = 1;
    const graft_export_job job = {.adapter = &f.description, .base = f.model->file};
    assert_ok(graft_exporter_find("gguf")->write(&job, test_temp_path("merged.gguf")));
    assert_ok(graft_model_open(&merged, test_temp_path("merged.gguf")));
    f.compute.kernels.decode_row(&merged->slots[0].weight, 0, row);
    for (size_t i = 0; i < f.maps[0].n_in; i++) {
        assert_true(row[i] == 0);
    }
    graft_free(base_row);
    graft_model_close(merged);
    close_fixture(&f);
}

/* A sum is refused by name, one alone is copied with its magnitudes. */
static void sums_are_refused(void **state)
{
    static const double one[2] = {1, 1}, half[1] = {0.5};
    fixture f;
    graft_loaded_adapter both[2], sum;
    (void)state;
    open_fixture(&f, "llama");
    const graft_export_job job = {.adapter = &f.description, .base = f.model->file};
    assert_ok(graft_make_dirs(test_temp_path("peft")));
    assert_ok(graft_exporter_find("peft")->write(&job, test_temp_path("peft")));
    for (size_t i = 0; i < 2; i++) {
        assert_ok(graft_adapter_load(&both[i], test_temp_path("peft"), f.model->file));
    }
    assert_ok(graft_loaded_adapter_sum(&sum, both, one, 1));
    assert_true(graft_export_is_dora(sum.maps, sum.n_maps));
    assert_memory_equal(sum.maps[2].magnitude, both[0].maps[2].magnitude,
                        sum.maps[2].n_out * sizeof(float));
    graft_loaded_adapter_clear(&sum);
    assert_fails(graft_loaded_adapter_sum(&sum, both, half, 1), GRAFT_E_CONFIG,
                 "adapter 1 is a DoRA");
    assert_fails(graft_loaded_adapter_sum(&sum, both, one, 2), GRAFT_E_CONFIG,
                 "it can neither be added to others nor be weighted");
    assert_null(sum.maps);
    graft_loaded_adapter_clear(&both[0]);
    graft_loaded_adapter_clear(&both[1]);
    close_fixture(&f);
}

enum { WIDE = 64 };

static graft_status find_moments(graft_rounding_source *source, const char *tensor,
                                 const graft_rounding **out)
{
    (void)tensor;
    *out = source->context;
    return GRAFT_OK;
}

/* x M y^T */
static double weighed(const graft_rounding *by, const double *x, const double *y)
{
    double sum = 0;
    for (size_t i = 0; i < WIDE; i++) {
        for (size_t j = 0; j < WIDE; j++) {
            sum += x[i] * (double)by->moments[i * WIDE + j] * y[j];
        }
    }
    return sum;
}

/* The sums of a row as they follow from what the files hold: exact is what merging in f32 wrote. */
static void add_row(const graft_rounding *by, const graft_gguf_tensor *const t[3], size_t row,
                    graft_survival_sums *sums)
{
    float values[3][WIDE];
    double change[WIDE], error[WIDE];
    for (size_t i = 0; i < 3; i++) {
        t[i]->format->decode(t[i]->data + row * t[i]->row_bytes, values[i],
                             WIDE / t[i]->format->block_elems);
    }
    for (size_t i = 0; i < WIDE; i++) {
        change[i] = (double)values[1][i] - (double)values[0][i];
        error[i] = (double)values[2][i] - (double)values[1][i];
    }
    sums->delta += weighed(by, change, change);
    sums->error += weighed(by, error, error);
    sums->product += weighed(by, change, error);
}

/* What survives of outputs is known of a DoRA as well, though its change is no product of factors. */
static void what_survives_of_outputs(void **state)
{
    static float moments[WIDE * WIDE];
    fixture f;
    graft_rounding by;
    graft_survival survival;
    graft_gguf *exact = NULL, *rounded = NULL;
    (void)state;
    for (size_t i = 0; i < WIDE; i++) { /* of inputs that go together */
        for (size_t j = 0; j < WIDE; j++) {
            moments[i * WIDE + j] = (i == j ? 1.0f : 0) + 0.5f * cosf(0.1f * (float)i) * cosf(0.1f * (float)j);
        }
    }
    open_wide(&f, "llama", WIDE);
    assert_ok(graft_rounding_open(&by, WIDE, moments));
    graft_survival_init(&survival);
    graft_rounding_source source = {.find = find_moments, .context = &by, .aware = true};
    graft_export_job job = {.adapter = &f.description, .base = f.model->file, .type = "f32"};
    assert_ok(graft_exporter_find("gguf")->write(&job, test_temp_path("exact.gguf")));
    job.type = "q4_0";
    job.rounding = &source;
    job.survival = &survival;
    job.force = true;
    assert_ok(graft_exporter_find("gguf")->write(&job, test_temp_path("rounded.gguf")));
    assert_ok(graft_gguf_open(&exact, test_temp_path("exact.gguf")));
    assert_ok(graft_gguf_open(&rounded, test_temp_path("rounded.gguf")));
    assert_int_equal(survival.n, f.description.n_maps);
    for (size_t i = 0; i < survival.n; i++) {
        const graft_survival_row *row = &survival.rows[i];
        const graft_gguf_tensor *const t[3] = {graft_gguf_find_tensor(f.model->file, row->name),
                                               graft_gguf_find_tensor(exact, row->name),
                                               graft_gguf_find_tensor(rounded, row->name)};
        graft_survival_sums sums = {0};
        for (size_t k = 0; k < t[0]->ne[1]; k++) {
            add_row(&by, t, k, &sums);
        }
        assert_true(row->has_outputs);
        assert_true(fabs(row->outputs.delta - sqrt(sums.delta)) <= 1e-4 * sqrt(sums.delta));
        assert_true(fabs(row->outputs.error - sqrt(sums.error)) <= 1e-3 * sqrt(sums.error));
        assert_true(fabs(row->outputs.kept - (1 + sums.product / sums.delta)) <= 1e-4);
    }
    graft_gguf_close(exact);
    graft_gguf_close(rounded);
    graft_survival_clear(&survival);
    graft_rounding_close(&by);
    close_fixture(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(attached_merged_and_read_back),
        cmocka_unit_test(what_cannot_hold_one_refuses),
        cmocka_unit_test(rows_of_nothing_stay),
        cmocka_unit_test(sums_are_refused),
        cmocka_unit_test(what_survives_of_outputs),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
