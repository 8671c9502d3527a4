/* gather of reals, whose rows may repeat. */
#include "support/gradcheck.h"
#include "support/test.h"

static graft_status build(graft_tape *tape, gradcheck *check, graft_tensor **out)
{
    static const uint32_t rows[] = {3, 0, 3, 5, 3};
    return graft_op_gather(tape, out, check->inputs[0].tensor, rows, 5);
}

static void gather(void **state)
{
    gradcheck check;
    (void)state;
    gradcheck_init(&check);
    check.build = build;
    gradcheck_input(&check, 6, 4, 1.0);
    gradcheck_run(&check, "gather with repeated rows");
    gradcheck_clear(&check);
}

static graft_status build_acts(graft_tape *tape, gradcheck *check, graft_tensor **out)
{
    static const uint32_t rows[] = {1, 2, 5};
    check->inputs[0].tensor->act = true;
    return graft_op_gather(tape, out, check->inputs[0].tensor, rows, 3);
}

static void gather_activations(void **state)
{
    gradcheck check;
    (void)state;
    gradcheck_init(&check);
    check.build = build_acts;
    gradcheck_input(&check, 6, 4, 1.0);
    gradcheck_run(&check, "gather of activations");
    gradcheck_clear(&check);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(gather),
                                       cmocka_unit_test(gather_activations)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
