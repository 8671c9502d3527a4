/* Any bytes as the columns of a token cache with the right key and digest: the corpus is what the cache
 * says, and sound, or it is refused. */
#include <string.h>

#include "support/cached.h"
#include "support/fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

/* The columns of two samples, of two tokens and one. */
static bool takes_a_sound_one(void)
{
    static const uint32_t lengths[] = {2, 1}, sizes[] = {2, 1}, conversations[] = {0, 1};
    static const int32_t ids[] = {5, 6, 7};
    static const float weights[] = {0, 1, 1};
    static const uint8_t roles[] = {1, 2, 2};
    const cached_column columns[CACHED_COLUMNS] = {
        {lengths, sizeof lengths}, {sizes, sizeof sizes}, {conversations, sizeof conversations},
        {ids, sizeof ids}, {weights, sizeof weights}, {roles, sizeof roles}};
    graft_text tokens;
    graft_text_init(&tokens);
    cached_put(columns);
    bool taken = cached_take(&tokens) && strcmp(graft_text_z(&tokens), "5 6 \n7 \n") == 0;
    graft_text_clear(&tokens);
    return taken;
}

/* A column is its length in one byte, then its bytes. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    static bool ready;
    cached_column columns[CACHED_COLUMNS];
    graft_text tokens;
    if (!ready) {
        fuzz_check(takes_a_sound_one());
        ready = true;
    }
    for (size_t i = 0; i < CACHED_COLUMNS; i++) {
        size_t length = n > 0 ? *data++ : 0;
        n -= n > 0;
        length = length < n ? length : n;
        columns[i] = (cached_column){data, length};
        data += length;
        n -= length;
    }
    cached_put(columns);
    graft_text_init(&tokens);
    (void)cached_take(&tokens);
    graft_text_clear(&tokens);
    return 0;
}

#ifndef GRAFT_LIBFUZZER
int main(void)
{
    static const char *const words[] = {"\x08\x02", "\x80\x7f", "\xff\xff\xff\xff", "\x04\x01", NULL};
    return fuzz_tests_few("run_cache", LLVMFuzzerTestOneInput, words, 500);
}
#endif
