#include "support/gradcheck.h"
#include "support/test.h"

static graft_status build(graft_tape *tape, gradcheck *check, graft_tensor **out)
{
    return graft_op_rmsnorm(tape, out, check->inputs[0].tensor, check->context,
                            GRAFT_REAL(1e-5));
}

static void run(size_t n_rows, size_t n, double size, const char *name)
{
    gradcheck check;
    gradcheck_init(&check, n_rows, n);
    check.build = build;
    check.context = gradcheck_constant(&check, n, 1.0);
    gradcheck_input(&check, n_rows, n, size);
    gradcheck_run(&check, name);
    gradcheck_clear(&check);
}

static void usual(void **state)
{
    (void)state;
    run(7, 19, 1.0, "rmsnorm");
}

/* eps is not small against the mean square here */
static void near_zero(void **state)
{
    (void)state;
    run(3, 8, 3e-3, "rmsnorm near zero");
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(usual), cmocka_unit_test(near_zero)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
