/* Any bytes as a reply: every dialect takes it apart without failing, its calls are whole, and what
 * it reads it reads again when it is written down. */
#include <string.h>

#include "chat/chat.h"
#include "core/status.h"
#include "support/fuzz.h"

static void check_calls(const graft_json *calls)
{
    for (size_t i = 0; i < graft_json_length(calls); i++) {
        const graft_json *call = graft_json_at(calls, i);
        fuzz_check(graft_json_is(graft_json_get(call, "name"), GRAFT_JSON_STRING));
        fuzz_check(graft_json_is(graft_json_get(call, "arguments"), GRAFT_JSON_OBJECT));
        fuzz_check(graft_json_length(call) == 2);
    }
}

/* Written the way the built-in template does, the calls read back the same, unless a text in them
 * holds a marker of its own. */
static void check_again(const graft_json *calls)
{
    const graft_dialect *hermes = graft_dialects[0];
    for (size_t i = 0; i < graft_json_length(calls); i++) {
        const graft_json *call = graft_json_at(calls, i);
        graft_text text, content;
        graft_json *again;
        size_t broken;
        graft_text_init(&text);
        graft_text_init(&content);
        fuzz_check(graft_json_write(&text, call, GRAFT_JSON_PYTHON) == GRAFT_OK);
        bool marked = strstr(graft_text_z(&text), "tool_call>") != NULL;
        text.len = 0;
        fuzz_check(graft_text_append_z(&text, "<tool_call>\n") == GRAFT_OK);
        fuzz_check(graft_json_write(&text, call, GRAFT_JSON_PYTHON) == GRAFT_OK);
        fuzz_check(graft_text_append_z(&text, "\n</tool_call>") == GRAFT_OK);
        fuzz_check(hermes->parse(&again, &content, &broken, text.data, text.len) == GRAFT_OK);
        fuzz_check(marked || (broken == 0 && graft_json_length(again) == 1 &&
                              graft_json_equal(graft_json_at(again, 0), call)));
        graft_json_free(again);
        graft_text_clear(&text);
        graft_text_clear(&content);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    static const char schema[] =
        "[{\"function\": {\"name\": \"f\", \"parameters\": {\"properties\": {\"a\": {\"type\": "
        "[\"integer\", \"array\", \"object\", \"null\"]}}}}}]";
    graft_json *tools;
    fuzz_check(graft_json_parse(&tools, schema, sizeof schema - 1) == GRAFT_OK);
    for (const graft_dialect *const *row = graft_dialects; *row != NULL; row++) {
        graft_json *calls = NULL;
        graft_text content;
        size_t broken = 0;
        graft_text_init(&content);
        fuzz_check(graft_dialect_apply(*row, tools, &calls, &content, &broken, (const char *)data,
                                       n) == GRAFT_OK);
        fuzz_check(graft_json_is(calls, GRAFT_JSON_ARRAY));
        fuzz_check(content.len <= n);
        check_calls(calls);
        check_again(calls);
        graft_json_free(calls);
        graft_text_clear(&content);
    }
    graft_json_free(tools);
    return 0;
}

#ifndef GRAFT_LIBFUZZER
int main(void)
{
    static const char *const words[] = {
        "<|tools_prefix|>", "<|tools_suffix|>", "function call<|role_sep|>", "<|function_call|>", "<|message_sep|>", ">>>", ">>>f\n",
        "<|tool_call:begin|>", "<|tool_call:name|>", "<|tool_call:args|>", "<|tool_call:end|>", "<|open|>call tool=\"f\"", "<|sep|>",
        "<|close|>", "<|open|>argument key=\"a\"", " type=\"number\"", "<|open|>json", "&quot;", "]<]minimax[>[",
        "]<]minimax[>[<a>", "]<]minimax[>[</a>", "]<]minimax[>[<item>", "]<]minimax[>[</item>", "]<]minimax[>[<invoke name=\"f\">",
        "<tool_call>", "</tool_call>", "{\"name\": \"f\", \"arguments\": {}}", "{\"name\": ", "\"arguments\"",
        "\"parameters\": ", "{", "}", "[", "]", "\"", "\\\"", "<|python_tag|>", ";", "null", "1.5",
        "\\u00e9", "\xc3\xa9", "\n", "<function=f>", "</function>", "<parameter=a>", "</parameter>",
        "<arg_key>a</arg_key>", "<arg_value>", "</arg_value>", "[TOOL_CALLS]", "[ARGS]", "[CALL_ID]",
        "<|tool_call|>", "<|/tool_call|>", "functools[", "<tool_calls>", "<TOOLCALL>",
        "<｜tool▁calls▁begin｜>", "<｜tool▁call▁begin｜>", "<｜tool▁sep｜>", "<｜tool▁call▁end｜>",
        "```json", "```tool_code\n", "```", "print(", "<|tool_call_begin|>", "functions.f:0",
        "<|tool_call_argument_begin|>", "<|tool_call_end|>", "<|start|>", "<|channel|>",
        " to=functions.f", "<|message|>", "<|call|>", "<|tool_call>call:f{", "<tool_call|>", "<|\"|>",
        "<start_function_call>", "<escape>", "f(a=1)", "'x'", "<|tool_call_start|>", "Action: f\n",
        "Action Input: ", "Observation:", ".call(", NULL};
    return fuzz_tests("chat_dialects", LLVMFuzzerTestOneInput, words);
}
#endif
