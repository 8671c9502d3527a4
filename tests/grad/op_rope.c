#include <math.h>

#include "support/gradcheck.h"
#include "support/test.h"

static graft_status build(graft_tape *tape, gradcheck *check, graft_tensor **out)
{
    return graft_op_rope(tape, out, check->inputs[0].tensor, check->context);
}

static void run_norm(size_t d_head, size_t d_rope, bool halves, bool norm, const char *name)
{
    gradcheck check;
    size_t n_tok = 5, n_head = 3;
    gradcheck_init(&check);
    graft_real *cos_sin = gradcheck_constant(&check, n_tok * d_rope + 1, 1.0);
    for (size_t i = 0; i < n_tok * d_rope / 2; i++) {
        double angle = (double)cos_sin[2 * i];
        cos_sin[2 * i] = (graft_real)cos(angle);
        cos_sin[2 * i + 1] = (graft_real)sin(angle);
    }
    graft_rope rope = {.cos_sin = d_rope == 0 ? NULL : cos_sin, .n_head = n_head,
                       .d_head = d_head, .d_rope = d_rope, .halves = halves};
    if (norm) {
        rope.gain = gradcheck_constant(&check, d_head, 1.0);
        rope.eps = GRAFT_REAL(1e-3);
    }
    check.build = build;
    check.context = &rope;
    gradcheck_input(&check, n_tok, n_head * d_head, 1.0);
    gradcheck_run(&check, name);
    gradcheck_clear(&check);
}

static void run(size_t d_head, size_t d_rope, bool halves, const char *name)
{
    run_norm(d_head, d_rope, halves, false, name);
}

static void pairs(void **state)
{
    (void)state;
    run(8, 8, false, "rope, pairs");
    run(10, 6, false, "rope, pairs, part of the head");
}

static void halves(void **state)
{
    (void)state;
    run(8, 8, true, "rope, halves");
    run(12, 4, true, "rope, halves, part of the head");
}

static void normed(void **state)
{
    (void)state;
    run_norm(8, 8, false, true, "norm of heads and rope, pairs");
    run_norm(10, 4, false, true, "norm of heads and rope, pairs, part of the head");
    run_norm(8, 8, true, true, "norm of heads and rope, halves");
    run_norm(7, 6, true, true, "norm of heads and rope, halves, part of the head");
    run_norm(6, 0, false, true, "norm of heads alone");
    run_norm(6, 0, false, false, "no rotation, no norm");
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(pairs), cmocka_unit_test(halves),
                                       cmocka_unit_test(normed)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
