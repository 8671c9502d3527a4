/* core/pattern.h: patterns from files cannot hang; tokenizer_splitter.c has the trusted ones. */
#include "support/test.h"

#include <string.h>
#include <time.h>

#include "core/memory.h"
#include "core/pattern.h"

static graft_matcher *matcher;

static graft_pattern *hostile(const char *text)
{
    graft_pattern *pattern;
    assert_ok(graft_pattern_new(&pattern, text, strlen(text), GRAFT_PATTERN_HOSTILE));
    return pattern;
}

static void matches_are_found(void **state)
{
    (void)state;
    graft_pattern *pattern = hostile("b+");
    graft_match match;
    size_t budget = 1000;
    assert_ok(graft_pattern_find(&match, pattern, matcher, "abbc", 4, 0, &budget));
    assert_true(match.found && match.start == 1 && match.end == 3);
    assert_true(budget < 1000);
    assert_ok(graft_pattern_find(&match, pattern, matcher, "abbc", 4, 3, &budget));
    assert_false(match.found);
    graft_pattern_free(pattern);
}

static void searches_without_end_are_ended(void **state)
{
    (void)state;
    enum { N = 60000 };
    static const char *const patterns[] = {
        /* [bc] and not b, whose absence alone would end the search */
        "^(a+)+[bc]",
        "(a|aa)+[bc]",
        "(?:a*)*[bc]",
        "a*a*a*a*a*a*[bc]",
        "a*?[bc]",
        "^(a*)(?:\\1[bc]|\\1[cd]|\\1[de]|\\1[ef]|\\1[fg]|\\1[gh])",
        "a{60000}[bc]|a{60000}[cd]|a{60000}[de]|a{60000}[ef]",
        "a{50000}[bc]|a{50000}[cd]|a{50000}[de]|a{50000}[ef]",
        "(?=(a+))a*[bc]\\1",
        "(?:(?R)|a)+[bc]",
        "(?<=a)a*[bc]",
        "(.*)(.*)(.*)(.*)(.*)[^a]",
    };
    char *text;
    assert_ok(graft_alloc(&text, N + 1, 1));
    memset(text, 'a', N);
    for (size_t i = 0; i < sizeof patterns / sizeof patterns[0]; i++) {
        graft_pattern *pattern = hostile(patterns[i]);
        graft_match match;
        size_t budget = 4 << 20;
        clock_t start = clock();
        graft_status status = graft_pattern_find(&match, pattern, matcher, text, N, 0, &budget);
        double seconds = (double)(clock() - start) / CLOCKS_PER_SEC;
        assert_true(status == GRAFT_OK || status == GRAFT_E_DATA);
        if (seconds > 20) { /* ten times what the slowest build takes */
            fail_msg("%s took %.1f s", patterns[i], seconds);
        }
        graft_pattern_free(pattern);
    }
    graft_free(text);
}

static void long_texts_are_no_problem(void **state)
{
    (void)state;
    enum { N = 1 << 20 };
    static const char *const patterns[] = {"^[a-z]+$", "^.*$", "b", "^(?:[a-z]+)$", "[b-z]"};
    char *text;
    assert_ok(graft_alloc(&text, N + 1, 1));
    memset(text, 'a', N);
    for (size_t i = 0; i < sizeof patterns / sizeof patterns[0]; i++) {
        graft_pattern *pattern = hostile(patterns[i]);
        graft_match match;
        size_t budget = 4 << 20;
        assert_ok(graft_pattern_find(&match, pattern, matcher, text, N, 0, &budget));
        assert_int_equal(match.found, patterns[i][0] == '^');
        graft_pattern_free(pattern);
    }
    graft_free(text);
}

static void what_is_no_pattern_is_an_error(void **state)
{
    (void)state;
    graft_pattern *pattern = (graft_pattern *)1;
    assert_fails(graft_pattern_new(&pattern, "a(b", 3, GRAFT_PATTERN_HOSTILE), GRAFT_E_DATA,
                 "at character 3: missing closing parenthesis");
    assert_null(pattern);
    assert_fails(graft_pattern_new(&pattern, "(?:(?:a{1000}){1000}){1000}", 27,
                                   GRAFT_PATTERN_HOSTILE), GRAFT_E_DATA, "too large");
    graft_match match;
    size_t budget = 1000;
    pattern = hostile("a");
    assert_fails(graft_pattern_find(&match, pattern, matcher, "\xff", 1, 0, &budget), GRAFT_E_DATA,
                 "UTF-8");
    graft_pattern_free(pattern);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(matches_are_found),
        cmocka_unit_test(searches_without_end_are_ended),
        cmocka_unit_test(long_texts_are_no_problem),
        cmocka_unit_test(what_is_no_pattern_is_an_error),
    };
    if (graft_matcher_new(&matcher) != GRAFT_OK) {
        return 1;
    }
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    graft_matcher_free(matcher);
    return failed;
}
