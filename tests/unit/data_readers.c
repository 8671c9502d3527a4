/* Layouts of example files: what each becomes in the canonical form. */
#include "support/test.h"

#include <stdio.h>
#include <string.h>

#include "core/memory.h"
#include "data/dataset.h"
#include "support/quotes.h"

/* Reads a file made of text (' for "); the caller clears *out. */
static graft_status read_text(graft_dataset *out, const char *name, const char *text,
                              const char *answers)
{
    graft_source source = {test_temp_file(name, test_quotes(text), strlen(text)), NULL, answers};
    graft_dataset_init(out);
    return graft_dataset_read(out, &source, false);
}

static void assert_json(const graft_json *value, const char *expected)
{
    graft_text text;
    graft_text_init(&text);
    assert_ok(graft_json_write(&text, value, GRAFT_JSON_COMPACT));
    assert_string_equal(graft_text_z(&text), test_quotes(expected));
    graft_text_clear(&text);
}

/* The one conversation of a file in canonical form: messages, tools, weights. */
static void assert_becomes(const char *line, const char *format, const char *messages,
                           const char *tools, const char *weights)
{
    graft_dataset d;
    char text[64] = "";
    assert_ok(read_text(&d, "one.jsonl", line, NULL));
    assert_int_equal(d.n, 1);
    assert_string_equal(d.format, format);
    assert_json(d.conversations[0].messages, messages);
    if (tools) {
        assert_json(d.conversations[0].tools, tools);
    } else {
        assert_null(d.conversations[0].tools);
    }
    assert_int_equal(graft_json_length(d.conversations[0].messages), d.conversations[0].n_turns);
    for (size_t i = 0; i < d.conversations[0].n_turns; i++) {
        snprintf(text + strlen(text), sizeof text - strlen(text), "%g ",
                 (double)d.conversations[0].turns[i].weight);
    }
    assert_string_equal(text, weights);
    graft_dataset_clear(&d);
}

#define F "{'type':'function','function':{'name':'f'}}"

static void openai_is_the_canonical_form(void **state)
{
    (void)state;
    /* Already canonical: nothing changes, key order and spellings included. */
    assert_becomes(
        "{'messages':[{'role':'system','content':'s'},{'role':'user','content':'u'},"
        "{'role':'assistant','content':null,'tool_calls':[{'id':'x','type':'function',"
        "'function':{'name':'f','arguments':{'b':1.50,'a':null}}}]},"
        "{'role':'tool','content':'r','tool_call_id':'x'},"
        "{'role':'assistant','content':'done'}],'tools':[" F "],'id':7}",
        "openai",
        "[{'role':'system','content':'s'},{'role':'user','content':'u'},"
        "{'role':'assistant','content':null,'tool_calls':[{'id':'x','type':'function',"
        "'function':{'name':'f','arguments':{'b':1.50,'a':null}}}]},"
        "{'role':'tool','content':'r','tool_call_id':'x'},"
        "{'role':'assistant','content':'done'}]",
        "[" F "]", "0 0 1 0 1 ");
}

static void openai_variants_mean_the_same(void **state)
{
    (void)state;
    /* Parts, arguments as text, nulls for absent keys, tools as text, bare functions. */
    assert_becomes(
        "{'messages':[{'role':'user','content':[{'type':'text','text':'a'},'b'],"
        "'tool_calls':null,'name':null},{'role':'assistant','tool_calls':[{'function':"
        "{'name':'f','arguments':'{\\'k\\': [1, 2]}'}},{'name':'g','arguments':''}]},"
        "{'role':'tool','name':'g','content':'2'},{'role':'tool','content':'1'}],"
        "'tools':'[{\\'name\\': \\'f\\'}]'}",
        "openai",
        "[{'role':'user','content':'a\\nb'},{'role':'assistant','content':null,"
        "'tool_calls':[{'id':'call00001','type':'function','function':{'name':'f',"
        "'arguments':{'k':[1,2]}}},{'id':'call00002','type':'function','function':"
        "{'name':'g','arguments':{}}}]},"
        "{'role':'tool','content':'2','tool_call_id':'call00002','name':'g'},"
        "{'role':'tool','content':'1','tool_call_id':'call00001'}]",
        "[" F "]", "0 1 0 0 ");
    /* function_call, the role function, functions. */
    assert_becomes(
        "{'messages':[{'role':'developer','content':'d'},{'role':'assistant',"
        "'content':'c','function_call':{'name':'f','arguments':'{}'}},"
        "{'role':'function','name':'f','content':''}],'functions':[{'name':'f'}]}",
        "openai",
        "[{'role':'developer','content':'d'},{'role':'assistant','content':'c',"
        "'tool_calls':[{'id':'call00001','type':'function','function':{'name':'f',"
        "'arguments':{}}}]},{'role':'tool','content':'','tool_call_id':'call00001',"
        "'name':'f'}]",
        "[" F "]", "0 1 0 ");
    assert_becomes("{'conversations':[{'role':'user','content':'u'},{'role':'assistant',"
                   "'content':'a','reasoning_content':'why'}],'tools':[]}",
                   "openai",
                   "[{'role':'user','content':'u'},{'role':'assistant','content':'a',"
                   "'reasoning_content':'why'}]",
                   NULL, "0 1 ");
}

