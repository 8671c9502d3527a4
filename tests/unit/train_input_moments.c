/* What goes into linear maps, summed while a model reads: beside sums that are computed plainly, in double, from
 * the inputs themselves. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/memory.h"
#include "core/threads.h"
#include "support/test.h"
#include "support/tiny_model.h"
#include "train/input_moments.h"
#include "train/input_sums.h"
#include "train/read_pass.h"

/* Examples of these lengths: of one token, of slices that end in the middle, of more than one slice. */
static const uint32_t lengths[] = {1, 7, 300, 257};
enum { N_EXAMPLES = 4, LONGEST = 300, MOST_SLOTS = 32 };

typedef struct fixture {
    graft_model *model;
    graft_compute compute;
    int32_t ids[N_EXAMPLES][LONGEST];
    size_t n_tok;
} fixture;

static void open_fixture(fixture *f, const tiny_options *o)
{
    graft_cpu_level level;
    *f = (fixture){0};
    graft_threads_set(1);
    assert_ok(graft_cpu_choose(&level));
    assert_ok(graft_compute_init(&f->compute, level, false));
    assert_ok(graft_model_open(&f->model, tiny_model("moments.gguf", o)));
    assert_ok(graft_compute_prepare(&f->compute, f->model->hparams.d_head));
    assert_true(f->model->n_slots <= MOST_SLOTS);
    for (size_t e = 0; e < N_EXAMPLES; e++) {
        for (size_t i = 0; i < lengths[e]; i++) {
            f->ids[e][i] = (int32_t)((i * i + 5 * i + 3 * e) % o->n_vocab);
        }
        f->n_tok += lengths[e];
    }
}

static void close_fixture(fixture *f)
{
    graft_model_close(f->model);
    graft_compute_clear(&f->compute);
    graft_threads_set(0);
}

/* Odd where that can be: heads are of even width. */
static tiny_options odd_model(const char *arch)
{
    tiny_options o = tiny_default;
    o.arch = arch;
    o.n_layer = 3;
    o.n_embd = 20;
    o.n_head = o.n_kv = 2;
    o.n_ff = 27;
    return o;
}

/* --- plain sums --- */

typedef struct plain {
    const graft_model *model;
    double *of[MOST_SLOTS]; /* [n_in][n_in], all of it */
    bool shown[MOST_SLOTS]; /* in this pass */
} plain;

/* The slot in whose matrix the rows of w lie. */
static size_t slot_around(const graft_model *model, const graft_weight *w)
{
    for (size_t i = 0; i < model->n_slots; i++) {
        const graft_weight *s = &model->slots[i].weight;
        const uint8_t *begin = s->data, *at = w->data;
        if (at >= begin && at < begin + s->n_out * s->row_bytes) {
            return i;
        }
    }
    fail_msg("a weight that is no slot's");
    return 0;
}

static void add_plainly(void *context, const graft_weight *w, const graft_act *x, size_t ldx,
                        size_t n_tok, bool again)
{
    plain *p = context;
    size_t slot = slot_around(p->model, w), n = w->n_in;
    (void)again;
    if (p->shown[slot]) {
        return; /* other rows of the matrix, of which the same input is read */
    }
    p->shown[slot] = true;
    for (size_t t = 0; t < n_tok; t++) {
        const graft_real *row = (const graft_real *)x + t * ldx;
        for (size_t i = 0; i < n; i++) {
            for (size_t j = 0; j < n; j++) {
                p->of[slot][i * n + j] += (double)row[i] * (double)row[j];
            }
        }
    }
}

static void sum_plainly(plain *p, fixture *f)
{
    *p = (plain){.model = f->model};
    for (size_t i = 0; i < f->model->n_slots; i++) {
        size_t n = f->model->slots[i].weight.n_in;
        p->of[i] = calloc(n * n, sizeof(double));
    }
    graft_input_watch watch = {add_plainly, p};
    for (size_t e = 0; e < N_EXAMPLES; e++) {
        memset(p->shown, 0, sizeof p->shown);
        f->compute.watch = &watch;
        assert_ok(graft_read_pass(f->model, &f->compute, f->ids[e], lengths[e]));
        f->compute.watch = NULL;
        for (size_t i = 0; i < f->model->n_slots; i++) {
            assert_true(p->shown[i]);
        }
    }
}

static void free_plain(plain *p)
{
    for (size_t i = 0; i < MOST_SLOTS; i++) {
        free(p->of[i]);
    }
}

/* --- moments --- */

