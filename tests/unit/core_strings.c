/* core/strings.h: growing texts, UTF-8, escaping, edit distance. */
#include "support/test.h"

#include <string.h>

#include "core/memory.h"
#include "core/strings.h"

static void text_grows_and_stays_terminated(void **state)
{
    (void)state;
    graft_text text;
    graft_text_init(&text);
    assert_string_equal(graft_text_z(&text), "");
    assert_ok(graft_text_append(&text, "a\0b", 3));
    assert_ok(graft_text_append_char(&text, 'c'));
    assert_ok(graft_text_append_z(&text, "de"));
    assert_ok(graft_text_appendf(&text, "%d-%s", 12, "x"));
    assert_ok(graft_text_append_codepoint(&text, 0x20ac));
    assert_int_equal(text.len, 13);
    assert_memory_equal(text.data, "a\0bcde12-x\xe2\x82\xac", 14);
    for (int i = 0; i < 1000; i++) {
        assert_ok(graft_text_appendf(&text, "%04d", i));
        assert_int_equal(strlen(text.data + 13), 4 * (size_t)(i + 1));
    }
    graft_text_clear(&text);
    assert_int_equal(text.len, 0);
    graft_text_clear(&text);
}

static void take_moves_the_bytes_out(void **state)
{
    (void)state;
    graft_text text;
    graft_text_init(&text);
    char *taken;
    assert_ok(graft_text_take(&text, &taken));
    assert_string_equal(taken, "");
    graft_free(taken);
    assert_ok(graft_text_append_z(&text, "mine"));
    assert_ok(graft_text_take(&text, &taken));
    assert_string_equal(taken, "mine");
    assert_null(text.data);
    graft_free(taken);
}

static void failed_append_keeps_the_text(void **state)
{
    (void)state;
    graft_text text;
    graft_text_init(&text);
    assert_ok(graft_text_append_z(&text, "kept"));
    assert_fails(graft_text_append(&text, "", SIZE_MAX - 2), GRAFT_E_MEMORY, "out of memory");
    graft_alloc_fail_at(1);
    assert_fails(graft_text_appendf(&text, "%100d", 1), GRAFT_E_MEMORY, "out of memory");
    assert_string_equal(text.data, "kept");
    graft_text_clear(&text);
}

static void every_code_point_survives(void **state)
{
    (void)state;
    for (uint32_t c = 0; c <= 0x10ffff; c++) {
        char bytes[4];
        uint32_t back = 0xffffffff;
        size_t n = graft_utf8_encode(c, bytes);
        size_t used = graft_utf8_decode(bytes, n, &back);
        if (c >= 0xd800 && c <= 0xdfff) {
            assert_int_equal(used, 0);
        } else if (used != n || back != c) {
            fail_msg("U+%04X: %zu bytes written, %zu read as U+%04X", c, n, used, back);
        }
        for (size_t cut = 1; cut < n; cut++) {
            assert_int_equal(graft_utf8_decode(bytes, cut, &back), 0);
        }
    }
}

static void malformed_utf8_is_refused(void **state)
{
    (void)state;
    const char *const bad[] = {
        "\x80",             "\xbf",             "\xc0\x80",         "\xc1\xbf",
        "\xe0\x80\x80",     "\xe0\x9f\xbf",     "\xed\xa0\x80",     "\xed\xbf\xbf",
        "\xf0\x80\x80\x80", "\xf0\x8f\xbf\xbf", "\xf4\x90\x80\x80", "\xf5\x80\x80\x80",
        "\xff",             "\xfe",             "\xc3(",            "\xe2(\xa1",
        "\xe2\x82(",        "\xf0\x9f\x98(",    "\xe2\x82",
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        uint32_t c;
        assert_int_equal(graft_utf8_decode(bad[i], strlen(bad[i]), &c), 0);
        char text[16] = "\xc3\xa4ok";
        strcat(text, bad[i]);
        size_t at = 0;
        assert_false(graft_utf8_valid(text, strlen(text), &at));
        assert_int_equal(at, 4);
        assert_false(graft_utf8_valid(text, strlen(text), NULL));
    }
    assert_true(graft_utf8_valid("", 0, NULL));
    assert_true(graft_utf8_valid("a\0\xf0\x9f\x98\x80", 6, NULL));
    uint32_t c;
    assert_int_equal(graft_utf8_decode("", 0, &c), 0);
}