static void made_up_ids_are_no_given_ones(void **state)
{
    (void)state;
    assert_becomes(
        "{'messages':[{'role':'assistant','tool_calls':[{'function':{'name':'g'}},"
        "{'id':'call00001','function':{'name':'f'}}]},"
        "{'role':'tool','tool_call_id':'call00001','content':'1'},"
        "{'role':'tool','name':'g','content':'2'}]}",
        "openai",
        "[{'role':'assistant','content':null,'tool_calls':["
        "{'id':'call00002','type':'function','function':{'name':'g','arguments':{}}},"
        "{'id':'call00001','type':'function','function':{'name':'f','arguments':{}}}]},"
        "{'role':'tool','content':'1','tool_call_id':'call00001'},"
        "{'role':'tool','content':'2','tool_call_id':'call00002','name':'g'}]",
        NULL, "1 0 0 ");
}

static void weights_are_read_from_messages(void **state)
{
    (void)state;
    assert_becomes("{'messages':[{'role':'user','content':'u','weight':0},"
                   "{'role':'assistant','content':'a','weight':0.25},"
                   "{'role':'assistant','content':'b','train':false},"
                   "{'role':'assistant','content':'c','loss_mask':1},"
                   "{'role':'assistant','content':'d','loss_weight':2},"
                   "{'role':'assistant','content':'e','loss':false}]}",
                   "openai",
                   "[{'role':'user','content':'u'},{'role':'assistant','content':'a'},"
                   "{'role':'assistant','content':'b'},{'role':'assistant','content':'c'},"
                   "{'role':'assistant','content':'d'},{'role':'assistant','content':'e'}]",
                   NULL, "0 0.25 0 1 2 0 ");
}

#define CALLS(id) "'tool_calls':[{'id':'" id "','type':'function','function':{'name':'f','arguments':{}}}]"
#define TAGGED "<tool_call>{\\'name\\':\\'f\\',\\'arguments\\':{}}</tool_call>"

/* Weights under every name, and thoughts, where calls and results stand in texts. */
static void weights_are_read_from_texts_with_calls(void **state)
{
    (void)state;
    assert_becomes("{'conversations':[{'from':'human','value':'u'},{'from':'gpt','value':'" TAGGED
                   "','train':false,'reasoning_content':'why'},{'from':'gpt','value':'a',"
                   "'loss_mask':0},{'from':'gpt','value':'b'}]}",
                   "hermes",
                   "[{'role':'user','content':'u'},{'role':'assistant','content':null,"
                   CALLS("call00001") ",'reasoning_content':'why'},"
                   "{'role':'assistant','content':'a'},{'role':'assistant','content':'b'}]",
                   NULL, "0 0 0 1 ");
    assert_becomes("{'system':'You are an expert in composing functions. "
                   "[{\\'name\\':\\'f\\'}]','conversations':["
                   "{'from':'user','value':'u'},{'from':'assistant','value':'[f()]','weight':0},"
                   "{'from':'tool','value':'r'},{'from':'assistant','value':'a','thinking':'t'}]}",
                   "toolace",
                   "[{'role':'system','content':'You are an expert in composing functions.'},"
                   "{'role':'user','content':'u'},{'role':'assistant','content':null,"
                   CALLS("call00001") "},{'role':'tool','content':'r','tool_call_id':'call00001'},"
                   "{'role':'assistant','content':'a','thinking':'t'}]",
                   "[" F "]", "0 0 0 0 1 ");
    assert_becomes("{'messages':[{'role':'user','content':'u'},{'role':'assistant','weight':0,"
                   "'content':'Thought: t\\nAction: f\\nAction Input: {}\\nObservation: r\\n"
                   "Answer: a'},{'role':'assistant','content':'Thought: b'}]}",
                   "react",
                   "[{'role':'user','content':'u'},{'role':'assistant','content':'t',"
                   CALLS("call00001") "},{'role':'tool','content':'r','tool_call_id':'call00001'},"
                   "{'role':'assistant','content':'a'},{'role':'assistant','content':'b'}]",
                   NULL, "0 0 0 0 1 ");
    assert_becomes("{'conversations':[{'from':'system','value':'you have access to the following "
                   "APIs: []'},{'from':'user','value':'u'},{'from':'assistant','loss_weight':0.5,"
                   "'value':'Thought: t\\nAction: f\\nAction Input: {}'}]}",
                   "toolbench",
                   "[{'role':'user','content':'u'},{'role':'assistant','content':'t',"
                   CALLS("call00001") "}]",
                   NULL, "0 0.5 ");
}

