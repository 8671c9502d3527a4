/* Any bytes as a GGUF file: every accepted file has all its tensors inside, disjoint and aligned,
 * and can be read through all accessors. Bytes with another "GGUF" in them are the two parts of a
 * model as well. */
#include <string.h>

#include "support/fuzz.h"
#include "support/invariants.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

/* Where the last file in the bytes begins; 0 if there is only one. */
static size_t last_file(const uint8_t *data, size_t n)
{
    size_t at = n < 4 ? 0 : n - 4;
    while (at > 0 && memcmp(data + at, "GGUF", 4) != 0) {
        at--;
    }
    return at;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    static const char *const paths[2] = {"build/tmp/fuzz-io_gguf-00001-of-00002.gguf",
                                         "build/tmp/fuzz-io_gguf-00002-of-00002.gguf"};
    size_t at = last_file(data, n), from_first, from_last;
    check_gguf(fuzz_file(data, n), 1, NULL);
    if (at > 0) {
        fuzz_put(paths[0], data, at);
        fuzz_put(paths[1], data + at, n - at);
        check_gguf(paths[0], 2, &from_first);
        check_gguf(paths[1], 2, &from_last);
        fuzz_check(from_first == from_last);
    }
    return 0;
}

#ifndef GRAFT_LIBFUZZER
int main(void)
{
    static const char *const words[] = {"general.alignment", "GGUF", "\x0a\x00\x00", ".weight",
                                        "split.count", "split.tensors.count", NULL};
    return fuzz_tests("io_gguf", LLVMFuzzerTestOneInput, words);
}
#endif
