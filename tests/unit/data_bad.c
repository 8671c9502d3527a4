/* Broken data is refused with file, line and what is wrong. */
#include "support/test.h"

#include <stdio.h>
#include <string.h>

#include "core/log.h"
#include "core/strings.h"
#include "data/reader.h"
#include "io/lines.h"
#include "support/quotes.h"

#define U "{'role':'user','content':'u'}"
#define A "{'role':'assistant','content':'a'}"
#define CALL(id) "{'role':'assistant','tool_calls':[{" id "'function':{'name':'f'}}]}"
#define M(messages) "{'messages':[" messages "]}"

static const struct {
    const char *line, *message;
} broken[] = {
    /* JSON */
    {"{'messages':[" U "," A "]", "at byte"},
    {"{'messages':[],'messages':[]}", "duplicate key \"messages\""},
    {M(A) " x", "at byte"},
    {"{'messages':[{'role':'user','content':'\xff'}]}", "at byte"},
    {"7", "is integer, not an object"},
    {"'text'", "is string, not an object"},
    {"null", "is null, not an object"},
    {"{'page':'plain'}", "unknown layout with keys \"page\"; known: bfcl {id, question"},
    {"{}", "unknown layout with keys; known:"},
    /* messages */
    {"{'messages':null,'id':1}", "unknown layout with keys \"messages\", \"id\"; known:"},
    {"{'messages':{}}", "messages is object"},
    {"{'messages':[]}", "no messages"},
    {M("7"), "message 1: it is integer"},
    {M("null," A), "message 1: it is null"},
    {M(U), "no assistant message"},
    {M("{'content':'u'}"), "message 1: has no role"},
    {M("{'role':3}"), "message 1: role is integer"},
    {M(A ",{'role':'bot','content':''}"),
     "message 2: unknown role \"bot\" (known: system, developer, user, assistant, tool)"},
    {M("{'role':'user'}," A), "message 1: role \"user\" without content"},
    {M("{'role':'system','content':null}," A), "message 1: role \"system\" without content"},
    {M(U ",{'role':'assistant','content':''}"), "message 2: the assistant says nothing"},
    {M(U ",{'role':'assistant','content':null,'tool_calls':[]}"),
     "message 2: the assistant says nothing"},
    {M("{'role':'user','content':5}," A), "message 1: content is integer"},
    {M("{'role':'user','content':[{'type':'image_url'}]}," A),
     "message 1: content has a part of type \"image_url\" (only text is read)"},
    {M("{'role':'user','content':[{'type':'text'}]}," A),
     "message 1: content has a part without text"},
    {M("{'role':'user','content':'u','tool_calls':[{'name':'f'}]}," A),
     "message 1: role \"user\" with tool_calls"},
    /* weights */
    {M("{'role':'user','content':'u','weight':1}," A),
     "message 1: weight on a message of role \"user\" (only assistants are trained)"},
    {M("{'role':'assistant','content':'a','weight':'x'}"), "message 1: weight is string"},
    {M("{'role':'assistant','content':'a','weight':1e300}"), "message 1: weight is too large"},
    {M(U ",{'role':'assistant','content':'a','loss_weight':-1}"),
     "message 2: loss_weight is below 0"},
    {M("{'role':'assistant','content':'a','weight':-1e-300}"), "message 1: weight is below 0"},
    {M("{'role':'assistant','content':'a','weight':-1e300}"), "message 1: weight is below 0"},
    {M("{'role':'assistant','content':'a','weight':1,'train':true}"),
     "message 1: both weight and train are set"},
    /* calls */
    {M("{'role':'assistant','tool_calls':{}}"), "message 1: tool_calls is object"},
    {M("{'role':'assistant','tool_calls':[3]}"), "message 1: call 1: has no function name"},
    {M("{'role':'assistant','tool_calls':[{'function':{}}]}"),
     "message 1: call 1: has no function name"},
    {M("{'role':'assistant','tool_calls':[{'name':'f'},{'name':'g','arguments':'{a'}]}"),
     "message 1: call 2: \"g\": arguments are not JSON: at byte"},
    {M("{'role':'assistant','tool_calls':[{'name':'g','arguments':'[1]'}]}"),
     "message 1: call 1: \"g\": arguments are array, not an object"},
    {M("{'role':'assistant','tool_calls':[{'name':'g','arguments':[1]}]}"),
     "message 1: call 1: \"g\": arguments is array"},
    {M("{'role':'assistant','tool_calls':[{'id':4,'name':'g'}]}"),
     "message 1: call 1: id is integer"},
    {M("{'role':'assistant','tool_calls':[{'name':'g'}],'function_call':{'name':'g'}}"),
     "message 1: both tool_calls and function_call are set"},
    /* results */
    {M(A ",{'role':'tool','content':'r'}"), "message 2: role \"tool\" without a call before it"},
    {M(CALL("'id':'x',") ",{'role':'tool','content':'r'}"),
     "message 2: role \"tool\" without tool_call_id"},
    {M(CALL("'id':'x',") ",{'role':'tool','content':'r','tool_call_id':'y'}"),
     "message 2: tool_call_id \"y\" names no call before it"},
    {M(CALL("'id':'x',") ",{'role':'tool','content':'r','tool_call_id':'x'},"
       "{'role':'tool','content':'r','tool_call_id':'x'}"),
     "message 3: tool_call_id \"x\" is answered a second time"},
    {M(CALL("'id':'x',") ",{'role':'tool','content':'r','tool_call_id':7}"),
     "message 2: tool_call_id is integer"},
    {M(CALL("") ",{'role':'tool','tool_call_id':'x'}"), "message 2: role \"tool\" without content"},
    /* tools */
    {"{'messages':[" A "],'tools':{}}", "tools is object"},
    {"{'messages':[" A "],'tools':'[{'}", "tools are not JSON: at byte"},
    {"{'messages':[" A "],'tools':[{'type':'function'}]}", "tool 1: has no name"},
    {"{'messages':[" A "],'tools':[{'name':'f'},{'name':'f'}]}",
     "tool 2: \"f\" is declared twice"},
    {"{'messages':[" A "],'tools':[{'name':'f','parameters':'x'}]}",
     "tool 1: parameters is string"},
    /* other layouts */
    {"{'conversations':[{'from':'human','value':'u'},{'from':'cat','value':'m'}]}",
     "conversations item 2: unknown \"from\" (known: human, gpt,"},
    {"{'conversations':[{'from':'human','value':'u'},{'from':'function_call','value':'f'}]}",
     "conversations item 2: function_call is not JSON: at byte"},
    {"{'conversations':[{'from':'human','value':'u'},{'from':'function_call','value':'[]'}]}",
     "conversations item 2: function_call is an empty list"},
    {"{'conversations':[{'from':'human','value':'u'},{'from':'observation','value':'r'}]}",
     "message 2: role \"tool\" without a call before it"},
    {"{'conversations':[{'from':'gpt','value':'t','weight':0},{'from':'function_call','value':"
     "'{\\'name\\':\\'f\\'}'}]}",
     "conversations item 2: its loss weight is 1, that of the reply it belongs to 0"},
    {"{'conversations':[{'from':'function_call','value':'{\\'name\\':\\'f\\'}'},"
     "{'from':'function_call','value':'{\\'name\\':\\'g\\'}','train':false}]}",
     "conversations item 2: its loss weight is 0, that of the reply it belongs to 1"},
    {"{'messages':[{'role':'assistant','content':'t','loss':false},{'role':'tool_call','content':"
     "'{\\'name\\':\\'f\\'}'}]}",
     "messages item 2: its loss weight is 1, that of the reply it belongs to 0"},
    {"{'prompt':3,'completion':'c'}", "prompt is neither a text nor a list of messages"},
    {"{'prompt':'p','completion':''}", "message 2: the assistant says nothing"},
    {"{'instruction':3,'output':'c'}", "instruction or input is not a text"},
    {"{'instruction':'i','output':'c','history':[['q']]}",
     "history is not a list of [question, answer]"},
    {"{'id':'a','question':[[" U "]],'function':[]}",
     "a BFCL question has no reply in it: name the possible-answer file with \"answers\""},
};

