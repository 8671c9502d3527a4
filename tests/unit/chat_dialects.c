/* Tool calls read back from replies, well-formed and not. */
#include "support/test.h"

#include <string.h>

#include "chat/chat.h"
#include "core/memory.h"
#include "support/json.h"

static const graft_dialect *find(const char *name)
{
    for (const graft_dialect *const *row = graft_dialects; *row != NULL; row++) {
        if (strcmp((*row)->name, name) == 0) {
            return *row;
        }
    }
    fail_msg("no dialect %s", name);
    return NULL;
}

static void check(const char *dialect, const char *reply, const char *calls, const char *content,
                  size_t broken)
{
    graft_json *got;
    graft_text text, rest;
    size_t n_broken = 99;
    graft_text_init(&text);
    graft_text_init(&rest);
    assert_ok(find(dialect)->parse(&got, &rest, &n_broken, reply, strlen(reply)));
    assert_ok(graft_json_write(&text, got, GRAFT_JSON_COMPACT));
    assert_string_equal(graft_text_z(&text), calls);
    assert_string_equal(graft_text_z(&rest), content);
    assert_int_equal(n_broken, broken);
    graft_text_clear(&text);
    graft_text_clear(&rest);
    graft_json_free(got);
}

static void hermes(void **state)
{
    (void)state;
    const char *one = "[{\"name\":\"f\",\"arguments\":{\"a\":1}}]";
    check("hermes", "", "[]", "", 0);
    check("hermes", " Hello. \n", "[]", "Hello.", 0);
    check("hermes", "<tool_call>\n{\"name\": \"f\", \"arguments\": {\"a\": 1}}\n</tool_call>", one, "", 0);
    check("hermes", "<tool_call>{\"arguments\":{\"a\":1},\"name\":\"f\"}</tool_call>", one, "", 0);
    check("hermes", "Wait.\n<tool_call>\n{\"name\": \"f\", \"arguments\": {\"a\": 1}}", one, "Wait.", 0);
    check("hermes", "<tool_call>{\"name\": \"f\", \"arguments\": \"{\\\"a\\\": 1}\"}</tool_call>", one, "", 0);
    check("hermes", "<tool_call>{\"name\": \"f\", \"parameters\": {\"a\": 1}}</tool_call> ok", one, "ok", 0);
    check("hermes",
          "<tool_call>\n{\"name\": \"f\", \"arguments\": {}}\n</tool_call>\n"
          "<tool_call>\n{\"name\": \"g\", \"arguments\": {}}\n</tool_call>",
          "[{\"name\":\"f\",\"arguments\":{}},{\"name\":\"g\",\"arguments\":{}}]", "", 0);
    check("hermes", "<tool_call>[{\"name\": \"f\", \"arguments\": {\"a\": 1}}]</tool_call>", one, "", 0);
}

/* A mark inside of the arguments is text. */
static void marks_in_arguments(void **state)
{
    (void)state;
    check("hermes",
          "<tool_call>\n{\"name\": \"f\", \"arguments\": {\"a\": \"</tool_call><tool_call>\"}}\n</tool_call> ok\n"
          "<tool_call>{\"name\": \"g\", \"arguments\": {}}</tool_call>",
          "[{\"name\":\"f\",\"arguments\":{\"a\":\"</tool_call><tool_call>\"}},"
          "{\"name\":\"g\",\"arguments\":{}}]", "ok", 0);
    check("hermes", "<tool_call>{\"name\": \"f\", \"arguments\": {\"a\": \"</tool_call>\"}}",
          "[{\"name\":\"f\",\"arguments\":{\"a\":\"</tool_call>\"}}]", "", 0);
    check("hermes", /* what is no JSON still ends at the first */
          "<tool_call>{\"name\": \"f\", \"arguments\": {\"a\": \"b}</tool_call>"
          "<tool_call>{\"name\": \"g\", \"arguments\": {\"a\": \"c\"}}</tool_call>",
          "[{\"name\":\"g\",\"arguments\":{\"a\":\"c\"}}]", "", 1);
    check("cohere",
          "Action:\n```json\n[{\"tool_name\": \"f\", \"parameters\": {\"a\": \"```\"}}]\n```",
          "[{\"name\":\"f\",\"arguments\":{\"a\":\"```\"}}]", "", 0);
    check("deepseek",
          "<｜tool▁calls▁begin｜><｜tool▁call▁begin｜>function<｜tool▁sep｜>f\n```json\n"
          "{\"a\": \"```json\\n```\"}\n```<｜tool▁call▁end｜><｜tool▁calls▁end｜>",
          "[{\"name\":\"f\",\"arguments\":{\"a\":\"```json\\n```\"}}]", "", 0);
    check("deepseek",
          "<｜tool▁calls▁begin｜><｜tool▁call▁begin｜>f<｜tool▁sep｜>{\"a\": \"```json\\n```\"}"
          "<｜tool▁call▁end｜><｜tool▁calls▁end｜>",
          "[{\"name\":\"f\",\"arguments\":{\"a\":\"```json\\n```\"}}]", "", 0);
}

