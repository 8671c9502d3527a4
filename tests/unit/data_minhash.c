/* Signatures against exact Jaccard similarities, and what makes examples alike. */
#include "support/test.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "core/rng.h"
#include "data/dataset.h"
#include "data/fingerprint.h"
#include "support/quotes.h"

enum { MOST = 4096, ROUNDS = 200 };

static uint64_t draw(graft_rng *rng)
{
    uint64_t high = graft_rng_u32(rng);
    return high << 32 | graft_rng_u32(rng);
}

/* Mean and deviation of estimates for sets of `n` elements that have `common` of them in common. */
static void estimate(graft_rng *rng, size_t n, size_t common, double *mean, double *deviation)
{
    static uint64_t a[MOST], b[MOST];
    double sum = 0, squares = 0;
    for (int round = 0; round < ROUNDS; round++) {
        graft_signature x, y;
        for (size_t i = 0; i < n; i++) {
            a[i] = draw(rng);
            b[n - 1 - i] = i < common ? a[i] : draw(rng);
        }
        graft_minhash(&x, a, n);
        graft_minhash(&y, b, n);
        double similarity = graft_minhash_similarity(graft_minhash_matches(&x, &y));
        sum += similarity;
        squares += similarity * similarity;
    }
    *mean = sum / ROUNDS;
    *deviation = sqrt(fmax(squares / ROUNDS - *mean * *mean, 0));
}

/* Without bias, and with the deviation of 128 independent draws, whatever the size of the sets. */
static void estimates_are_those_of_128_draws(void **state)
{
    (void)state;
    static const size_t sizes[] = {1, 2, 3, 10, 40, 130, 500, 3000};
    static const double shares[] = {0, 0.3, 0.6, 0.9, 0.95, 1};
    graft_rng rng;
    graft_rng_init(&rng, 1, GRAFT_RNG_TEST, 0);
    for (size_t s = 0; s < sizeof sizes / sizeof *sizes; s++) {
        for (size_t k = 0; k < sizeof shares / sizeof *shares; k++) {
            size_t n = sizes[s], common = (size_t)(shares[k] * (double)n);
            double exact = (double)common / (double)(2 * n - common), mean, deviation;
            double expected = sqrt(exact * (1 - exact) / GRAFT_MINHASH_BINS);
            estimate(&rng, n, common, &mean, &deviation);
            /* An estimate is never below 0, so those of 0 are a little above. */
            assert_true(fabs(mean - exact) < 4 * expected / sqrt(ROUNDS) + 0.005);
            assert_true(deviation < 1.2 * expected + 0.01);
            assert_true(deviation > 0.8 * expected - 0.01);
        }
    }
}

static void order_and_repetition_do_not_matter(void **state)
{
    (void)state;
    uint64_t once[] = {7, 1u << 20, 99, 0}, twice[] = {99, 0, 7, 7, 1u << 20, 0, 99};
    graft_signature a, b;
    graft_minhash(&a, once, 4);
    graft_minhash(&b, twice, 7);
    assert_memory_equal(&a, &b, sizeof a);
    graft_minhash(&b, once, 3);
    assert_memory_not_equal(&a, &b, sizeof a);
    graft_minhash(&a, NULL, 0);
    assert_int_equal(graft_minhash_matches(&a, &a), GRAFT_MINHASH_BINS);
}

/* --- of conversations --- */

static void prints_of(const char *quoted, uint64_t *exact, graft_signature *signature)
{
    graft_dataset d;
    graft_shingles shingles = {0};
    char text[1024];
    snprintf(text, sizeof text, "%s", quoted);
    const char *line = test_quotes(text);
    graft_source source = {test_temp_file("one.jsonl", line, strlen(line)), NULL, NULL};
    graft_dataset_init(&d);
    assert_ok(graft_dataset_read(&d, &source, false));
    assert_ok(graft_fingerprints(exact, signature, &shingles, &d.conversations[0]));
    graft_shingles_clear(&shingles);
    graft_dataset_clear(&d);
}

#define TOOL(name) "{'name':'" name "','parameters':{'type':'object','properties':{}}}"
#define EXAMPLE(system, question, tool, id, arguments)                                           \
    "{'messages':[{'role':'system','content':'" system "'},{'role':'user','content':'" question  \
    "'},{'role':'assistant','tool_calls':[{'id':'" id "','function':{'name':'f','arguments':"    \
    arguments "}}]}],'tools':[" TOOL(tool) "]}"

static void what_makes_examples_the_same(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        bool same, alike; /* exactly, in wording */
    } others[] = {
        {EXAMPLE("s", "How warm is it?", "f", "a", "{'x':1,'y':[1,2]}"), true, true},
        {EXAMPLE("s", "How warm is it?", "f", "zzz", "{'x':1,'y':[1,2]}"), true, true},
        {EXAMPLE("other", "How warm is it?", "f", "a", "{'x':1,'y':[1,2]}"), false, true},
        {EXAMPLE("s", "How warm is it?", "g", "a", "{'x':1,'y':[1,2]}"), false, true},
        {EXAMPLE("s", "how WARM is it...", "f", "a", "{'x':1,'y':[1,2]}"), false, true},
        {EXAMPLE("s", "How cold is it?", "f", "a", "{'x':1,'y':[1,2]}"), false, false},
        {EXAMPLE("s", "How warm is it?", "f", "a", "{'x':1,'y':[2,1]}"), false, false},
        {EXAMPLE("s", "How warm is it?", "f", "a", "{'y':[1,2],'x':1}"), false, false},
        {"{'messages':[{'role':'system','content':'s'},{'role':'user','content':'How warm is it?'},"
         "{'role':'assistant','weight':0.5,'tool_calls':[{'id':'a','function':{'name':'f',"
         "'arguments':{'x':1,'y':[1,2]}}}]}],'tools':[" TOOL("f") "]}", false, true},
        {"{'messages':[{'role':'system','content':'s'},{'role':'user','content':'How warm is it?'},"
         "{'role':'assistant','tool_calls':[{'id':'a','function':{'name':'f','arguments':"
         "{'x':1,'y':[1,2]}}}]}],'tools':[{'parameters':{'properties':{},'type':'object'},"
         "'name':'f'}]}", true, true},
    };
    uint64_t exact, other;
    graft_signature signature, another;
    prints_of(others[0].text, &exact, &signature);
    for (size_t i = 0; i < sizeof others / sizeof *others; i++) {
        prints_of(others[i].text, &other, &another);
        assert_int_equal(exact == other, others[i].same);
        assert_int_equal(memcmp(&signature, &another, sizeof another) == 0, others[i].alike);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(estimates_are_those_of_128_draws),
        cmocka_unit_test(order_and_repetition_do_not_matter),
        cmocka_unit_test(what_makes_examples_the_same),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
