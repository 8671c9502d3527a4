#include <math.h>
#include <string.h>

#include "support/gradcheck.h"
#include "support/test.h"

typedef struct attention_case {
    graft_pass pass;
    graft_attention_shape shape;
} attention_case;

static graft_status build(graft_tape *tape, gradcheck *check, graft_tensor **out)
{
    attention_case *c = check->context;
    return graft_op_attention(tape, out, check->inputs[0].tensor, check->inputs[1].tensor,
                              check->inputs[2].tensor, &c->pass, &c->shape, NULL);
}

static void run_shape(const graft_span *spans, size_t n_spans, const graft_attention_shape *shape,
                      size_t max_samples, const char *name)
{
    gradcheck check;
    size_t n_tok = spans[n_spans - 1].query_begin + spans[n_spans - 1].n_query;
    attention_case c = {{.n_tok = n_tok, .spans = spans, .n_spans = n_spans}, *shape};
    c.shape.scale = (graft_real)(1.0 / sqrt((double)shape->d_head));
    gradcheck_init(&check);
    check.build = build;
    check.context = &c;
    check.max_samples = max_samples;
    gradcheck_input(&check, n_tok, shape->n_head * shape->d_head, 1.0);
    gradcheck_input(&check, n_tok, shape->n_kv * shape->d_head, 1.0);
    gradcheck_input(&check, n_tok, shape->n_kv * shape->d_head, 1.0);
    gradcheck_run(&check, name);
    gradcheck_clear(&check);
}

static void run(const graft_span *spans, size_t n_spans, size_t n_head, size_t n_kv,
                size_t d_head, size_t max_samples, const char *name)
{
    graft_attention_shape shape = {.n_head = n_head, .n_kv = n_kv, .d_head = d_head};
    run_shape(spans, n_spans, &shape, max_samples, name);
}

static graft_span span(uint32_t begin, uint32_t n, int32_t parent, uint32_t depth)
{
    return (graft_span){begin, n, begin, n, parent, depth};
}

static void one_span(void **state)
{
    graft_span spans[] = {span(0, 9, -1, 0)};
    (void)state;
    run(spans, 1, 2, 2, 6, 0, "attention, one span");
}

static void packed_and_grouped(void **state)
{
    graft_span spans[] = {span(0, 5, -1, 0), span(5, 1, -1, 0), span(6, 7, -1, 0)};
    (void)state;
    run(spans, 3, 6, 2, 5, 0, "attention, packed, grouped heads");
}

/* a root with two children, one of which has two children of its own; and a lone tree */
static void tree(void **state)
{
    graft_span spans[] = {span(0, 4, -1, 0), span(4, 3, 0, 4),  span(7, 2, 0, 4),
                          span(9, 5, 1, 7),  span(14, 1, 1, 7), span(15, 3, -1, 0)};
    (void)state;
    run(spans, 6, 4, 2, 4, 0, "attention, span tree");
}

static void long_spans(void **state)
{
    graft_span spans[] = {span(0, 75, -1, 0), span(75, 40, 0, 75), span(115, 33, 0, 75)};
    (void)state;
    run(spans, 3, 3, 1, 4, 60, "attention, spans longer than a block");
}

static const graft_span small_tree[] = {{0, 4, 0, 4, -1, 0},  {4, 3, 4, 3, 0, 4},
                                        {7, 2, 7, 2, 0, 4},   {9, 5, 9, 5, 1, 7},
                                        {14, 1, 14, 1, 1, 7}, {15, 3, 15, 3, -1, 0}};

/* scores of about the cap, so that its slope is neither 1 nor 0 */
static void capped(void **state)
{
    (void)state;
    run_shape(small_tree, 6, &(graft_attention_shape){4, 2, 4, 0, GRAFT_REAL(1.5), 0}, 0,
              "attention, capped, span tree");
}

static void windowed(void **state)
{
    graft_span spans[] = {span(0, 75, -1, 0), span(75, 40, 0, 75), span(115, 33, 0, 75)};
    (void)state;
    run_shape(small_tree, 6, &(graft_attention_shape){2, 1, 4, 0, 0, 3}, 0,
              "attention, window of 3, span tree");
    run_shape(small_tree, 6, &(graft_attention_shape){2, 2, 5, 0, GRAFT_REAL(0.7), 6}, 0,
              "attention, window of 6, capped");
    run_shape(spans, 3, &(graft_attention_shape){3, 1, 4, 0, 0, 20}, 60,
              "attention, window shorter than a block");
    run_shape(spans, 3, &(graft_attention_shape){3, 1, 4, 0, GRAFT_REAL(2.0), 70}, 60,
              "attention, window longer than a block, capped");
}

/* at a window of 1 a token sees itself: q and k move nothing */
static void only_itself(void **state)
{
    graft_compute compute;
    graft_tape tape;
    graft_tensor *q = NULL, *k = NULL, *v = NULL, *out = NULL;
    graft_pass pass = {.n_tok = 18, .spans = small_tree, .n_spans = 6};
    graft_attention_shape shape = {1, 1, 3, GRAFT_REAL(1.0), 0, 1};
    (void)state;
    assert_ok(graft_compute_init(&compute, GRAFT_CPU_PORTABLE, false));
    assert_ok(graft_compute_prepare(&compute, 3));
    graft_tape_begin(&tape, &compute, true);
    assert_ok(graft_tensor_new(&tape, &q, 18, 3, true, true));
    assert_ok(graft_tensor_new(&tape, &k, 18, 3, true, true));
    assert_ok(graft_tensor_new(&tape, &v, 18, 3, true, true));
    for (size_t i = 0; i < 18 * 3; i++) {
        ((graft_real *)q->data)[i] = ((graft_real *)k->data)[i] = (graft_real)i;
        ((graft_real *)v->data)[i] = (graft_real)(i * i);
    }
    assert_ok(graft_op_attention(&tape, &out, q, k, v, &pass, &shape, NULL));
    assert_ok(graft_tensor_grad_new(&tape, out));
    memcpy(out->grad, v->data, 18 * 3 * sizeof(graft_real));
    assert_ok(graft_tape_backward(&tape));
    for (size_t i = 0; i < 18 * 3; i++) {
        assert_true(((graft_real *)out->data)[i] == (graft_real)(i * i));
        assert_true(((graft_real *)v->grad)[i] == (graft_real)(i * i));
        assert_true(((graft_real *)q->grad)[i] == 0 && ((graft_real *)k->grad)[i] == 0);
    }
    shape.d_head = GRAFT_MAX_D_HEAD + 1;
    assert_fails(graft_op_attention(&tape, &out, q, k, v, &pass, &shape, NULL), GRAFT_E_MODEL,
                 "heads of width 1025 are not supported (at most 1024)");
    graft_compute_clear(&compute);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_span), cmocka_unit_test(packed_and_grouped), cmocka_unit_test(tree),
        cmocka_unit_test(long_spans), cmocka_unit_test(capped), cmocka_unit_test(windowed),
        cmocka_unit_test(only_itself)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
