/* eval/report.h: counting, JSON and back, tables, before and after. */
#include "support/test.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "core/memory.h"
#include "eval/report.h"
#include "support/json.h"

static const char *const MESSAGE =
    "{'tool_calls':[{'function':{'name':'f','arguments':{'x':1}}}]}";
static const char *const WANTED = "[{'name':'f','arguments':{'x':1}}]";
static const char *const WRONG = "[{'name':'f','arguments':{'x':2}}]";

static void add(graft_eval_report *report, size_t index, const char *calls, const char *output)
{
    graft_eval_reply reply = {.index = index,
                              .turn = 1,
                              .prompt_tokens = 10,
                              .output = output,
                              .n_output = strlen(output),
                              .calls = test_json(calls),
                              .ended = true,
                              .message = test_json(MESSAGE)};
    assert_ok(graft_eval_report_add(report, &reply));
}

/* n items, the first `hits` of them right. */
static graft_eval_report make(size_t n, size_t hits)
{
    graft_eval_report report;
    graft_eval_report_init(&report);
    for (size_t i = 0; i < n; i++) {
        add(&report, i, i < hits ? WANTED : WRONG, i < hits ? "right" : "wrong");
    }
    return report;
}

static void scores_are_counts_with_intervals(void **state)
{
    (void)state;
    graft_eval_report report = make(40, 37);
    graft_eval_score score = graft_eval_report_score(&report, graft_metric_find("exact"));
    assert_int_equal(score.hits, 37);
    assert_int_equal(score.of, 40);
    assert_true(fabs(score.low - 0.80136) < 1e-5 && fabs(score.high - 0.97416) < 1e-5);
    score = graft_eval_report_score(&report, graft_metric_find("no_call"));
    assert_int_equal(score.of, 0);
    assert_int_equal(report.n, 40);
    graft_eval_report_clear(&report);
}

static void json_has_the_promised_form(void **state)
{
    (void)state;
    graft_eval_report report;
    graft_eval_report_init(&report);
    add(&report, 3, WANTED, "a\xff\xe4\xb8\x96\x1b[31m");
    graft_eval_reply loose = {.index = 4,
                              .turn = 2,
                              .output = "",
                              .calls = test_json("[]"),
                              .broken = 1,
                              .alternatives = test_json("[{'g':{'x':['',2]}}]")};
    assert_ok(graft_eval_report_add(&report, &loose));
    report.loss_per_token = 0.5;
    report.tokens = 7;
    graft_json *json;
    graft_text text;
    graft_text_init(&text);
    assert_ok(graft_eval_report_json(&json, &report));
    assert_ok(graft_json_write(&text, json, GRAFT_JSON_COMPACT));
    assert_ptr_equal(strstr(text.data, "{\"n\":2,\"loss_per_token\":0.5,\"tokens\":7,\"scores\":{"),
                     text.data);
    const graft_json *score = graft_json_get(graft_json_get(json, "scores"), "exact");
    assert_int_equal(graft_json_int(graft_json_get(score, "hits")), 1);
    assert_int_equal(graft_json_int(graft_json_get(score, "of")), 2);
    assert_true(fabs(graft_json_double(graft_json_get(score, "low")) - 0.094531) < 1e-6);
    assert_true(fabs(graft_json_double(graft_json_get(score, "high")) - 0.905469) < 1e-6);
    assert_int_equal(graft_json_length(graft_json_get(json, "scores")), graft_n_metrics);
    assert_string_equal(
        strstr(text.data, "\"spurious_calls\""),
        "\"spurious_calls\":1,\"missing_calls\":1,\"answer_f1\":null,"
        "\"end_of_turn_probability\":null,\"items\":[{\"index\":3,\"turn\":1,"
        "\"prompt_tokens\":10,\"output\":\"a\xef\xbf\xbd\xe4\xb8\x96\\u001b[31m\",\"calls\":[{\"name\":\"f\",\"arguments\":{\"x\":1}}],"
        "\"expected\":[{\"name\":\"f\",\"arguments\":{\"x\":1}}],\"spurious\":0,\"missing\":0,\"answer_f1\":null,"
        "\"verdicts\":{\"valid_json\":true,\"schema_valid\":null,\"tool_name\":true,"
        "\"arguments_exact\":true,\"exact\":true,\"required_arguments\":null,"
        "\"known_arguments\":null,\"no_call\":null,\"end_of_turn\":true,"
        "\"bfcl\":null,\"after_error\":null,\"no_invented_result\":null,\"no_loop\":true}},"
        "{\"index\":4,\"turn\":2,\"prompt_tokens\":0,\"output\":\"\",\"calls\":[],"
        "\"expected\":[{\"g\":{\"x\":[\"\",2]}}],\"spurious\":1,\"missing\":1,\"answer_f1\":null,"
        "\"verdicts\":{\"valid_json\":false,\"schema_valid\":null,\"tool_name\":false,"
        "\"arguments_exact\":false,\"exact\":false,\"required_arguments\":null,"
        "\"known_arguments\":null,\"no_call\":null,\"end_of_turn\":false,"
        "\"bfcl\":null,\"after_error\":null,\"no_invented_result\":null,\"no_loop\":true}}]}");
    /* and reads back as the same */
    graft_eval_report again;
    graft_json *json_again;
    assert_ok(graft_eval_report_parse(&again, json));
    assert_ok(graft_eval_report_json(&json_again, &again));
    assert_true(graft_json_equal(json, json_again));
    graft_json_free(json);
    graft_json_free(json_again);
    graft_eval_report_clear(&again);
    graft_eval_report_clear(&report);
    graft_text_clear(&text);
}

