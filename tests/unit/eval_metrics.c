/* Each metric with replies that pass, that fail, and that it has nothing to say about. */
#include "support/test.h"

#include <string.h>

#include "eval/metrics.h"
#include "support/json.h"

static const char *const TOOLS =
    "[{'type':'function','function':{'name':'weather','parameters':{'type':'object','properties':"
    "{'city':{'type':'string'},'days':{'type':'integer'},'unit':{'enum':['c','f']}},"
    "'required':['city']}}},"
    "{'type':'function','function':{'name':'time','parameters':{'type':'object','properties':{}}}},"
    "{'type':'function','function':{'name':'free'}},"
    "{'type':'function','function':{'name':'endless','parameters':{'$ref':'#'}}}]";
static const char *const ONE =
    "{'tool_calls':[{'function':{'name':'weather','arguments':{'city':'Berlin','days':3}}}]}";
static const char *const TWO =
    "{'tool_calls':[{'function':{'name':'weather','arguments':{'city':'Berlin'}}},"
    "{'function':{'name':'weather','arguments':{'city':'Paris'}}}]}";
static const char *const WORDS = "{'content':'Hello!'}";

typedef struct reply {
    const char *message, *calls, *alternatives;
    size_t broken;
    bool no_tools, cut, looped, after_error;
    const char *output, *mark;
} reply;

/* "y", "n" or "-" */
static char verdict_of(const char *metric, reply r, graft_call_counts *counts)
{
    graft_verdict verdicts[GRAFT_METRICS_MAX];
    graft_call_counts unused;
    graft_expected expected;
    size_t i = graft_metric_find(metric);
    assert_true(i < graft_n_metrics);
    assert_ok(graft_expected_read(&expected, test_json(r.message),
                                  r.alternatives ? test_json(r.alternatives) : NULL));
    graft_judged judged = {.calls = test_json(r.calls),
                           .broken = r.broken,
                           .ended = !r.cut,
                           .expected = &expected,
                           .tools = r.no_tools ? NULL : test_json(TOOLS),
                           .looped = r.looped,
                           .after_error = r.after_error,
                           .output = r.output,
                           .n_output = r.output != NULL ? strlen(r.output) : 0,
                           .result_mark = r.mark};
    assert_ok(graft_judge(verdicts, &judged));
    assert_ok(graft_count_calls(counts != NULL ? counts : &unused, &judged));
    graft_expected_clear(&expected);
    return "-ny"[verdicts[i]];
}

#define REPLY(e, ...) ((reply){.message = e, .calls = __VA_ARGS__})
#define is(wanted, metric, ...) \
    assert_int_equal(verdict_of(metric, REPLY(__VA_ARGS__), NULL), wanted)

#define GOOD "[{'name':'weather','arguments':{'city':'Berlin','days':3}}]"

static void valid_json(void **state)
{
    (void)state;
    is('y', "valid_json", ONE, GOOD);
    is('y', "valid_json", ONE, "[{'name':'what','arguments':{}}]");
    is('y', "valid_json", ONE, GOOD, .no_tools = true);
    is('n', "valid_json", ONE, "[]");
    is('n', "valid_json", ONE, GOOD, .broken = 1);
    is('n', "valid_json", ONE, "[]", .broken = 1);
    is('n', "valid_json", ONE, "[{'name':'weather','arguments':'Berlin'}]");
    is('n', "valid_json", ONE, "[{'name':'weather'}]");
    is('n', "valid_json", ONE, "[{'name':7,'arguments':{}}]");
    is('n', "valid_json", ONE, "['weather']");
    is('-', "valid_json", WORDS, "[]");
}

