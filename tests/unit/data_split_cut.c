/* Holding tools back: the fast way chooses what trying everything chooses, and work grows with the data. */
#include "support/test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/memory.h"
#include "core/rng.h"
#include "data/split.h"

enum { CANDIDATES = 16, MOST_CANDIDATES = 1024 };

/* --- the same choice, by looking at every example every time --- */

static size_t held_of(const graft_tool_table *t, const bool *held, const bool *extra, size_t i)
{
    size_t n = 0;
    for (size_t k = t->begin[i]; k < t->begin[i + 1]; k++) {
        n += held[t->tools[k]] || (extra != NULL && extra[t->tools[k]]);
    }
    return n;
}

static size_t n_of(const graft_tool_table *t, size_t i)
{
    return t->begin[i + 1] - t->begin[i];
}

static void set_tools(const graft_tool_table *t, bool *of, size_t i, bool value)
{
    for (size_t k = t->begin[i]; k < t->begin[i + 1]; k++) {
        of[t->tools[k]] = value;
    }
}

static size_t choose_slowly(const graft_split_cut *job, const bool *held, bool *extra)
{
    const graft_tool_table *t = job->table;
    size_t best = SIZE_MAX, best_cut = 0, best_won = 0, tried = 0;
    for (size_t at = 0; at < t->n_examples; at++) {
        size_t example = job->order[at], cut = 0, won = 0;
        if (tried == (best == SIZE_MAX ? MOST_CANDIDATES : CANDIDATES)) {
            break;
        }
        if (job->side[example] != GRAFT_TO_TRAIN || n_of(t, example) == 0) {
            continue;
        }
        tried++;
        set_tools(t, extra, example, true);
        for (size_t i = 0; i < t->n_examples; i++) {
            size_t n = held_of(t, held, extra, i);
            won += n_of(t, i) > 0 && job->side[i] != GRAFT_TO_EVAL && n == n_of(t, i);
            cut += job->side[i] != GRAFT_TO_EVAL && n > 0 && n < n_of(t, i);
        }
        set_tools(t, extra, example, false);
        if (won <= job->wanted - job->n_eval + CANDIDATES &&
            (best == SIZE_MAX || cut * best_won < best_cut * won)) {
            best = example, best_cut = cut, best_won = won;
        }
    }
    return best;
}

static void cut_slowly(graft_split_cut *job)
{
    const graft_tool_table *t = job->table;
    bool *held = calloc(t->ids.n + 1, 1), *extra = calloc(t->ids.n + 1, 1);
    for (size_t best; job->n_eval < job->wanted && (best = choose_slowly(job, held, extra)) != SIZE_MAX;) {
        set_tools(t, held, best, true);
        for (size_t i = 0; i < t->n_examples; i++) {
            if (n_of(t, i) > 0 && job->side[i] == GRAFT_TO_TRAIN && held_of(t, held, NULL, i) == n_of(t, i)) {
                job->side[i] = GRAFT_TO_EVAL;
                job->n_eval++;
            }
        }
    }
    for (size_t i = 0; i < t->n_examples; i++) {
        if (job->side[i] == GRAFT_TO_TRAIN && held_of(t, held, NULL, i) > 0) {
            job->side[i] = GRAFT_DROPPED;
        }
    }
    free(held);
    free(extra);
}

/* --- tables --- */

/* n examples with up to `most` of n_tools tools, small numbers the more often the larger `skew` is;
 * twice is allowed. */
static void make(graft_tool_table *t, graft_rng *rng, size_t n, size_t n_tools, size_t most, size_t skew)
{
    graft_tool_table_init(t);
    assert_ok(graft_reserve(&t->begin, &t->begin_capacity, n + 1, sizeof *t->begin));
    for (size_t i = 0; i < n; i++) {
        t->begin[i] = t->n;
        for (size_t k = graft_rng_below(rng, most + 1); k > 0; k--) {
            size_t tool = graft_rng_below(rng, n_tools);
            for (size_t s = 0; s < skew; s++) {
                size_t other = graft_rng_below(rng, n_tools);
                tool = other < tool ? other : tool;
            }
            assert_ok(graft_reserve(&t->tools, &t->capacity, t->n + 1, sizeof *t->tools));
            t->tools[t->n++] = (uint32_t)tool;
        }
    }
    t->begin[n] = t->n;
    t->n_examples = n;
    t->ids.n = n_tools;
}

