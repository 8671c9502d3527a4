/* Passes of a step: every prediction is made from the right tokens, whatever is shared. */
#include "support/test.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "core/memory.h"
#include "core/rng.h"
#include "data/example.h"

enum { MAX_EXAMPLES = 24, MAX_TOKENS = 40 };

typedef struct batch {
    graft_example examples[MAX_EXAMPLES];
    const graft_example *pointers[MAX_EXAMPLES];
    int32_t ids[MAX_EXAMPLES][MAX_TOKENS];
    float weights[MAX_EXAMPLES][MAX_TOKENS];
    size_t n;
} batch;

/* Adds an example from text: one token per letter; capital letters are trained with weight 1. */
static void add(batch *b, const char *text)
{
    size_t e = b->n++, n = strlen(text);
    assert_true(n <= MAX_TOKENS && e < MAX_EXAMPLES);
    for (size_t i = 0; i < n; i++) {
        bool capital = text[i] >= 'A' && text[i] <= 'Z';
        b->ids[e][i] = capital ? text[i] - 'A' + 'a' : text[i];
        b->weights[e][i] = capital ? 1 : 0;
    }
    b->examples[e] = (graft_example){.ids = b->ids[e], .weights = b->weights[e], .n = (uint32_t)n,
                                     .conversation = (uint32_t)(100 + e)};
    b->pointers[e] = &b->examples[e];
}

/* The tokens a row attends to, itself last; returns how many. */
static size_t context(const graft_pass *pass, uint32_t row, int32_t *out)
{
    size_t n = 0, s = 0;
    int32_t chain[MAX_TOKENS];
    size_t n_chain = 0;
    while (row >= pass->spans[s].query_begin + pass->spans[s].n_query) {
        s++;
    }
    for (int32_t at = (int32_t)s; at >= 0; at = pass->spans[at].parent) {
        chain[n_chain++] = at;
    }
    while (n_chain-- > 0) {
        const graft_span *span = &pass->spans[chain[n_chain]];
        assert_int_equal(span->depth, n);
        for (uint32_t k = 0; k < span->n_key; k++) {
            uint32_t key = span->key_begin + k;
            if (n_chain == 0 && key > row) {
                break;
            }
            assert_int_equal(pass->positions[key], n);
            out[n++] = pass->ids[key];
        }
    }
    return n;
}

/* Spans tile the pass, parents first. */
static void check_spans(const graft_pass *pass)
{
    uint32_t row = 0;
    for (size_t s = 0; s < pass->n_spans; s++) {
        const graft_span *span = &pass->spans[s];
        assert_int_equal(span->query_begin, row);
        assert_int_equal(span->key_begin, row);
        assert_int_equal(span->n_query, span->n_key);
        assert_true(span->n_query > 0);
        assert_true(span->parent < (int32_t)s);
        row += span->n_query;
    }
    assert_int_equal(row, pass->n_tok);
}

/* The first example that begins like ids[0..n], the target included: one name for all that do. */
static size_t first_alike(const batch *b, const int32_t *ids, size_t n)
{
    size_t e = 0;
    while (b->examples[e].n <= n || memcmp(b->ids[e], ids, (n + 1) * sizeof *ids) != 0) {
        e++;
        assert_true(e < b->n);
    }
    return e;
}

/* Summed over the step, each target behind each beginning gets the weight the examples give it, and
 * is counted as often as it stands in them. */
