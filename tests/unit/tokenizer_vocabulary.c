/* tokenizer.* keys that do not fit together are refused; those that do mean what the runtime makes
 * of them. */
#include "support/test.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "core/log.h"
#include "core/memory.h"
#include "io/gguf.h"
#include "support/vocabulary.h"
#include "tokenizer/tokenizer.h"

#define LIST(...) ((const char *const[]){__VA_ARGS__, NULL})
#define TYPES(...) ((const int32_t[]){__VA_ARGS__})
#define SCORES(...) ((const float[]){__VA_ARGS__})

static graft_status load(graft_tokenizer **out, const test_vocabulary *vocabulary)
{
    graft_gguf *file;
    assert_ok(graft_gguf_open(&file, test_vocabulary_write("v.gguf", vocabulary)));
    graft_status status = graft_tokenizer_new(out, file, NULL);
    graft_gguf_close(file); /* the tokenizer needs it no more */
    return status;
}

static void refuses(const test_vocabulary *vocabulary, const char *message)
{
    graft_tokenizer *tokenizer = (graft_tokenizer *)1;
    assert_fails(load(&tokenizer, vocabulary), GRAFT_E_MODEL, message);
    assert_null(tokenizer);
    assert_contains(graft_error_message(), "v.gguf: ");
}

static test_vocabulary good(void)
{
    static const char *const tokens[] = {"ab", "abc", "<s>", NULL};
    static const char *const merges[] = {"a b", "ab c", NULL};
    static const int32_t types[] = {TEST_NORMAL, TEST_NORMAL, TEST_CONTROL};
    return (test_vocabulary){.model = "gpt2",
                             .pre = "gpt-2",
                             .bytes = true,
                             .tokens = tokens,
                             .types = types,
                             .n_types = 3,
                             .merges = merges};
}

/* SentencePiece */
static test_vocabulary scored(void)
{
    static const char *const tokens[] = {"\xE2\x96\x81" "a", "ab", "</s>", NULL};
    static const int32_t types[] = {TEST_NORMAL, TEST_NORMAL, TEST_CONTROL};
    static const float scores[] = {-1, -2, 0};
    return (test_vocabulary){.model = "llama",
                             .bytes = true,
                             .byte_names = true,
                             .tokens = tokens,
                             .types = types,
                             .n_types = 3,
                             .scores = scores,
                             .n_scores = 3};
}

static void broken_metadata_is_refused(void **state)
{
    (void)state;
    test_vocabulary v = good();
    v.model = "bert";
    refuses(&v, "tokenizer model \"bert\" (known: gpt2 llama gemma4)");
    v.model = "gpt2\x1b[31m";
    refuses(&v, "tokenizer model \"gpt2\\x1b[31m\"");
    v = good();
    v.pre = "gpt-3";
    refuses(&v, "pre-tokeniser \"gpt-3\" (known: gpt-2 ");
    v = good();
    v.bytes = false;
    v.tokens = (const char *const[]){NULL};
    refuses(&v, "0 tokens");
    v = good();
    v.n_types = 2;
    refuses(&v, "259 tokens but 258 token types");
    v = good();
    v.tokens = LIST("ab", "abc", "ab");
    refuses(&v, "token 258 has the same text as another");
    v = good();
    v.tokens = LIST("ab", "abc", "b");
    refuses(&v, "token 258 has the same text as another");
    v = good();
    v.id_key = "tokenizer.ggml.eos_token_id";
    v.id = 259;
    refuses(&v, "tokenizer.ggml.eos_token_id is 259, but there are 259 tokens");
    v.id_key = "tokenizer.ggml.fim_pad_token_id";
    refuses(&v, "tokenizer.ggml.fim_pad_token_id is 259");
}

