/* Which evaluation is better: names of what decides, and the merit of a report. */
#include "support/test.h"

#include <math.h>
#include <string.h>

#include "core/memory.h"
#include "eval/selection.h"
#include "support/json.h"

static const char *const CALL = "{'tool_calls':[{'function':{'name':'f','arguments':{}}}]}";
static const char *const WORDS = "{'content':'It is seven.'}";

static graft_eval_reply reply_to(const char *message, const char *calls)
{
    return (graft_eval_reply){.output = "", .calls = test_json(calls), .content = "",
                              .ended = true, .message = test_json(message)};
}

static void names_are_read(void **state)
{
    graft_selection s;
    graft_merit merit = {.of = 1};
    (void)state;
    static const char *const names[][2] = {{"exact", "exact"}, {"eval_exact", "exact"},
                                           {"loss", "loss"},   {"eval_loss", "loss"},
                                           {"answer_f1", "answer_f1"}, {"no_loop", "no_loop"}};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        assert_ok(graft_selection_read(&s, names[i][0]));
        assert_string_equal(graft_selection_name(&s, &merit), names[i][1]);
        assert_false(s.by_default);
    }
    for (size_t i = 0; i < graft_n_metrics; i++) {
        assert_ok(graft_selection_read(&s, graft_metrics[i]->name));
        assert_int_equal(s.metric, i);
    }
    assert_fails(graft_selection_read(&s, "exakt"), GRAFT_E_CONFIG,
                 "metric_for_best_model: unknown score \"exakt\" (did you mean \"exact\"?)");
    assert_fails(graft_selection_read(&s, "accuracy"), GRAFT_E_CONFIG, "(known: valid_json, ");
    assert_fails(graft_selection_read(&s, ""), GRAFT_E_CONFIG, "answer_f1, loss)");
}

static void a_report_has_a_merit(void **state)
{
    graft_selection s;
    graft_merit merit;
    graft_eval_report report;
    graft_text text;
    (void)state;
    graft_text_init(&text);
    graft_eval_report_init(&report);
    for (size_t i = 0; i < 4; i++) {
        graft_eval_reply reply = reply_to(CALL, i == 0 ? "[]" : "[{'name':'f','arguments':{}}]");
        assert_ok(graft_eval_report_add(&report, &reply));
    }
    report.loss_per_token = 1.25;
    assert_ok(graft_selection_read(&s, NULL));
    assert_ok(graft_selection_score(&merit, &s, &report));
    assert_true(merit.value == 0.75 && merit.loss == 1.25);
    assert_ok(graft_selection_format(&text, &s, &merit));
    assert_string_equal(graft_text_z(&text), "exact 3/4");
    assert_ok(graft_selection_read(&s, "loss"));
    assert_ok(graft_selection_score(&merit, &s, &report));
    assert_true(merit.value == -1.25 && merit.of == 0);
    graft_text_clear(&text);
    assert_ok(graft_selection_format(&text, &s, &merit));
    assert_string_equal(graft_text_z(&text), "loss 1.2500");
    assert_ok(graft_selection_read(&s, "no_call"));
    assert_fails(graft_selection_score(&merit, &s, &report), GRAFT_E_CONFIG,
                 "metric_for_best_model: nothing in the evaluation data asks for no_call");
    assert_ok(graft_selection_read(&s, "answer_f1"));
    assert_fails(graft_selection_score(&merit, &s, &report), GRAFT_E_CONFIG, "asks for answer_f1");
    graft_eval_report_clear(&report);
    graft_text_clear(&text);
}

static void the_loss_stands_in_for_a_score_nobody_named(void **state)
{
    graft_selection s;
    graft_merit merit;
    graft_eval_report report;
    (void)state;
    graft_eval_report_init(&report);
    graft_eval_reply reply = reply_to(WORDS, "[]");
    reply.content = "It is 7.";
    reply.n_content = strlen(reply.content);
    assert_ok(graft_eval_report_add(&report, &reply));
    assert_ok(graft_selection_read(&s, NULL));
    assert_ok(graft_selection_score(&merit, &s, &report)); /* nothing is known of it */
    assert_true(isnan(merit.value));
    report.loss_per_token = 0.5;
    assert_ok(graft_selection_score(&merit, &s, &report));
    assert_true(merit.value == -0.5);
    assert_string_equal(graft_selection_name(&s, &merit), "loss");
    assert_ok(graft_selection_read(&s, "answer_f1"));
    assert_ok(graft_selection_score(&merit, &s, &report));
    assert_true(merit.value > 0.6 && merit.value < 0.7); /* two words of three */
    graft_eval_report_clear(&report);
}

static void what_data_ask_for_is_known_before(void **state)
{
    (void)state;
    static const struct {
        const char *metric, *message;
        bool asked;
    } cases[] = {
        {"exact", CALL, true},    {"exact", "{'content':'It is 7.'}", false},
        {"no_call", CALL, false}, {"no_call", "{'content':'It is 7.'}", true},
        {"bfcl", CALL, false},    {"answer_f1", "{'content':'It is 7.'}", true},
        {"loss", CALL, true},     {"answer_f1", CALL, false},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        graft_selection s;
        bool asked = !cases[i].asked;
        graft_eval_reply reply = reply_to(cases[i].message, "[]");
        assert_ok(graft_selection_read(&s, cases[i].metric));
        assert_ok(graft_selection_is_asked(&asked, &s, &reply));
        assert_int_equal(asked, cases[i].asked);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_are_read),
        cmocka_unit_test(a_report_has_a_merit),
        cmocka_unit_test(the_loss_stands_in_for_a_score_nobody_named),
        cmocka_unit_test(what_data_ask_for_is_known_before),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