static void check_layout(const graft_step_layout *layout, const batch *b, size_t max_tokens)
{
    static double wanted[MAX_EXAMPLES][MAX_TOKENS], got[MAX_EXAMPLES][MAX_TOKENS];
    static size_t wanted_times[MAX_EXAMPLES][MAX_TOKENS], times[MAX_EXAMPLES][MAX_TOKENS];
    double total = 0;
    size_t tokens = 0, trained = 0;
    memset(wanted_times, 0, sizeof wanted_times);
    memset(times, 0, sizeof times);
    memset(wanted, 0, sizeof wanted);
    memset(got, 0, sizeof got);
    for (size_t e = 0; e < b->n; e++) {
        tokens += b->examples[e].n;
        for (size_t i = 1; i < b->examples[e].n; i++) {
            wanted[first_alike(b, b->ids[e], i)][i] += (double)b->weights[e][i];
            wanted_times[first_alike(b, b->ids[e], i)][i] += b->weights[e][i] != 0;
            total += (double)b->weights[e][i];
            trained += b->weights[e][i] != 0;
        }
    }
    for (size_t p = 0; p < graft_step_layout_n_passes(layout); p++) {
        const graft_pass *pass = graft_step_layout_pass(layout, p);
        check_spans(pass);
        assert_true(pass->n_tok > 0 && pass->n_tok <= max_tokens);
        for (size_t k = 0; k < pass->n_predictions; k++) {
            const graft_prediction *q = &pass->predictions[k];
            int32_t seen[MAX_TOKENS];
            size_t n = context(pass, q->row, seen);
            assert_true(q->weight != 0);
            assert_true(k == 0 || q[-1].row <= q->row);
            for (size_t i = k; i-- > 0 && pass->predictions[i].row == q->row;) {
                assert_int_not_equal(pass->predictions[i].target, q->target);
            }
            assert_int_equal(n, q->index);
            assert_int_equal(b->ids[q->example][n], q->target);
            assert_memory_equal(b->ids[q->example], seen, n * sizeof *seen);
            got[first_alike(b, b->ids[q->example], n)][n] += (double)q->weight;
            times[first_alike(b, b->ids[q->example], n)][n] +=
                graft_step_layout_times(layout, p)[k];
        }
    }
    for (size_t e = 0; e < b->n; e++) {
        for (size_t i = 0; i < b->examples[e].n; i++) {
            assert_true(fabs(wanted[e][i] - got[e][i]) < 1e-6);
            assert_true(wanted[e][i] == 0 || times[e][i] == wanted_times[e][i]);
        }
    }
    assert_true(fabs(total - graft_step_layout_weight(layout)) < 1e-9);
    assert_int_equal(tokens, graft_step_layout_tokens(layout));
    assert_int_equal(trained, graft_step_layout_trained(layout));
}

static size_t computed(const graft_step_layout *layout)
{
    size_t n = 0;
    for (size_t p = 0; p < graft_step_layout_n_passes(layout); p++) {
        n += graft_step_layout_pass(layout, p)->n_tok;
    }
    return n;
}

static void one_example_is_one_span(void **state)
{
    (void)state;
    batch b = {.n = 0};
    graft_step_layout *layout;
    graft_layout_options options = {100, true, true, 0};
    add(&b, "abcDEFgh");
    assert_ok(graft_step_layout_new(&layout));
    assert_ok(graft_step_layout_build(layout, b.pointers, b.n, &options));
    check_layout(layout, &b, 100);
    const graft_pass *pass = graft_step_layout_pass(layout, 0);
    assert_int_equal(graft_step_layout_n_passes(layout), 1);
    assert_null(graft_step_layout_pass(layout, 1));
    assert_int_equal(pass->n_tok, 5); /* "f" is only a target, "gh" only follows */
    assert_int_equal(pass->n_spans, 1);
    assert_int_equal(pass->n_predictions, 3);
    assert_int_equal(pass->predictions[0].row, 2);
    assert_int_equal(pass->predictions[0].target, 'd');
    assert_int_equal(graft_step_layout_saved(layout), 0);
    graft_step_layout_free(layout);
}