static void clear(graft_tool_table *t)
{
    t->ids.n = 0;
    graft_tool_table_clear(t);
}

static uint32_t *order_of(graft_rng *rng, size_t n)
{
    uint32_t *order = malloc(n * sizeof *order);
    for (size_t i = 0; i < n; i++) {
        order[i] = (uint32_t)i;
    }
    graft_rng_shuffle(rng, order, n);
    return order;
}

static void the_same_is_chosen_as_by_trying_everything(void **state)
{
    (void)state;
    graft_rng rng;
    size_t n_moved = 0, n_dropped = 0;
    graft_rng_init(&rng, 5, 0, 0);
    for (int round = 0; round < 300; round++) {
        graft_tool_table t;
        size_t n = 10 + graft_rng_below(&rng, 200);
        make(&t, &rng, n, 2 + graft_rng_below(&rng, round % 3 ? 60 : 12), 1 + graft_rng_below(&rng, 5), graft_rng_below(&rng, 4));
        uint32_t *order = order_of(&rng, n);
        unsigned char *slow = calloc(n, 1), *fast = calloc(n, 1);
        size_t wanted = 1 + graft_rng_below(&rng, n / 2);
        graft_split_cut a = {&t, slow, order, 0, wanted}, b = {&t, fast, order, 0, wanted};
        cut_slowly(&a);
        assert_ok(graft_split__cut(&b));
        assert_memory_equal(slow, fast, n);
        assert_int_equal(a.n_eval, b.n_eval);
        for (size_t i = 0; i < n; i++) {
            n_moved += fast[i] == GRAFT_TO_EVAL;
            n_dropped += fast[i] == GRAFT_DROPPED;
        }
        free(order);
        free(slow);
        free(fast);
        clear(&t);
    }
    assert_true(n_moved > 2000 && n_dropped > 2000);
}

/* Minutes, if every move looked at every example. */
static void many_examples_take_little_time(void **state)
{
    (void)state;
    graft_rng rng;
    graft_tool_table t;
    size_t n = 300000;
    graft_rng_init(&rng, 6, 0, 0);
    make(&t, &rng, n, 60000, 4, 1);
    uint32_t *order = order_of(&rng, n);
    unsigned char *side = calloc(n, 1);
    graft_split_cut job = {&t, side, order, 0, n / 20};
    assert_ok(graft_split__cut(&job));
    assert_true(job.n_eval >= n / 20 && job.n_eval <= n / 20 + CANDIDATES);
    free(order);
    free(side);
    clear(&t);
}

static void failed_allocations_leak_nothing(void **state)
{
    (void)state;
    graft_rng rng;
    graft_tool_table t;
    unsigned char side[50];
    size_t failures = 0;
    graft_rng_init(&rng, 7, 0, 0);
    make(&t, &rng, 50, 12, 3, 1);
    uint32_t *order = order_of(&rng, 50);
    for (uint64_t n = 1;; n++, failures++) {
        memset(side, GRAFT_TO_TRAIN, sizeof side);
        graft_split_cut job = {&t, side, order, 0, 10};
        graft_alloc_fail_at(n);
        graft_status status = graft_split__cut(&job);
        graft_alloc_fail_at(0);
        if (status == GRAFT_OK) {
            break;
        }
        assert_int_equal(status, GRAFT_E_MEMORY);
    }
    assert_true(failures > 8);
    free(order);
    clear(&t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_same_is_chosen_as_by_trying_everything),
        cmocka_unit_test(many_examples_take_little_time),
        cmocka_unit_test(failed_allocations_leak_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