static void every_broken_line_is_named(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof broken / sizeof *broken; i++) {
        /* Once as the first line, once behind a good one of the same layout. */
        for (int before = 0; before < 2; before++) {
            char expected[512];
            graft_text text;
            graft_dataset d;
            const char *good = strstr(broken[i].line, "conversations':[{'from")
                                   ? "{'conversations':[{'from':'gpt','value':'a'}]}\n"
                               : strstr(broken[i].line, "prompt")
                                   ? "{'prompt':'p','completion':'c'}\n"
                               : strstr(broken[i].line, "instruction")
                                   ? "{'instruction':'p','output':'c'}\n" : M(A) "\n";
            if (before && (strstr(broken[i].message, "layout") ||
                           strstr(broken[i].message, "BFCL"))) {
                continue;
            }
            graft_text_init(&text);
            assert_ok(graft_text_appendf(&text, "%s%s\n", before ? good : "", broken[i].line));
            graft_source source = {test_temp_file("bad.jsonl", test_quotes(text.data), text.len),
                                   NULL, NULL};
            graft_dataset_init(&d);
            snprintf(expected, sizeof expected, "bad.jsonl:%d: ", before + 1);
            assert_fails(graft_dataset_read(&d, &source, false), GRAFT_E_DATA, expected);
            assert_contains(graft_error_message(), broken[i].message);
            assert_int_equal(d.n, before);
            graft_dataset_clear(&d);
            graft_text_clear(&text);
        }
    }
}