static void broken_hermes(void **state)
{
    (void)state;
    check("hermes", "<tool_call>", "[]", "", 1);
    check("hermes", "<tool_call></tool_call>", "[]", "", 1);
    check("hermes", "<tool_call>{\"name\": \"f\", \"arguments\": {</tool_call>", "[]", "", 1);
    check("hermes", "<tool_call>{\"name\": \"f\"}</tool_call>", "[]", "", 1);
    check("hermes", "<tool_call>{\"name\": 1, \"arguments\": {}}</tool_call>", "[]", "", 1);
    check("hermes", "<tool_call>{\"name\": \"f\", \"arguments\": [1]}</tool_call>", "[]", "", 1);
    check("hermes", "<tool_call>{\"name\": \"f\", \"arguments\": \"no\"}</tool_call>", "[]", "", 1);
    check("hermes", "a<tool_call>x<tool_call>{\"name\": \"f\", \"arguments\": {}}</tool_call>b",
          "[{\"name\":\"f\",\"arguments\":{}}]", "a\nb", 1);
    check("hermes", "</tool_call>", "[]", "</tool_call>", 0);
}

static void json(void **state)
{
    (void)state;
    const char *one = "[{\"name\":\"f\",\"arguments\":{\"a\":\"}\"}}]";
    check("json", "Just text with {braces}.", "[]", "Just text with {braces}.", 0);
    check("json", "{\"name\": \"f\", \"parameters\": {\"a\": \"}\"}}", one, "", 0);
    check("json", " <|python_tag|>{\"name\": \"f\", \"parameters\": {\"a\": \"}\"}}", one, "", 0);
    check("json", "[{\"name\": \"f\", \"arguments\": {\"a\": \"}\"}}]", one, "", 0);
    check("json", "{\"name\": \"f\", \"parameters\": {}}; {\"name\": \"g\", \"parameters\": {}}",
          "[{\"name\":\"f\",\"arguments\":{}},{\"name\":\"g\",\"arguments\":{}}]", "", 0);
    check("json", "{\"name\": \"f\", \"parameters\": {\"a\": 1", "[]", "", 1);
    check("json", "{\"answer\": 42}", "[]", "", 1);
}