static void schema_valid(void **state)
{
    (void)state;
    is('y', "schema_valid", ONE, GOOD);
    is('y', "schema_valid", ONE, "[{'name':'time','arguments':{}}]");
    is('y', "schema_valid", ONE, "[{'name':'free','arguments':{'any':1}}]");
    is('n', "schema_valid", ONE, "[{'name':'Weather','arguments':{'city':'Berlin'}}]");
    is('n', "schema_valid", ONE, "[{'name':'weather','arguments':{'days':3}}]");
    is('n', "schema_valid", ONE, "[{'name':'weather','arguments':{'city':'Berlin','x':1}}]");
    is('n', "schema_valid", ONE, "[{'name':'weather','arguments':{'city':'Berlin','days':'3'}}]");
    is('n', "schema_valid", ONE, "[{'name':'weather','arguments':{'city':'Berlin','unit':'k'}}]");
    is('n', "schema_valid", ONE, "[{'name':'time','arguments':{'x':1}}]");
    is('n', "schema_valid", ONE, "[{'name':'endless','arguments':{}}]");
    is('n', "schema_valid", TWO, "[{'name':'weather','arguments':{'city':'Berlin'}},"
                                 "{'name':'weather','arguments':{'city':1}}]");
    is('n', "schema_valid", ONE, "[]");
    is('-', "schema_valid", WORDS, "[]");
    is('-', "schema_valid", ONE, GOOD, .no_tools = true);
}

static void required_and_known_arguments(void **state)
{
    (void)state;
    const char *lacks = "[{'name':'weather','arguments':{'days':'x'}}]";
    const char *adds = "[{'name':'weather','arguments':{'city':7,'wind':true}}]";
    is('y', "required_arguments", ONE, GOOD);
    is('y', "required_arguments", ONE, adds);
    is('n', "required_arguments", ONE, lacks);
    is('n', "required_arguments", ONE, "[{'name':'nothing','arguments':{}}]");
    is('n', "required_arguments", ONE, "[]");
    is('-', "required_arguments", ONE, GOOD, .no_tools = true);
    is('-', "required_arguments", WORDS, "[]");
    is('y', "known_arguments", ONE, lacks);
    is('y', "known_arguments", ONE, "[{'name':'free','arguments':{'any':1}}]");
    is('n', "known_arguments", ONE, adds);
    is('n', "known_arguments", ONE, "[{'name':'nothing','arguments':{}}]");
    is('n', "known_arguments", ONE, "[]");
    is('-', "known_arguments", WORDS, adds);
}

static void additional_properties(void **state)
{
    (void)state;
    const graft_json *arguments = test_json("{'a':1,'b':2}");
    assert_true(graft_arguments_known(NULL, arguments));
    assert_true(graft_arguments_known(test_json("{}"), arguments));
    assert_false(graft_arguments_known(test_json("{'properties':{'a':{}}}"), arguments));
    assert_true(graft_arguments_known(test_json("{'properties':{'a':{},'b':{}}}"), arguments));
    assert_false(graft_arguments_known(test_json("{'additionalProperties':false}"), arguments));
    assert_true(graft_arguments_known(
        test_json("{'properties':{'a':{}},'additionalProperties':true}"), arguments));
    assert_true(graft_arguments_known(
        test_json("{'properties':{'a':{}},'additionalProperties':{'type':'string'}}"), arguments));
}

static void tool_name(void **state)
{
    (void)state;
    is('y', "tool_name", ONE, "[{'name':'weather','arguments':{}}]");
    is('n', "tool_name", ONE, "[{'name':'time','arguments':{}}]");
    is('n', "tool_name", ONE, "[]");
    is('n', "tool_name", ONE, GOOD, .broken = 1);
    is('n', "tool_name", TWO, GOOD);
    is('n', "tool_name", ONE, "[{'name':'weather','arguments':{}},"
                              "{'name':'weather','arguments':{}}]");
    is('y', "tool_name", TWO, "[{'name':'weather','arguments':{}},"
                              "{'name':'weather','arguments':{}}]");
    is('n', "tool_name", TWO, "[{'name':'weather','arguments':{}},{'name':'time','arguments':{}}]");
    is('y', "tool_name", WORDS, "[{'name':'time','arguments':{}}]",
       .alternatives = "[{'time':{}}]");
    is('-', "tool_name", WORDS, "[]");
}