static graft_status read_file(const char *name, const char *text, const char *format,
                              const char *answers)
{
    graft_dataset d;
    graft_source source = {test_temp_file(name, test_quotes(text), strlen(text)), format, answers};
    graft_dataset_init(&d);
    graft_status status = graft_dataset_read(&d, &source, false);
    graft_dataset_clear(&d);
    return status;
}

static void broken_files_are_named(void **state)
{
    (void)state;
    graft_dataset d;
    graft_source missing = {"no/such.jsonl", NULL, NULL}, folder = {"tests", NULL, NULL};
    graft_dataset_init(&d);
    assert_fails(graft_dataset_read(&d, &missing, true), GRAFT_E_DISK, "no/such.jsonl");
    assert_fails(graft_dataset_read(&d, &folder, true), GRAFT_E_DISK, "directory");
    assert_fails(read_file("empty.jsonl", "", NULL, NULL), GRAFT_E_DATA,
                 "empty.jsonl: holds no examples");
    assert_fails(read_file("blank.jsonl", "\n  \n", NULL, NULL), GRAFT_E_DATA, "holds no examples");
    assert_fails(read_file("a.json", "[]", NULL, NULL), GRAFT_E_DATA, "holds no examples");
    assert_fails(read_file("a.json", "[\n" M(A) ",\n" M(A), NULL, NULL), GRAFT_E_DATA,
                 "a.json:3: the array that begins the file is not closed");
    assert_fails(read_file("a.json", "[" M(A) "]\n" M(A), NULL, NULL), GRAFT_E_DATA,
                 "a.json:2: something stands behind the array");
    assert_fails(read_file("a.json", "[" M(A) ",]", NULL, NULL), GRAFT_E_DATA,
                 "a.json:1: element 2: at byte");
    assert_fails(read_file("a.json", "[\n\n{'messages': [}]", NULL, NULL), GRAFT_E_DATA,
                 "a.json:3: ");
    assert_fails(read_file("a.zst", M(A), NULL, NULL), GRAFT_E_DATA, "a.zst");
    assert_fails(read_file("a.jsonl", M(A), "openay", NULL), GRAFT_E_CONFIG,
                 "a.jsonl: unknown format \"openay\" (known: bfcl, xlam, toolalpaca, ");
    assert_fails(read_file("a.jsonl", M(A), "sharegpt", NULL), GRAFT_E_DATA,
                 "a.jsonl:1: has no conversations");
    assert_fails(read_file("a.jsonl", M(A), NULL, "b.jsonl"), GRAFT_E_CONFIG,
                 "format \"openai\" takes no answer file");
}

