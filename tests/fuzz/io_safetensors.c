/* Any bytes as a safetensors file: the tensors of an accepted file tile its data. */
#include "io/safetensors.h"
#include "support/fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static volatile unsigned sink; /* keeps the reads */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    graft_safetensors *file;
    size_t bytes = 0;
    if (graft_safetensors_open(&file, fuzz_file(data, n)) != GRAFT_OK) {
        fuzz_check(file == NULL && graft_error_message()[0] != '\0');
        return 0;
    }
    for (size_t i = 0; i < graft_safetensors_n(file); i++) {
        const graft_safetensors_tensor *t = graft_safetensors_at(file, i);
        unsigned sum = 0;
        fuzz_check(graft_safetensors_find(file, t->name) == t);
        for (size_t b = 0; b < t->n_bytes; b++) {
            sum += t->data[b];
        }
        sink = sum;
        bytes += t->n_bytes;
    }
    fuzz_check(bytes < n);
    (void)graft_safetensors_metadata(file, "format");
    graft_safetensors_close(file);
    return 0;
}

#ifndef GRAFT_LIBFUZZER
int main(void)
{
    static const char *const words[] = {
        "{", "}", "[", "]", ":", ",", "\"dtype\"", "\"shape\"", "\"data_offsets\"", "\"F32\"",
        "\"BF16\"", "\"U8\"", "[0,0]", "[0,8]", "\"__metadata__\"", "-1", "9223372036854775807",
        NULL};
    return fuzz_tests("io_safetensors", LLVMFuzzerTestOneInput, words);
}
#endif