static void refuses(const char *json, const char *message)
{
    graft_eval_report report;
    assert_fails(graft_eval_report_parse(&report, test_json(json)), GRAFT_E_DATA, message);
    assert_int_equal(report.n, 0);
}

static void other_files_are_refused(void **state)
{
    (void)state;
    refuses("{}", "has no items: not the result of an evaluation");
    refuses("[]", "has no items");
    refuses("{'items':[]}", "tokens is not a count");
    refuses("{'items':[],'tokens':-1}", "tokens is not a count");
    refuses("{'items':[7],'tokens':1}", "items[0]: index is not a count");
    refuses("{'items':[{'index':0,'turn':'x'}],'tokens':1}", "items[0]: turn is not a count");
    const char *item = "{'items':[{'index':0,'turn':0,'prompt_tokens':0,'spurious':0,'missing':0,"
                       "'output':'','calls':[],'expected':[],'verdicts':%s}],'tokens':0}";
    char text[300];
    snprintf(text, sizeof text, item, "{'exact':1}");
    refuses(text, "items[0]: verdicts: exact is neither true, false nor null");
    snprintf(text, sizeof text, item, "[]");
    refuses(text, "items[0]: verdicts is not of type object");
    snprintf(text, sizeof text, item, "{'exact':null,'other':'x','tool_name':true}");
    graft_eval_report report;
    assert_ok(graft_eval_report_parse(&report, test_json(text)));
    assert_true(isnan(report.loss_per_token));
    assert_int_equal(graft_eval_report_score(&report, graft_metric_find("exact")).of, 0);
    assert_int_equal(graft_eval_report_score(&report, graft_metric_find("tool_name")).hits, 1);
    graft_eval_report_clear(&report);
}

static void the_table_shows_what_was_counted(void **state)
{
    (void)state;
    graft_eval_report report = make(40, 24);
    graft_text text;
    graft_text_init(&text);
    assert_ok(graft_eval_report_table(&text, &report));
    assert_contains(text.data, "exact                  24/40    60.0    44.6 -  73.7   name and");
    assert_contains(text.data, "valid_json             40/40   100.0    91.2 - 100.0   every call");
    assert_null(strstr(text.data, "no_call"));
    assert_contains(text.data, "40 replies; 0 spurious and 0 missing calls\n");
    report.loss_per_token = 1.25;
    report.tokens = 99;
    text.len = 0;
    assert_ok(graft_eval_report_table(&text, &report));
    assert_contains(text.data, "missing calls; loss 1.2500 per trained token (99)\n");
    graft_text_clear(&text);
    graft_eval_report_clear(&report);
}

static void answers_in_words(void **state)
{
    (void)state;
    graft_eval_report report;
    graft_text text;
    size_t of;
    graft_text_init(&text);
    graft_eval_report_init(&report);
    assert_true(isnan(graft_eval_report_answer_f1(&report, &of)) && of == 0);
    graft_eval_reply reply = {.output = "It is the cat.",
                              .n_output = 14,
                              .content = "It is the cat.",
                              .n_content = 14,
                              .calls = test_json("[]"),
                              .message = test_json("{'content':'A CAT'}")};
    assert_ok(graft_eval_report_add(&report, &reply)); /* 1 of 3 words, 1 of 1 */
    reply.content = "<think>A dog?</think>\n\nIt is the cat.";
    reply.n_content = strlen(reply.content);
    reply.message = test_json("{'content':'<think>So.</think>It is a cat'}");
    assert_ok(graft_eval_report_add(&report, &reply));
    reply.message = test_json(MESSAGE);
    assert_ok(graft_eval_report_add(&report, &reply));
    assert_true(fabs(graft_eval_report_answer_f1(&report, &of) - 0.75) < 1e-12 && of == 2);
    report.n_turns = 7;
    report.end_probability = 0.25;
    report.n_turn_ends = 8;
    assert_ok(graft_eval_report_table(&text, &report));
    assert_contains(text.data, "3 replies, to the first of 7 turns; 0 spurious");
    assert_contains(text.data, "words of 2 answers: F1 0.750\n");
    assert_contains(text.data, "probability of the end of the turn, at 8 ends: 0.2500\n");
    graft_json *json;
    graft_eval_report again;
    assert_ok(graft_eval_report_json(&json, &report));
    assert_ok(graft_eval_report_parse(&again, json));
    assert_true(fabs(graft_eval_report_answer_f1(&again, &of) - 0.75) < 1e-12 && of == 2);
    assert_true(again.end_probability == 0.25 && again.n_turn_ends == 8 && again.n_turns == 7);
    graft_json_free(json);
    graft_text_clear(&text);
    graft_eval_report_clear(&again);
    graft_eval_report_clear(&report);
}

