/* add and gather: x + f(x) with f a gather, as a residual stream uses them. */
#include "support/gradcheck.h"
#include "support/test.h"

static graft_status build_add(graft_tape *tape, gradcheck *check, graft_tensor **out)
{
    graft_status status = GRAFT_OK;
    graft_tensor *a = check->inputs[0].tensor, *b = NULL;
    GRAFT_TRY(graft_op_rmsnorm(tape, &b, a, check->context, GRAFT_REAL(1e-5)));
    GRAFT_TRY(graft_op_add(tape, out, a, b));
done:
    return status;
}

static void add(void **state)
{
    gradcheck check;
    (void)state;
    gradcheck_init(&check, 4, 9);
    check.build = build_add;
    check.context = gradcheck_constant(&check, 9, 1.0);
    gradcheck_input(&check, 4, 9, 1.0);
    gradcheck_run(&check, "add of x and a function of x");
    gradcheck_clear(&check);
}

static graft_status build_gather(graft_tape *tape, gradcheck *check, graft_tensor **out)
{
    static const uint32_t rows[] = {3, 0, 3, 5, 3};
    return graft_op_gather(tape, out, check->inputs[0].tensor, rows, 5);
}

static void gather(void **state)
{
    gradcheck check;
    (void)state;
    gradcheck_init(&check, 6, 4);
    check.build = build_gather;
    gradcheck_input(&check, 6, 4, 1.0);
    gradcheck_run(&check, "gather with repeated rows");
    gradcheck_clear(&check);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(add), cmocka_unit_test(gather)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