/* Collects what a limit allows from a slot on. */
static void collect(graft_input_moments *m, fixture *f, size_t slot, size_t limit)
{
    assert_ok(graft_input_moments_begin(m, slot, limit));
    for (size_t e = 0; e < N_EXAMPLES; e++) {
        assert_ok(graft_input_moments_read(m, f->ids[e], lengths[e]));
    }
    assert_int_equal(m->n_tok, f->n_tok);
    assert_ok(graft_input_moments_finish(m));
}

static void assert_moments(const fixture *f, const plain *p, const float *got, size_t slot)
{
    size_t n = f->model->slots[slot].weight.n_in;
    double largest = 0;
    assert_non_null(got);
    for (size_t i = 0; i < n; i++) {
        double square = p->of[slot][i * n + i] / (double)f->n_tok;
        largest = square > largest ? square : largest;
    }
    assert_true(largest > 0);
    for (size_t i = 0; i < n; i++) {
        for (size_t j = i; j < n; j++) {
            double wanted = p->of[slot][i * n + j] / (double)f->n_tok, off = fabs((double)got[i * n + j] - wanted);
            if (!(off <= 1e-5 * largest)) {
                fail_msg("%s: (%zu, %zu) is %g and not %g", f->model->slots[slot].name, i, j,
                         (double)got[i * n + j], wanted);
            }
        }
    }
}

static void moments_of(const char *arch)
{
    fixture f;
    plain p;
    graft_input_moments m;
    const tiny_options o = odd_model(arch);
    open_fixture(&f, &o);
    sum_plainly(&p, &f);
    assert_ok(graft_input_moments_init(&m, f.model, &f.compute));
    collect(&m, &f, 0, SIZE_MAX);
    for (size_t i = 0; i < f.model->n_slots; i++) {
        assert_moments(&f, &p, graft_input_moments_of(&m, i), i);
    }
    graft_input_moments_clear(&m);
    free_plain(&p);
    close_fixture(&f);
}

static void moments_are_the_plain_sums(void **state)
{
    (void)state;
    moments_of("llama");
}

static void moments_of_matrices_that_are_several_maps(void **state)
{
    (void)state;
    moments_of("phi3");
}

/* With room for nothing there is one layer at a time, of the same bits. */
static void collect_all(float **all, fixture *f, size_t limit, int threads)
{
    graft_input_moments m;
    size_t layers = 0;
    graft_threads_set(threads);
    assert_ok(graft_input_moments_init(&m, f->model, &f->compute));
    for (size_t i = 0; i < f->model->n_slots; i++) {
        size_t n = f->model->slots[i].weight.n_in;
        if (graft_input_moments_of(&m, i) == NULL) {
            collect(&m, f, i, limit);
            layers++;
        }
        all[i] = malloc(n * n * sizeof(float));
        memcpy(all[i], graft_input_moments_of(&m, i), n * n * sizeof(float));
    }
    assert_int_equal(layers, limit == 0 ? 3 : 1);
    graft_input_moments_clear(&m);
}

/* The same model with its tensors in an order: of layers the last first. */
static const char *backwards(const char *path, const char *to)
{
    graft_gguf *file;
    graft_gguf_writer *writer;
    assert_ok(graft_gguf_open(&file, path));
    assert_ok(graft_gguf_writer_new(&writer));
    for (size_t i = 0; i < graft_gguf_n_kv(file); i++) {
        assert_ok(graft_gguf_copy_kv(writer, graft_gguf_kv_at(file, i)));
    }
    for (size_t i = graft_gguf_n_tensors(file); i-- > 0;) {
        const graft_gguf_tensor *t = graft_gguf_tensor_at(file, i);
        assert_ok(graft_gguf_add_tensor(writer, t->name, t->format, t->n_dims, t->ne, t->data));
    }
    assert_ok(graft_gguf_write(writer, test_temp_path(to)));
    graft_gguf_writer_free(writer);
    graft_gguf_close(file);
    return test_temp_path(to);
}

/* Layers lay in the order 0, 1, 10, 11, ...: what was collected beside layer 1 was needed much later, and read again
 * by then. Now one reading is as many layers as there is room for, whatever the order. */
static void layers_come_in_the_order_of_the_file(void **state)
{
    (void)state;
    fixture f;
    graft_input_moments m;
    tiny_options o = odd_model("llama");
    o.n_layer = 4;
    open_fixture(&f, &o);
    graft_model_close(f.model);
    assert_ok(graft_model_open(&f.model, backwards(test_temp_path("moments.gguf"), "backwards.gguf")));
    const size_t room = 2 * (3 * o.n_embd * o.n_embd + o.n_ff * o.n_ff) * sizeof(float);
    size_t readings = 0;
    assert_ok(graft_input_moments_init(&m, f.model, &f.compute));
    for (size_t i = f.model->n_slots; i-- > 0;) {
        if (graft_input_moments_of(&m, i) == NULL) {
            collect(&m, &f, i, room);
            readings++;
        }
        for (size_t k = 0; k < f.model->n_slots; k++) {
            size_t layer = f.model->slots[k].layer, now = 3 - (readings - 1) * 2;
            assert_int_equal(graft_input_moments_of(&m, k) != NULL, layer == now || layer == now - 1);
        }
    }
    assert_int_equal(readings, 2);
    graft_input_moments_clear(&m);
    close_fixture(&f);
}

