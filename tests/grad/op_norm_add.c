#include "support/gradcheck.h"
#include "support/test.h"

static graft_status build(graft_tape *tape, gradcheck *check, graft_tensor **out)
{
    return graft_op_norm_add(tape, out, check->inputs[0].tensor, check->inputs[1].tensor,
                             check->context, GRAFT_REAL(1e-3));
}

static void run(size_t n_tok, size_t n, double size, bool frozen, const char *name)
{
    gradcheck check;
    gradcheck_init(&check);
    check.build = build;
    check.context = gradcheck_constant(&check, n, 1.0);
    gradcheck_input(&check, n_tok, n, 1.0);
    gradcheck_input(&check, n_tok, n, size);
    check.inputs[0].wants_grad = !frozen;
    gradcheck_run(&check, name);
    gradcheck_clear(&check);
}

static void norm_add(void **state)
{
    (void)state;
    run(5, 12, 1.0, false, "norm onto a stream");
    run(3, 7, 3e-2, false, "norm onto a stream, near zero");
    run(1, 1, 1.0, true, "norm of one number onto a frozen stream");
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(norm_add)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
