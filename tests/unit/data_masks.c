/* Which messages lose their weight: calls that failed, thoughts that are left out. */
#include "support/test.h"

#include <stdio.h>
#include <string.h>

#include "data/dataset.h"
#include "data/turns.h"
#include "support/quotes.h"

static void read_text(graft_dataset *out, const char *text)
{
    graft_source source = {test_temp_file("m.jsonl", test_quotes(text), strlen(text)), NULL, NULL};
    graft_dataset_init(out);
    assert_ok(graft_dataset_read(out, &source, false));
}

static void assert_weights(const graft_dataset *d, const char *expected)
{
    char text[128] = "";
    for (size_t i = 0; i < d->conversations[0].n_turns; i++) {
        snprintf(text + strlen(text), sizeof text - strlen(text), "%g ",
                 (double)d->conversations[0].turns[i].weight);
    }
    assert_string_equal(text, expected);
}

/* A tool message, with ' for " */
static bool is_error(const char *message)
{
    graft_json *json = NULL;
    bool out = false;
    assert_ok(graft_json_parse(&json, test_quotes(message), strlen(message)));
    assert_ok(graft_result_is_error(&out, json));
    graft_json_free(json);
    return out;
}

static void errors_are_told_from_results(void **state)
{
    static const char *const errors[] = {
        "{'content': 'Error: user not found'}",
        "{'content': ' ERROR while executing the tool'}",
        "{'content': 'error'}",
        "{'content': '[Error] timed out'}",
        "{'content': 'Exception occurred'}",
        "{'content': 'Traceback (most recent call last):\\n  File'}",
        "{'content': 'ValueError: invalid literal'}",
        "{'content': 'json.decoder.JSONDecodeError: Expecting value'}",
        "{'content': 'java.lang.NullPointerException: null'}",
        "{'content': '{\\'error\\': \\'not found\\'}'}",
        "{'content': ' {\\'errors\\': [{\\'message\\': \\'x\\'}]} '}",
        "{'content': '{\\'error\\': true, \\'data\\': 1}'}",
        "{'content': '{\\'exception\\': {\\'type\\': \\'x\\'}}'}",
        "{'content': '{\\'success\\': false}'}",
        "{'content': '{\\'ok\\': false, \\'reason\\': \\'x\\'}'}",
        "{'content': '{\\'status\\': \\'error\\', \\'message\\': \\'x\\'}'}",
        "{'content': '{\\'status\\': \\'Failed\\'}'}",
        "{'content': '{\\'status\\': 404}'}",
        "{'content': '{\\'status_code\\': 500}'}",
        "{'content': '{\\'isError\\': true}'}",
        "{'content': 'all good', 'is_error': true}",
        "{'content': 'all good', 'status': 'error'}",
    };
    static const char *const results[] = {
        "{'content': ''}",
        "{'content': '42'}",
        "{'content': 'no error was found'}",
        "{'content': 'errors: 0'}",
        "{'content': 'error_rate: 3 %'}",
        "{'content': 'TypeErrors are frequent: see below'}",
        "{'content': 'Errorless: yes'}",
        "{'content': '{\\'error\\': null, \\'result\\': 3}'}",
        "{'content': '{\\'error\\': \\'\\'}'}",
        "{'content': '{\\'errors\\': [], \\'error\\': false}'}",
        "{'content': '{\\'error\\': 0}'}",
        "{'content': '{\\'status\\': \\'ok\\', \\'success\\': true}'}",
        "{'content': '{\\'status\\': 200}'}",
        "{'content': '{\\'status\\': 1000}'}",
        "{'content': '{\\'success\\': \\'false alarm\\'}'}",
        "{'content': '{\\'log\\': \\'Error: x\\', \\'nested\\': {\\'error\\': \\'x\\'}}'}",
        "{'content': '[{\\'error\\': \\'x\\'}]'}",
        "{'content': '{broken'}",
        "{'content': 'fine', 'is_error': false, 'status': 'success'}",
    };
    (void)state;
    for (size_t i = 0; i < sizeof errors / sizeof *errors; i++) {
        if (!is_error(errors[i])) {
            fail_msg("not an error: %s", errors[i]);
        }
    }
    for (size_t i = 0; i < sizeof results / sizeof *results; i++) {
        if (is_error(results[i])) {
            fail_msg("an error: %s", results[i]);
        }
    }
}

