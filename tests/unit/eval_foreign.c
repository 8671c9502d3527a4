/* Java and JavaScript: what tools are shown as, how answers are written, and what the metric `bfcl` makes of
 * calls. tests/oracle/test_bfcl.py compares with the leaderboard's own checker. */
#include "support/test.h"

#include <stdio.h>
#include <string.h>

#include "core/memory.h"
#include "data/dataset.h"
#include "eval/foreign.h"
#include "eval/metrics.h"
#include "support/json.h"
#include "support/quotes.h"

static const char *written(const graft_json *value)
{
    static char buffer[4096];
    graft_text text;
    graft_text_init(&text);
    assert_ok(graft_json_write(&text, value, GRAFT_JSON_COMPACT));
    snprintf(buffer, sizeof buffer, "%s", graft_text_z(&text));
    graft_text_clear(&text);
    return buffer;
}

typedef graft_status converter(graft_json **out, graft_span text, const char *type,
                               const char *items);

/* `wanted` in JSON; NULL: the text stays as it is. */
static void assert_reads(converter *read, const char *type, const char *items, const char *text,
                         const char *wanted)
{
    graft_json *value;
    assert_ok(read(&value, (graft_span){text, strlen(text)}, type, items));
    if (wanted != NULL) {
        assert_string_equal(written(value), wanted);
    } else {
        assert_string_equal(graft_json_string(value, NULL), text);
    }
    graft_json_free(value);
}

typedef struct reading {
    const char *type, *items, *text, *wanted;
} reading;

static void java_values(void **state)
{
    (void)state;
    static const reading readings[] = {
        {"integer", "", "-12", "-12"}, {"integer", "", "12\n", "12"}, {"integer", "", "12L", NULL},
        {"integer", "", "+12", NULL}, {"byte", "", "007", "7"}, {"short", "", "1.0", NULL},
        {"long", "", "12L", "12"}, {"long", "", "12", NULL}, {"long", "", "1_2L", NULL},
        {"float", "", "3.14f", "3.14"}, {"float", "", "3e3F", "3000.0"}, {"float", "", "3.14", NULL},
        {"double", "", "3.14", "3.14"}, {"double", "", "1e-2", "0.01"}, {"double", "", "1.", NULL},
        {"boolean", "", "true", "true"}, {"boolean", "", "True", NULL}, {"char", "", "'a'", NULL},
        {"String", "", "\"a\"", NULL}, {"any", "", "7", NULL},
        {"Array", "integer", "new int[]{1, 2 ,x,}", "[1,2,\"x\"]"},
        {"Array", "String", "new String[] {\"a\", \"b\"}", "[\"\\\"a\\\"\",\"\\\"b\\\"\"]"},
        {"Array", "", "renew  Object[]{1L, \"a\", true}", "[1,\"a\",true]"},
        {"Array", "integer", "new int[]{}", "[]"}, {"Array", "integer", "[1, 2]", NULL},
        {"Array", "integer", "new int[]{1,\n2}", NULL},
        {"ArrayList", "long", "new ArrayList<Long>(Arrays.asList(1L, 2))", "[1,\"2\"]"},
        {"ArrayList", "String", "new ArrayList<>(Arrays.asList(\"a, b\"))", "[\"\",\"\"]"},
        {"ArrayList", "String", "new ArrayList<>() {{ add(\"é\"); add(\"b\"); }}", "[\"é\",\"b\"]"},
        {"ArrayList", "integer", "new ArrayList<Integer>()", "[]"},
        {"ArrayList", "integer", "Arrays.asList(1)", NULL},
        {"HashMap", "", "new HashMap<String, Object>() {{ put(\"a\", 1); put(\"b\", \"x\"); put(\"c\", 2.5f); }}",
         "{\"a\":1,\"b\":\"x\",\"c\":2.5}"},
        {"HashMap", "", "new HashMap<String, List<String>>() {\nput(\"a\",\n_1); }", "{\"a\":\"_1\"}"},
        {"HashMap", "", "new HashMap<>()", "{}"}, {"HashMap", "", "{a: 1}", NULL},
        {"HashMap", "", "new HashMap<>() {{ put(\"a\", inf); put(\"a\", 1_000); }}", "{\"a\":1000}"},
    };
    for (size_t i = 0; i < sizeof readings / sizeof *readings; i++) {
        const reading *r = &readings[i];
        assert_reads(graft_foreign_java, r->type, r->items, r->text, r->wanted);
    }
}

