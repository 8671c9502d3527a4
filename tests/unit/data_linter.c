/* The lint over files: the same findings at any number of threads; memory that fails. */
#include "support/test.h"

#include <stdio.h>
#include <string.h>

#include "core/memory.h"
#include "core/strings.h"
#include "core/threads.h"
#include "data/linter.h"
#include "support/quotes.h"

static graft_status collect(void *context, const graft_lint *lint, const char *file, size_t line,
                            const char *message)
{
    (void)file;
    return graft_text_appendf(context, "%zu %s %s\n", line, lint->name, message);
}

/* Lints a file and appends all findings and counts. */
static graft_status run(graft_text *out, const char *path, double near)
{
    graft_linter *linter;
    graft_linter_result result;
    graft_source source = {path, NULL, NULL};
    graft_linter_options options = {.near = near, .found = collect, .context = out};
    graft_status status = graft_linter_new(&linter, &options);
    if (status == GRAFT_OK) {
        status = graft_linter_read(linter, &source);
    }
    if (status == GRAFT_OK) {
        status = graft_linter_result_take(&result, linter);
    }
    if (status == GRAFT_OK) {
        status = graft_text_appendf(out, "%zu errors, %zu warnings, %zu calls, %zu tools\n",
                                    result.errors, result.warnings, result.counts.calls,
                                    result.counts.tools);
    }
    graft_linter_free(linter);
    return status;
}

/* Several batches of examples with something wrong here and there. */
static const char *make_file(size_t n)
{
    graft_text text;
    char line[512];
    graft_text_init(&text);
    for (size_t i = 0; i < n; i++) {
        if (i % 97 == 5) {
            assert_ok(graft_text_append_z(&text, test_quotes("{'messages': 1}\n")));
        }
        snprintf(line, sizeof line,
                 "{'messages':[{'role':'user','content':'question %zu of a kind %zu'},"
                 "{'role':'assistant','tool_calls':[{'function':{'name':'tool_%zu',"
                 "'arguments':{}}}]}%s],'tools':[{'name':'tool_%zu'}]}\n", i % 1430,
                 i % 1430 * 17, i % 11, i % 50 ? "" : ",{'role':'user','content':''}", i % 13);
        assert_ok(graft_text_append_z(&text, test_quotes(line)));
    }
    const char *path = test_temp_file("many.jsonl", text.data, text.len);
    graft_text_clear(&text);
    return path;
}

static void findings_do_not_depend_on_threads(void **state)
{
    (void)state;
    static const int threads[] = {1, 2, 3, 8};
    const char *path = make_file(10000);
    graft_text first;
    graft_text_init(&first);
    for (size_t i = 0; i < sizeof threads / sizeof *threads; i++) {
        graft_text text;
        graft_text_init(&text);
        graft_threads_set(threads[i]);
        assert_ok(run(&text, path, 0.9));
        if (i == 0) {
            first = text;
            assert_contains(first.data, " undeclared_tool ");
            assert_contains(first.data, " duplicate ");
            assert_contains(first.data, " bad_line ");
            assert_contains(first.data, "104 errors, ");
            continue;
        }
        assert_string_equal(first.data, text.data);
        graft_text_clear(&text);
    }
    graft_text_clear(&first);
    graft_threads_set(0);
}

static void failing_memory_is_an_error(void **state)
{
    (void)state;
    const char *path = make_file(20);
    graft_status status = GRAFT_E_MEMORY;
    graft_threads_set(1);
    for (uint64_t n = 1; status != GRAFT_OK; n++) {
        graft_text text;
        graft_text_init(&text);
        graft_alloc_fail_at(n);
        status = run(&text, path, 0.9);
        graft_alloc_fail_at(0);
        assert_true(status == GRAFT_OK || status == GRAFT_E_MEMORY);
        graft_text_clear(&text);
        assert_true(n < 1000000);
    }
    graft_threads_set(0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(findings_do_not_depend_on_threads),
        cmocka_unit_test(failing_memory_is_an_error),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
