/* Any bytes as a file to be linted and repaired: what is written is usable. */
#include "data/linter.h"
#include "support/fuzz.h"
#include "support/test.h"

static graft_status found(void *context, const graft_lint *lint, const char *file, size_t line,
                          const char *message)
{
    size_t *counts = context;
    fuzz_check(message[0] != 0 && file[0] != 0 && line >= 1);
    counts[graft_lints_index(lint)]++;
    return GRAFT_OK;
}

static graft_status run(const char *path, graft_writer *fixed, graft_linter_result *result)
{
    size_t counts[GRAFT_LINTS_MAX] = {0};
    graft_linter *linter;
    graft_source source = {path, NULL, NULL};
    graft_linter_options options = {.near = 0.9, .found = found, .context = counts, .fixed = fixed};
    graft_status status = graft_linter_new(&linter, &options);
    fuzz_check(status == GRAFT_OK);
    status = graft_linter_read(linter, &source);
    fuzz_check(graft_linter_result_take(result, linter) == GRAFT_OK);
    for (size_t i = 0; graft_lints[i]; i++) {
        fuzz_check(counts[i] == result->examples[i]);
    }
    graft_linter_free(linter);
    return status;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    graft_linter_result first, second;
    graft_writer *writer;
    const char *path = fuzz_file(data, n), *fixed = test_temp_path("fixed.jsonl");
    fuzz_without_syncs();
    fuzz_check(graft_writer_open(&writer, fixed) == GRAFT_OK);
    graft_status status = run(path, writer, &first);
    fuzz_check(status == GRAFT_OK || status == GRAFT_E_DATA);
    fuzz_check(graft_writer_commit(&writer) == GRAFT_OK);
    if (first.written > 0) {
        fuzz_check(run(fixed, NULL, &second) == GRAFT_OK);
        fuzz_check(second.counts.examples == first.written);
        fuzz_check(second.errors == 0);
        fuzz_check(second.examples[graft_lints_index(&graft_lint_trailing_message)] == 0);
    }
    return 0;
}

#ifndef GRAFT_LIBFUZZER
int main(void)
{
    static const char *const words[] = {
        "\n", "[", "]", ",", "\"", "\\", "{\"prompt\":\"a\",\"completion\":\"b\"}",
        "\"role\":\"tool\"",
        "\"tool_calls\":", "\"arguments\":", "{\"name\":\"f\"}", "\"weight\":0", NULL};
    return fuzz_tests("data_lint", LLVMFuzzerTestOneInput, words);
}
#endif