#define Q "{'id':'a','question':[[" U "]],'function':[{'name':'f'}]}"

static void broken_answer_files_are_named(void **state)
{
    (void)state;
    static const char *const cases[][3] = {
        {Q, "{'id':'b','ground_truth':[]}", "q.json:1: id \"a\" is not in the answer file"},
        {Q, "{'id':'a','ground_truth':[]}", "q.json:1: id \"a\" has no calls in the answer file"},
        {Q, "{'id':'a','ground_truth':[['f()']]}", "q.json:1: ground_truth is not a list of"},
        {Q, "{'id':'a'}", "a.json:1: is not an answer {id, ground_truth: [...]}"},
        {Q, "\n7", "a.json:2: is not an answer"},
        {Q, "{", "a.json:1: at byte"},
        {Q, "{'id':'a','ground_truth':[]}\n{'id':'a','ground_truth':[]}",
         "a.json:2: second answer for one id"},
        {"{'question':[[" U "]],'function':[]}", "", "q.json:1: has no id"},
        {"{'id':'a','question':[[" U "],[" U "]],'function':[]}", "",
         "q.json:1: is a multi-turn question, without tool results to train on"},
        {"{'id':'a','question':[[" U "]],'involved_classes':[]}", "",
         "q.json:1: is a multi-turn question"},
        {"{'id':'a','question':[3],'function':[]}", "", "q.json:1: is not a BFCL question"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char answers[128];
        snprintf(answers, sizeof answers, "%s",
                 test_temp_file("a.json", test_quotes(cases[i][1]), strlen(cases[i][1])));
        assert_fails(read_file("q.json", cases[i][0], NULL, answers), GRAFT_E_DATA, cases[i][2]);
    }
    assert_fails(read_file("q.json", Q, NULL, "no/answers"), GRAFT_E_DISK, "no/answers");
}

static void count_warning(void *context, graft_log_level level, const char *line)
{
    size_t *n = context;
    assert_int_equal(level, GRAFT_LOG_WARN);
    assert_contains(line, "(left out)");
    ++*n;
}

static void note_message(void *context, const char *message)
{
    assert_ok(graft_text_appendf(context, "%s|", message));
}

static void skip_bad_leaves_lines_out(void **state)
{
    (void)state;
    static const char text[] = "{broken\n" M(A) "\n" M(U) "\n" M(A) "\n";
    size_t warnings = 0;
    graft_text messages;
    graft_dataset d;
    graft_source source = {test_temp_file("s.jsonl", test_quotes(text), strlen(text)), NULL, NULL};
    graft_text_init(&messages);
    graft_dataset_init(&d);
    graft_log_set_sink(count_warning, &warnings);
    assert_ok(graft_dataset_read(&d, &source, true));
    graft_log_set_sink(NULL, NULL);
    assert_int_equal(d.n, 2);
    assert_int_equal(d.n_skipped, 2);
    assert_int_equal(warnings, 2);
    assert_int_equal(d.conversations[1].line, 4);
    assert_ok(graft_dataset_read_each(&d, &source, note_message, &messages));
    assert_int_equal(d.n, 4);
    assert_contains(graft_text_z(&messages), "s.jsonl:1: at byte");
    assert_contains(graft_text_z(&messages), "s.jsonl:3: no assistant message|");
    source.path = test_temp_file("t.jsonl", "{\n{\n", 4);
    assert_fails(graft_dataset_read_each(&d, &source, note_message, &messages), GRAFT_E_DATA,
                 "t.jsonl: none of its 2 lines is usable");
    graft_dataset_clear(&d);
    graft_text_clear(&messages);
}

/* Converts the record with every reader. */
static size_t convert_all(const graft_json *record, void *answers)
{
    size_t taken = 0;
    graft_text text;
    graft_text_init(&text);
    assert_ok(graft_json_write(&text, record, GRAFT_JSON_COMPACT));
    for (size_t i = 0; graft_readers[i]; i++) {
        graft_conversation c;
        graft_conversation_init(&c);
        graft_status status = graft_reader__convert_text(
            &c, graft_readers[i], graft_readers[i]->open ? answers : NULL, text.data, text.len);
        assert_true(status == GRAFT_OK || status == GRAFT_E_DATA);
        assert_true(status != GRAFT_OK || c.n_turns > 0);
        taken += status == GRAFT_OK;
        graft_conversation_clear(&c);
    }
    graft_text_clear(&text);
    return taken;
}

/* Puts every kind of value in the place of every member below `at`; returns how often. */
static size_t exchange(graft_json *root, graft_json *at, void *answers)
{
    static const char *const values[] = {"null", "[]", "{}", "''", "0", "-1.5", "true", "[null]",
                                         "[[]]", "[{}]", "'['", "{'a':null}", "'{}'", "'x'"};
    size_t n = 0;
    for (size_t i = 0; i < graft_json_length(at) && graft_json_is(at, GRAFT_JSON_ARRAY); i++) {
        n += exchange(root, graft_json_at(at, i), answers);
    }
    graft_json_iter it = graft_json_iter_begin(at);
    while (graft_json_iter_next(&it)) {
        char key[64];
        graft_json *old = graft_json_retain(it.value);
        snprintf(key, sizeof key, "%s", it.key);
        n += exchange(root, old, answers);
        for (size_t v = 0; v < sizeof values / sizeof *values; v++, n++) {
            graft_json *value = NULL;
            assert_ok(graft_json_parse(&value, test_quotes(values[v]), strlen(values[v])));
            assert_ok(graft_json_set(at, key, value));
            convert_all(root, answers);
        }
        assert_ok(graft_json_set(at, key, old));
    }
    return n;
}

static void values_of_any_kind_are_taken_or_refused(void **state)
{
    (void)state;
    static const char *const files[] = {"datasets/canonical.jsonl", "datasets/bfcl.jsonl",
                                        "datasets/sharegpt.jsonl",
                                        "datasets/prompt-completion.jsonl"};
    void *answers = NULL;
    size_t n = 0;
    assert_ok(graft_reader_bfcl.open(&answers, "datasets/bfcl-answers.jsonl"));
    for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
        graft_lines *lines = NULL;
        const char *line;
        size_t length;
        assert_ok(graft_lines_open(&lines, files[i]));
        for (int k = 0; k < 4; k++) {
            graft_json *record = NULL;
            assert_ok(graft_lines_next(lines, &line, &length));
            if (!line) {
                break;
            }
            assert_ok(graft_json_parse(&record, line, length));
            assert_true(convert_all(record, answers) >= 1);
            n += exchange(record, record, answers);
            assert_true(convert_all(record, answers) >= 1); /* all is as it was */
            graft_json_free(record);
        }
        graft_lines_close(lines);
    }
    graft_reader_bfcl.close(answers);
    assert_true(n > 1000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_broken_line_is_named),
        cmocka_unit_test(broken_files_are_named),
        cmocka_unit_test(broken_answer_files_are_named),
        cmocka_unit_test(skip_bad_leaves_lines_out),
        cmocka_unit_test(values_of_any_kind_are_taken_or_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
