/* Scores that have to be reached: reading, and what is too low. */
#include "support/test.h"

#include <stdio.h>
#include <string.h>

#include "eval/gates.h"
#include "support/json.h"

static void add(graft_eval_report *report, size_t index, const char *calls)
{
    graft_eval_reply reply = {
        .index = index,
        .output = "",
        .calls = test_json(calls),
        .ended = true,
        .message = test_json("{'tool_calls':[{'function':{'name':'f','arguments':{}}}]}")};
    assert_ok(graft_eval_report_add(report, &reply));
}

static void scores_are_held_against_shares(void **state)
{
    (void)state;
    static const char *const three_quarters[] = {"exact=0.75", "end_of_turn=1"};
    static const char *const more[] = {"exact=0.76", "no_call=0", "tool_name=0"};
    graft_eval_report report;
    graft_gates gates;
    graft_eval_report_init(&report);
    for (size_t i = 0; i < 4; i++) {
        add(&report, i, i == 0 ? "[]" : "[{'name':'f','arguments':{}}]");
    }
    assert_ok(graft_gates_read(&gates, three_quarters, 2));
    assert_ok(graft_gates_check(&gates, &report));
    assert_ok(graft_gates_read(&gates, more, 3));
    assert_fails(graft_gates_check(&gates, &report), GRAFT_E_GATE,
                 "exact is 3 of 4, required are 76 %; no_call is 0 of 0, required are 0 %");
    assert_ok(graft_gates_read(&gates, NULL, 0));
    assert_ok(graft_gates_check(&gates, &report));
    graft_eval_report_clear(&report);
}

/* 0.55 * 100 is a little more than 55: shares are divided, as their decimals are rounded, once. */
static void a_share_that_was_reached_was_too_low(void **state)
{
    (void)state;
    graft_eval_report report;
    graft_eval_report_init(&report);
    for (size_t n = 1; n <= 100; n++) {
        add(&report, n, "[{'name':'f','arguments':{}}]");
    }
    for (size_t hits = 100; hits > 0; hits--) {
        char text[24];
        const char *gate = text;
        graft_gates gates;
        snprintf(text, sizeof text, "exact=%.2f", (double)hits / 100);
        assert_ok(graft_gates_read(&gates, &gate, 1));
        assert_ok(graft_gates_check(&gates, &report));
        report.items[hits - 1].verdicts[graft_metric_find("exact")] = GRAFT_VERDICT_NO;
        assert_int_equal(graft_gates_check(&gates, &report), GRAFT_E_GATE);
    }
    graft_eval_report_clear(&report);
}

static void refuses(const char *text, const char *message)
{
    graft_gates gates;
    const char *texts[] = {"tool_name=0.5", text};
    assert_fails(graft_gates_read(&gates, texts, 2), GRAFT_E_CONFIG, message);
}

static void nonsense_is_refused(void **state)
{
    (void)state;
    refuses("exat=0.9", "require: unknown score \"exat\" (known: valid_json, ");
    refuses("", "require: unknown score \"\"");
    refuses("exact", "require: \"exact\" is not SCORE=SHARE with a share from 0 to 1");
    refuses("exact=", "is not SCORE=SHARE");
    refuses("exact=90", "is not SCORE=SHARE");
    refuses("exact=-0.1", "is not SCORE=SHARE");
    refuses("exact=nan", "is not SCORE=SHARE");
    refuses("exact=0.9x", "is not SCORE=SHARE");
    refuses("tool_name=0.6", "require: tool_name stands there twice");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(scores_are_held_against_shares),
        cmocka_unit_test(a_share_that_was_reached_was_too_low),
        cmocka_unit_test(nonsense_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
