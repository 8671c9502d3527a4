/* data/token_cache.h: what is written reads back; whatever does not fit is refused by name. */
#include "data/token_cache.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "core/memory.h"
#include "core/rng.h"
#include "io/hdf5.h"
#include "support/test.h"

enum { N = 300, N_CONVERSATIONS = 200, N_VOCAB = 1000 };

typedef struct examples {
    graft_example items[N];
    size_t n_tok;
} examples;

static void examples_new(examples *e)
{
    graft_rng rng;
    graft_rng_init(&rng, 3, GRAFT_RNG_TEST, 0);
    memset(e, 0, sizeof *e);
    for (size_t i = 0; i < N; i++) {
        graft_example *item = &e->items[i];
        item->n = i == 5 ? 0 : (uint32_t)(1 + graft_rng_below(&rng, 500));
        item->conversation = (uint32_t)(i * N_CONVERSATIONS / N);
        assert_ok(graft_alloc(&item->ids, item->n, sizeof *item->ids));
        assert_ok(graft_alloc(&item->weights, item->n, sizeof *item->weights));
        assert_ok(graft_alloc(&item->roles, item->n, 1));
        for (size_t k = 0; k < item->n; k++) {
            item->ids[k] = (int32_t)graft_rng_below(&rng, N_VOCAB);
            item->weights[k] = (float)graft_rng_below(&rng, 3) * 0.5f;
            item->roles[k] = (uint8_t)graft_rng_below(&rng, GRAFT_TOKEN_N_ROLES);
        }
        e->n_tok += item->n;
    }
}

static void examples_clear(examples *e)
{
    for (size_t i = 0; i < N; i++) {
        graft_example_clear(&e->items[i]);
    }
}

static void reads_back(void **state)
{
    examples e;
    graft_example *out = NULL;
    size_t n = 0;
    struct stat info;
    const char *path = test_temp_path("tokens.h5");
    (void)state;
    examples_new(&e);
    assert_ok(graft_token_cache_write(path, "this key", e.items, N));
    assert_ok(graft_token_cache_read(&out, &n, path, "this key", N_CONVERSATIONS, N_VOCAB));
    assert_int_equal(n, N);
    for (size_t i = 0; i < N; i++) {
        assert_int_equal(out[i].n, e.items[i].n);
        assert_int_equal(out[i].conversation, e.items[i].conversation);
        assert_memory_equal(out[i].ids, e.items[i].ids, out[i].n * sizeof *out[i].ids);
        assert_memory_equal(out[i].weights, e.items[i].weights, out[i].n * sizeof(float));
        assert_memory_equal(out[i].roles, e.items[i].roles, out[i].n);
        graft_example_clear(&out[i]);
    }
    graft_free(out);
    assert_int_equal(stat(path, &info), 0);
    assert_true((size_t)info.st_size < e.n_tok * 9 / 2); /* packed: random ids take 10 of 72 bits */
    examples_clear(&e);
}

static void expect_refused(const char *path, const char *key, size_t n_conversations,
                           size_t n_vocab, const char *message)
{
    graft_example *out = NULL;
    size_t n = 1;
    assert_fails(graft_token_cache_read(&out, &n, path, key, n_conversations, n_vocab),
                 GRAFT_E_CHECKPOINT, message);
    assert_null(out);
    assert_int_equal(n, 0);
}

static void stale_or_damaged_is_refused(void **state)
{
    examples e;
    graft_example *out = NULL;
    size_t n;
    const char *path = test_temp_path("stale.h5");
    (void)state;
    examples_new(&e);
    assert_ok(graft_token_cache_write(path, "this key", e.items, N));
    expect_refused(path, "that key", N_CONVERSATIONS, N_VOCAB,
                   "stale.h5: was made from other data or settings");
    expect_refused(path, "this key", N_CONVERSATIONS - 1, N_VOCAB, "does not fit");
    expect_refused(path, "this key", N_CONVERSATIONS, N_VOCAB - 1, "is none of this model");
    FILE *file = fopen(path, "r+b");
    assert_non_null(file);
    assert_int_equal(fseek(file, 5000, SEEK_SET), 0);
    int byte = fgetc(file);
    assert_int_equal(fseek(file, 5000, SEEK_SET), 0);
    fputc(byte ^ 1, file);
    fclose(file);
    expect_refused(path, "this key", N_CONVERSATIONS, N_VOCAB, "digest does not match");
    assert_fails(graft_token_cache_read(&out, &n, test_temp_path("none.h5"), "", 1, 1),
                 GRAFT_E_DISK, "none.h5");
    examples_clear(&e);
}

/* A file with a right digest and wrong contents. */
static const char *forged(const char *name, uint64_t length, size_t n_ids, size_t n_weights)
{
    static int32_t ids[4];
    static float weights[4];
    graft_h5 *file;
    const char *path = test_temp_path(name);
    const uint64_t lengths[1] = {length}, conversations[1] = {0};
    assert_ok(graft_h5_new(&file));
    assert_ok(graft_h5_put_text(file, "key", "k", 1));
    assert_ok(graft_h5_put_u64(file, "lengths", lengths, 1));
    assert_ok(graft_h5_put_u64(file, "conversations", conversations, 1));
    assert_ok(graft_h5_put_i32(file, "ids", ids, n_ids));
    assert_ok(graft_h5_put_f32(file, "weights", weights, n_weights));
    assert_ok(graft_h5_put_text(file, "roles", "\0\0\0\0", n_ids));
    assert_ok(graft_h5_write(file, path));
    graft_h5_free(file);
    return path;
}

static void forged_is_refused(void **state)
{
    (void)state;
    expect_refused(forged("long.h5", 5, 4, 4), "k", 1, 1, "example 0 (5 tokens");
    expect_refused(forged("huge.h5", UINT64_MAX, 4, 4), "k", 1, 1, "does not fit");
    expect_refused(forged("short.h5", 3, 4, 4), "k", 1, 1, "1 tokens belong to no example");
    expect_refused(forged("weights.h5", 4, 4, 3), "k", 1, 1, "\"weights\" has 3 f32 instead of 4");
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(reads_back),
                                       cmocka_unit_test(stale_or_damaged_is_refused),
                                       cmocka_unit_test(forged_is_refused)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