static void broken_merges_are_refused(void **state)
{
    (void)state;
    test_vocabulary v = good();
    v.merges = LIST("a b", "ab");
    refuses(&v, "merge 1 is not two tokens");
    v.merges = LIST("a b", "");
    refuses(&v, "merge 1 is not two tokens");
    v.merges = LIST("a b", "xy c");
    refuses(&v, "merge 1: its first part is not a token");
    v.merges = LIST("a b", "ab cd");
    refuses(&v, "merge 1: its second part is not a token");
    v.merges = LIST("a b", "ab ");
    refuses(&v, "merge 1: its second part is not a token");
    v.merges = LIST("a b", "b c");
    refuses(&v, "merge 1: its result is not a token");
}

static void broken_scores_are_refused(void **state)
{
    (void)state;
    test_vocabulary v = scored();
    v.scores = NULL;
    refuses(&v, "tokenizer.ggml.scores");
    v = scored();
    v.scores = SCORES(-1, NAN, 0);
    refuses(&v, "the score of token 257 is not a number");
    v = scored();
    v.n_scores = 2;
    refuses(&v, "259 tokens but 258 scores");
    v = scored();
    v.tokens = LIST("ab", "ab", "</s>");
    refuses(&v, "token 257 has the same text as another");
    v = scored();
    v.bool_key = "tokenizer.ggml.add_eos_token";
    v.flag = true;
    v.id_key = "tokenizer.ggml.eos_token_id";
    v.id = 300;
    refuses(&v, "tokenizer.ggml.eos_token_id is 300, but there are 259 tokens");
    v = scored();
    v.bytes = false;
    v.tokens = LIST("a", "b");
    v.types = NULL;
    v.n_scores = 2;
    v.bool_key = "tokenizer.ggml.add_eos_token";
    v.flag = true; /* the default would be 2 */
    refuses(&v, "an EOS token is to be added, but there is none");
}

static void wrong_types_are_refused(void **state)
{
    (void)state;
    static const char *const keys[] = {"tokens", "token_type", "scores", "merges"};
    for (size_t i = 0; i < 4; i++) {
        test_vocabulary v = i < 3 ? scored() : good();
        char key[40];
        snprintf(key, sizeof key, "tokenizer.ggml.%s", keys[i]);
        v.tokens = i == 0 ? NULL : v.tokens;
        v.bytes = i != 0;
        v.types = i == 1 ? NULL : v.types;
        v.scores = i == 2 ? NULL : v.scores;
        v.merges = i == 3 ? NULL : v.merges;
        v.bool_key = key;
        refuses(&v, key);
    }
}

static graft_status load_with(graft_tokenizer **out, const test_vocabulary *vocabulary,
                              const char *pre)
{
    graft_gguf *file;
    assert_ok(graft_gguf_open(&file, test_vocabulary_write("v.gguf", vocabulary)));
    graft_status status = graft_tokenizer_new(out, file, pre);
    graft_gguf_close(file);
    return status;
}

static char said[400];

static void listen(void *context, graft_log_level level, const char *message)
{
    (void)context;
    if (level == GRAFT_LOG_WARN) {
        snprintf(said, sizeof said, "%s", message);
    }
}

static void the_pre_tokeniser_can_be_named(void **state)
{
    (void)state;
    graft_tokenizer *tokenizer;
    test_vocabulary v = good();
    v.pre = "no-such";
    assert_ok(load_with(&tokenizer, &v, "gpt-2"));
    graft_tokenizer_free(tokenizer);
    assert_fails(load_with(&tokenizer, &v, "gpt-3"), GRAFT_E_CONFIG,
                 "pre-tokeniser \"gpt-3\" (known: gpt-2 ");
    v = scored();
    assert_fails(load_with(&tokenizer, &v, "gpt-2"), GRAFT_E_CONFIG,
                 "tokenizer model \"llama\" has no pre-tokeniser, so \"gpt-2\" cannot be it");
    v = good();
    v.pre = NULL;
    graft_log_set_sink(listen, NULL);
    assert_ok(load(&tokenizer, &v));
    graft_log_set_sink(NULL, NULL);
    assert_contains(said, "v.gguf: names no pre-tokeniser; taken is \"default\"");
    graft_tokenizer_free(tokenizer);
}

