/* Any bytes as the columns of a token cache with the right key and digest: the corpus is what the cache
 * says, and sound, or it is made anew. */
#include "support/cached.h"
#include "support/fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

/* A column is its length in one byte, then its bytes. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    cached_column columns[CACHED_COLUMNS];
    graft_text tokens;
    for (size_t i = 0; i < CACHED_COLUMNS; i++) {
        size_t length = n > 0 ? *data++ : 0;
        n -= n > 0;
        length = length < n ? length : n;
        columns[i] = (cached_column){data, length};
        data += length;
        n -= length;
    }
    cached_write(NULL, columns);
    graft_text_init(&tokens);
    cached_build(&tokens);
    graft_text_clear(&tokens);
    return 0;
}

#ifndef GRAFT_LIBFUZZER
int main(void)
{
    static const char *const words[] = {"\x08\x02", "\x80\x7f", "\xff\xff\xff\xff", "\x04\x01", NULL};
    return fuzz_tests_few("run_cache", LLVMFuzzerTestOneInput, words, 50);
}
#endif
