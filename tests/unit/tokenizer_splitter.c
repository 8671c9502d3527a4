/* tokenizer/splitter.h and the patterns of pretokenizers.c: where words begin and end. */
#include "support/test.h"

#include <string.h>

#include "core/memory.h"
#include "core/strings.h"
#include "tokenizer/pretokenizers.h"
#include "tokenizer/splitter.h"

typedef struct words {
    const char *text;
    graft_text marked; /* the words with a bar between them */
    size_t last_end, n;
} words;

static graft_status take(void *context, size_t start, size_t end)
{
    words *w = context;
    assert_int_equal(start, w->last_end);
    assert_true(start < end);
    w->last_end = end;
    w->n++;
    assert_ok(graft_text_append_z(&w->marked, "|"));
    return graft_text_append(&w->marked, w->text + start, end - start);
}

static void splits(const graft_splitter *splitter, const char *text, const char *wanted)
{
    words w = {.text = text};
    graft_split_state *state;
    assert_ok(graft_split_state_new(&state));
    assert_ok(graft_splitter_run(splitter, state, text, strlen(text), take, &w));
    assert_int_equal(w.last_end, strlen(text));
    assert_string_equal(graft_text_z(&w.marked), wanted);
    graft_text_clear(&w.marked);
    graft_split_state_free(state);
}

static graft_splitter *splitter_of(const char *name)
{
    const graft_pretokenizer *pre = graft_pretokenizer_find(name, strlen(name));
    assert_non_null(pre);
    graft_splitter *splitter;
    assert_ok(graft_splitter_new(&splitter, pre->cuts, graft_pretokenizer_n_cuts(pre)));
    return splitter;
}

static void families_cut_as_published(void **state)
{
    (void)state;
    const char *text = "Don't PAY 12345 at\n\n  caf\xc3\xa9's!?\r\n  ";
    const char *const wanted[][2] = {
        {"gpt-2", "|Don|'t| PAY| 12345| at|\n\n | caf\xc3\xa9|'s|!?|\r\n  "},
        {"smollm", "|Don|'t| PAY| |1|2|3|4|5| at|\n\n | caf\xc3\xa9|'s|!?|\r\n  "},
        {"llama-bpe", "|Don|'t| PAY| |123|45| at|\n\n| | caf\xc3\xa9|'s|!?\r\n|  "},
        {"qwen2", "|Don|'t| PAY| |1|2|3|4|5| at|\n\n| | caf\xc3\xa9|'s|!?\r\n|  "},
    };
    for (size_t i = 0; i < sizeof wanted / sizeof wanted[0]; i++) {
        graft_splitter *splitter = splitter_of(wanted[i][0]);
        splits(splitter, text, wanted[i][1]);
        splits(splitter, "", "");
        graft_splitter_free(splitter);
    }
}

static void contractions(void **state)
{
    (void)state;
    graft_splitter *splitter = splitter_of("gpt-2");
    splits(splitter, "WE'LL we'll 'tis", "|WE|'|LL| we|'ll| '|tis");
    graft_splitter_free(splitter);
    splitter = splitter_of("qwen2");
    splits(splitter, "WE'LL we'll 'tis", "|WE|'LL| we|'ll| '|tis");
    graft_splitter_free(splitter);
}

static void every_name_is_found_and_compiles(void **state)
{
    (void)state;
    for (size_t i = 0; i < graft_n_pretokenizers; i++) {
        const graft_pretokenizer *row = &graft_pretokenizers[i];
        for (size_t k = 0; k < GRAFT_PRETOKENIZER_MAX_NAMES && row->names[k] != NULL; k++) {
            assert_ptr_equal(graft_pretokenizer_find(row->names[k], strlen(row->names[k])), row);
        }
        graft_splitter *splitter = splitter_of(row->names[0]);
        splits(splitter, "a", "|a");
        graft_splitter_free(splitter);
    }
    assert_null(graft_pretokenizer_find("gpt-2x", 6));
    assert_null(graft_pretokenizer_find("gpt-", 4));
    assert_null(graft_pretokenizer_find("", 0));
}

