/* What chat templates lose of conversations, and why they refuse them. */
#include "support/test.h"

#include <string.h>

#include "core/memory.h"
#include "data/dataset.h"
#include "data/fit.h"
#include "support/quotes.h"

static graft_conversation read_conversation(const char *record)
{
    graft_conversation out;
    graft_json *json = NULL;
    assert_ok(graft_json_parse(&json, test_quotes(record), strlen(record)));
    assert_ok(graft_conversation_read(&out, json));
    graft_json_free(json);
    return out;
}

/* The fit of a record (' for ") and a template that is used as it stands, and why. */
static graft_fit fit_of(const char *source, graft_conversation *c, graft_text *why)
{
    graft_chat *chat;
    graft_fit fit = GRAFT_FIT_WHOLE;
    why->len = 0;
    assert_ok(graft_chat_new(&chat, source, strlen(source), "t.jinja", "", "", false));
    assert_ok(graft_fit_find(&fit, why, chat, c, true));
    graft_chat_free(chat);
    return fit;
}

typedef struct row {
    const char *source, *record;
    graft_fit fit;
    const char *why; /* how it begins */
} row;

static void check_rows(const row *rows, size_t n)
{
    graft_text why;
    graft_text_init(&why);
    for (size_t i = 0; i < n; i++) {
        graft_conversation c = read_conversation(rows[i].record);
        graft_fit fit = fit_of(rows[i].source, &c, &why);
        if (fit != rows[i].fit) {
            fail_msg("%s\n%s\nfit %d: %s", rows[i].source, rows[i].record, (int)fit,
                     graft_text_z(&why));
        }
        assert_contains(graft_text_z(&why), rows[i].why);
        assert_true((why.len > 0) == (rows[i].fit != GRAFT_FIT_WHOLE));
        graft_conversation_clear(&c);
    }
    graft_text_clear(&why);
}
#define CHECK(rows) check_rows((rows), sizeof(rows) / sizeof *(rows))

#define ALL "{{ tools | tojson }}{{ messages | tojson }}"
#define TEXTS "{% for m in messages %}<{{ m.role }}>{{ m.content | trim }}{% endfor %}"
#define CALL(id, name, arguments) \
    "{'id': '" id "', 'function': {'name': '" name "', 'arguments': " arguments "}}"
#define TOOL                                                                                      \
    "'tools': [{'type': 'function', 'function': {'name': 'f', 'description': 'does f', "          \
    "'parameters': {'type': 'object', 'properties': {'a': {'type': 'integer'}, 'b': {}}}}}]"
#define TWO_CALLS                                                                                 \
    "{'messages': [{'role': 'user', 'content': 'q'}, {'role': 'assistant', 'content': '', "        \
    "'tool_calls': [" CALL("x", "f", "{'a': 1}") ", " CALL("y", "g", "{}") "]}, {'role': 'tool', " \
    "'tool_call_id': 'x', 'content': 'r1'}, {'role': 'tool', 'tool_call_id': 'y', 'content': "     \
    "'r2'}, {'role': 'assistant', 'content': 'done'}], " TOOL "}"

static void whole(void **state)
{
    (void)state;
    static const row rows[] = {
        {ALL, TWO_CALLS, GRAFT_FIT_WHOLE, ""},
        {TEXTS, "{'messages': [{'role': 'user', 'content': ' q\\n'}, {'role': 'assistant', 'content': "
                "'\\n a '}]}", GRAFT_FIT_WHOLE, ""},
        /* cut, escaped, and written otherwise, but there */
        {"{% for m in messages %}{{ m.content[1:] | upper | replace('B', '-') | tojson }}{% endfor %}",
         "{'messages': [{'role': 'user', 'content': 'abc'}, {'role': 'assistant', 'content': "
         "'x\\ny'}]}", GRAFT_FIT_WHOLE, ""},
        /* nothing is said, so nothing is lost */
        {"{% for m in messages %}{{ m.content | trim }}{% endfor %}",
         "{'messages': [{'role': 'system', 'content': ' '}, {'role': 'user', 'content': 'q'}, "
         "{'role': 'assistant', 'content': '<think>\\n\\n</think>\\n\\na'}]}", GRAFT_FIT_WHOLE, ""},
        /* what is not trained may be lost: here what stands behind the last trained turn */
        {"{% for m in messages %}{% if m.content != 'z' %}{{ m.content }}{% endif %}{% endfor %}",
         "{'messages': [{'role': 'user', 'content': 'q'}, {'role': 'assistant', 'content': 'a'}, "
         "{'role': 'user', 'content': 'z'}, {'role': 'assistant', 'content': 'z', 'weight': 0}]}",
         GRAFT_FIT_WHOLE, ""},
    };
    CHECK(rows);
}