static void javascript_values(void **state)
{
    (void)state;
    static const reading readings[] = {
        {"String", "", "'a b'", "\"a b\""}, {"String", "", "a'", NULL}, {"String", "", "\"", "\"\""},
        {"integer", "", "-3", "-3"}, {"integer", "", "3.0", NULL}, {"float", "", "3", "3.0"},
        {"float", "", "1e3", NULL}, {"Bigint", "", "12n", "12"}, {"Bigint", "", "12", NULL},
        {"Boolean", "", "false", "false"}, {"Boolean", "", "no", NULL}, {"any", "", "[1]", NULL},
        {"array", "integer", "[1, 2, x]", "[1,2,\"x\"]"}, {"array", "", "[1, 'two', true, 2.5]", "[1,\"two\",true,2.5]"},
        {"array", "String", "new Array('a', b)", "[\"a\",\"b\"]"}, {"array", "", "[]", "[]"},
        {"array", "", "[ [1, 2] , [ 'a' ] ]", "[[1,2],[\"a\"]]"}, {"array", "", "new Array([1], [2])", "[[1],[2]]"},
        {"array", "", "[[1], 2]", "[\"[1\"]"}, {"array", "", "[1", NULL},
        {"array", "dict", "[{'a': 1}, {'b': x}]", "[{\"a\":1},{\"b\":\"x\"}]"},
        {"dict", "", "{}", "{}"}, {"dict", "", "{'a': 1, b: [1, 'x'], \"c\": true}", "{\"a\":1,\"b\":[1,\"x\"],\"c\":true}"},
        {"dict", "", "{a: x, y, b: z}", "{\"a\":\"x, y\",\"b\":\"z\"}"}, {"dict", "", "{a: 1,  :2}", "{\"a\":1,\"\":2}"},
        {"dict", "", "state", NULL}, {"dict", "", "{a:\n1}", NULL},
    };
    for (size_t i = 0; i < sizeof readings / sizeof *readings; i++) {
        const reading *r = &readings[i];
        assert_reads(graft_foreign_javascript, r->type, r->items, r->text, r->wanted);
    }
}

static void long_texts_are_not_read(void **state)
{
    (void)state;
    static char line[GRAFT_FOREIGN_MOST + 64];
    const char *parameters = "{'properties':{'a':{'type':'string','description':' This is Java HashMap type "
                             "parameter in string representation.'}}}";
    memset(line, ' ', sizeof line - 1);
    memcpy(line, "{'a':'new HashMap<>()", 21);
    strcpy(line + sizeof line - 4, "'}");
    graft_json *out;
    assert_ok(graft_foreign_arguments(&out, test_json(line), test_json(parameters)));
    assert_true(graft_json_is(graft_json_get(out, "a"), GRAFT_JSON_STRING));
    graft_json_free(out);
    assert_ok(graft_foreign_arguments(&out, test_json("{'a':'new HashMap<>() ','b':null}"), test_json(parameters)));
    assert_string_equal(written(out), "{\"a\":{},\"b\":null}");
    graft_json_free(out);
}

/* --- questions --- */

#define PARAMETERS                                                                                       \
    "'parameters':{'type':'dict','properties':{'id':{'type':'long','description':'I.'},"                \
    "'tags':{'type':'ArrayList','description':'T.','items':{'type':'String'}},"                          \
    "'more':{'type':'HashMap','description':'M.'},'any':{'type':'any','description':'A.'}},"             \
    "'required':['id']}"
static const char question[] =
    "{'id':'simple_java_3','question':[[{'role':'user','content':'u'}]],'function':[{'name':'f',"
    "'description':'D.'," PARAMETERS "}]}\n";
static const char answer[] = "{'id':'simple_java_3','ground_truth':[{'f':{'id':[5],'tags':[['a','b']],"
                             "'more':['',{'k':[1],'l':['x']}],'any':['v','']}}]}\n";

/* The caller clears *out. */
static void read_question(graft_dataset *out)
{
    static char answers[64];
    snprintf(answers, sizeof answers, "%s", test_temp_file("foreign-answers.json", test_quotes(answer), strlen(answer)));
    graft_source source = {test_temp_file("foreign.json", test_quotes(question), strlen(question)), NULL, answers};
    graft_dataset_init(out);
    assert_ok(graft_dataset_read(out, &source, false));
}

static void questions_are_shown_as_the_leaderboard_shows_them(void **state)
{
    (void)state;
    graft_dataset d;
    read_question(&d);
    const graft_json *function = graft_json_get(graft_json_at(d.conversations[0].tools, 0), "function");
    const graft_json *parameters = graft_json_get(function, "parameters");
    assert_string_equal(graft_json_string(graft_json_get(function, "description"), NULL),
                        "D. Note that the provided function is in Java 8 SDK syntax.");
    assert_string_equal(written(graft_json_get(graft_json_get(parameters, "properties"), "tags")),
                        "{\"type\":\"string\",\"description\":\"T. This is Java ArrayList type parameter in string "
                        "representation. The list elements are of type String; they are not in string "
                        "representation.\"}");
    const graft_json *calls = graft_json_get(graft_json_at(d.conversations[0].messages, 1), "tool_calls");
    const graft_json *arguments =
        graft_json_get(graft_json_get(graft_json_at(calls, 0), "function"), "arguments");
    assert_string_equal(graft_json_string(graft_json_get(arguments, "id"), NULL), "5L");
    assert_string_equal(graft_json_string(graft_json_get(arguments, "tags"), NULL),
                        "new ArrayList<String>(Arrays.asList(\"a\", \"b\"))");
    assert_false(graft_json_has(arguments, "more"));
    graft_dataset_clear(&d);
}

