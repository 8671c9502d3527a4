/* Any bytes as a file of examples, lines or one array: examples and findings, nothing else. */
#include "data/dataset.h"
#include "support/fuzz.h"

static void count(void *context, const char *message)
{
    size_t *n = context;
    fuzz_check(message[0] != 0);
    ++*n;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    graft_source source = {fuzz_file(data, n), NULL, NULL};
    graft_dataset d;
    size_t bad = 0;
    graft_dataset_init(&d);
    graft_status status = graft_dataset_read_each(&d, &source, count, &bad);
    fuzz_check(status == GRAFT_OK || status == GRAFT_E_DATA);
    fuzz_check(status != GRAFT_OK || d.n > 0);
    fuzz_check(d.n_skipped == bad);
    for (size_t i = 0; i < d.n; i++) {
        fuzz_check(d.conversations[i].line >= 1);
        fuzz_check(i == 0 || d.conversations[i].line >= d.conversations[i - 1].line);
    }
    graft_dataset_clear(&d);
    return 0;
}

#ifndef GRAFT_LIBFUZZER
int main(void)
{
    static const char *const words[] = {
        "\n", "[", "]", ",", "\"", "\\", "{\"prompt\":\"a\",\"completion\":\"b\"}", "\xEF\xBB\xBF",
        NULL};
    return fuzz_tests("data_file", LLVMFuzzerTestOneInput, words);
}
#endif
