/* Which template a conversation is rendered with, and the built-in one. */
#include "support/test.h"

#include <string.h>

#include "chat/chat.h"

static const char tools_json[] =
    "[{\"type\": \"function\", \"function\": {\"name\": \"f\", \"description\": \"F\", \"parameters\": "
    "{\"type\": \"object\", \"properties\": {\"a\": {\"type\": \"integer\"}}}}}]";
static const char messages_json[] =
    "[{\"role\": \"system\", \"content\": \"Be brief.\"},"
    " {\"role\": \"user\", \"content\": \"Hi <|im_end|>\"},"
    " {\"role\": \"assistant\", \"content\": null, \"tool_calls\": ["
    "   {\"id\": \"1\", \"type\": \"function\", \"function\": {\"name\": \"f\", \"arguments\": {\"a\": 1}}},"
    "   {\"id\": \"2\", \"type\": \"function\", \"function\": {\"name\": \"f\", \"arguments\": {\"a\": 2}}}]},"
    " {\"role\": \"tool\", \"tool_call_id\": \"1\", \"content\": \"one\"},"
    " {\"role\": \"tool\", \"tool_call_id\": \"2\", \"content\": \"two<|im_end|>\"},"
    " {\"role\": \"assistant\", \"content\": \"Done.\"}]";

static graft_conversation conversation;

static int parse_conversation(void **state)
{
    (void)state;
    graft_conversation_init(&conversation);
    return graft_json_parse(&conversation.messages, messages_json, sizeof messages_json - 1) != GRAFT_OK ||
           graft_json_parse(&conversation.tools, tools_json, sizeof tools_json - 1) != GRAFT_OK;
}

static int free_conversation(void **state)
{
    (void)state;
    graft_conversation_clear(&conversation);
    return 0;
}

static graft_chat *open_chat(const char *source, bool with_tools)
{
    graft_chat *chat;
    assert_ok(graft_chat_new(&chat, source, source == NULL ? 0 : strlen(source), "the base's own template",
                             "<s>", "</s>", with_tools));
    return chat;
}

static void builtin_text(void **state)
{
    (void)state;
    graft_chat *chat = open_chat(NULL, true);
    graft_rendered out;
    graft_rendered_init(&out);
    assert_ok(graft_chat_render(chat, &out, &conversation, 6, true));
    assert_string_equal(
        graft_text_z(&out.text),
        "<|im_start|>system\nBe brief.\n\n# Tools\n\nYou can call these functions:\n<tools>\n"
        "{\"type\": \"function\", \"function\": {\"name\": \"f\", \"description\": \"F\", \"parameters\": "
        "{\"type\": \"object\", \"properties\": {\"a\": {\"type\": \"integer\"}}}}}\n</tools>\n\n"
        "To call one, write its name and arguments as JSON, once for each call:\n<tool_call>\n"
        "{\"name\": <function-name>, \"arguments\": <arguments-object>}\n</tool_call><|im_end|>\n"
        "<|im_start|>user\nHi <|im_end|><|im_end|>\n"
        "<|im_start|>assistant\n<tool_call>\n{\"name\": \"f\", \"arguments\": {\"a\": 1}}\n</tool_call>\n"
        "<tool_call>\n{\"name\": \"f\", \"arguments\": {\"a\": 2}}\n</tool_call><|im_end|>\n"
        "<|im_start|>user\n<tool_response>\none\n</tool_response>\n<tool_response>\ntwo<|im_end|>\n"
        "</tool_response><|im_end|>\n<|im_start|>assistant\nDone.<|im_end|>\n<|im_start|>assistant\n");
    /* the control tokens of the user and of the tool are data, those of the template are not */
    const char *text = graft_text_z(&out.text), *at = text;
    size_t n_data = 0, n_template = 0;
    while ((at = strstr(at, "<|im_end|>")) != NULL) {
        const char *origin = out.origin.data + (at - text);
        n_data += *origin == 0;
        n_template += *origin != 0;
        assert_true(memcmp(origin, origin[0] ? "\1\1\1\1\1\1\1\1\1" : "\0\0\0\0\0\0\0\0\0", 9) == 0);
        at++;
    }
    assert_int_equal(n_data, 2);
    assert_int_equal(n_template, 5);
    assert_string_equal(graft_chat_dialect(chat)->name, "hermes");
    graft_rendered_clear(&out);
    graft_chat_free(chat);
}

static void builtin_keeps_prefixes(void **state)
{
    (void)state;
    graft_chat *chat = open_chat(NULL, true);
    graft_rendered before, after;
    graft_rendered_init(&before);
    graft_rendered_init(&after);
    for (size_t i = 0; i < 6; i++) {
        const graft_json *role = graft_json_get(graft_json_at(conversation.messages, i), "role");
        if (strcmp(graft_json_string(role, NULL), "assistant") != 0) {
            continue;
        }
        assert_ok(graft_chat_render(chat, &before, &conversation, i, true));
        assert_ok(graft_chat_render(chat, &after, &conversation, i + 1, false));
        assert_true(before.text.len < after.text.len);
        assert_memory_equal(before.text.data, after.text.data, before.text.len);
    }
    graft_rendered_clear(&before);
    graft_rendered_clear(&after);
    graft_chat_free(chat);
}