/* ... on a system text of which nothing is left. */
static void weights_find_their_message(void **state)
{
    (void)state;
    assert_becomes("{'conversations':[{'from':'gpt','value':'a'},{'from':'system','weight':0,"
                   "'value':'<tools>[{\\'name\\':\\'f\\'}]</tools>'},{'from':'gpt','value':'b'}]}",
                   "hermes", "[{'role':'assistant','content':'a'},{'role':'assistant','content':'b'}]",
                   "[" F "]", "1 1 ");
    assert_becomes("{'conversations':[{'from':'system','weight':0,"
                   "'value':'<tools>[{\\'name\\':\\'f\\'}]</tools>'},{'from':'gpt','value':'b'}]}",
                   "hermes", "[{'role':'assistant','content':'b'}]", "[" F "]", "1 ");
}

static void train_last_keeps_one_weight(void **state)
{
    (void)state;
    graft_dataset d;
    assert_ok(read_text(&d, "w.jsonl",
                        "{'messages':[{'role':'assistant','content':'a'},{'role':'assistant',"
                        "'content':'b','weight':0.5},{'role':'user','content':'c'}]}\n", NULL));
    graft_dataset_train_last(&d);
    assert_true(d.conversations[0].turns[0].weight == 0.0f);
    assert_true(d.conversations[0].turns[1].weight == 0.5f);
    assert_true(d.conversations[0].turns[2].weight == 0.0f);
    graft_dataset_clear(&d);
}

static void sharegpt_joins_text_and_calls(void **state)
{
    (void)state;
    assert_becomes(
        "{'conversations':[{'from':'human','value':'u'},{'from':'gpt','value':'wait',"
        "'weight':0.5},{'from':'function_call','weight':0.5,'value':'[{\\'name\\': \\'f\\', \\'arguments\\': "
        "{}}, {\\'name\\': \\'f\\', \\'arguments\\': {\\'a\\': 1}}]'},"
        "{'from':'observation','value':'1'},{'from':'observation','value':'2'},"
        "{'from':'function_call','value':'{\\'name\\': \\'f\\'}'},"
        "{'from':'observation','value':'3'},{'from':'gpt','value':'end'}],"
        "'system':'s','tools':'[{\\'name\\': \\'f\\'}]'}",
        "sharegpt",
        "[{'role':'system','content':'s'},{'role':'user','content':'u'},"
        "{'role':'assistant','content':'wait','tool_calls':["
        "{'id':'call00001','type':'function','function':{'name':'f','arguments':{}}},"
        "{'id':'call00002','type':'function','function':{'name':'f','arguments':{'a':1}}}]},"
        "{'role':'tool','content':'1','tool_call_id':'call00001'},"
        "{'role':'tool','content':'2','tool_call_id':'call00002'},"
        "{'role':'assistant','content':null,'tool_calls':[{'id':'call00003','type':"
        "'function','function':{'name':'f','arguments':{}}}]},"
        "{'role':'tool','content':'3','tool_call_id':'call00003'},"
        "{'role':'assistant','content':'end'}]",
        "[" F "]", "0 0 0.5 0 0 1 0 1 ");
}

static void prompts_become_two_messages(void **state)
{
    (void)state;
    static const char both[] = "[{'role':'user','content':'p'},{'role':'assistant',"
                               "'content':'c'}]";
    assert_becomes("{'prompt':'p','completion':'c'}", "prompt", both, NULL, "0 1 ");
    assert_becomes("{'prompt':[{'role':'user','content':'p'}],'completion':"
                   "[{'role':'assistant','content':'c'}]}", "prompt", both, NULL, "0 1 ");
    assert_becomes("{'instruction':'p','input':'','output':'c'}", "alpaca", both, NULL,
                   "0 1 ");
    assert_becomes("{'instruction':'i','input':'x','output':'c','system':'s',"
                   "'history':[['q','a']]}", "alpaca",
                   "[{'role':'system','content':'s'},{'role':'user','content':'q'},"
                   "{'role':'assistant','content':'a'},{'role':'user','content':'i\\nx'},"
                   "{'role':'assistant','content':'c'}]", NULL, "0 0 1 0 1 ");
}

