/* Any bytes as a safetensors file: the tensors of an accepted file tile its data. */
#include "support/fuzz.h"
#include "support/invariants.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    check_safetensors(fuzz_file(data, n), n);
    return 0;
}

#ifndef GRAFT_LIBFUZZER
int main(void)
{
    static const char *const words[] = {
        "{", "}", "[", "]", ":", ",", "\"dtype\"", "\"shape\"", "\"data_offsets\"", "\"F32\"",
        "\"BF16\"", "\"U8\"", "[0,0]", "[0,8]", "\"__metadata__\"", "-1", "9223372036854775807",
        "4294967296",
        NULL};
    return fuzz_tests("io_safetensors", LLVMFuzzerTestOneInput, words);
}
#endif
