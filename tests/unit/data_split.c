/* Holding examples back: nothing is lost, nothing is in both parts, tools do not cross. */
#include "support/test.h"

#include <stdio.h>
#include <string.h>

#include "core/map.h"
#include "core/rng.h"
#include "core/strings.h"
#include "data/dataset.h"
#include "data/order.h"
#include "support/quotes.h"

/* A dataset whose example i is the i-th text: one letter per tool it declares. */
static void make(graft_dataset *out, const char *const *tools, size_t n)
{
    graft_text text;
    graft_text_init(&text);
    for (size_t i = 0; i < n; i++) {
        assert_ok(graft_text_appendf(&text, "{'messages':[{'role':'assistant','content':'%zu'}],"
                                     "'tools':[", i));
        for (const char *t = tools[i]; *t; t++) {
            assert_ok(graft_text_appendf(&text, "%s{'name':'%c'}", t == tools[i] ? "" : ",", *t));
        }
        assert_ok(graft_text_append_z(&text, "]}\n"));
    }
    const char *path = test_temp_file("split.jsonl", test_quotes(text.data), text.len);
    graft_source source = {path, NULL, NULL};
    graft_dataset_init(out);
    assert_ok(graft_dataset_read(out, &source, false));
    assert_int_equal(out->n, n);
    graft_text_clear(&text);
}

static int number_of(const graft_conversation *c)
{
    const graft_json *content = graft_json_get(graft_json_at(c->messages, 0), "content");
    int number = -1;
    assert_int_equal(sscanf(graft_json_string(content, NULL), "%d", &number), 1);
    return number;
}

/* Both parts keep the order of the file and share nothing. */
static void check_parts(const graft_dataset *train, const graft_dataset *eval, size_t n,
                        size_t dropped)
{
    bool seen[512] = {false};
    const graft_dataset *parts[] = {train, eval};
    assert_true(n <= 512);
    assert_int_equal(train->n + eval->n + dropped, n);
    for (size_t p = 0; p < 2; p++) {
        int before = -1;
        for (size_t i = 0; i < parts[p]->n; i++) {
            int number = number_of(&parts[p]->conversations[i]);
            assert_true(number > before && number < (int)n);
            assert_false(seen[number]);
            seen[number] = true;
            before = number;
        }
    }
}

static void mark_tools(const graft_dataset *d, bool tools[256])
{
    for (size_t i = 0; i < d->n; i++) {
        for (size_t k = 0; k < graft_json_length(d->conversations[i].tools); k++) {
            const graft_json *function = graft_json_get(graft_json_at(d->conversations[i].tools, k),
                                                        "function");
            const char *name = graft_json_string(graft_json_get(function, "name"), NULL);
            tools[(unsigned char)name[0]] = true;
        }
    }
}

static void check_tools(const graft_dataset *train, const graft_dataset *eval)
{
    bool of_train[256] = {false}, of_eval[256] = {false};
    mark_tools(train, of_train);
    mark_tools(eval, of_eval);
    for (size_t i = 0; i < 256; i++) {
        assert_false(of_train[i] && of_eval[i]);
    }
}

static void random_takes_exactly_what_is_wanted(void **state)
{
    (void)state;
    const char *tools[40];
    int first[10], same = 0;
    for (size_t i = 0; i < 40; i++) {
        tools[i] = "";
    }
    for (uint64_t seed = 1; seed <= 3; seed++) {
        for (int twice = 0; twice < 2; twice++) {
            graft_dataset train, eval;
            size_t dropped = 99;
            make(&train, tools, 40);
            graft_dataset_init(&eval);
            assert_ok(graft_dataset_split(&train, &eval, 10, GRAFT_SPLIT_RANDOM, seed, &dropped));
            assert_int_equal(eval.n, 10);
            assert_int_equal(dropped, 0);
            check_parts(&train, &eval, 40, 0);
            for (size_t i = 0; i < 10; i++) {
                int number = number_of(&eval.conversations[i]);
                if (seed == 1 && !twice) {
                    first[i] = number;
                } else if (seed == 1) {
                    assert_int_equal(first[i], number);
                } else {
                    same += first[i] == number;
                }
            }
            graft_dataset_clear(&train);
            graft_dataset_clear(&eval);
        }
    }
    assert_true(same < 30); /* another seed, another choice */
}

static void groups_that_fit_cost_nothing(void **state)
{
    (void)state;
    static const char *const tools[] = {"ab", "c", "bd", "e", "f", "", "d", "g", "gh", "i"};
    for (uint64_t seed = 0; seed < 50; seed++) {
        graft_dataset train, eval;
        size_t dropped = 0;
        make(&train, tools, 10);
        graft_dataset_init(&eval);
        assert_ok(graft_dataset_split(&train, &eval, 4, GRAFT_SPLIT_TOOL, seed, &dropped));
        assert_int_equal(eval.n, 4);
        assert_int_equal(dropped, 0);
        check_parts(&train, &eval, 10, 0);
        check_tools(&train, &eval);
        graft_dataset_clear(&train);
        graft_dataset_clear(&eval);
    }
}