static void missing_keys_are_named(void **state)
{
    (void)state;
    test_vocabulary v = good();
    v.model = NULL;
    refuses(&v, "tokenizer.ggml.model");
    v = good();
    v.merges = NULL;
    refuses(&v, "tokenizer.ggml.merges");
    v.pre = "kimi-k2"; /* has none */
    graft_tokenizer *tokenizer;
    assert_ok(load(&tokenizer, &v));
    graft_tokenizer_free(tokenizer);
    v = good();
    v.bytes = false;
    v.tokens = NULL;
    refuses(&v, "tokenizer.ggml.tokens");
}

static void pieces_are_bytes(void **state)
{
    (void)state;
    test_vocabulary v = good();
    v.tokens = LIST("ab", "abc", "<|\xC4\xA0|>", "<0x7F>", "\xC4\x80\xC3\xA9", "\xE4\xB8\x96", "uu",
                    "");
    v.types = TYPES(TEST_NORMAL, TEST_NORMAL, TEST_CONTROL, TEST_BYTE, TEST_NORMAL, TEST_NORMAL,
                    TEST_UNUSED, TEST_NORMAL);
    v.n_types = 8;
    const struct { const char *bytes; size_t n; } wanted[] = {
        {"ab", 2}, {"abc", 3}, {"<|\xC4\xA0|>", 6}, {"\x7f", 1}, {"\0\xe9", 2}, {"\xE4\xB8\x96", 3},
        {"", 0}, {"[EMPTY_263]", 11}};
    graft_tokenizer *tokenizer;
    assert_ok(load(&tokenizer, &v));
    assert_int_equal(graft_tokenizer_n_vocab(tokenizer), 264);
    size_t n;
    for (int32_t id = 0; id < 256; id++) {
        const char *piece = graft_tokenizer_piece(tokenizer, id, &n);
        assert_int_equal(n, 1);
        assert_int_equal((unsigned char)piece[0], id);
    }
    for (int32_t i = 0; i < 8; i++) {
        const char *piece = graft_tokenizer_piece(tokenizer, 256 + i, &n);
        assert_int_equal(n, wanted[i].n);
        assert_memory_equal(piece, wanted[i].bytes, n);
    }
    assert_null(graft_tokenizer_piece(tokenizer, 264, &n));
    assert_null(graft_tokenizer_piece(tokenizer, -1, NULL));
    assert_true(graft_tokenizer_is_control(tokenizer, 258));
    assert_false(graft_tokenizer_is_control(tokenizer, 257));
    assert_false(graft_tokenizer_is_control(tokenizer, 264));
    graft_tokenizer_free(tokenizer);
    graft_tokenizer_free(NULL);
}

static void special_ids(void **state)
{
    (void)state;
    test_vocabulary v = good();
    graft_tokenizer *tokenizer;
    assert_ok(load(&tokenizer, &v)); /* the runtime's default for this model */
    assert_int_equal(graft_tokenizer_bos(tokenizer), 11);
    assert_int_equal(graft_tokenizer_eos(tokenizer), 11);
    assert_false(graft_tokenizer_add_bos(tokenizer));
    assert_true(graft_tokenizer_is_eog(tokenizer, 11));
    assert_false(graft_tokenizer_is_eog(tokenizer, 258));
    graft_tokenizer_free(tokenizer);

    v.id_key = "tokenizer.ggml.eos_token_id";
    v.id = 258;
    v.add_bos = &(bool){true};
    assert_ok(load(&tokenizer, &v));
    assert_int_equal(graft_tokenizer_eos(tokenizer), 258);
    assert_true(graft_tokenizer_is_eog(tokenizer, 258));
    assert_false(graft_tokenizer_is_eog(tokenizer, 11));
    assert_false(graft_tokenizer_is_eog(tokenizer, -1));
    assert_true(graft_tokenizer_add_bos(tokenizer));
    graft_tokenizer_free(tokenizer);

    v.id = UINT32_MAX; /* "none" */
    v.pre = "llama-bpe";
    v.add_bos = NULL;
    assert_ok(load(&tokenizer, &v));
    assert_int_equal(graft_tokenizer_eos(tokenizer), 11);
    assert_true(graft_tokenizer_add_bos(tokenizer));
    graft_tokenizer_free(tokenizer);

    v = (test_vocabulary){.model = "gpt2", .pre = "gpt-2", .tokens = LIST("a"),
                          .merges = (const char *const[]){NULL}};
    assert_ok(load(&tokenizer, &v));
    assert_int_equal(graft_tokenizer_bos(tokenizer), -1);
    graft_tokenizer_free(tokenizer);
    v.add_bos = &(bool){true};
    refuses(&v, "a BOS token is to be added, but there is none");
}