static const char question[] =
    "{'id':'q1','question':[[{'role':'user','content':'u'}]],'function':[{'name':"
    "'a.f','description':'d','parameters':{'type':'dict','properties':{'type':{'type':"
    "'float'},'any':{'type':'any','default':'x'},'list':{'type':'tuple','items':{'type':"
    "'String'}},'map':{'type':'dict','properties':{'k':{'type':'long'}}}},"
    "'required':['type','must']}}]}\n";

static void bfcl_takes_the_first_answer(void **state)
{
    (void)state;
    static const char truth[] =
        "{'id':'q1','ground_truth':[{'a.f':{'type':[7.0,7],'any':['','x'],'list':"
        "[['p','q'],['q']],'map':[{'k':[1,2],'left':['']}],'must':['','m']}},"
        "{'a.f':{'type':[0],'any':[''],'must':['']}}]}\n";
    char answers[64];
    graft_dataset d;
    snprintf(answers, sizeof answers, "%s",
             test_temp_file("answers.json", test_quotes(truth), strlen(truth)));
    assert_ok(read_text(&d, "q.json", question, answers));
    assert_string_equal(d.format, "bfcl");
    assert_json(d.conversations[0].messages,
                "[{'role':'user','content':'u'},{'role':'assistant','content':null,"
                "'tool_calls':[{'id':'call00001','type':'function','function':{'name':'a.f',"
                "'arguments':{'type':7.0,'list':['p','q'],'map':{'k':1},'must':'m'}}},"
                "{'id':'call00002','type':'function','function':{'name':'a.f',"
                "'arguments':{'type':0,'must':''}}}]}]");
    assert_json(d.conversations[0].tools,
                "[{'type':'function','function':{'name':'a.f','description':'d',"
                "'parameters':{'type':'object','properties':{'type':{'type':'number'},"
                "'any':{'default':'x'},'list':{'type':'array','items':{'type':'string'}},"
                "'map':{'type':'object','properties':{'k':{'type':'integer'}}}},"
                "'required':['type','must']}}}]");
    assert_json(graft_json_at(d.conversations[0].expected, 1),
                "{'a.f':{'type':[0],'any':[''],'must':['']}}");
    assert_int_equal(graft_json_length(d.conversations[0].expected), 2);
    graft_dataset_clear(&d);
}

static void expected_of_another_shape_is_left_aside(void **state)
{
    (void)state;
    static const char *const kept[] = {"[]", "[{'f':{'a':[1]}}]", "[{'f':{}},{'g':{}}]"};
    static const char *const left[] = {"null", "{}", "[['f(a=1)']]", "[{'f':{'a':1}}]",
                                       "[{'f':{},'g':{}}]", "[{}]"};
    char line[256];
    graft_dataset d;
    for (size_t i = 0; i < sizeof kept / sizeof *kept + sizeof left / sizeof *left; i++) {
        bool keep = i < sizeof kept / sizeof *kept;
        snprintf(line, sizeof line, "{'messages':[{'role':'assistant','content':'a'}],"
                 "'expected':%s}", keep ? kept[i] : left[i - sizeof kept / sizeof *kept]);
        assert_ok(read_text(&d, "e.jsonl", line, NULL));
        assert_int_equal(d.conversations[0].expected != NULL, keep);
        graft_dataset_clear(&d);
    }
    /* Without a reply, but with what is expected: an item for evaluation. */
    assert_ok(read_text(&d, "e.jsonl", "{'messages':[{'role':'user','content':'a'}],"
                        "'expected':[]}", NULL));
    assert_int_equal(d.conversations[0].n_turns, 1);
    graft_dataset_clear(&d);
}

static void files_may_be_one_array(void **state)
{
    (void)state;
    graft_dataset d;
    assert_ok(read_text(&d, "a.json",
                        "\xEF\xBB\xBF\n [\n {'prompt': 'a [{\\'',\n  'completion': 'b'},\n\n"
                        "{'prompt':'c','completion':'d'}\n ,{'prompt':'e','completion':']'}]\n\n",
                        NULL));
    assert_int_equal(d.n, 3);
    assert_int_equal(d.conversations[0].line, 3);
    assert_int_equal(d.conversations[1].line, 6);
    assert_int_equal(d.conversations[2].line, 7);
    const graft_json *first = graft_json_at(d.conversations[0].messages, 0);
    assert_string_equal(graft_json_string(graft_json_get(first, "content"), NULL), "a [{\"");
    graft_dataset_clear(&d);
}

