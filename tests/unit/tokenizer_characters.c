/* SentencePiece and BPE over characters, with vocabularies small enough to work out by hand. */
#include "support/test.h"

#include <string.h>

#include "core/memory.h"
#include "io/gguf.h"
#include "support/vocabulary.h"
#include "tokenizer/tokenizer.h"

#define S "\xE2\x96\x81"
#define IDS(...) ((const int32_t[]){__VA_ARGS__}), sizeof((const int32_t[]){__VA_ARGS__}) / 4
#define ENDS(...) ((const uint32_t[]){__VA_ARGS__})

/* ids 0 to 255 are <0x00> to <0xFF> */
enum { SPACE = 256, A, B, C, AB, BC, ABC, SA, SAB, SS, END, USER, NL2, E_ACUTE, NL };
static const char *const tokens[] = {S,      "a",    "b",         "c",    "ab",   "bc",
                                     "abc",  S "a",  S "ab",      S S,    "</s>", "<u>",
                                     "\n\n", "\xC3\xA9", "\n",   NULL};
static const int32_t types[] = {TEST_NORMAL, TEST_NORMAL,       TEST_NORMAL, TEST_NORMAL,
                                TEST_NORMAL, TEST_NORMAL,       TEST_NORMAL, TEST_NORMAL,
                                TEST_NORMAL, TEST_NORMAL,       TEST_CONTROL, TEST_USER_DEFINED,
                                TEST_NORMAL, TEST_NORMAL,       TEST_NORMAL};
/* "bc" comes before "ab" and that before "▁a" */
static const float scores[] = {-50, -51, -52, -53, -3, -2, -4, -5, -1, -6, 0, 0, -7, -54, -55};
static const char *const merges[] = {"b c", "a b", S " ab", S " a", S " " S, "ab c", "\n \n", NULL};

static graft_tokenizer *load(test_vocabulary v)
{
    graft_gguf *file;
    graft_tokenizer *tokenizer;
    v.tokens = v.tokens == NULL ? tokens : v.tokens;
    v.types = v.types == NULL && v.tokens == tokens ? types : v.types;
    v.n_types = v.n_types == 0 ? 15 : v.n_types;
    assert_ok(graft_gguf_open(&file, test_vocabulary_write("c.gguf", &v)));
    assert_ok(graft_tokenizer_new(&tokenizer, file, NULL));
    graft_gguf_close(file);
    return tokenizer;
}

static graft_tokenizer *load_scored(bool prefix)
{
    return load((test_vocabulary){.model = "llama", .bytes = true, .byte_names = true,
                                  .scores = scores, .n_scores = 15,
                                  .bool_key = "tokenizer.ggml.add_space_prefix", .flag = prefix});
}

static void is(const graft_tokens *got, const int32_t *wanted, size_t n, const uint32_t *ends)
{
    assert_int_equal(got->n, n);
    for (size_t i = 0; i < n; i++) {
        assert_int_equal(got->ids[i], wanted[i]);
        assert_int_equal(got->ends[i], ends != NULL ? ends[i] : got->ends[i]);
    }
}

static void gives(const graft_tokenizer *tokenizer, const char *text, const int32_t *wanted,
                  size_t n, const uint32_t *ends)
{
    graft_tokens got;
    graft_tokens_init(&got);
    assert_ok(graft_tokenizer_encode_special(tokenizer, &got, text, strlen(text)));
    is(&got, wanted, n, ends);
    graft_tokens_clear(&got);
}

static void the_best_score_is_merged_first(void **state)
{
    (void)state;
    graft_tokenizer *tokenizer = load_scored(false);
    gives(tokenizer, "abc", IDS(ABC), ENDS(3)); /* a + bc, whatever its parts */
    gives(tokenizer, "ab ab", IDS(AB, SAB), ENDS(2, 5));
    gives(tokenizer, "abab", IDS(AB, AB), ENDS(2, 4));
    gives(tokenizer, " a", IDS(SA), ENDS(2));
    gives(tokenizer, "   a", IDS(SS, SA), ENDS(2, 4)); /* of three spaces the last is the a's */
    gives(tokenizer, S "ab", IDS(SAB), ENDS(5));       /* a mark in the text is a space */
    size_t n;
    assert_string_equal(graft_tokenizer_piece(tokenizer, SAB, &n), " ab");
    assert_int_equal(n, 3);
    graft_tokenizer_free(tokenizer);
}

static void scores_may_be_integers(void **state)
{
    (void)state;
    graft_tokenizer *tokenizer =
        load((test_vocabulary){.model = "llama", .bytes = true, .byte_names = true,
                               .scores = scores, .n_scores = 15, .integer_scores = true,
                               .bool_key = "tokenizer.ggml.add_space_prefix"});
    gives(tokenizer, "ab ab", IDS(AB, SAB), ENDS(2, 5));
    gives(tokenizer, "   a", IDS(SS, SA), ENDS(2, 4));
    graft_tokenizer_free(tokenizer);
}

