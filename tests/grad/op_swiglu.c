#include "support/gradcheck.h"
#include "support/test.h"

static graft_status build(graft_tape *tape, gradcheck *check, graft_tensor **out)
{
    return graft_op_swiglu(tape, out, check->inputs[0].tensor, check->inputs[1].tensor);
}

static void swiglu(void **state)
{
    gradcheck check;
    (void)state;
    gradcheck_init(&check, 6, 21);
    check.build = build;
    gradcheck_input(&check, 6, 21, 3.0);
    gradcheck_input(&check, 6, 21, 1.0);
    gradcheck_run(&check, "swiglu");
    gradcheck_clear(&check);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(swiglu)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