/* The thoughts of earlier turns may go; those of a trained turn may not. */
static void thoughts(void **state)
{
    (void)state;
#define LAST_THOUGHT                                                                          \
    "{% for m in messages %}{% if loop.last %}{{ m.reasoning_content }}{% endif %}{{ m.content }}" \
    "{% endfor %}"
#define SPLIT "{% for m in messages %}{{ m.content.split('</think>')[-1] }}{% endfor %}"
#define THINKS(key)                                                                           \
    "{'messages': [{'role': 'user', 'content': 'q'}, {'role': 'assistant', 'content': 'a', '" key \
    "': 'hm'}, {'role': 'user', 'content': 'q'}, {'role': 'assistant', 'content': 'b', '" key     \
    "': 'hm'}]}"
    static const row rows[] = {
        {LAST_THOUGHT, THINKS("reasoning_content"), GRAFT_FIT_WHOLE, ""},
        {LAST_THOUGHT, THINKS("thinking"), GRAFT_FIT_WHOLE, ""}, /* given under the key it reads */
        {TEXTS, THINKS("reasoning_content"), GRAFT_FIT_LOSES,
         "message 2: the thought of the assistant is not in what t.jinja writes: train without "
         "thoughts (reasoning: drop), or use a template that shows it"},
        {SPLIT, "{'messages': [{'role': 'user', 'content': 'q'}, {'role': 'assistant', 'content': "
                "'<think>hm</think>a'}]}", GRAFT_FIT_LOSES, "message 2: the thought of"},
        {SPLIT, "{'messages': [{'role': 'user', 'content': 'q'}, {'role': 'assistant', 'content': "
                "'<think>hm</think>a', 'weight': 0}, {'role': 'assistant', 'content': 'c'}]}",
         GRAFT_FIT_WHOLE, ""},
    };
    CHECK(rows);
}

static void losses(void **state)
{
    (void)state;
#define CALLS_FROM(calls)                                                                     \
    "{{ tools | tojson }}{% for m in messages %}{{ m.content }}{% for c in " calls " %}"       \
    "{{ c.function.name }}{{ c.function.arguments | tojson }}{% endfor %}{% endfor %}"
    static const row rows[] = {
        {CALLS_FROM("(m.tool_calls or [])[:1]"), TWO_CALLS, GRAFT_FIT_LOSES,
         "message 2: call 2 (\"g\") is not in what t.jinja writes: use a template that shows it "
         "(chat_template: builtin, or a file); template_loss: drop leaves such examples out, accept "
         "trains what is left"},
        {CALLS_FROM("[]"), TWO_CALLS, GRAFT_FIT_LOSES,
         "message 2: call 1 (\"f\") is not in what t.jinja writes (nor are 2 other parts): "},
        {"{{ tools | tojson }}{% for m in messages %}{{ m.content }}{% for c in m.tool_calls or [] %}"
         "{{ c.function.name }}{% endfor %}{% endfor %}", TWO_CALLS, GRAFT_FIT_LOSES,
         "message 2: call 1 (\"f\"): argument \"a\" is not in what t.jinja writes: use a"},
        {"{{ messages | tojson }}", TWO_CALLS, GRAFT_FIT_LOSES,
         "tool 1 (\"f\"): its declaration is not in what t.jinja writes before message 2 (nor are 3 "
         "other parts): use"},
        {"{{ messages | tojson }}{% for t in tools %}{{ t.function.name }}{{ t.function.parameters "
         "| tojson }}{% endfor %}", TWO_CALLS, GRAFT_FIT_LOSES,
         "tool 1 (\"f\"): its description is not in what t.jinja writes before message 2: use"},
        {"{{ messages | tojson }}{% for t in tools %}{{ t.function.name }}{{ t.function.description }}"
         "{{ t.function.parameters.properties.a }}a{% endfor %}", TWO_CALLS, GRAFT_FIT_LOSES,
         "tool 1 (\"f\"): parameter \"b\" is not in"},
        {"{{ tools | tojson }}{% for m in messages if m.role != 'tool' %}{{ m | tojson }}{% endfor %}",
         TWO_CALLS, GRAFT_FIT_LOSES,
         "message 3: the text of role \"tool\" is not in what t.jinja writes before message 5 (nor is 1 "
         "other part): use"},
        {"{% for m in messages if m.role == 'user' or m.role == 'assistant' %}{{ m.content }}"
         "{% endfor %}",
         "{'messages': [{'role': 'developer', 'content': 's'}, {'role': 'user', 'content': 'q'}, "
         "{'role': 'assistant', 'content': 'a'}]}", GRAFT_FIT_LOSES,
         "message 1: the text of role \"developer\" is not in what t.jinja writes before message 3: put "
         "it into the first message of the user, or use a"},
        {"{% for m in messages %}{% for c in m.tool_calls or [] %}{{ c | tojson }}{% else %}"
         "{{ m.content }}{% endfor %}{% endfor %}",
         "{'messages': [{'role': 'user', 'content': 'q'}, {'role': 'assistant', 'content': 'I call', "
         "'tool_calls': [" CALL("x", "f", "{}") "]}]}", GRAFT_FIT_LOSES,
         "message 2: the text of role \"assistant\" beside its calls is not in what t.jinja writes: take "
         "it out, or use a"},
        /* of what is not trained, the whole is looked at */
        {"{{ messages[-1].content }}", "{'messages': [{'role': 'user', 'content': 'q'}, {'role': "
         "'assistant', 'content': 'a', 'weight': 0}]}", GRAFT_FIT_LOSES, "message 1: the text of role"},
    };
    CHECK(rows);
}