static void a_space_stands_before_text(void **state)
{
    (void)state;
    graft_tokenizer *tokenizer = load_scored(true);
    gives(tokenizer, "ab", IDS(SAB), ENDS(2));
    gives(tokenizer, "<u>ab</s> a", IDS(USER, SAB, END, SPACE, SA), ENDS(3, 5, 9, 9, 11));
    gives(tokenizer, "c", IDS(SPACE, C), ENDS(0, 1));
    graft_tokens got;
    graft_tokens_init(&got);
    assert_ok(graft_tokenizer_encode_special(tokenizer, &got, "", 0));
    assert_int_equal(got.n, 0);
    graft_tokens_clear(&got);
    assert_true(graft_tokenizer_add_bos(tokenizer));
    assert_false(graft_tokenizer_add_eos(tokenizer));
    assert_int_equal(graft_tokenizer_bos(tokenizer), 1);
    assert_int_equal(graft_tokenizer_eos(tokenizer), 2);
    graft_tokenizer_free(tokenizer);
}

static void goes_on(const graft_tokenizer *tokenizer, const char *text, size_t from,
                    const uint8_t *control, int32_t wanted, uint32_t end)
{
    graft_tokens got;
    graft_tokens_init(&got);
    assert_ok(graft_tokenizer_encode_from(tokenizer, &got, text, from, strlen(text), control));
    is(&got, IDS(wanted), ENDS(end));
    graft_tokens_clear(&got);
}

static void text_goes_on_without_a_space(void **state)
{
    (void)state;
    graft_tokenizer *tokenizer = load_scored(true);
    static const uint8_t all[] = {1, 1, 1, 1, 1, 1}, none[] = {1, 1, 0, 1, 1, 1};
    goes_on(tokenizer, "cab", 1, NULL, AB, 2);
    goes_on(tokenizer, "<u>ab", 3, NULL, SAB, 2);
    goes_on(tokenizer, "</s>ab", 4, all, SAB, 2);
    goes_on(tokenizer, "</s>ab", 4, none, AB, 2);
    goes_on(tokenizer, "</s>ab", 4, NULL, AB, 2);
    graft_tokenizer_free(tokenizer);
}

static void what_is_no_token_is_its_bytes(void **state)
{
    (void)state;
    graft_tokenizer *tokenizer = load_scored(false);
    gives(tokenizer, "\xC3\xA9\xC3\xA8" "ab", IDS(E_ACUTE, 0xC3, 0xA8, AB), ENDS(2, 3, 4, 6));
    gives(tokenizer, "\x80" "ab", IDS(0x80, AB), ENDS(1, 3));
    gives(tokenizer, "ab\xE2\x96", IDS(AB, 0xE2, 0x96), ENDS(2, 3, 4));
    gives(tokenizer, "\xE2" "abc", IDS(0xE2, 'a', 'b', C), ENDS(1, 2, 3, 4)); /* a broken one */
    gives(tokenizer, "\xF0 ab", IDS(0xF0, 0xE2, 0x96, 0x81, AB), ENDS(1, 1, 1, 2, 4));
    size_t n;
    assert_int_equal((unsigned char)*graft_tokenizer_piece(tokenizer, 0xE2, &n), 0xE2);
    assert_int_equal(n, 1);
    graft_tokenizer_free(tokenizer);
    tokenizer = load((test_vocabulary){.model = "llama", .scores = scores, .n_scores = 15});
    graft_tokens got;
    graft_tokens_init(&got);
    assert_fails(graft_tokenizer_encode(tokenizer, &got, "ax", 2, NULL), GRAFT_E_DATA,
                 "the vocabulary has no token for the byte 0x78");
    assert_int_equal(got.n, 0);
    graft_tokens_clear(&got);
    graft_tokenizer_free(tokenizer);
}

static void spaces_inside_of_tokens_hold_words_together(void **state)
{
    (void)state;
    static const char *const list[] = {S, "a", "b", "a" S, "a" S "b", NULL};
    static const float list_scores[] = {-5, -6, -7, -1, -2};
    graft_tokenizer *tokenizer =
        load((test_vocabulary){.model = "llama", .tokens = list, .n_types = 5,
                               .scores = list_scores, .n_scores = 5,
                               .bool_key = "tokenizer.ggml.add_space_prefix"});
    gives(tokenizer, "a b b", IDS(4, 0, 2), ENDS(3, 4, 5));
    graft_tokenizer_free(tokenizer);
}

/* "ab" is a control token here: characters of data never become it, nor does it stand between them
 * and a longer token. */
