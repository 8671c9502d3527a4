/* Schemas of declared tools: compiled once, told apart by what they say, and never too many. */
#include "support/test.h"

#include <stdio.h>
#include <string.h>

#include "core/memory.h"
#include "data/declared.h"
#include "support/json.h"
#include "support/quotes.h"

/* The schema of tool i of an example with these tools, which is gone when this returns. */
static graft_status get(const graft_schema **out, graft_declared *d, const char *tools, size_t i)
{
    graft_json *json;
    const char *text = test_quotes(tools);
    graft_status status = graft_json_parse(&json, text, strlen(text));
    if (status == GRAFT_OK) {
        status = graft_declared_begin(d, json);
    }
    if (status == GRAFT_OK) {
        status = graft_declared_get(out, d, i);
    }
    graft_json_free(json);
    return status;
}

static const char *const integers =
    "[{'function':{'name':'f','parameters':{'properties':{'a':{'type':'integer'}}}}},"
    "{'function':{'name':'g'}}]";
static const char *const strings =
    "[{'function':{'name':'f','parameters':{'properties':{'a':{'type':'string'}}}}}]";

static void assert_accepts(const graft_schema *schema, const char *value, bool expected)
{
    graft_schema_scratch *scratch;
    bool fits;
    assert_ok(graft_schema_scratch_new(&scratch));
    assert_ok(graft_schema_check(&fits, schema, scratch, test_json(value)));
    assert_int_equal(fits, expected);
    graft_schema_scratch_free(scratch);
}

static void the_same_declaration_is_compiled_once(void **state)
{
    (void)state;
    const graft_schema *first, *second, *third, *other;
    graft_declared *d;
    assert_ok(graft_declared_new(&d));
    assert_ok(get(&first, d, integers, 0)); /* may never come again: for this example */
    assert_ok(get(&second, d, integers, 0));
    assert_ok(get(&other, d, strings, 0));
    assert_ok(get(&other, d, strings, 0));
    size_t bytes = graft_declared_bytes(d);
    assert_ok(get(&third, d, integers, 0));
    assert_ptr_equal(second, third);
    assert_ptr_not_equal(second, other);
    assert_int_equal(graft_declared_bytes(d), bytes);
    assert_accepts(second, "{'a':1}", true);
    assert_accepts(second, "{'a':'x'}", false);
    assert_accepts(other, "{'a':1}", false);
    assert_ok(get(&third, d, integers, 1)); /* declares no parameters */
    assert_null(third);
    assert_ok(get(&third, d, integers, 2)); /* is none of the tools */
    assert_null(third);
    graft_declared_free(d);
}

static void one_example_asks_once_per_tool(void **state)
{
    (void)state;
    const graft_schema *first, *again;
    graft_declared *d;
    assert_ok(graft_declared_new(&d));
    assert_ok(graft_declared_begin(d, test_json(integers)));
    assert_ok(graft_declared_get(&first, d, 0));
    uint64_t allocations = graft_alloc_count();
    assert_ok(graft_declared_get(&again, d, 0));
    assert_ptr_equal(first, again);
    assert_int_equal(graft_alloc_count(), allocations);
    graft_declared_free(d);
}

/* Patterns take most: these take tens of kilobytes each time. */
static void memory_is_bounded(void **state)
{
    (void)state;
    graft_declared *d;
    size_t most = 0;
    assert_ok(graft_declared_new(&d));
    for (int i = 0; i < 400; i++) {
        const graft_schema *schema;
        char tools[512], value[64];
        snprintf(tools, sizeof tools,
                 "[{'function':{'name':'f','parameters':{'properties':{'a':{'maximum':%d},'b':"
                 "{'pattern':'^(abc){400}$'},'c':{'pattern':'^(de|f){500}$'}}}}}]", i);
        assert_ok(get(&schema, d, tools, 0));
        assert_ok(get(&schema, d, tools, 0)); /* kept */
        snprintf(value, sizeof value, "{'a':%d}", i);
        assert_accepts(schema, value, true);
        snprintf(value, sizeof value, "{'a':%d}", i + 1);
        assert_accepts(schema, value, false);
        most = graft_declared_bytes(d) > most ? graft_declared_bytes(d) : most;
    }
    assert_true(most > 12u << 20 && most <= 16u << 20);
    graft_declared_free(d);
}

static void failing_memory_is_an_error(void **state)
{
    (void)state;
    graft_status status = GRAFT_E_MEMORY;
    for (uint64_t n = 1; status != GRAFT_OK; n++) {
        const graft_schema *schema;
        graft_declared *d = NULL;
        graft_alloc_fail_at(n);
        status = graft_declared_new(&d);
        for (int i = 0; i < 3 && status == GRAFT_OK; i++) {
            status = get(&schema, d, i % 2 ? strings : integers, 0);
            status = status == GRAFT_OK ? get(&schema, d, integers, 0) : status;
        }
        graft_alloc_fail_at(0);
        assert_true(status == GRAFT_OK || status == GRAFT_E_MEMORY);
        graft_declared_free(d);
        assert_true(n < 100000);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_same_declaration_is_compiled_once),
        cmocka_unit_test(one_example_asks_once_per_tool),
        cmocka_unit_test(memory_is_bounded),
        cmocka_unit_test(failing_memory_is_an_error),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
