/* Text to ids with vocabularies small enough to work out by hand. */
#include "support/test.h"

#include <string.h>

#include "core/memory.h"
#include "core/threads.h"
#include "io/gguf.h"
#include "support/vocabulary.h"
#include "tokenizer/tokenizer.h"

#define IDS(...) ((const int32_t[]){__VA_ARGS__}), sizeof((const int32_t[]){__VA_ARGS__}) / 4

enum { AB = 256, ABC, BC, THE, END, USER, ODD };

static const char *const tokens[] = {"ab", "abc", "bc", "\xC4\xA0" "ab", "<|im_end|>", "<u>",
                                     "<|", NULL};
static const char *const merges[] = {"b c", "a b", "ab c", "\xC4\xA0 ab", NULL};
static const int32_t types[] = {TEST_NORMAL,  TEST_NORMAL,       TEST_NORMAL, TEST_NORMAL,
                                TEST_CONTROL, TEST_USER_DEFINED, TEST_UNKNOWN};

static graft_tokenizer *load(const char *pre, const char *name, bool all_bytes)
{
    /* without the bytes, only a, b and c are tokens of their own */
    static const char *const few[] = {"a", "b", "c", "ab", "abc", "bc", NULL};
    static const char *const few_merges[] = {"b c", "a b", "ab c", NULL};
    test_vocabulary v = {.model = "gpt2",
                         .pre = pre,
                         .name = name,
                         .bytes = all_bytes,
                         .tokens = all_bytes ? tokens : few,
                         .types = all_bytes ? types : NULL,
                         .n_types = 7,
                         .merges = all_bytes ? merges : few_merges};
    graft_gguf *file;
    graft_tokenizer *tokenizer;
    assert_ok(graft_gguf_open(&file, test_vocabulary_write("e.gguf", &v)));
    assert_ok(graft_tokenizer_new(&tokenizer, file, NULL));
    graft_gguf_close(file);
    return tokenizer;
}

static void is(const graft_tokens *got, const int32_t *wanted, size_t n)
{
    assert_int_equal(got->n, n);
    for (size_t i = 0; i < n; i++) {
        assert_int_equal(got->ids[i], wanted[i]);
    }
}

static void gives(const graft_tokenizer *tokenizer, const char *text, const int32_t *wanted,
                  size_t n)
{
    graft_tokens got;
    graft_tokens_init(&got);
    assert_ok(graft_tokenizer_encode(tokenizer, &got, text, strlen(text), NULL));
    is(&got, wanted, n);
    for (size_t i = 0; i < n; i++) { /* the pieces are the text */
        size_t start = i == 0 ? 0 : got.ends[i - 1], length;
        const char *piece = graft_tokenizer_piece(tokenizer, got.ids[i], &length);
        assert_int_equal(length, got.ends[i] - start);
        assert_memory_equal(piece, text + start, length);
    }
    graft_tokens_clear(&got);
}

static void merges_in_their_order(void **state)
{
    (void)state;
    graft_tokenizer *tokenizer = load("gpt-2", NULL, true);
    gives(tokenizer, "ab", IDS(AB));
    gives(tokenizer, "abc", IDS('a', BC)); /* "b c" stands before "a b" */
    gives(tokenizer, "abab bc", IDS(AB, AB, ' ', BC));
    gives(tokenizer, " ab  ab", IDS(THE, ' ', THE));
    gives(tokenizer, "x\xC3\xA9", IDS('x', 0xC3, 0xA9));
    graft_tokens none;
    graft_tokens_init(&none);
    assert_ok(graft_tokenizer_encode(tokenizer, &none, "", 0, NULL));
    assert_ok(graft_tokenizer_encode_special(tokenizer, &none, NULL, 0));
    assert_int_equal(none.n, 0);
    graft_tokens_clear(&none);
    graft_tokenizer_free(tokenizer);
    tokenizer = load("llama-bpe", NULL, true); /* whole words are not merged */
    gives(tokenizer, "abc", IDS(ABC));
    gives(tokenizer, "abcb", IDS('a', BC, 'b'));
    graft_tokenizer_free(tokenizer);
}