static void characters_make_no_control_token(void **state)
{
    (void)state;
    static const char *const list[] = {"a", "b", "c", "ab", "abc", NULL};
    static const int32_t kinds[] = {TEST_NORMAL, TEST_NORMAL, TEST_NORMAL, TEST_CONTROL,
                                    TEST_NORMAL};
    static const float list_scores[] = {-5, -6, -7, 0, -1};
    static const uint8_t all[] = {1, 1}, one[] = {1, 0};
    graft_tokenizer *tokenizer =
        load((test_vocabulary){.model = "llama", .tokens = list, .types = kinds, .n_types = 5,
                               .scores = list_scores, .n_scores = 5,
                               .bool_key = "tokenizer.ggml.add_space_prefix"});
    graft_tokens got;
    graft_tokens_init(&got);
    assert_ok(graft_tokenizer_encode(tokenizer, &got, "ab", 2, all));
    assert_ok(graft_tokenizer_encode(tokenizer, &got, "ab", 2, one));
    assert_ok(graft_tokenizer_encode(tokenizer, &got, "ab", 2, NULL));
    assert_ok(graft_tokenizer_encode(tokenizer, &got, "abc", 3, NULL));
    is(&got, IDS(3, 0, 1, 0, 1, 0, 1, 2), NULL);
    graft_tokens_clear(&got);
    graft_tokenizer_free(tokenizer);
}

static void merges_over_characters(void **state)
{
    (void)state;
    test_vocabulary v = {.model = "gemma4", .bytes = true, .byte_names = true, .merges = merges,
                         .id_key = "tokenizer.ggml.bos_token_id", .id = END,
                         .bool_key = "tokenizer.ggml.add_bos_token"};
    graft_tokenizer *tokenizer = load(v);
    assert_true(graft_tokenizer_add_bos(tokenizer)); /* as the runtime insists */
    gives(tokenizer, "abc", IDS(A, BC), ENDS(1, 3)); /* "a bc" is no rule */
    gives(tokenizer, "ab  ab\n\nab", IDS(AB, SPACE, SAB, NL2, AB), ENDS(2, 3, 6, 8, 10));
    gives(tokenizer, "\xC3\xA9\xC3\xA8", IDS(E_ACUTE, 0xC3, 0xA8), ENDS(2, 3, 4));
    gives(tokenizer, "\xff" "ab", IDS(0xEF, 0xBF, 0xBD, AB), ENDS(0, 0, 1, 3));
    graft_tokenizer_free(tokenizer);
    v.model = "gpt2";
    v.pre = "sarvam-moe";
    v.bytes = v.byte_names = false;
    v.id = 10;
    tokenizer = load(v);
    gives(tokenizer, "xab", IDS(AB - SPACE), ENDS(3)); /* what has no token is lost, as there */
    graft_tokenizer_free(tokenizer);
}

static void a_giant_word_is_no_problem(void **state)
{
    (void)state;
    enum { N = 300000 };
    graft_tokenizer *tokenizer = load_scored(false);
    char *text;
    graft_tokens got;
    graft_tokens_init(&got);
    assert_ok(graft_alloc(&text, N, 1));
    for (size_t i = 0; i < N; i++) {
        text[i] = "ab"[i % 2];
    }
    assert_ok(graft_tokenizer_encode(tokenizer, &got, text, N, NULL));
    assert_int_equal(got.n, N / 2);
    for (size_t i = 0; i < got.n; i++) {
        assert_int_equal(got.ids[i], AB);
        assert_int_equal(got.ends[i], 2 * i + 2);
    }
    memset(text, ' ', N);
    got.n = 0;
    assert_ok(graft_tokenizer_encode(tokenizer, &got, text, N, NULL));
    assert_int_equal(got.n, N / 2);
    graft_free(text);
    graft_tokens_clear(&got);
    graft_tokenizer_free(tokenizer);
}

static void running_out_of_memory_appends_nothing(void **state)
{
    (void)state;
    graft_tokenizer *tokenizer = load_scored(true);
    const char *text = "abcabc<u>\xff ab</s>";
    test_encode_without_memory(tokenizer, text);
    graft_tokenizer_free(tokenizer);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_best_score_is_merged_first),
        cmocka_unit_test(scores_may_be_integers),
        cmocka_unit_test(a_space_stands_before_text),
        cmocka_unit_test(text_goes_on_without_a_space),
        cmocka_unit_test(what_is_no_token_is_its_bytes),
        cmocka_unit_test(spaces_inside_of_tokens_hold_words_together),
        cmocka_unit_test(characters_make_no_control_token),
        cmocka_unit_test(merges_over_characters),
        cmocka_unit_test(a_giant_word_is_no_problem),
        cmocka_unit_test(running_out_of_memory_appends_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