static void lines_keep_their_numbers(void **state)
{
    (void)state;
    graft_dataset d;
    assert_ok(read_text(&d, "l.jsonl", "\xEF\xBB\xBF{'prompt':'a','completion':'b'}\r\n\n  \n"
                        "{'prompt':'c','completion':'d'}", NULL));
    assert_int_equal(d.n, 2);
    assert_int_equal(d.conversations[0].line, 1);
    assert_int_equal(d.conversations[1].line, 4);
    assert_contains(d.conversations[1].file, "l.jsonl");
    graft_dataset_clear(&d);
}

static void samples_in_the_repository_load(void **state)
{
    (void)state;
    static const struct {
        graft_source source;
        const char *format;
    } samples[] = {
        {{"datasets/canonical.jsonl", NULL, NULL}, "openai"},
        {{"datasets/bfcl.jsonl", NULL, "datasets/bfcl-answers.jsonl"}, "bfcl"},
        {{"datasets/sharegpt.jsonl", NULL, NULL}, "sharegpt"},
        {{"datasets/prompt-completion.jsonl", NULL, NULL}, "prompt"},
    };
    for (size_t i = 0; i < sizeof samples / sizeof *samples; i++) {
        graft_dataset d;
        graft_dataset_counts counts;
        graft_dataset_init(&d);
        assert_ok(graft_dataset_read(&d, &samples[i].source, false));
        assert_string_equal(d.format, samples[i].format);
        assert_ok(graft_dataset_count(&counts, &d));
        assert_true(counts.examples == d.n && counts.trained > 0);
        assert_int_equal(counts.calls_undeclared, 0);
        graft_dataset_clear(&d);
    }
}

static void counts_are_right(void **state)
{
    (void)state;
    graft_dataset d;
    graft_dataset_counts c;
    assert_ok(read_text(&d, "c.jsonl",
                        "{'messages':[{'role':'user','content':'u'},{'role':'assistant',"
                        "'tool_calls':[{'name':'f'},{'name':'h'}]}],'tools':[{'name':'f'},"
                        "{'name':'g'}]}\n"
                        "{'messages':[{'role':'assistant','content':'a','weight':0}],'tools':"
                        "[{'name':'g'}]}\n"
                        "{'messages':[{'role':'system','content':'s'}],'expected':[]}\n", NULL));
    assert_ok(graft_dataset_count(&c, &d));
    assert_int_equal(c.examples, 3);
    assert_int_equal(c.messages[GRAFT_ROLE_SYSTEM], 1);
    assert_int_equal(c.messages[GRAFT_ROLE_USER], 1);
    assert_int_equal(c.messages[GRAFT_ROLE_ASSISTANT], 2);
    assert_int_equal(c.trained, 1);
    assert_int_equal(c.calls, 2);
    assert_int_equal(c.calls_undeclared, 1);
    assert_int_equal(c.without_calls, 2);
    assert_int_equal(c.tools, 2);
    assert_int_equal(c.evaluation_only, 1);
    graft_dataset_clear(&d);
}

static void failed_allocations_leak_nothing(void **state)
{
    (void)state;
    graft_source source = {"datasets/bfcl.jsonl", NULL, "datasets/bfcl-answers.jsonl"};
    graft_dataset d;
    size_t failures = 0;
    for (uint64_t n = 1;; n++, failures++) {
        graft_dataset_init(&d);
        graft_alloc_fail_at(n);
        graft_status status = graft_dataset_read(&d, &source, false);
        graft_alloc_fail_at(0);
        graft_dataset_clear(&d);
        if (status == GRAFT_OK) {
            break;
        }
        assert_int_equal(status, GRAFT_E_MEMORY);
    }
    assert_true(failures > 10);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(openai_is_the_canonical_form),
        cmocka_unit_test(openai_variants_mean_the_same),
        cmocka_unit_test(made_up_ids_are_no_given_ones),
        cmocka_unit_test(weights_are_read_from_messages),
        cmocka_unit_test(weights_are_read_from_texts_with_calls),
        cmocka_unit_test(weights_find_their_message),
        cmocka_unit_test(train_last_keeps_one_weight),
        cmocka_unit_test(sharegpt_joins_text_and_calls),
        cmocka_unit_test(prompts_become_two_messages),
        cmocka_unit_test(bfcl_takes_the_first_answer),
        cmocka_unit_test(expected_of_another_shape_is_left_aside),
        cmocka_unit_test(files_may_be_one_array),
        cmocka_unit_test(lines_keep_their_numbers),
        cmocka_unit_test(samples_in_the_repository_load),
        cmocka_unit_test(counts_are_right),
        cmocka_unit_test(failed_allocations_leak_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