static void check_escaped(const char *bytes, size_t n, bool keep_lines, const char *expected)
{
    graft_text text;
    graft_text_init(&text);
    assert_ok(graft_text_append_escaped(&text, bytes, n, keep_lines));
    assert_string_equal(graft_text_z(&text), expected);
    graft_text_clear(&text);
}

static void terminals_are_not_steered(void **state)
{
    (void)state;
    check_escaped("plain \xc3\xa4 \xf0\x9f\x98\x80", 13, false, "plain \xc3\xa4 \xf0\x9f\x98\x80");
    check_escaped("\x1b[2J\a\x7f", 6, true, "\\x1b[2J\\x07\\x7f");
    check_escaped("a\tb\nc\r", 6, true, "a\tb\nc\\x0d");
    check_escaped("a\tb\nc", 5, false, "a\\x09b\\x0ac");
    check_escaped("\0", 1, false, "\\x00");
    check_escaped("\xc2\x9b" "31m", 5, true, "\\u{9b}31m");
    check_escaped("a\xe2\x80\xae" "b", 5, true, "a\\u{202e}b");
    check_escaped("\xe2\x81\xa6\xe2\x81\xa9", 6, true, "\\u{2066}\\u{2069}");
    check_escaped("x\xff\xc3", 3, true, "x\\xff\\xc3");
    check_escaped("", 0, false, "");
}

static void words_of_commands_stay_words(void **state)
{
    (void)state;
    static const char *const cases[][2] = {
        {"runs/a-b_1.gguf", "runs/a-b_1.gguf"}, {"https://host:80/a@b=c,d+e%20", "https://host:80/a@b=c,d+e%20"},
        {"\xc3\xa4.gguf", "\xc3\xa4.gguf"}, {"a b", "'a b'"}, {"it's", "'it'\\''s'"}, {"$(x)", "'$(x)'"},
        {"~", "'~'"}, {"a\nb", "'a\nb'"}, {"", "''"}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        graft_text text;
        graft_text_init(&text);
        assert_ok(graft_text_append_word(&text, cases[i][0]));
        assert_string_equal(graft_text_z(&text), cases[i][1]);
        graft_text_clear(&text);
    }
}

static void edit_distance_counts_slips(void **state)
{
    (void)state;
    assert_int_equal(graft_edit_distance("learning_rate", "learning_rate", 3), 0);
    assert_int_equal(graft_edit_distance("lora_r", "lora_rr", 3), 1);
    assert_int_equal(graft_edit_distance("train", "trian", 3), 1);
    assert_int_equal(graft_edit_distance("kitten", "sitting", 3), 3);
    assert_int_equal(graft_edit_distance("ca", "abc", 5), 3); /* restricted: not 2 */
    assert_int_equal(graft_edit_distance("", "abc", 5), 3);
    assert_int_equal(graft_edit_distance("abc", "xyz", 2), 3);
    assert_int_equal(graft_edit_distance("a", "abcdefgh", 2), 3);
    char longer[200];
    memset(longer, 'a', sizeof longer);
    longer[199] = '\0';
    assert_int_equal(graft_edit_distance(longer, longer + 1, 2), 3);
}

static void prefixes_and_suffixes(void **state)
{
    (void)state;
    assert_true(graft_str_ends_with("a.jsonl.zst", ".zst"));
    assert_false(graft_str_ends_with("zst", ".zst"));
    assert_true(graft_str_ends_with("x", ""));
    assert_true(graft_str_starts_with("blk.0", "blk."));
    assert_false(graft_str_starts_with("bl", "blk."));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(text_grows_and_stays_terminated),
        cmocka_unit_test(take_moves_the_bytes_out),
        cmocka_unit_test(failed_append_keeps_the_text),
        cmocka_unit_test(every_code_point_survives),
        cmocka_unit_test(malformed_utf8_is_refused),
        cmocka_unit_test(terminals_are_not_steered),
        cmocka_unit_test(words_of_commands_stay_words),
        cmocka_unit_test(edit_distance_counts_slips),
        cmocka_unit_test(prefixes_and_suffixes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
