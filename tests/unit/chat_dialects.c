/* Tool calls read back from replies, well-formed and not. */
#include "support/test.h"

#include <string.h>

#include "chat/chat.h"
#include "core/memory.h"

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

static void out_of_memory(void **state)
{
    (void)state;
    const char *reply = "a <tool_call>{\"name\": \"f\", \"arguments\": {\"a\": 1}}</tool_call> b";
    graft_json *calls;
    graft_text content;
    size_t broken;
    bool failed = true;
    for (uint64_t i = 1; failed && i < 100; i++) {
        graft_text_init(&content);
        graft_alloc_fail_at(i);
        graft_status status = find("hermes")->parse(&calls, &content, &broken, reply, strlen(reply));
        graft_alloc_fail_at(0);
        failed = status != GRAFT_OK;
        assert_true(!failed || (status == GRAFT_E_MEMORY && calls == NULL));
        graft_json_free(calls);
        graft_text_clear(&content);
    }
    assert_false(failed);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(hermes),
        cmocka_unit_test(broken_hermes),
        cmocka_unit_test(json),
        cmocka_unit_test(out_of_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