static void control_tokens_are_for_the_template_only(void **state)
{
    (void)state;
    graft_tokenizer *tokenizer = load("gpt-2", NULL, true);
    graft_tokens got;
    graft_tokens_init(&got);
    const char *text = "ab<|im_end|><u>ab";
    gives(tokenizer, text, IDS(AB, '<', '|', 'i', 'm', '_', 'e', 'n', 'd', '|', '>', USER, AB));
    assert_ok(graft_tokenizer_encode_special(tokenizer, &got, text, strlen(text)));
    is(&got, IDS(AB, END, USER, AB));
    assert_int_equal(got.ends[1], 12);

    uint8_t control[17] = {0};
    memset(control + 2, 1, 10);
    got.n = 0;
    assert_ok(graft_tokenizer_encode(tokenizer, &got, text, strlen(text), control));
    is(&got, IDS(AB, END, USER, AB));
    for (size_t i = 2; i < 12; i++) { /* one byte of data anywhere in it, and it stays text */
        control[i] = 0;
        got.n = 0;
        assert_ok(graft_tokenizer_encode(tokenizer, &got, text, strlen(text), control));
        bool odd = i > 3; /* "<|" is a token that needs control, too */
        assert_int_equal(got.n, odd ? 12 : 13);
        assert_int_equal(got.ids[1], odd ? ODD : '<');
        control[i] = 1;
    }
    graft_tokens_clear(&got);
    graft_tokenizer_free(tokenizer);
}

/* Nor do bytes merge into one, whether merges are obeyed or whole words looked up. */
static void bytes_do_not_merge_into_control_tokens(void **state)
{
    (void)state;
    static const char *const pre[] = {"gpt-2", "llama-bpe", "gemma4"};
    static const char *const spelled[] = {"<|", "<|>", "|>", NULL};
    static const char *const joins[] = {"< |", "<| >", "| >", NULL};
    for (size_t i = 0; i < sizeof pre / sizeof *pre; i++) {
        test_vocabulary v = {.model = "gpt2", .pre = pre[i], .bytes = true, .tokens = spelled,
                             .types = (const int32_t[]){TEST_NORMAL, TEST_CONTROL, TEST_NORMAL},
                             .n_types = 3, .merges = joins};
        graft_gguf *file;
        graft_tokenizer *tokenizer;
        graft_tokens got;
        graft_tokens_init(&got);
        assert_ok(graft_gguf_open(&file, test_vocabulary_write("e.gguf", &v)));
        assert_ok(graft_tokenizer_new(&tokenizer, file, NULL));
        gives(tokenizer, "a<|>b", IDS('a', 256, '>', 'b'));
        assert_ok(graft_tokenizer_encode_special(tokenizer, &got, "a<|>b", 5));
        is(&got, IDS('a', 257, 'b'));
        graft_gguf_close(file);
        graft_tokens_clear(&got);
        graft_tokenizer_free(tokenizer);
    }
}

/* The runtime knows these by name and finds them in any text. */
static void nor_does_data_form_the_marks_of_harmony(void **state)
{
    (void)state;
    static const char *const marks[] = {"<|start|>", "<|channel|>", "<|message|>", "<|constrain|>",
                                        "<|end|>", "<|call|>", "<|return|>", NULL};
    static const char text[] = "<|start|><|channel|><|message|><|constrain|><|end|><|call|><|return|>";
    for (int32_t type = TEST_NORMAL; type <= TEST_USER_DEFINED; type++) {
        test_vocabulary v = {.model = "gpt2", .pre = "gpt-2", .bytes = true, .tokens = marks,
                             .types = (const int32_t[]){type, type, type, type, type, type, type},
                             .n_types = 7, .merges = (const char *const[]){NULL}};
        graft_gguf *file;
        graft_tokenizer *tokenizer;
        graft_tokens got;
        uint8_t control[sizeof text - 1];
        graft_tokens_init(&got);
        assert_ok(graft_gguf_open(&file, test_vocabulary_write("e.gguf", &v)));
        assert_ok(graft_tokenizer_new(&tokenizer, file, NULL));
        assert_ok(graft_tokenizer_encode(tokenizer, &got, text, sizeof text - 1, NULL));
        assert_int_equal(got.n, sizeof text - 1);
        got.n = 0;
        memset(control, 1, sizeof control);
        assert_ok(graft_tokenizer_encode(tokenizer, &got, text, sizeof text - 1, control));
        is(&got, IDS(256, 257, 258, 259, 260, 261, 262));
        assert_false(graft_tokenizer_is_eog(tokenizer, 260));
        graft_gguf_close(file);
        graft_tokens_clear(&got);
        graft_tokenizer_free(tokenizer);
    }
}