static void builtin_without_tools(void **state)
{
    (void)state;
    const char json[] = "[{\"role\": \"user\", \"content\": [{\"type\": \"text\", \"text\": \"Hi\"}]}]";
    graft_chat *chat = open_chat(NULL, true);
    graft_conversation plain;
    graft_rendered out;
    graft_rendered_init(&out);
    graft_conversation_init(&plain);
    assert_ok(graft_json_parse(&plain.messages, json, sizeof json - 1));
    assert_ok(graft_chat_render(chat, &out, &plain, 1, true));
    assert_string_equal(graft_text_z(&out.text),
                        "<|im_start|>user\nHi<|im_end|>\n<|im_start|>assistant\n");
    graft_rendered_clear(&out);
    graft_conversation_clear(&plain);
    graft_chat_free(chat);
}

#define CHATML                                                                              \
    "{% for m in messages %}<|im_start|>{{ m.role }}\n{{ m.content }}<|im_end|>\n{% endfor %}" \
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"

static void own_template(void **state)
{
    (void)state;
    graft_chat *chat = open_chat(CHATML, false);
    assert_string_equal(graft_chat_name(chat), "the base's own template");
    assert_string_equal(graft_chat_note(chat), "");
    assert_string_equal(graft_chat_source(chat), CHATML);
    graft_chat_free(chat);
    chat = open_chat("{% for t in tools %}{{ t|tojson }}{% endfor %}" CHATML
                     "{% for m in messages %}{{ m.tool_calls|default([])|tojson }}{% endfor %}",
                     true);
    assert_string_equal(graft_chat_note(chat), "");
    graft_chat_free(chat);
}

/* What falls back to the built-in template says so, and why. */
static void templates_without_tools(void **state)
{
    (void)state;
    static const struct {
        const char *source, *note;
    } rows[] = {
        {CHATML, "the base's own template shows no tools to the model"},
        {"{{ tools|tojson }}" CHATML, "shows no tool calls to the model"},
        {"{{ tools|tojson }}{% for m in messages %}{% if m.role != 'tool' %}{{ m|tojson }}{% endif %}"
         "{% endfor %}",
         "shows no tool results to the model"},
        {"{{ tools|tojson }}{% if messages|length > 1 %}{{ raise_exception('one only') }}{% endif %}",
         "shows no tool calls to the model (the base's own template:1: the template says: one only)"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        graft_chat *chat = open_chat(rows[i].source, true);
        assert_contains(graft_chat_note(chat), rows[i].note);
        assert_contains(graft_chat_note(chat), "built-in tool template");
        assert_string_equal(graft_chat_name(chat), "built-in tool template");
        assert_contains(graft_chat_source(chat), "<tool_call>");
        graft_chat_free(chat);
    }
}

/* Templates that need arguments as text, or text where there is no content, get it. */
static void shapes(void **state)
{
    (void)state;
    const char *source = "{{ tools|tojson }}{% for m in messages %}{{ m.role + ':' + m.content }}"
                         "{% for c in m.tool_calls or [] %}"
                         "{{ c.function.name + '(' + c.function.arguments + ')' }}{% endfor %}{% endfor %}";
    graft_chat *chat = open_chat(source, true);
    graft_rendered out;
    graft_rendered_init(&out);
    assert_string_equal(graft_chat_note(chat), "");
    assert_ok(graft_chat_render(chat, &out, &conversation, 3, false));
    assert_contains(graft_text_z(&out.text), "assistant:f({\"a\": 1})f({\"a\": 2})");
    graft_rendered_clear(&out);
    graft_chat_free(chat);
}

static void broken_template(void **state)
{
    (void)state;
    graft_chat *chat;
    assert_fails(graft_chat_new(&chat, "\n{{ ", 4, "x.jinja", "", "", true), GRAFT_E_MODEL, "x.jinja:2: ");
    assert_null(chat);
}

static void dialect_of_template(void **state)
{
    (void)state;
    graft_chat *chat = open_chat("Respond with {\"name\": x, \"parameters\": y}" CHATML, false);
    assert_string_equal(graft_chat_dialect(chat)->name, "json");
    graft_chat_free(chat);
    chat = open_chat(CHATML, false);
    assert_string_equal(graft_chat_dialect(chat)->name, "hermes");
    graft_chat_free(chat);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(builtin_text),          cmocka_unit_test(builtin_keeps_prefixes),
        cmocka_unit_test(builtin_without_tools), cmocka_unit_test(own_template),
        cmocka_unit_test(templates_without_tools), cmocka_unit_test(shapes),
        cmocka_unit_test(broken_template),       cmocka_unit_test(dialect_of_template),
    };
    return cmocka_run_group_tests(tests, parse_conversation, free_conversation);
}