/* A template's refusal comes with its own words, and with what helps. */
static void refusals(void **state)
{
    (void)state;
#define REFUSES(condition, words)                                                        \
    "{{ tools | tojson }}\n{% for m in messages %}{% if " condition " %}\n"               \
    "{{ raise_exception('" words "') }}{% endif %}{{ m | tojson }}{% endfor %}"
#define SYSTEM_FIRST                                                                     \
    "{'messages': [{'role': 'system', 'content': 's'}, {'role': 'user', 'content': 'q'}, " \
    "{'role': 'assistant', 'content': 'a'}]}"
    static const row rows[] = {
        {REFUSES("m.tool_calls and m.tool_calls | length > 1", "one only"), TWO_CALLS,
         GRAFT_FIT_REFUSED,
         "up to message 2: t.jinja:3: the template says: one only: it takes one call per message: give "
         "each call, with its result behind it, a message of its own, or use another template "
         "(chat_template: builtin, or a file); template_loss: drop leaves such examples out"},
        {REFUSES("m.role == \"system\"", "no system"), SYSTEM_FIRST, GRAFT_FIT_REFUSED,
         "the template says: no system: it takes no system message: put its text into the first"},
        /* a developer is a system to a template that knows no developers */
        {REFUSES("m.role == \"developer\"", "what?"),
         "{'messages': [{'role': 'developer', 'content': 's'}, {'role': 'user', 'content': 'q'}, "
         "{'role': 'assistant', 'content': 'a'}]}", GRAFT_FIT_WHOLE, ""},
        {REFUSES("(m.role == \"user\") != (loop.index0 % 2 == 0)", "alternate"),
         "{'messages': [{'role': 'user', 'content': 'q'}, {'role': 'user', 'content': 'r'}, {'role': "
         "'assistant', 'content': 'a'}]}", GRAFT_FIT_REFUSED,
         "up to message 2: t.jinja:3: the template says: alternate: it wants roles to alternate: join"},
        {REFUSES("loop.first and m.role != \"user\"", "user first"),
         "{'messages': [{'role': 'assistant', 'content': 'a', 'weight': 0}, {'role': 'user', 'content': "
         "'q'}, {'role': 'assistant', 'content': 'a'}]}", GRAFT_FIT_REFUSED,
         "user first: it wants the user to speak first: put"},
        {REFUSES("m.role == \"system\" and not loop.first", "late"),
         "{'messages': [{'role': 'user', 'content': 'q'}, {'role': 'system', 'content': 's'}, {'role': "
         "'assistant', 'content': 'a'}]}", GRAFT_FIT_REFUSED,
         "late: it takes a system message only at the begin: put it there"},
        {REFUSES("m.tool_calls and m.content", "mute"),
         "{'messages': [{'role': 'user', 'content': 'q'}, {'role': 'assistant', 'content': 'I call', "
         "'tool_calls': [" CALL("x", "f", "{}") "]}]}", GRAFT_FIT_REFUSED,
         "mute: it takes no text beside calls: take that out"},
        {REFUSES("m.thinking or m.reasoning or m.reasoning_content", "do not think"),
         "{'messages': [{'role': 'user', 'content': 'q'}, {'role': 'assistant', 'content': 'a', "
         "'thinking': 'hm'}]}", GRAFT_FIT_REFUSED,
         "do not think: it does not take the thought here: leave it out (reasoning: drop)"},
        {REFUSES("true", "never"), SYSTEM_FIRST, GRAFT_FIT_REFUSED,
         "the template says: never: use another template (chat_template: builtin, or a file); "},
        /* only the prompt is refused */
        {"{% if add_generation_prompt %}{{ raise_exception('no prompts') }}{% endif %}" ALL, TWO_CALLS,
         GRAFT_FIT_REFUSED, "up to message 1: t.jinja:1: the template says: no prompts: use"},
        /* tools that it cannot write */
        {"{% for t in tools or [] %}{% for k, p in t.function.parameters.properties.items() %}"
         "{{ 'x' + p.type }}{% endfor %}{% endfor %}{{ tools | tojson }}{{ messages | tojson }}",
         TWO_CALLS, GRAFT_FIT_REFUSED, ": it cannot write tool 1 (\"f\"), parameter \"b\": declare it "
         "another way, or use another template"},
        /* a mistake of the template's */
        {"\n\n{{ messages[0].x.y }}", SYSTEM_FIRST, GRAFT_FIT_REFUSED,
         "t.jinja:3: 'dict object' has no attribute 'x'"},
        {"{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}", SYSTEM_FIRST, GRAFT_FIT_REFUSED,
         "t.jinja:1: nested more than 2000 levels deep"},
        /* refusing outranks losing, wherever it is */
        {"{% if messages | length > 3 %}{{ raise_exception('short') }}{% endif %}", TWO_CALLS,
         GRAFT_FIT_REFUSED, "up to message 4: t.jinja:1: the template says: short"},
    };
    CHECK(rows);
}

