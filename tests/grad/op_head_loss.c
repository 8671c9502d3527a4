#include "support/gradcheck.h"
#include "support/test.h"

typedef struct head_case {
    graft_weight w;
    graft_head head;
    graft_prediction predictions[GRAFT_HEAD_CHUNK + 10];
} head_case;

static graft_status build(graft_tape *tape, gradcheck *check, graft_tensor **out)
{
    graft_status status = GRAFT_OK;
    head_case *c = check->context;
    double loss = 0;
    GRAFT_TRY(graft_op_head_loss(tape, &loss, NULL, NULL, check->inputs[0].tensor, &c->head,
                                 c->predictions, 3.0));
    GRAFT_TRY(graft_tensor_new(tape, out, 1, 1, false, true));
    *graft_tensor_reals(*out, 0) = (graft_real)loss;
done:
    return status;
}

static void check_head(size_t n_rows, size_t n_vocab, size_t max_samples, double scale,
                       double softcap, const char *name)
{
    gradcheck check;
    static head_case c;
    size_t n_in = 6;
    gradcheck_init(&check);
    c.w = graft_weight_dense(gradcheck_constant(&check, n_vocab * n_in, 0.7), n_vocab, n_in);
    c.head = (graft_head){&c.w, gradcheck_constant(&check, n_in, 1.0), GRAFT_REAL(1e-5),
                          (graft_real)scale, (graft_real)softcap};
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

static void check_rows(size_t n_rows, size_t n_vocab, size_t max_samples, const char *name)
{
    check_head(n_rows, n_vocab, max_samples, 0, 0, name);
}

static void one_chunk(void **state)
{
    (void)state;
    check_rows(5, 23, 0, "head loss");
}

static void several_chunks(void **state)
{
    (void)state;
    check_rows(GRAFT_HEAD_CHUNK + 10, 17, 120, "head loss over two chunks");
}

static void capped_and_scaled(void **state)
{
    (void)state;
    check_head(5, 23, 0, 0, 2.5, "head loss, capped");
    check_head(5, 22, 0, 0.3, 0, "head loss, scaled");
    check_head(6, 19, 0, 3.0, 2.5, "head loss, capped and scaled");
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(one_chunk),
                                       cmocka_unit_test(several_chunks),
                                       cmocka_unit_test(capped_and_scaled)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