static void bits_depend_on_neither_threads_nor_room(void **state)
{
    (void)state;
    static const char *const archs[] = {"llama", "phi3"};
    for (size_t a = 0; a < 2; a++) {
        fixture f;
        tiny_options o = odd_model(archs[a]);
        float *one[MOST_SLOTS], *two[MOST_SLOTS], *few[MOST_SLOTS];
        o.n_embd = 268; /* some tiles */
        open_fixture(&f, &o);
        collect_all(one, &f, SIZE_MAX, 1);
        collect_all(two, &f, SIZE_MAX, 2);
        collect_all(few, &f, 0, 2);
        for (size_t i = 0; i < f.model->n_slots; i++) {
            size_t n = f.model->slots[i].weight.n_in;
            for (size_t k = 0; k < n; k++) { /* of the rest nothing is said */
                assert_memory_equal(one[i] + k * n + k, two[i] + k * n + k, (n - k) * sizeof(float));
                assert_memory_equal(one[i] + k * n + k, few[i] + k * n + k, (n - k) * sizeof(float));
            }
            free(one[i]);
            free(two[i]);
            free(few[i]);
        }
        close_fixture(&f);
    }
}

static void maps_that_share_an_input_share_its_moments(void **state)
{
    (void)state;
    fixture f;
    graft_input_moments m;
    const tiny_options o = odd_model("llama");
    static const struct {
        const char *map, *owner;
    } rows[] = {{"blk.1.attn_k.weight", "blk.1.attn_q.weight"}, {"blk.1.attn_v.weight", "blk.1.attn_q.weight"},
                {"blk.1.ffn_up.weight", "blk.1.ffn_gate.weight"},
                {"blk.1.attn_output.weight", "blk.1.attn_output.weight"},
                {"blk.1.ffn_down.weight", "blk.1.ffn_down.weight"}};
    open_fixture(&f, &o);
    assert_ok(graft_input_moments_init(&m, f.model, &f.compute));
    for (size_t r = 0; r < sizeof rows / sizeof *rows; r++) {
        for (size_t i = 0; i < f.model->n_slots; i++) {
            if (strcmp(f.model->slots[i].name, rows[r].map) == 0) {
                assert_string_equal(f.model->slots[m.owners[i]].name, rows[r].owner);
            }
        }
    }
    graft_input_moments_clear(&m);
    close_fixture(&f);
}

/* --- sums of squares --- */

static void squares_of(const char *arch)
{
    fixture f;
    plain p;
    graft_input_sums sums;
    const tiny_options o = odd_model(arch);
    open_fixture(&f, &o);
    sum_plainly(&p, &f);
    assert_ok(graft_input_sums_init(&sums, f.model));
    for (size_t e = 0; e < N_EXAMPLES; e++) {
        assert_ok(graft_input_sums_read(&sums, f.model, &f.compute, f.ids[e], lengths[e]));
    }
    assert_int_equal(sums.n_tok, f.n_tok);
    for (size_t i = 0; i < f.model->n_slots; i++) {
        size_t n = f.model->slots[i].weight.n_in;
        for (size_t k = 0; k < n; k++) {
            double wanted = p.of[i][k * n + k];
            if (!(wanted > 0) || !(fabs(sums.of[i][k] - wanted) <= 1e-12 * wanted)) {
                fail_msg("%s: column %zu is %g and not %g", f.model->slots[i].name, k, sums.of[i][k], wanted);
            }
        }
    }
    graft_input_sums_clear(&sums);
    free_plain(&p);
    close_fixture(&f);
}

static void squares_are_the_plain_sums(void **state)
{
    (void)state;
    squares_of("llama");
}

static void squares_of_matrices_that_are_several_maps_were_zero(void **state)
{
    (void)state;
    squares_of("phi3");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(moments_are_the_plain_sums),
        cmocka_unit_test(moments_of_matrices_that_are_several_maps),
        cmocka_unit_test(layers_come_in_the_order_of_the_file),
        cmocka_unit_test(bits_depend_on_neither_threads_nor_room),
        cmocka_unit_test(maps_that_share_an_input_share_its_moments),
        cmocka_unit_test(squares_are_the_plain_sums),
        cmocka_unit_test(squares_of_matrices_that_are_several_maps_were_zero),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