static void exact(void **state)
{
    (void)state;
    is('y', "exact", ONE, GOOD);
    is('n', "exact", ONE, "[{'name':'time','arguments':{'city':'Berlin','days':3}}]");
    is('y', "arguments_exact", ONE, "[{'name':'time','arguments':{'city':'Berlin','days':3.0}}]");
    is('n', "exact", ONE, "[{'name':'weather','arguments':{'city':'berlin','days':3}}]");
    is('n', "arguments_exact", ONE, "[{'name':'weather','arguments':{'city':'berlin','days':3}}]");
    is('n', "exact", ONE, GOOD, .broken = 1);
    is('-', "exact", WORDS, "[]");
    is('-', "arguments_exact", WORDS, "[]");
    const char *loose = "[{'weather':{'city':['berlin'],'days':[3,'']}}]";
    is('y', "exact", ONE, "[{'name':'weather','arguments':{'city':'Berlin'}}]",
       .alternatives = loose);
    is('n', "exact", ONE, "[{'name':'weather','arguments':{'days':3}}]",
       .alternatives = loose);
}

static void parallel_calls_in_any_order(void **state)
{
    (void)state;
    const char *swapped = "[{'name':'weather','arguments':{'city':'Paris'}},"
                          "{'name':'weather','arguments':{'city':'Berlin'}}]";
    const char *twice = "[{'name':'weather','arguments':{'city':'Paris'}},"
                        "{'name':'weather','arguments':{'city':'Paris'}}]";
    is('y', "exact", TWO, swapped);
    is('n', "exact", TWO, twice);
    /* the first call fits both, the second only one: taking the first that fits would fail */
    const char *tricky = "[{'weather':{'city':['Paris','Berlin']}},{'weather':{'city':['Paris']}}]";
    is('y', "exact", TWO, swapped, .alternatives = tricky);
    is('y', "exact", TWO, twice, .alternatives = tricky);
    is('n', "exact", TWO, "[{'name':'weather','arguments':{'city':'Berlin'}},"
                          "{'name':'weather','arguments':{'city':'Berlin'}}]",
       .alternatives = tricky);
    /* names of one and arguments of the other */
    const char *crossed = "[{'f':{'x':[1]}},{'g':{'x':[2]}}]";
    const char *calls = "[{'name':'f','arguments':{'x':2}},{'name':'g','arguments':{'x':1}}]";
    is('y', "tool_name", WORDS, calls, .alternatives = crossed);
    is('y', "arguments_exact", WORDS, calls, .alternatives = crossed);
    is('n', "exact", WORDS, calls, .alternatives = crossed);
}

static void no_call_and_end_of_turn(void **state)
{
    (void)state;
    is('y', "no_call", WORDS, "[]");
    is('n', "no_call", WORDS, GOOD);
    is('n', "no_call", WORDS, "[]", .broken = 1);
    is('-', "no_call", ONE, "[]");
    is('y', "end_of_turn", WORDS, "[]");
    is('y', "end_of_turn", ONE, GOOD);
    is('n', "end_of_turn", ONE, GOOD, .cut = true);
}

static void after_an_error(void **state)
{
    (void)state;
    is('-', "after_error", ONE, GOOD);
    is('y', "after_error", ONE, GOOD, .after_error = true);
    is('n', "after_error", ONE, "[]", .after_error = true);
    is('n', "after_error", TWO, GOOD, .after_error = true);
    is('y', "after_error", WORDS, "[]", .after_error = true);
    is('n', "after_error", WORDS, GOOD, .after_error = true);
}

static void invented_results_and_loops(void **state)
{
    (void)state;
    const char *good = "<tool_call>{}</tool_call>", *bad = "x <tool_response>sunny</tool_response>";
    is('y', "no_invented_result", ONE, GOOD, .output = good, .mark = "<tool_response>");
    is('y', "no_invented_result", WORDS, "[]", .output = "", .mark = "<tool_response>");
    is('n', "no_invented_result", ONE, GOOD, .output = bad, .mark = "<tool_response>");
    is('-', "no_invented_result", ONE, GOOD, .output = bad);
    is('-', "no_invented_result", ONE, GOOD, .mark = "<tool_response>");
    is('y', "no_loop", ONE, GOOD);
    is('n', "no_loop", WORDS, "[]", .looped = true);
}