static void the_hash_tells_vocabularies_apart(void **state)
{
    (void)state;
    test_vocabulary variants[9];
    for (int i = 0; i < 6; i++) {
        variants[i] = good();
    }
    for (int i = 6; i < 9; i++) {
        variants[i] = scored();
    }
    variants[7].scores = SCORES(-2, -1, 0);
    variants[8].bool_key = "tokenizer.ggml.add_space_prefix";
    variants[1].tokens = LIST("ab", "abc", "<S>");
    variants[2].types = TYPES(TEST_NORMAL, TEST_NORMAL, TEST_USER_DEFINED);
    variants[3].merges = LIST("a b");
    variants[4].pre = "smollm";
    variants[5].id_key = "tokenizer.ggml.bos_token_id";
    variants[5].id = 3;
    char hashes[9][65];
    for (int i = 0; i < 9; i++) {
        graft_tokenizer *tokenizer;
        assert_ok(load(&tokenizer, &variants[i]));
        graft_tokenizer_hash(tokenizer, hashes[i]);
        assert_int_equal(strlen(hashes[i]), 64);
        graft_tokenizer_free(tokenizer);
        for (int k = 0; k < i; k++) {
            assert_string_not_equal(hashes[i], hashes[k]);
        }
        char again[65];
        assert_ok(load(&tokenizer, &variants[i]));
        graft_tokenizer_hash(tokenizer, again);
        assert_string_equal(again, hashes[i]);
        graft_tokenizer_free(tokenizer);
    }
}

static void run_out_of_memory(test_vocabulary v)
{
    graft_gguf *file;
    assert_ok(graft_gguf_open(&file, test_vocabulary_write("v.gguf", &v)));
    graft_status status = GRAFT_E_MEMORY;
    int n = 0;
    while (status != GRAFT_OK) {
        graft_tokenizer *tokenizer = (graft_tokenizer *)1;
        graft_alloc_fail_at((uint64_t)++n);
        status = graft_tokenizer_new(&tokenizer, file, NULL);
        graft_alloc_fail_at(0);
        if (status != GRAFT_OK) {
            assert_int_equal(status, GRAFT_E_MEMORY);
            assert_null(tokenizer);
        }
        graft_tokenizer_free(tokenizer);
    }
    assert_true(n > 15);
    graft_gguf_close(file);
}

static void running_out_of_memory_leaves_nothing_behind(void **state)
{
    (void)state;
    run_out_of_memory(good());
    run_out_of_memory(scored());
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(broken_metadata_is_refused),
        cmocka_unit_test(broken_merges_are_refused),
        cmocka_unit_test(broken_scores_are_refused),
        cmocka_unit_test(wrong_types_are_refused),
        cmocka_unit_test(the_pre_tokeniser_can_be_named),
        cmocka_unit_test(missing_keys_are_named),
        cmocka_unit_test(pieces_are_bytes),
        cmocka_unit_test(special_ids),
        cmocka_unit_test(the_hash_tells_vocabularies_apart),
        cmocka_unit_test(running_out_of_memory_leaves_nothing_behind),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