static const char *verdicts_of(const graft_dataset *d, const char *arguments)
{
    static char out[4];
    char calls[512];
    graft_verdict verdicts[GRAFT_METRICS_MAX];
    graft_expected expected;
    snprintf(calls, sizeof calls, "[{'name':'f','arguments':%s}]", arguments);
    assert_ok(graft_expected_read(&expected, NULL, d->conversations[0].expected));
    graft_judged judged = {.calls = test_json(calls), .ended = true, .expected = &expected,
                           .tools = d->conversations[0].tools};
    assert_ok(graft_judge(verdicts, &judged));
    graft_expected_clear(&expected);
    snprintf(out, sizeof out, "%c%c", "-ny"[verdicts[graft_metric_find("bfcl")]],
             "-ny"[verdicts[graft_metric_find("exact")]]);
    return out;
}

static void calls_are_judged_by_the_leaderboards_rules(void **state)
{
    (void)state;
    static const struct { const char *arguments, *wanted; } rows[] = {
        {"{'id':'5L','tags':'new ArrayList<>(Arrays.asList(#A#, #b#))','any':'V'}", "yy"},
        {"{'id':'5L','tags':'new ArrayList<>() {{ add(#a#); add(#b#); }}','more':'new HashMap<>() {{ put(#k#, 1); put(#l#, #x#); }}'}", "yy"},
        {"{'id':'5L','tags':'new ArrayList<>() {{ add(#a#); add(#b#); }}','more':'new HashMap<>()'}", "nn"},
        {"{'id':'5','tags':'new ArrayList<>(Arrays.asList(#a#, #b#))'}", "nn"},
        {"{'id':5,'tags':'new ArrayList<>(Arrays.asList(#a#, #b#))'}", "ny"},
        {"{'id':'5L','tags':['a','b']}", "ny"},
        {"{'id':'5L','tags':'[#a#, #b#]'}", "nn"},
        {"{'tags':'new ArrayList<>(Arrays.asList(#a#, #b#))'}", "nn"},
        {"{'id':'5L','tags':'new ArrayList<>(Arrays.asList(#a#, #b#))','extra':'1'}", "nn"},
    };
    graft_dataset d;
    read_question(&d);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        char arguments[400], *to = arguments;
        for (const char *at = rows[i].arguments; *at != 0; at++) { /* # is a quote inside a text */
            to += sprintf(to, *at == '#' ? "\\'" : "%c", *at);
        }
        assert_string_equal(verdicts_of(&d, arguments), rows[i].wanted);
    }
    graft_dataset_clear(&d);
}

static void failed_allocations_leak_nothing(void **state)
{
    (void)state;
    char answers[64];
    size_t failures = 0;
    graft_dataset d;
    snprintf(answers, sizeof answers, "%s", test_temp_file("foreign-answers.json", test_quotes(answer), strlen(answer)));
    graft_source source = {test_temp_file("foreign.json", test_quotes(question), strlen(question)), NULL, answers};
    graft_json *calls = test_json("[{'name':'f','arguments':{'id':'5L','more':'new HashMap<>() {{ put(\\'k\\', 1); }}'}}]");
    for (uint64_t n = 1;; n++, failures++) {
        graft_verdict verdicts[GRAFT_METRICS_MAX];
        graft_expected expected = {0};
        graft_dataset_init(&d);
        graft_alloc_fail_at(n);
        graft_status status = graft_dataset_read(&d, &source, false);
        if (status == GRAFT_OK) {
            status = graft_expected_read(&expected, NULL, d.conversations[0].expected);
        }
        if (status == GRAFT_OK) {
            graft_judged judged = {.calls = calls, .ended = true, .expected = &expected,
                                   .tools = d.conversations[0].tools};
            status = graft_judge(verdicts, &judged);
        }
        graft_alloc_fail_at(0);
        graft_expected_clear(&expected);
        graft_dataset_clear(&d);
        if (status == GRAFT_OK) {
            break;
        }
        assert_int_equal(status, GRAFT_E_MEMORY);
    }
    assert_true(failures > 10);
}

static void the_language_stands_in_the_id(void **state)
{
    (void)state;
    assert_int_equal(graft_bfcl_language_of("simple_java_12"), GRAFT_BFCL_JAVA);
    assert_int_equal(graft_bfcl_language_of("simple_javascript_12"), GRAFT_BFCL_JAVASCRIPT);
    assert_int_equal(graft_bfcl_language_of("live_simple_0-0-0"), GRAFT_BFCL_PYTHON);
    assert_int_equal(graft_bfcl_language_of("simple_java"), GRAFT_BFCL_PYTHON);
    assert_int_equal(graft_bfcl_language_of(NULL), GRAFT_BFCL_PYTHON);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(java_values),
        cmocka_unit_test(javascript_values),
        cmocka_unit_test(long_texts_are_not_read),
        cmocka_unit_test(questions_are_shown_as_the_leaderboard_shows_them),
        cmocka_unit_test(calls_are_judged_by_the_leaderboards_rules),
        cmocka_unit_test(the_language_stands_in_the_id),
        cmocka_unit_test(failed_allocations_leak_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