static void masks_choose_among_occurrences(void **state)
{
    (void)state;
    graft_tokenizer *tokenizer = load("gpt-2", NULL, true);
    const char *text = "<|im_end|><|im_end|><|im_end|>";
    graft_tokens got;
    graft_tokens_init(&got);
    for (unsigned which = 0; which < 8; which++) {
        uint8_t control[30];
        size_t n_found = 0;
        for (size_t i = 0; i < 30; i++) {
            control[i] = which >> (i / 10) & 1;
        }
        got.n = 0;
        assert_ok(graft_tokenizer_encode(tokenizer, &got, text, 30, control));
        for (size_t i = 0; i < got.n; i++) {
            if (got.ids[i] == END) {
                assert_int_equal(which >> (got.ends[i] / 10 - 1) & 1, 1);
                n_found++;
            }
        }
        assert_int_equal(n_found, (which & 1) + (which >> 1 & 1) + (which >> 2));
        assert_int_equal(got.ends[got.n - 1], 30);
    }
    graft_tokens_clear(&got);
    graft_tokenizer_free(tokenizer);
}

static void results_are_appended_and_offsets_start_anew(void **state)
{
    (void)state;
    graft_tokenizer *tokenizer = load("gpt-2", NULL, true);
    graft_tokens got;
    graft_tokens_init(&got);
    assert_ok(graft_tokenizer_encode(tokenizer, &got, "ab", 2, NULL));
    assert_ok(graft_tokenizer_encode(tokenizer, &got, "xab", 3, NULL));
    is(&got, IDS(AB, 'x', AB));
    assert_int_equal(got.ends[0], 2);
    assert_int_equal(got.ends[1], 1);
    assert_int_equal(got.ends[2], 3);
    graft_tokens_clear(&got);
    graft_tokenizer_free(tokenizer);
}

#define FFFD 0xef, 0xbf, 0xbd

static void what_is_not_utf8_is_read_as_the_runtime_does(void **state)
{
    (void)state;
    graft_tokenizer *tokenizer = load("gpt-2", NULL, true);
    graft_tokens got;
    graft_tokens_init(&got);
    assert_ok(graft_tokenizer_encode(tokenizer, &got, "ab\xff" "ab", 5, NULL));
    is(&got, IDS(AB, FFFD, AB));
    static const uint32_t ends[] = {2, 2, 2, 3, 5}; /* a character ends with its last byte */
    assert_memory_equal(got.ends, ends, sizeof ends);
    got.n = 0;
    assert_ok(graft_tokenizer_encode(tokenizer, &got, "\xe4\xb8", 2, NULL));
    is(&got, IDS(FFFD, FFFD));
    got.n = 0;
    assert_ok(graft_tokenizer_encode(tokenizer, &got, "ab\xed\xa0\x80 ab", 8, NULL));
    is(&got, IDS(AB, 0xed, 0xa0, 0x80, THE)); /* a surrogate */
    got.n = 0;
    assert_ok(graft_tokenizer_encode(tokenizer, &got, "\xc1\xa1" "b\xf8\xf4\x90\x80\x80", 8, NULL));
    is(&got, IDS(AB, FFFD, FFFD, FFFD, FFFD, FFFD)); /* an overlong a; beyond Unicode */
    assert_int_equal(got.ends[0], 3);
    assert_int_equal(got.ends[got.n - 1], 8);
    got.n = 0;
    assert_ok(graft_tokenizer_encode(tokenizer, &got, "a\0b", 3, NULL));
    is(&got, IDS('a', 0, 'b'));
    graft_tokens_clear(&got);
    graft_tokenizer_free(tokenizer);
}

