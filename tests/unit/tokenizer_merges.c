/* tokenizer/merges.h against the definition carried out word for word. */
#include "support/test.h"

#include <string.h>

#include "core/memory.h"
#include "core/rng.h"
#include "tokenizer/merges.h"

enum { LETTERS = 3, RULES = 60 };

typedef struct rules {
    graft_merge list[RULES];
    size_t n;
    int32_t n_ids;
    graft_merges table;
} rules;

/* Random rules over ids: 0 to 2 are bytes, each result is a new id. */
static void invent(rules *r, graft_rng *rng)
{
    r->n_ids = LETTERS;
    assert_ok(graft_merges_init(&r->table, RULES));
    for (r->n = 0; r->n < RULES; r->n++) {
        graft_merge rule = {.left = (int32_t)graft_rng_below(rng, (uint64_t)r->n_ids),
                            .right = (int32_t)graft_rng_below(rng, (uint64_t)r->n_ids),
                            .id = r->n_ids++,
                            .rank = (uint32_t)r->n};
        r->list[r->n] = rule;
        graft_merges_add(&r->table, rule);
    }
}

/* Joins the leftmost pair of the earliest rule until there is none. */
static size_t merge_slowly(const rules *r, int32_t *ids, size_t n)
{
    for (;;) {
        size_t best_rule = r->n, at = 0;
        for (size_t i = 0; i + 1 < n; i++) {
            for (size_t k = 0; k < best_rule; k++) {
                if (r->list[k].left == ids[i] && r->list[k].right == ids[i + 1]) {
                    best_rule = k;
                    at = i;
                }
            }
        }
        if (best_rule == r->n) {
            return n;
        }
        ids[at] = r->list[best_rule].id;
        memmove(&ids[at + 1], &ids[at + 2], (n - at - 2) * sizeof *ids);
        n--;
    }
}

static void merging_is_what_the_definition_says(void **state)
{
    (void)state;
    graft_rng rng;
    graft_rng_init(&rng, 1, GRAFT_RNG_TEST, 0);
    graft_merger merger;
    graft_merger_init(&merger);
    int32_t byte_ids[256];
    for (int b = 0; b < 256; b++) {
        byte_ids[b] = b < LETTERS ? b : -1;
    }
    for (int round = 0; round < 300; round++) {
        rules r;
        invent(&r, &rng);
        for (int k = 0; k < 20; k++) {
            char word[80];
            int32_t wanted[80];
            size_t n = 1 + (size_t)graft_rng_below(&rng, 80);
            for (size_t i = 0; i < n; i++) {
                word[i] = (char)graft_rng_below(&rng, LETTERS + (k % 5 == 0));
                wanted[i] = byte_ids[(unsigned char)word[i]];
            }
            size_t n_wanted = merge_slowly(&r, wanted, n), i = 0;
            assert_ok(graft_merger_run(&merger, &r.table, byte_ids, word, n));
            for (uint32_t at = 0; at != UINT32_MAX; at = merger.symbols[at].next) {
                assert_true(i < n_wanted);
                assert_int_equal(merger.symbols[at].id, wanted[i++]);
                if (merger.symbols[at].next == UINT32_MAX) {
                    assert_int_equal(merger.symbols[at].end, n);
                }
            }
            assert_int_equal(i, n_wanted);
        }
        graft_merges_clear(&r.table);
    }
    graft_merger_clear(&merger);
}

static void the_first_of_two_rules_for_a_pair_stays(void **state)
{
    (void)state;
    graft_merges merges;
    graft_merger merger;
    int32_t byte_ids[256] = {['a'] = 1, ['b'] = 2};
    graft_merger_init(&merger);
    assert_ok(graft_merges_init(&merges, 2));
    graft_merges_add(&merges, (graft_merge){.left = 1, .right = 2, .id = 7, .rank = 0});
    graft_merges_add(&merges, (graft_merge){.left = 1, .right = 2, .id = 8, .rank = 1});
    assert_ok(graft_merger_run(&merger, &merges, byte_ids, "ab", 2));
    assert_int_equal(merger.symbols[0].id, 7);
    graft_merger_clear(&merger);
    graft_merges_clear(&merges);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(merging_is_what_the_definition_says),
        cmocka_unit_test(the_first_of_two_rules_for_a_pair_stays),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