static void before_and_after(void **state)
{
    (void)state;
    graft_eval_report before = make(40, 2), after = make(42, 30);
    before.loss_per_token = 2;
    after.loss_per_token = 0.5;
    graft_text text;
    graft_text_init(&text);
    assert_ok(graft_eval_report_compare(&text, &before, &after));
    assert_contains(text.data, "exact                    2/40   5.0 (1.4-16.5)         30/42  71.4 "
                               "(56.4-82.8)     +66.4  < 0.0001\n");
    assert_contains(text.data, "end_of_turn             40/40 100.0 (91.2-100.0)       42/42 100.0 "
                               "(91.6-100.0)     +0.0    1.0000\n");
    assert_contains(text.data, "loss per trained token 2.0000 -> 0.5000; spurious calls 0 -> 0");
    assert_contains(text.data, "only 40 items are the same: 40 before, 42 after\n");

    graft_json *json;
    assert_ok(graft_eval_report_compare_json(&json, &before, &after));
    const graft_json *exact = graft_json_get(graft_json_get(json, "scores"), "exact");
    assert_int_equal(graft_json_int(graft_json_get(exact, "gained")), 28);
    assert_int_equal(graft_json_int(graft_json_get(exact, "lost")), 0);
    assert_true(fabs(graft_json_double(graft_json_get(exact, "p")) - ldexp(1, -27)) < 1e-15);
    assert_int_equal(graft_json_int(graft_json_get(json, "paired")), 40);
    const graft_json *side = graft_json_get(json, "after");
    assert_true(graft_json_double(graft_json_get(side, "loss_per_token")) == 0.5);
    const graft_json *flipped = graft_json_get(exact, "flipped");
    assert_int_equal(graft_json_length(flipped), 28);
    assert_int_equal(graft_json_int(graft_json_get(graft_json_at(flipped, 0), "index")), 2);
    assert_true(graft_json_bool(graft_json_get(graft_json_at(flipped, 0), "to")));
    size_t n_paired, n_other;
    assert_ok(graft_eval_report_paired(&n_paired, &n_other, &before, &after));
    assert_true(n_paired == 40 && n_other == 0);
    text.len = 0;
    assert_ok(graft_eval_report_flips(&text, &before, &after, 2));
    assert_contains(text.data, "exact: gained 2/1 3/1 and 26 more; lost none\n");
    graft_json_free(json);

    graft_text_clear(&text);
    graft_eval_report_clear(&before);
    graft_eval_report_clear(&after);
}

/* Item `index` is asked for after the messages. */
static void ask(graft_eval_report *report, size_t index, const char *messages)
{
    graft_json *all = test_json(messages);
    graft_eval_reply reply = {.index = index,
                              .turn = graft_json_length(all),
                              .output = "x",
                              .n_output = 1,
                              .calls = test_json("[]"),
                              .messages = all,
                              .message = test_json("{'content':'Yes.'}")};
    assert_ok(graft_eval_report_add(report, &reply));
}