static void a_common_beginning_is_computed_once(void **state)
{
    (void)state;
    batch b = {.n = 0};
    graft_step_layout *layout;
    graft_layout_options options = {100, true, true, 0};
    add(&b, "systemABc");
    add(&b, "systemXYz");
    add(&b, "sysopQ");
    add(&b, "other");      /* nothing trained: takes no room */
    add(&b, "systemAB");
    add(&b, "systemABCD"); /* goes on where the first ends */
    assert_ok(graft_step_layout_new(&layout));
    assert_ok(graft_step_layout_build(layout, b.pointers, b.n, &options));
    check_layout(layout, &b, 100);
    const graft_pass *pass = graft_step_layout_pass(layout, 0);
    assert_int_equal(graft_step_layout_n_passes(layout), 1);
    assert_int_equal(pass->n_spans, 5);  /* sys - tem - abc, x; op */
    assert_int_equal(pass->n_tok, 12);
    assert_int_equal(graft_step_layout_saved(layout), 7 + 7 + 5 + 7 + 9 - 12);
    for (size_t k = 0; k < pass->n_predictions; k++) {
        if (pass->predictions[k].target == 'a') {
            assert_true(pass->predictions[k].weight == 3.0f);
            assert_int_equal(pass->predictions[k].example, 0);
        }
    }
    options.prefix_sharing = false;
    assert_ok(graft_step_layout_build(layout, b.pointers, b.n, &options));
    pass = graft_step_layout_pass(layout, 0);
    assert_int_equal(pass->n_spans, 5);
    assert_int_equal(pass->n_tok, 35);
    for (size_t s = 0; s < pass->n_spans; s++) {
        assert_int_equal(pass->spans[s].parent, -1);
    }
    assert_int_equal(graft_step_layout_saved(layout), 0);
    graft_step_layout_free(layout);
}

static void packing_off_gives_a_pass_to_each(void **state)
{
    (void)state;
    batch b = {.n = 0};
    graft_step_layout *layout;
    graft_layout_options options = {10, false, true, 0};
    add(&b, "abC");
    add(&b, "abC");
    assert_ok(graft_step_layout_new(&layout));
    assert_ok(graft_step_layout_build(layout, b.pointers, b.n, &options));
    assert_int_equal(graft_step_layout_n_passes(layout), 2);
    check_layout(layout, &b, 10);
    graft_step_layout_free(layout);
}

static void weights_that_cancel_are_left_out(void **state)
{
    (void)state;
    batch b = {.n = 0};
    graft_step_layout *layout;
    graft_layout_options options = {10, true, true, 0};
    add(&b, "abC");
    add(&b, "abC");
    b.weights[1][2] = -1;
    assert_ok(graft_step_layout_new(&layout));
    assert_ok(graft_step_layout_build(layout, b.pointers, b.n, &options));
    assert_int_equal(graft_step_layout_pass(layout, 0)->n_predictions, 0);
    assert_true(graft_step_layout_weight(layout) == 0.0);
    assert_int_equal(graft_step_layout_trained(layout), 2);
    graft_step_layout_free(layout);
}

static void too_long_names_the_setting(void **state)
{
    (void)state;
    batch b = {.n = 0};
    graft_step_layout *layout;
    graft_layout_options options = {4, true, true, 0};
    add(&b, "abcdE"); /* four tokens to compute: fits */
    assert_ok(graft_step_layout_new(&layout));
    assert_ok(graft_step_layout_build(layout, b.pointers, b.n, &options));
    add(&b, "abcdeF");
    assert_fails(graft_step_layout_build(layout, b.pointers, b.n, &options), GRAFT_E_CONFIG,
                 "max_tokens_per_pass: 4 is less than the 5 tokens of example 101");
    assert_int_equal(graft_step_layout_n_passes(layout), 0);
    assert_ok(graft_step_layout_build(layout, b.pointers, 0, &options));
    assert_int_equal(graft_step_layout_n_passes(layout), 0);
    graft_step_layout_free(layout);
}

/* Random examples over two letters share a lot in all sorts of ways. */
static void random_batch(batch *b, graft_rng *rng)
{
    memset(b, 0, sizeof *b);
    size_t n = 1 + (size_t)graft_rng_below(rng, MAX_EXAMPLES - 1);
    for (size_t e = 0; e < n; e++) {
        char text[MAX_TOKENS + 1];
        size_t length = 1 + (size_t)graft_rng_below(rng, MAX_TOKENS - 1);
        for (size_t i = 0; i < length; i++) {
            text[i] = "aabAAB"[graft_rng_below(rng, 6)];
        }
        text[length] = 0;
        if (e && graft_rng_below(rng, 2)) { /* begins like an earlier one */
            size_t other = (size_t)graft_rng_below(rng, e);
            size_t shared = (size_t)graft_rng_below(rng, b->examples[other].n) + 1;
            for (size_t i = 0; i < shared && i < length; i++) {
                text[i] = (char)(b->ids[other][i] - (b->weights[other][i] > 0 ? 32 : 0));
            }
        }
        add(b, text);
        for (size_t i = 0; i < length; i++) {
            b->weights[e][i] *= (float)(1 + graft_rng_below(rng, 3)) / 2;
        }
    }
}