/* What a text means is for the schema to say. */
static void types_from_schemas(void **state)
{
    (void)state;
    const graft_json *tools = test_json(
        "[{'type':'function','function':{'name':'f','parameters':{'properties':{"
        "'s':{'type':'string'},'i':{'type':'integer'},'x':{'type':'number'},'b':{'type':'boolean'},"
        "'n':{'type':['string','null']},'u':{'anyOf':[{'type':'string'},{'type':'integer'}]},"
        "'l':{'type':'array'},'o':{'type':'object'},'e':{'enum':[1,2]},'any':{}}}}}]");
    static const char *const cases[][3] = {
        {"s", "1", "\"1\""},       {"s", "null", "\"null\""}, {"i", "1", "1"},
        {"i", "1.0", "1.0"},       {"i", "1.5", "\"1.5\""},   {"i", "one", "\"one\""},
        {"x", "1", "1"},           {"x", "1e3", "1e3"},       {"b", "true", "true"},
        {"b", "False", "false"},   {"b", "1", "\"1\""},       {"n", "null", "null"},
        {"n", "None", "null"},     {"n", "1", "\"1\""},       {"u", "1", "1"},
        {"u", "\"1\"", "\"\\\"1\\\"\""}, {"l", "[1, 'a']", "[1,\"a\"]"},
        {"o", "{\"k\": None}", "{\"k\":null}"}, {"l", "{}", "\"{}\""}, {"e", "2", "2"},
        {"any", "2", "\"2\""},     {"unknown", "2", "\"2\""}, {"i", "null", "null"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        graft_text reply, content, got, wanted;
        graft_json *calls;
        size_t broken;
        graft_text_init(&reply);
        graft_text_init(&content);
        graft_text_init(&got);
        graft_text_init(&wanted);
        assert_ok(graft_text_appendf(&reply, "<function=f><parameter=%s>%s</parameter></function>",
                                     cases[i][0], cases[i][1]));
        assert_ok(graft_text_appendf(&wanted, "[{\"name\":\"f\",\"arguments\":{\"%s\":%s}}]",
                                     cases[i][0], cases[i][2]));
        assert_ok(graft_dialect_apply(find("xml"), tools, &calls, &content, &broken, reply.data,
                                      reply.len));
        assert_ok(graft_json_write(&got, calls, GRAFT_JSON_COMPACT));
        assert_string_equal(graft_text_z(&got), graft_text_z(&wanted));
        graft_json_free(calls);
        graft_text_clear(&reply);
        graft_text_clear(&content);
        graft_text_clear(&got);
        graft_text_clear(&wanted);
    }
}

static void chosen_by_name(void **state)
{
    (void)state;
    graft_chat *chat;
    assert_ok(graft_chat_new(&chat, NULL, 0, NULL, "", "", true));
    assert_string_equal(graft_chat_dialect(chat)->name, "hermes");
    assert_ok(graft_chat_set_dialect(chat, "react"));
    assert_string_equal(graft_chat_dialect(chat)->name, "react");
    assert_fails(graft_chat_set_dialect(chat, "reakt"), GRAFT_E_CONFIG,
                 "tool_call_format: unknown value \"reakt\" (known: hermes, xml, ");
    graft_chat_free(chat);
}

static void out_of_memory(void **state)
{
    (void)state;
    static const char *const replies[][2] = {
        {"hermes", "a <tool_call>{\"name\": \"f\", \"arguments\": {\"a\": 1}}</tool_call> b"},
        {"xml", "a <tool_call><function=f><parameter=a>1</parameter></function></tool_call> b"},
        {"gemma4", "a <|tool_call>call:f{a:<|\"|>x<|\"|>,b:[1]}<tool_call|> b"},
        {"gemma", "```tool_code\nf(a=1)\n```"},
        {"glm", "<tool_call>f<arg_key>a</arg_key><arg_value>1</arg_value></tool_call>"},
        {"json", "<|python_tag|>f.call(a=1)"},
        {"kimi", "<|tool_call_begin|>functions.f:0<|tool_call_argument_begin|>{\"a\": 1}"},
    };
    const graft_json *tools =
        test_json("[{'function':{'name':'f','parameters':{'properties':{'a':{'type':'integer'}}}}}]");
    graft_json *calls;
    graft_text content;
    size_t broken;
    for (size_t k = 0; k < sizeof replies / sizeof *replies; k++) {
        bool failed = true;
        for (uint64_t i = 1; failed && i < 200; i++) {
            graft_text_init(&content);
            graft_alloc_fail_at(i);
            graft_status status =
                graft_dialect_apply(find(replies[k][0]), tools, &calls, &content, &broken,
                                    replies[k][1], strlen(replies[k][1]));
            graft_alloc_fail_at(0);
            failed = status != GRAFT_OK;
            assert_true(!failed || (status == GRAFT_E_MEMORY && calls == NULL));
            graft_json_free(calls);
            graft_text_clear(&content);
        }
        assert_false(failed);
    }
}

static void calls_of_newer_models(void **state)
{
    (void)state;
    const char *one = "[{\"name\":\"f\",\"arguments\":{\"a\":1}}]";
    const char *texts = "[{\"name\":\"f\",\"arguments\":{\"a\":\"1\",\"b\":[\"x\"],\"c\":{\"d\":\"\"}}}]";
    check("apertus", "So.<|tools_prefix|>[{\"f\": {\"a\": 1}}]<|tools_suffix|>", one, "So.", 0);
    check("apertus", "<|tools_prefix|>[{\"f\": 1, \"g\": 2}]", "[]", "", 1);
    check("apertus", "<|tools_prefix|>[{\"f\": null}]", "[]", "", 1);
    check("gigachat", "<|message_sep|>\n\nfunction call<|role_sep|>\n{\"name\": \"f\", \"arguments\": {\"a\": 1}}", one, "", 0);
    check("functionary", "f\n{\"a\": 1}", one, "", 0);
    check("functionary", "Two lines\nof words", "[]", "Two lines\nof words", 0);
    check("functionary", "all\n1 >>> 0", "[]", "1 >>> 0", 0);
    check("solar", "<|tool_calls|><|tool_call:begin|>i<|tool_call:name|>f<|tool_call:args|>{\"a\": 1}", one, "", 0);
    check("xtml", "<|open|>call tool=\"f\"<|sep|><|open|>argument key=\"a\" type=\"number\"<|sep|>1<|close|>argument<|sep|>",
          one, "", 0);
    check("xtml", "<|open|>call tool=\"f\"<|sep|><|open|>json<|sep|>[1]<|close|>json<|sep|>", "[]", "", 1);
#define M "]<]minimax[>["
    check("minimax", M "<invoke name=\"f\">" M "<a>1" M "</a>" M "<b>" M "<item>x" M "</item>" M "</b>" M "<c>" M "<d>" M "</d>"
          M "</c>" M "</invoke>", texts, "", 0);
    check("minimax", M "<invoke name=\"f\">" M "<a>" M "<item>1" M "</item>" M "<b>1" M "</b>" M "</a>" M "</invoke>", "[]", "", 1);
    check("minimax", M "<invoke name=\"f", "[]", "", 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(hermes),
        cmocka_unit_test(calls_of_newer_models),
        cmocka_unit_test(marks_in_arguments),
        cmocka_unit_test(broken_hermes),
        cmocka_unit_test(json),
        cmocka_unit_test(types_from_schemas),
        cmocka_unit_test(chosen_by_name),
        cmocka_unit_test(out_of_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
