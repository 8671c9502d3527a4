#include "support/gradcheck.h"
#include "support/test.h"

typedef struct head_case {
    graft_weight w;
    const graft_real *gain;
    graft_prediction predictions[300];
} head_case;

static graft_status build(graft_tape *tape, gradcheck *check, graft_tensor **out)
{
    graft_status status = GRAFT_OK;
    head_case *c = check->context;
    double loss = 0;
    GRAFT_TRY(graft_op_head_loss(tape, &loss, NULL, check->inputs[0].tensor, c->gain,
                                 GRAFT_REAL(1e-5), &c->w, c->predictions, 3.0));
    GRAFT_TRY(graft_tensor_new(tape, out, 1, 1, false, true));
    *graft_tensor_reals(*out, 0) = (graft_real)loss;
done:
    return status;
}

static void check_rows(size_t n_rows, size_t n_vocab, size_t max_samples, const char *name)
{
    gradcheck check;
    static head_case c;
    size_t n_in = 6;
    gradcheck_init(&check);
    c.w = graft_weight_dense(gradcheck_constant(&check, n_vocab * n_in, 0.7), n_vocab, n_in);
    c.gain = gradcheck_constant(&check, n_in, 1.0);
    for (size_t i = 0; i < n_rows; i++) {
        c.predictions[i] = (graft_prediction){
            (uint32_t)i, (int32_t)graft_rng_below(&check.rng, n_vocab),
            (float)(graft_rng_normal(&check.rng)), 0, 0};
    }
    check.build = build;
    check.context = &c;
    check.max_samples = max_samples;
    gradcheck_input(&check, n_rows, n_in, 1.0);
    check.unit_output = true;
    gradcheck_run(&check, name);
    gradcheck_clear(&check);
}

static void one_chunk(void **state)
{
    (void)state;
    check_rows(5, 23, 0, "head loss");
}

static void several_chunks(void **state)
{
    (void)state;
    check_rows(290, 17, 120, "head loss over two chunks");
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(one_chunk),
                                       cmocka_unit_test(several_chunks)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
