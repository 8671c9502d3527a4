#include <math.h>

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

static void run(const graft_span *spans, size_t n_spans, size_t n_head, size_t n_kv,
                size_t d_head, size_t max_samples, const char *name)
{
    gradcheck check;
    size_t n_tok = spans[n_spans - 1].query_begin + spans[n_spans - 1].n_query;
    attention_case c = {{.n_tok = n_tok, .spans = spans, .n_spans = n_spans},
                        {n_head, n_kv, d_head, (graft_real)(1.0 / sqrt((double)d_head))}};
    gradcheck_init(&check);
    check.build = build;
    check.context = &c;
    check.max_samples = max_samples;
    gradcheck_input(&check, n_tok, n_head * d_head, 1.0);
    gradcheck_input(&check, n_tok, n_kv * d_head, 1.0);
    gradcheck_input(&check, n_tok, n_kv * d_head, 1.0);
    gradcheck_run(&check, name);
    gradcheck_clear(&check);
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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_span), cmocka_unit_test(packed_and_grouped), cmocka_unit_test(tree),
        cmocka_unit_test(long_spans)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