/* More parts than there are numbers for: the first ones are looked at. */
static void many_parts(void **state)
{
    (void)state;
    enum { N = 70000 };
    graft_text record, why;
    graft_text_init(&record);
    graft_text_init(&why);
    assert_ok(graft_text_append_z(&record, "{'messages': [{'role': 'user', 'content': 'q'}, {'role': "
                                           "'assistant', 'content': '', 'tool_calls': [{'id': 'x', "
                                           "'function': {'name': 'f', 'arguments': {"));
    for (int i = 0; i < N; i++) {
        assert_ok(graft_text_appendf(&record, "%s'k%d': 1", i > 0 ? ", " : "", i));
    }
    assert_ok(graft_text_append_z(&record, "}}}]}]}"));
    graft_json *json = NULL;
    graft_conversation c;
    for (size_t i = 0; i < record.len; i++) {
        record.data[i] = record.data[i] == '\'' ? '"' : record.data[i];
    }
    assert_ok(graft_json_parse(&json, record.data, record.len));
    assert_ok(graft_conversation_read(&c, json));
    assert_int_equal(fit_of(ALL, &c, &why), GRAFT_FIT_WHOLE);
    assert_int_equal(fit_of("{% for m in messages %}{{ m.content }}{% for c in m.tool_calls or [] %}"
                            "{{ c.function.name }}{% endfor %}{% endfor %}", &c, &why), GRAFT_FIT_LOSES);
    assert_contains(graft_text_z(&why), "message 2: call 1 (\"f\"): argument \"k0\" is not in");
    graft_conversation_clear(&c);
    graft_json_free(json);
    graft_text_clear(&record);
    graft_text_clear(&why);
}

static void out_of_memory(void **state)
{
    (void)state;
    static const char *const sources[] = {
        ALL, "{% for m in messages %}{{ m.content }}{% endfor %}",
        "{% for m in messages if m.tool_calls %}{{ raise_exception('no') }}{% endfor %}"};
    graft_conversation c = read_conversation(TWO_CALLS);
    for (size_t i = 0; i < sizeof sources / sizeof *sources; i++) {
        graft_chat *chat;
        graft_fit fit;
        graft_text why;
        graft_text_init(&why);
        assert_ok(graft_chat_new(&chat, sources[i], strlen(sources[i]), "t", "", "", false));
        uint64_t before = graft_alloc_count();
        assert_ok(graft_fit_find(&fit, &why, chat, &c, true));
        uint64_t n = graft_alloc_count() - before;
        assert_true(n > 0);
        for (uint64_t k = 1; k <= n; k++) {
            graft_text_clear(&why); /* its memory is asked for again */
            graft_alloc_fail_at(k);
            graft_status status = graft_fit_find(&fit, &why, chat, &c, true);
            graft_alloc_fail_at(0);
            if (status != GRAFT_E_MEMORY) {
                fail_msg("%s: allocation %d of %d: %d", sources[i], (int)k, (int)n, (int)status);
            }
        }
        graft_text_clear(&why);
        graft_chat_free(chat);
    }
    graft_conversation_clear(&c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(whole),    cmocka_unit_test(thoughts),   cmocka_unit_test(losses),
        cmocka_unit_test(refusals), cmocka_unit_test(many_parts),
        cmocka_unit_test(out_of_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