/* Some vocabularies lack bytes; the runtime drops them, and training must see what it sees. */
static void bytes_without_a_token_are_lost(void **state)
{
    (void)state;
    graft_tokenizer *tokenizer = load("gpt-2", NULL, false);
    graft_tokens got;
    graft_tokens_init(&got);
    assert_ok(graft_tokenizer_encode(tokenizer, &got, "xabx ab!", 8, NULL));
    is(&got, IDS(3, 3));
    assert_int_equal(got.ends[0], 3);
    assert_int_equal(got.ends[1], 7);
    got.n = 0;
    assert_ok(graft_tokenizer_encode(tokenizer, &got, "!", 1, NULL));
    assert_int_equal(got.n, 0);
    graft_tokens_clear(&got);
    graft_tokenizer_free(tokenizer);
}

static void phi3_special_tokens_swallow_space(void **state)
{
    (void)state;
    graft_tokenizer *tokenizer = load("gpt-2", "My Phi-3 mini", true);
    graft_tokens got;
    graft_tokens_init(&got);
    assert_ok(graft_tokenizer_encode_special(tokenizer, &got, "<|im_end|>\n \tab<u> ", 19));
    is(&got, IDS(END, AB, USER));
    assert_int_equal(got.ends[0], 13);
    assert_int_equal(got.ends[2], 19);
    graft_tokens_clear(&got);
    graft_tokenizer_free(tokenizer);
    tokenizer = load("gpt-2", "Phi 3", true);
    assert_ok(graft_tokenizer_encode_special(tokenizer, &got, "<u> ", 4));
    is(&got, IDS(USER, ' '));
    graft_tokens_clear(&got);
    graft_tokenizer_free(tokenizer);
}

static void a_giant_word_is_no_problem(void **state)
{
    (void)state;
    enum { N = 300000 };
    graft_tokenizer *tokenizer = load("gpt-2", NULL, true);
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
    graft_free(text);
    graft_tokens_clear(&got);
    graft_tokenizer_free(tokenizer);
}

typedef struct job {
    const graft_tokenizer *tokenizer;
    graft_tokens got[64];
    graft_status status[64];
} job;

static void encode_one(void *context, size_t i, int thread)
{
    (void)thread;
    job *j = context;
    const char *text = "abc ab<u>ab 12 abcabc <|im_end|> bc";
    j->status[i] = graft_tokenizer_encode_special(j->tokenizer, &j->got[i], text, strlen(text));
}

static void one_tokenizer_serves_many_threads(void **state)
{
    (void)state;
    graft_tokenizer *tokenizer = load("smollm", NULL, true);
    static job j;
    j.tokenizer = tokenizer;
    graft_threads_set(4);
    graft_parallel(64, encode_one, &j);
    for (size_t i = 0; i < 64; i++) {
        assert_int_equal(j.status[i], GRAFT_OK);
        is(&j.got[i], j.got[0].ids, j.got[0].n);
    }
    assert_true(j.got[0].n > 10);
    for (size_t i = 0; i < 64; i++) {
        graft_tokens_clear(&j.got[i]);
    }
    graft_tokenizer_free(tokenizer);
}

static void running_out_of_memory_appends_nothing(void **state)
{
    (void)state;
    graft_tokenizer *tokenizer = load("gpt-2", NULL, true);
    const char *text = "abcabc<u>\xff ab<|im_end|>";
    test_encode_without_memory(tokenizer, text);
    graft_tokenizer_free(tokenizer);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(merges_in_their_order),
        cmocka_unit_test(control_tokens_are_for_the_template_only),
        cmocka_unit_test(bytes_do_not_merge_into_control_tokens),
        cmocka_unit_test(nor_does_data_form_the_marks_of_harmony),
        cmocka_unit_test(masks_choose_among_occurrences),
        cmocka_unit_test(results_are_appended_and_offsets_start_anew),
        cmocka_unit_test(what_is_not_utf8_is_read_as_the_runtime_does),
        cmocka_unit_test(bytes_without_a_token_are_lost),
        cmocka_unit_test(phi3_special_tokens_swallow_space),
        cmocka_unit_test(a_giant_word_is_no_problem),
        cmocka_unit_test(one_tokenizer_serves_many_threads),
        cmocka_unit_test(running_out_of_memory_appends_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