#define CALL(id) "{'id':'" id "','type':'function','function':{'name':'f','arguments':{}}}"
#define CALLS(calls) "{'role':'assistant','content':'x','tool_calls':[" calls "]}"
#define RESULT(id, content) "{'role':'tool','tool_call_id':'" id "','content':'" content "'}"
#define SAYS(content) "{'role':'assistant','content':'" content "'}"

static void calls_that_failed_are_context(void **state)
{
    graft_dataset d;
    size_t n_errors, n_masked;
    (void)state;
    read_text(&d, "{'messages':[{'role':'user','content':'Error: help'},"
                  CALLS(CALL("a")) "," RESULT("a", "Error: no") ","
                  CALLS(CALL("b") "," CALL("c")) "," RESULT("b", "1") ","
                  RESULT("c", "{\\'error\\':\\'no\\'}") ","
                  CALLS(CALL("d")) "," RESULT("d", "2") "," SAYS("Error: I say so") "]}\n");
    assert_ok(graft_dataset_mask_errors(&d, &n_errors, &n_masked));
    assert_weights(&d, "0 0 0 0 0 0 1 0 1 ");
    assert_int_equal(n_errors, 2);
    assert_int_equal(n_masked, 2);
    assert_ok(graft_dataset_mask_errors(&d, &n_errors, &n_masked));
    assert_int_equal(n_errors, 2);
    assert_int_equal(n_masked, 0);
    graft_dataset_clear(&d);
}

static void assert_thoughtless(const char *message, const char *expected)
{
    graft_json *json = NULL, *without = NULL;
    graft_text text;
    graft_text_init(&text);
    assert_ok(graft_json_parse(&json, test_quotes(message), strlen(message)));
    assert_ok(graft_message__without_reasoning(&without, json));
    if (!expected) {
        assert_null(without);
    } else {
        assert_ok(graft_json_write(&text, without, GRAFT_JSON_COMPACT));
        assert_string_equal(graft_text_z(&text), test_quotes(expected));
    }
    graft_text_clear(&text);
    graft_json_free(json);
    graft_json_free(without);
}

static void thoughts_are_found_where_they_stand(void **state)
{
    (void)state;
    assert_thoughtless("{'content':'a','reasoning_content':'r','tool_calls':[1],'name':'n'}",
                       "{'content':'a','tool_calls':[1],'name':'n'}");
    assert_thoughtless("{'thinking':'r','content':null,'reasoning':''}", "{'content':null}");
    assert_thoughtless("{'content':'<think>\\nr\\n</think>\\n\\na <think>b</think>'}",
                       "{'content':'a <think>b</think>'}");
    assert_thoughtless("{'content':' \\n<think></think>a'}", "{'content':'a'}");
    assert_thoughtless("{'content':'r\\n</think>\\n\\na'}", "{'content':'a'}");
    assert_thoughtless("{'content':'a <think>b</think>'}", NULL);
    assert_thoughtless("{'content':'<think>never closed'}", NULL);
    assert_thoughtless("{'content':'a'}", NULL);
    assert_thoughtless("{'content':null}", NULL);
    assert_thoughtless("{'content':''}", NULL);
}

static void thoughts_can_be_left_out(void **state)
{
    graft_dataset d;
    size_t n = 9;
    graft_text text;
    (void)state;
    graft_text_init(&text);
    read_text(&d, "{'messages':[{'role':'user','content':'<think>u</think>v'},"
                  SAYS("<think>r</think>a") "," SAYS("<think>r</think>") "," SAYS("b") "]}\n");
    assert_ok(graft_dataset_drop_reasoning(&d, &n));
    assert_int_equal(n, 2);
    assert_weights(&d, "0 1 0 1 "); /* what says nothing any more is not trained */
    assert_ok(graft_json_write(&text, d.conversations[0].messages, GRAFT_JSON_COMPACT));
    assert_string_equal(graft_text_z(&text), test_quotes(
        "[{'role':'user','content':'<think>u</think>v'},{'role':'assistant','content':'a'},"
        "{'role':'assistant','content':''},{'role':'assistant','content':'b'}]"));
    graft_text_clear(&text);
    graft_dataset_clear(&d);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(errors_are_told_from_results),
        cmocka_unit_test(calls_that_failed_are_context),
        cmocka_unit_test(thoughts_are_found_where_they_stand),
        cmocka_unit_test(thoughts_can_be_left_out),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