static void random_batches_predict_what_they_should(void **state)
{
    (void)state;
    static batch b;
    graft_step_layout *layout;
    graft_rng rng;
    graft_rng_init(&rng, 7, GRAFT_RNG_TEST, 1);
    assert_ok(graft_step_layout_new(&layout));
    for (int round = 0; round < 3000; round++) {
        random_batch(&b, &rng);
        graft_layout_options options = {MAX_TOKENS + (size_t)graft_rng_below(&rng, 100),
                                        graft_rng_below(&rng, 8) != 0,
                                        graft_rng_below(&rng, 4) != 0,
                                        (size_t)graft_rng_below(&rng, MAX_TOKENS)};
        assert_ok(graft_step_layout_build(layout, b.pointers, b.n, &options));
        check_layout(layout, &b, options.max_tokens_per_pass);
        size_t with = computed(layout), saved = graft_step_layout_saved(layout);
        options.prefix_sharing = false;
        assert_ok(graft_step_layout_build(layout, b.pointers, b.n, &options));
        check_layout(layout, &b, options.max_tokens_per_pass);
        if (saved) {
            assert_int_equal(computed(layout), with + saved);
        }
    }
    graft_step_layout_free(layout);
}

static void nothing_is_allocated_twice(void **state)
{
    (void)state;
    static batch b;
    graft_step_layout *layout;
    graft_rng rng;
    graft_layout_options options = {120, true, true, 0};
    graft_rng_init(&rng, 8, GRAFT_RNG_TEST, 2);
    random_batch(&b, &rng);
    assert_ok(graft_step_layout_new(&layout));
    assert_ok(graft_step_layout_build(layout, b.pointers, b.n, &options));
    uint64_t before = graft_alloc_count();
    for (int i = 0; i < 3; i++) {
        assert_ok(graft_step_layout_build(layout, b.pointers, b.n, &options));
    }
    assert_true(graft_alloc_count() == before);
    graft_step_layout_free(layout);
}

static void a_failed_allocation_leaves_it_usable(void **state)
{
    (void)state;
    static batch b;
    graft_rng rng;
    graft_layout_options options = {80, true, true, 0};
    graft_rng_init(&rng, 9, GRAFT_RNG_TEST, 3);
    random_batch(&b, &rng);
    for (uint64_t n = 1; n < 100; n++) {
        graft_step_layout *layout;
        assert_ok(graft_step_layout_new(&layout));
        graft_alloc_fail_at(n);
        graft_status status = graft_step_layout_build(layout, b.pointers, b.n, &options);
        graft_alloc_fail_at(0);
        if (status == GRAFT_OK) {
            graft_step_layout_free(layout);
            assert_true(n > 5);
            return;
        }
        assert_int_equal(status, GRAFT_E_MEMORY);
        assert_ok(graft_step_layout_build(layout, b.pointers, b.n, &options));
        check_layout(layout, &b, 80);
        graft_step_layout_free(layout);
    }
    fail_msg("a layout does not need that many allocations");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_example_is_one_span),
        cmocka_unit_test(a_common_beginning_is_computed_once),
        cmocka_unit_test(packing_off_gives_a_pass_to_each),
        cmocka_unit_test(weights_that_cancel_are_left_out),
        cmocka_unit_test(too_long_names_the_setting),
        cmocka_unit_test(random_batches_predict_what_they_should),
        cmocka_unit_test(nothing_is_allocated_twice),
        cmocka_unit_test(a_failed_allocation_leaves_it_usable),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