static void the_leaderboards_rules(void **state)
{
    (void)state;
    const char *loose = "[{'weather':{'city':['New York','NYC'],'days':[3,'']}}]";
    is('y', "bfcl", WORDS, "[{'name':'weather','arguments':{'city':'new-york'}}]",
       .alternatives = loose);
    is('n', "bfcl", WORDS, "[{'name':'weather','arguments':{'city':'nyc','days':3.0}}]",
       .alternatives = loose);
    is('n', "bfcl", WORDS, "[{'name':'weather','arguments':{'days':3}}]", .alternatives = loose);
    is('n', "bfcl", WORDS, "[{'name':'weather','arguments':{'city':'NYC','unit':'c'}}]",
       .alternatives = loose);
    is('n', "bfcl", WORDS, "[]", .alternatives = loose);
    is('n', "bfcl", WORDS, "[{'name':'weather','arguments':{'city':'NYC'}}]", .broken = 1,
       .alternatives = loose);
    is('-', "bfcl", WORDS, "[{'name':'weather','arguments':{'city':'NYC'}}]", .no_tools = true,
       .alternatives = loose);
    is('-', "bfcl", ONE, GOOD);
    /* in the order of what is expected, each call taking the first that fits */
    const char *tricky = "[{'weather':{'city':['Paris','Berlin']}},{'weather':{'city':['Paris']}}]";
    is('n', "bfcl", WORDS, "[{'name':'weather','arguments':{'city':'Paris'}},"
                           "{'name':'weather','arguments':{'city':'Berlin'}}]",
       .alternatives = tricky);
    is('y', "bfcl", WORDS, "[{'name':'weather','arguments':{'city':'Berlin'}},"
                           "{'name':'weather','arguments':{'city':'Paris'}}]",
       .alternatives = tricky);
}

static void spurious_and_missing_calls(void **state)
{
    (void)state;
    graft_call_counts counts;
    verdict_of("exact", REPLY(ONE, GOOD), &counts);
    assert_int_equal(counts.spurious, 0);
    assert_int_equal(counts.missing, 0);
    verdict_of("exact", REPLY(TWO, "[{'name':'time','arguments':{}}]", .broken = 2), &counts);
    assert_int_equal(counts.spurious, 3);
    assert_int_equal(counts.missing, 2);
    verdict_of("exact", REPLY(TWO, GOOD), &counts);
    assert_int_equal(counts.spurious, 0);
    assert_int_equal(counts.missing, 1);
    verdict_of("exact", REPLY(WORDS, GOOD), &counts);
    assert_int_equal(counts.spurious, 1);
    assert_int_equal(counts.missing, 0);
    verdict_of("exact", REPLY(ONE, "[{'arguments':{}}]"), &counts);
    assert_int_equal(counts.spurious, 1);
    assert_int_equal(counts.missing, 1);
}

static void every_metric_has_a_name_of_its_own(void **state)
{
    (void)state;
    for (size_t i = 0; i < graft_n_metrics; i++) {
        assert_int_equal(graft_metric_find(graft_metrics[i]->name), i);
        assert_true(strlen(graft_metrics[i]->help) > 0);
    }
    assert_int_equal(graft_metric_find("exactly"), graft_n_metrics);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(valid_json),
        cmocka_unit_test(schema_valid),
        cmocka_unit_test(required_and_known_arguments),
        cmocka_unit_test(additional_properties),
        cmocka_unit_test(tool_name),
        cmocka_unit_test(exact),
        cmocka_unit_test(parallel_calls_in_any_order),
        cmocka_unit_test(no_call_and_end_of_turn),
        cmocka_unit_test(after_an_error),
        cmocka_unit_test(invented_results_and_loops),
        cmocka_unit_test(the_leaderboards_rules),
        cmocka_unit_test(spurious_and_missing_calls),
        cmocka_unit_test(every_metric_has_a_name_of_its_own),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