/* Numbers count within the part that is held back, which another seed makes another one. */
static void other_questions_of_the_same_number_were_paired(void **state)
{
    (void)state;
    graft_eval_report before, after;
    graft_text text;
    graft_text_init(&text);
    graft_eval_report_init(&before);
    graft_eval_report_init(&after);
    ask(&before, 0, "[{'role':'system','content':'S'},{'role':'user','content':'a'}]");
    ask(&after, 0, "[{'role':'system','content':'T'},{'role':'user','content':'a'}]");
    ask(&before, 1, "[{'role':'user','content':'a'},{'role':'assistant','content':'b'}]");
    ask(&after, 1, "[{'role':'user','content':'a'},{'role':'assistant','content':null}]");
    ask(&before, 2, "[{'role':'user','content':'a'},{'role':'tool','content':'b'}]");
    ask(&after, 2, "[{'role':'user','content':'a'},{'role':'tool','content':'c'}]");
    ask(&before, 3, "[{'role':'user','content':'a'},{'role':'user','content':'b'}]");
    ask(&after, 3, "[{'role':'user','content':'ab'},{'role':'user','content':''}]");
    add(&before, 4, WANTED, "x"); /* nothing is known of what they were asked */
    add(&after, 4, WANTED, "x");
    size_t n_paired, n_other;
    assert_ok(graft_eval_report_paired(&n_paired, &n_other, &before, &after));
    assert_true(n_paired == 3 && n_other == 2);
    assert_ok(graft_eval_report_compare(&text, &before, &after));
    assert_contains(text.data, "only 3 items are the same: 5 before, 5 after; 2 of the same number "
                               "ask for something else\n");
    graft_json *json;
    graft_eval_report again;
    assert_ok(graft_eval_report_json(&json, &before));
    assert_ok(graft_eval_report_parse(&again, json));
    assert_ok(graft_eval_report_paired(&n_paired, &n_other, &again, &after));
    assert_true(n_paired == 3 && n_other == 2);
    add(&after, 4, WANTED, "x");
    assert_fails(graft_eval_report_paired(&n_paired, &n_other, &before, &after), GRAFT_E_DATA,
                 "after: item 4, message 1 stands there twice");
    graft_json_free(json);
    graft_text_clear(&text);
    graft_eval_report_clear(&again);
    graft_eval_report_clear(&before);
    graft_eval_report_clear(&after);
}

static void changes_are_listed_and_escaped(void **state)
{
    (void)state;
    graft_eval_report before, after;
    graft_text text;
    graft_text_init(&text);
    graft_eval_report_init(&before);
    graft_eval_report_init(&after);
    char lengthy[300];
    memset(lengthy, 'x', sizeof lengthy);
    memcpy(lengthy + 158, "\xe4\xb8\x96", 3);
    lengthy[299] = '\0';
    add(&before, 1, WANTED, "same");
    add(&after, 1, WANTED, "same");
    add(&before, 5, WRONG, "evil \x1b]0;title\x07\nline");
    add(&after, 5, WANTED, lengthy);
    add(&before, 6, WANTED, "one");
    add(&after, 6, WRONG, "two");
    size_t exact = graft_metric_find("exact");
    assert_ok(graft_eval_report_changes(&text, &before, &after, exact, 10));
    assert_contains(text.data, "item 5, message 1: exact no -> yes\n  before: evil \\x1b]0;title");
    assert_null(strchr(text.data, '\x1b'));
    assert_null(strstr(text.data, "\nline"));
    assert_contains(text.data, "xxx ...\nitem 6, message 1: exact yes -> no\n  before: one\n"
                               "  after:  two\n");
    assert_null(strstr(text.data, "item 1"));
    text.len = 0;
    assert_ok(graft_eval_report_changes(&text, &before, &after, exact, 1));
    text.data[text.len] = '\0';
    assert_null(strstr(text.data, "item 6"));
    graft_text_clear(&text);
    graft_eval_report_clear(&before);
    graft_eval_report_clear(&after);
}

static void running_out_of_memory_is_survived(void **state)
{
    (void)state;
    graft_eval_report report = make(3, 1);
    graft_eval_reply reply = {.output = "x",
                              .n_output = 1,
                              .calls = test_json(WANTED),
                              .messages = test_json("[{'role':'user','content':'a'}]"),
                              .turn = 1,
                              .message = test_json(MESSAGE)};
    graft_status status = GRAFT_E_MEMORY;
    for (uint64_t n = 1; status != GRAFT_OK; n++) {
        graft_alloc_fail_at(n);
        status = graft_eval_report_add(&report, &reply);
        graft_alloc_fail_at(0);
        assert_true(status == GRAFT_OK || status == GRAFT_E_MEMORY);
        assert_int_equal(report.n, status == GRAFT_OK ? 4 : 3);
    }
    graft_eval_report_clear(&report);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(scores_are_counts_with_intervals),
        cmocka_unit_test(json_has_the_promised_form),
        cmocka_unit_test(other_files_are_refused),
        cmocka_unit_test(the_table_shows_what_was_counted),
        cmocka_unit_test(answers_in_words),
        cmocka_unit_test(before_and_after),
        cmocka_unit_test(other_questions_of_the_same_number_were_paired),
        cmocka_unit_test(changes_are_listed_and_escaped),
        cmocka_unit_test(running_out_of_memory_is_survived),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
