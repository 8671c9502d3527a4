#include "support/gradcheck.h"
#include "support/test.h"

typedef struct linear_case {
    graft_weight w;
    graft_low_rank low_rank;
    bool adapted;
} linear_case;

static graft_status build(graft_tape *tape, gradcheck *check, graft_tensor **out)
{
    linear_case *c = check->context;
    tape->seed = 11;
    tape->training = true; /* so that dropout acts in the differences too */
    return graft_op_linear(tape, out, check->inputs[0].tensor, &c->w,
                           c->adapted ? &c->low_rank : NULL);
}

static void run(size_t n_tok, size_t n_in, size_t n_out, size_t rank, double dropout,
                const char *name)
{
    gradcheck check;
    linear_case c = {.adapted = rank > 0};
    gradcheck_init(&check, n_tok, 64);
    c.w = graft_weight_dense(gradcheck_constant(&check, n_out * n_in, 0.3), n_out, n_in);
    gradcheck_input(&check, n_tok, n_in, 1.0);
    if (rank > 0) {
        gradcheck_param(&check, &c.low_rank.a, rank, n_in, 0.3);
        gradcheck_param(&check, &c.low_rank.b, n_out, rank, 0.3);
        c.low_rank.scale = GRAFT_REAL(1.7);
        c.low_rank.dropout = (graft_real)dropout;
        c.low_rank.site = 3;
    }
    check.build = build;
    check.context = &c;
    gradcheck_run(&check, name);
    gradcheck_clear(&check);
}

static void frozen(void **state)
{
    (void)state;
    run(5, 17, 13, 0, 0, "linear, frozen");
}

static void low_rank(void **state)
{
    (void)state;
    run(9, 33, 20, 4, 0, "linear, rank 4");
    run(1, 7, 5, 1, 0, "linear, one token, rank 1");
}

static void with_dropout(void **state)
{
    (void)state;
    run(6, 12, 10, 3, 0.4, "linear, dropout 0.4");
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(frozen), cmocka_unit_test(low_rank),
                                       cmocka_unit_test(with_dropout)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