static void later_patterns_do_not_see_neighbours(void **state)
{
    (void)state;
    graft_splitter *splitter;
    const graft_cut cuts[] = {{.pattern = "[0-9]"}, {.pattern = "a(?=[0-9])|[a-z]+"}};
    assert_ok(graft_splitter_new(&splitter, cuts, 2));
    splits(splitter, "xa1a,b2", "|xa|1|a|,|b|2");
    graft_splitter_free(splitter);
}

static void a_bad_pattern_is_an_error(void **state)
{
    (void)state;
    graft_splitter *splitter = (graft_splitter *)1;
    const graft_cut cuts[] = {{.pattern = "a"}, {.pattern = "b("}};
    assert_fails(graft_splitter_new(&splitter, cuts, 2), GRAFT_E_DATA,
                 "pattern 2: at character 2");
    assert_null(splitter);
}

static void sets_are_classes_of_their_own(void **state)
{
    (void)state;
    static const graft_code_set sets[] = {
        {0xe0, 0xe0, 0x3000}, {0xe1, 0xe9, 0xe9}, {0, 0, 0}}; /* the later one counts */
    const graft_cut cuts[] = {{.pattern = "\\xE0+", .sets = sets}, {.pattern = "\\xD2|\\xE1"}};
    graft_splitter *splitter;
    assert_ok(graft_splitter_new(&splitter, cuts, 2));
    splits(splitter, "aßé\xc3\xa0\xc3\xa1", "|a|ß|é|\xc3\xa0|\xc3\xa1");
    /* white space is in no set */
    splits(splitter, "\xe3\x80\x80\xc2\xa0", "|\xe3\x80\x80\xc2\xa0");
    graft_splitter_free(splitter);
}

static void digits_are_counted_from_the_end(void **state)
{
    (void)state;
    graft_splitter *splitter = splitter_of("superbpe");
    splits(splitter, "a1234567b12c123d", "|a|1|234|567|b|12|c|123|d");
    /* one number, two runs of ASCII digits */
    splits(splitter, "12\xd9\xa3" "4567", "|12\xd9\xa3" "4|567");
    graft_splitter_free(splitter);
    splitter = splitter_of("tiny_aya");
    splits(splitter, "1234567 1234 123 1", "|1|234|567| |1|234| |123| |1");
    graft_splitter_free(splitter);
}

static void long_runs_are_linear(void **state)
{
    (void)state;
    enum { N = 300000 };
    const char fill[] = {'a', ' ', '\n', '7', '!', '\'', 'A', '<', '\t', 'I'};
    char *text;
    assert_ok(graft_alloc(&text, N + 1, 1));
    for (size_t i = 0; i < graft_n_pretokenizers; i++) {
        graft_splitter *splitter = splitter_of(graft_pretokenizers[i].names[0]);
        graft_split_state *scratch;
        assert_ok(graft_split_state_new(&scratch));
        for (size_t k = 0; k < sizeof fill; k++) {
            words w = {.text = text};
            memset(text, fill[k], N);
            text[N - 1] = 'x';
            assert_ok(graft_splitter_run(splitter, scratch, text, N, take, &w));
            assert_int_equal(w.last_end, N);
            graft_text_clear(&w.marked);
        }
        graft_split_state_free(scratch);
        graft_splitter_free(splitter);
    }
    graft_free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(families_cut_as_published),
        cmocka_unit_test(contractions),
        cmocka_unit_test(every_name_is_found_and_compiles),
        cmocka_unit_test(later_patterns_do_not_see_neighbours),
        cmocka_unit_test(a_bad_pattern_is_an_error),
        cmocka_unit_test(sets_are_classes_of_their_own),
        cmocka_unit_test(digits_are_counted_from_the_end),
        cmocka_unit_test(long_runs_are_linear),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