static void large_groups_are_cut_where_it_is_cheap(void **state)
{
    (void)state;
    /* A chain: every example shares a tool with the next one. */
    static const char *const tools[] = {"ab", "bc", "cd", "de", "ef", "fg", "gh", "hi", "ij", "jk"};
    size_t dropped_in_all = 0;
    for (uint64_t seed = 0; seed < 50; seed++) {
        graft_dataset train, eval;
        size_t dropped = 0;
        make(&train, tools, 10);
        graft_dataset_init(&eval);
        assert_ok(graft_dataset_split(&train, &eval, 3, GRAFT_SPLIT_TOOL, seed, &dropped));
        assert_true(eval.n >= 1 && eval.n <= 4);
        assert_true(dropped >= 1 && dropped <= 4);
        check_parts(&train, &eval, 10, dropped);
        check_tools(&train, &eval);
        dropped_in_all += dropped;
        graft_dataset_clear(&train);
        graft_dataset_clear(&eval);
    }
    assert_true(dropped_in_all <= 100); /* an end costs one, a middle two */
}

static void random_tools_never_cross(void **state)
{
    (void)state;
    graft_rng rng;
    graft_rng_init(&rng, 5, GRAFT_RNG_TEST, 0);
    for (int round = 0; round < 60; round++) {
        char texts[60][6];
        const char *tools[60];
        graft_dataset train, eval;
        size_t dropped = 0;
        for (size_t i = 0; i < 60; i++) {
            size_t n = (size_t)graft_rng_below(&rng, 4), at = 0;
            for (size_t k = 0; k < n; k++) {
                char c = (char)('!' + graft_rng_below(&rng, 90));
                if (c != '"' && c != '\\' && c != '\'' && !memchr(texts[i], c, at)) {
                    texts[i][at++] = c;
                }
            }
            texts[i][at] = 0;
            tools[i] = texts[i];
        }
        make(&train, tools, 60);
        graft_dataset_init(&eval);
        assert_ok(graft_dataset_split(&train, &eval, 12, GRAFT_SPLIT_TOOL, (uint64_t)round,
                                      &dropped));
        assert_int_equal(eval.n, 12); /* examples without tools fill up what groups leave */
        check_parts(&train, &eval, 60, dropped);
        check_tools(&train, &eval);
        graft_dataset_clear(&train);
        graft_dataset_clear(&eval);
    }
}

static void impossible_splits_are_refused(void **state)
{
    (void)state;
    static const char *const tools[] = {"a", "a", "ab"};
    graft_dataset train, eval;
    make(&train, tools, 3);
    graft_dataset_init(&eval);
    assert_fails(graft_dataset_split(&train, &eval, 3, GRAFT_SPLIT_RANDOM, 1, NULL), GRAFT_E_CONFIG,
                 "3 examples cannot be held back for evaluation of 3");
    assert_fails(graft_dataset_split(&train, &eval, 0, GRAFT_SPLIT_RANDOM, 1, NULL), GRAFT_E_CONFIG,
                 "0 examples");
    assert_fails(graft_dataset_split(&train, &eval, 1, GRAFT_SPLIT_TOOL, 1, NULL), GRAFT_E_CONFIG,
                 "none can be held back by tool");
    assert_int_equal(train.n, 3);
    assert_ok(graft_dataset_split(&train, &eval, 1, GRAFT_SPLIT_RANDOM, 1, NULL));
    graft_dataset_clear(&train);
    graft_dataset_clear(&eval);
}

static void an_epochs_order_is_a_permutation(void **state)
{
    (void)state;
    uint32_t a[100], b[100];
    bool seen[100] = {false};
    graft_epoch_order(a, 100, 3, 1, true);
    graft_epoch_order(b, 100, 3, 1, true);
    assert_memory_equal(a, b, sizeof a);
    for (size_t i = 0; i < 100; i++) {
        assert_true(a[i] < 100 && !seen[a[i]]);
        seen[a[i]] = true;
    }
    graft_epoch_order(b, 100, 3, 2, true);
    assert_memory_not_equal(a, b, sizeof a);
    graft_epoch_order(b, 100, 4, 1, true);
    assert_memory_not_equal(a, b, sizeof a);
    graft_epoch_order(b, 100, 3, 2, false);
    for (uint32_t i = 0; i < 100; i++) {
        assert_int_equal(b[i], i);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(random_takes_exactly_what_is_wanted),
        cmocka_unit_test(groups_that_fit_cost_nothing),
        cmocka_unit_test(large_groups_are_cut_where_it_is_cheap),
        cmocka_unit_test(random_tools_never_cross),
        cmocka_unit_test(impossible_splits_are_refused),
        cmocka_unit_test(an_epochs_order_is_a_permutation),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
