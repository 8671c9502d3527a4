/* io/json.h: strict reading, values, and writing as Python writes. */
#include "support/test.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "core/memory.h"
#include "io/files.h"
#include "io/json.h"

static graft_json *parse(const char *text)
{
    graft_json *value;
    assert_ok(graft_json_parse(&value, text, strlen(text)));
    return value;
}

static void assert_written(const graft_json *value, graft_json_style style, const char *expected)
{
    graft_text text;
    graft_text_init(&text);
    assert_ok(graft_json_write(&text, value, style));
    assert_string_equal(graft_text_z(&text), expected);
    graft_text_clear(&text);
}

/* --- reading --- */

static void what_is_wrong_is_said_where_it_stands(void **state)
{
    (void)state;
    static const struct {
        const char *text, *message;
    } cases[] = {
        {"", "at byte 0: the text ends where a value is expected"},
        {" \n", "at byte 2: the text ends where a value is expected"},
        {"\xef\xbb\xbf{}", "at byte 0: byte 0xef where a value is expected"},
        {"{", "at byte 1: the text ends where a key in quotes is expected"},
        {"{\"a\"", "at byte 4: the text ends where ':' is expected"},
        {"{\"a\":1", "at byte 6: the text ends where ',' or '}' is expected"},
        {"{\"a\":1,}", "at byte 7: '}' where a key in quotes is expected"},
        {"{a:1}", "at byte 1: 'a' where a key in quotes is expected"},
        {"{\"a\" 1}", "at byte 5: '1' where ':' is expected"},
        {"[1,]", "at byte 3: ']' where a value is expected"},
        {"[1 2]", "at byte 3: '2' where ',' or ']' is expected"},
        {"[1", "at byte 2: the text ends where ',' or ']' is expected"},
        {"[,1]", "at byte 1: ',' where a value is expected"},
        {"{} {}", "at byte 3: something follows the value"},
        {"1x", "at byte 1: something follows the value"},
        {"nul", "at byte 0: a word that is not null, true or false"},
        {"[True]", "at byte 1: 'T' where a value is expected"},
        {"[trux]", "at byte 1: a word that is not"},
        {"NaN", "at byte 0: 'N' where a value is expected"},
        {"[Infinity]", "at byte 1: 'I' where a value is expected"},
        {"-Infinity", "at byte 1: 'I' where a digit is expected"},
        {"01", "at byte 0: the number begins with a superfluous 0"},
        {"-", "at byte 1: the text ends where a digit is expected"},
        {"+1", "at byte 0: '+' where a value is expected"},
        {".5", "at byte 0: '.' where a value is expected"},
        {"1.", "at byte 2: the text ends where a digit is expected"},
        {"1e", "at byte 2: the text ends where a digit of the exponent is expected"},
        {"1e+", "at byte 3: the text ends where a digit of the exponent is expected"},
        {"0x10", "at byte 1: something follows the value"},
        {"18446744073709551616", "at byte 0: the integer does not fit in 64 bits"},
        {"[-9223372036854775809]", "at byte 1: the integer does not fit in 64 bits"},
        {"100000000000000000000000", "the integer does not fit in 64 bits"},
        {"1e309", "at byte 0: the number is too large for a double"},
        {"-1.7976931348623159e308", "the number is too large for a double"},
        {"1e99999999999999999999", "the number is too large for a double"},
        {"\"abc", "at byte 0: a string without its closing quote"},
        {"\"a\nb\"", "at byte 2: a control character inside a string must be escaped"},
        {"\"a\tb\"", "at byte 2: a control character"},
        {"\"\\x41\"", "at byte 1: an escape that JSON does not have"},
        {"\"\\u12g4\"", "at byte 1: an escape that JSON does not have"},
        {"\"\\u12", "at byte 1: an escape that JSON does not have"},
        {"\"\\ud800\"", "at byte 1: a high surrogate without its low one"},
        {"\"\\ud800\\u0041\"", "at byte 1: a high surrogate without its low one"},
        {"\"x\\udc00\"", "at byte 2: a low surrogate without its high one"},
        {"\"\xff\"", "at byte 1: invalid UTF-8"},
        {"\"\xed\xa0\x80\"", "at byte 1: invalid UTF-8"},
        {"\"\xc0\xaf\"", "at byte 1: invalid UTF-8"},
        {"{\"a\":1,\"b\":2,\"a\":3}", "at byte 13: duplicate key \"a\""},
        {"{\"a\":1,\"\\u0061\":2}", "at byte 7: duplicate key \"a\""},
        {"{\"\\ud83d\\ude00\":1,\"\xf0\x9f\x98\x80\":2}", "at byte 18: duplicate key \"\xf0"},
        {"{\"a\\u0000b\":1}", "at byte 1: a key that holds a zero byte"},
        {"[1]//x", "at byte 3: something follows the value"},
        {"/**/1", "at byte 0: '/' where a value is expected"},
        {"['a']", "at byte 1: ''' where a value is expected"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        graft_json *value = (graft_json *)(uintptr_t)1;
        assert_fails(graft_json_parse(&value, cases[i].text, strlen(cases[i].text)), GRAFT_E_DATA,
                     cases[i].message);
        assert_null(value);
    }
    graft_json *value;
    assert_fails(graft_json_parse(&value, "[1\0]", 4), GRAFT_E_DATA, "at byte 2: byte 0x00 where");
}

/* Objects with many keys are checked another way than small ones. */
static void duplicates_are_found_among_many_keys(void **state)
{
    (void)state;
    graft_text text;
    graft_json *value;
    graft_text_init(&text);
    assert_ok(graft_text_append_z(&text, "{"));
    for (int i = 0; i < 5000; i++) {
        assert_ok(graft_text_appendf(&text, "\"k%d\":{\"k%d\":%d},", i, i, i));
    }
    size_t at = text.len;
    assert_ok(graft_text_append_z(&text, "\"k5000\":0}"));
    assert_ok(graft_json_parse(&value, text.data, text.len));
    assert_int_equal(graft_json_length(value), 5001);
    graft_json_free(value);
    memcpy(text.data + at, "\"k4321\"", 7);
    char expected[64];
    snprintf(expected, sizeof expected, "at byte %zu: duplicate key \"k4321\"", at);
    assert_fails(graft_json_parse(&value, text.data, text.len), GRAFT_E_DATA, expected);
    graft_text_clear(&text);
}

static void depth_is_bounded(void **state)
{
    (void)state;
    char text[2 * 129 + 1];
    graft_json *value;
    memset(text, '[', 129);
    memset(text + 129, ']', 129);
    assert_fails(graft_json_parse(&value, text, 258), GRAFT_E_DATA,
                 "at byte 128: nested deeper than 128");
    assert_ok(graft_json_parse(&value, text + 1, 256));
    graft_json_free(value);
}

static void text_need_not_be_terminated(void **state)
{
    (void)state;
    graft_json *value;
    assert_ok(graft_json_parse(&value, "123456", 3));
    assert_int_equal(graft_json_int(value), 123);
    graft_json_free(value);
    assert_ok(graft_json_parse(&value, "truely", 4));
    assert_true(graft_json_bool(value));
    graft_json_free(value);
}

static void values_are_read(void **state)
{
    (void)state;
    graft_json *v = parse(" {\"s\": \"a\\u0000\\ud83d\\ude00\\n\", \"i\": -5, \"d\": 2.5, \"t\": true, "
                          "\"n\": null, \"a\": [1, null], \"big\": 18446744073709551615} ");
    size_t n;
    const char *s = graft_json_string(graft_json_get(v, "s"), &n);
    assert_int_equal(n, 7);
    assert_memory_equal(s, "a\0\xf0\x9f\x98\x80\n", 7);
    assert_int_equal(graft_json_int(graft_json_get(v, "i")), -5);
    assert_int_equal(graft_json_get_type(graft_json_get(v, "i")), GRAFT_JSON_INT);
    assert_true(graft_json_double(graft_json_get(v, "d")) == 2.5);
    assert_int_equal(graft_json_int(graft_json_get(v, "d")), 2);
    assert_true(graft_json_double(graft_json_get(v, "big")) == 0x1p64);
    assert_true(graft_json_int(graft_json_get(v, "big")) == INT64_MAX);
    assert_true(graft_json_bool(graft_json_get(v, "t")));
    assert_null(graft_json_get(v, "n"));
    assert_true(graft_json_has(v, "n"));
    assert_null(graft_json_get(v, "none"));
    assert_false(graft_json_has(v, "none"));
    assert_int_equal(graft_json_length(graft_json_get(v, "a")), 2);
    assert_null(graft_json_at(graft_json_get(v, "a"), 1));
    assert_null(graft_json_at(graft_json_get(v, "a"), 2));
    assert_int_equal(graft_json_length(v), 7);
    graft_json_free(v);
}

static void other_types_give_nothing(void **state)
{
    (void)state;
    graft_json *v = parse("{\"s\": \"1\", \"a\": []}");
    graft_json *s = graft_json_get(v, "s");
    size_t n = 9;
    assert_int_equal(graft_json_int(s), 0);
    assert_true(graft_json_double(s) == 0.0);
    assert_false(graft_json_bool(s));
    assert_null(graft_json_string(v, &n));
    assert_int_equal(n, 0);
    assert_null(graft_json_get(s, "x"));
    assert_null(graft_json_at(v, 0));
    assert_int_equal(graft_json_length(s), 0);
    assert_int_equal(graft_json_get_type(NULL), GRAFT_JSON_NULL);
    assert_false(graft_json_is(NULL, GRAFT_JSON_NULL));
    assert_string_equal(graft_json_type_name(graft_json_get_type(s)), "string");
    graft_json_iter it = graft_json_iter_begin(s);
    assert_false(graft_json_iter_next(&it));
    graft_json_free(v);
}

static void objects_keep_their_order(void **state)
{
    (void)state;
    graft_json *v = parse("{\"z\": 1, \"a\": null, \"m\": 3}");
    static const char *const keys[] = {"z", "a", "m"};
    size_t i = 0;
    for (graft_json_iter it = graft_json_iter_begin(v); graft_json_iter_next(&it); i++) {
        assert_string_equal(it.key, keys[i]);
        assert_int_equal(it.value == NULL, i == 1);
    }
    assert_int_equal(i, 3);
    graft_json_free(v);
}

/* What was read before is not in an empty string's place. */
static void empty_strings_are_keys_and_values(void **state)
{
    (void)state;
    graft_json *v = parse("{\"x\": 1, \"\": 2, \"y\": {\"\": \"\"}, \"z\": [\"long\", \"\", {\"\": \"\\n\"}]}");
    assert_int_equal(graft_json_length(v), 4);
    assert_int_equal(graft_json_int(graft_json_get(v, "")), 2);
    assert_written(v, GRAFT_JSON_COMPACT,
                   "{\"x\":1,\"\":2,\"y\":{\"\":\"\"},\"z\":[\"long\",\"\",{\"\":\"\\n\"}]}");
    graft_json_free(v);
    assert_fails(graft_json_parse(&v, "{\"\":1,\"x\":2,\"\":3}", 18), GRAFT_E_DATA,
                 "at byte 12: duplicate key \"\"");
}

/* --- building --- */

static void values_are_built(void **state)
{
    (void)state;
    graft_json *o = graft_json_new_object(), *a = graft_json_new_array();
    assert_ok(graft_json_set_string(o, "s", "x\"y"));
    assert_ok(graft_json_set_int(o, "i", INT64_MIN));
    assert_ok(graft_json_set_double(o, "d", 0.1));
    assert_ok(graft_json_set_bool(o, "b", false));
    assert_ok(graft_json_set(o, "n", NULL));
    assert_ok(graft_json_push(a, graft_json_new_string("a\0b", 3)));
    assert_ok(graft_json_push(a, graft_json_new_double(NAN)));
    assert_ok(graft_json_push(a, NULL));
    assert_ok(graft_json_set(o, "a", graft_json_retain(a)));
    assert_ok(graft_json_set_int(o, "s", 7)); /* replaces */
    assert_written(o, GRAFT_JSON_COMPACT,
                   "{\"s\":7,\"i\":-9223372036854775808,\"d\":0.1,\"b\":false,\"n\":null,"
                   "\"a\":[\"a\\u0000b\",null,null]}");
    assert_fails(graft_json_set_int(a, "x", 1), GRAFT_E_FAILED, "cannot set \"x\" in a JSON array");
    assert_fails(graft_json_push(o, NULL), GRAFT_E_FAILED, "cannot append to a JSON object");
    graft_json_free(o);
    assert_int_equal(graft_json_length(a), 3); /* still held here */
    graft_json_free(a);
    graft_json_free(NULL);
}

static void copies_are_independent(void **state)
{
    (void)state;
    const char *text = "{\"a\":[1,2.50,1E2,null,true,\"x\"],\"b\":{\"c\":18446744073709551615}}";
    graft_json *v = parse(text), *copy;
    assert_ok(graft_json_copy(&copy, v));
    assert_true(graft_json_equal(v, copy));
    assert_ok(graft_json_set_int(graft_json_get(v, "b"), "c", 0));
    assert_false(graft_json_equal(v, copy));
    assert_written(copy, GRAFT_JSON_COMPACT, text);
    graft_json_free(v);
    graft_json_free(copy);
    assert_ok(graft_json_copy(&copy, NULL));
    assert_null(copy);
}

static void equality_is_that_of_json(void **state)
{
    (void)state;
    static const struct {
        const char *a, *b;
        bool equal;
    } cases[] = {
        {"1", "1.0", true}, {"1", "1e0", true}, {"1", "2", false}, {"null", "null", true},
        {"{\"a\":1,\"b\":2}", "{\"b\":2,\"a\":1}", true}, {"{\"a\":1}", "{\"a\":1,\"b\":2}", false},
        {"{\"a\":1,\"b\":2}", "{\"a\":1,\"c\":2}", false}, {"{\"a\":null}", "{\"b\":null}", false},
        {"[1,2]", "[2,1]", false}, {"[1,2]", "[1,2,3]", false}, {"[]", "{}", false},
        {"\"1\"", "1", false}, {"true", "1", false}, {"null", "false", false}, {"0", "-0", true},
        {"\"a\\u0000b\"", "\"a\\u0000c\"", false}, {"\"\\u00e9\"", "\"\xc3\xa9\"", true},
        {"18446744073709551615", "18446744073709551615", true},
        {"18446744073709551615", "-1", false}, {"18446744073709551615", "9223372036854775807", false},
        {"9007199254740993", "9007199254740992", false}, {"[[1]]", "[[1.0]]", true},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        graft_json *a = parse(cases[i].a), *b = parse(cases[i].b);
        assert_int_equal(graft_json_equal(a, b), cases[i].equal);
        assert_int_equal(graft_json_equal(b, a), cases[i].equal);
        graft_json_free(a);
        graft_json_free(b);
    }
}

/* --- writing --- */

static void styles(void **state)
{
    (void)state;
    graft_json *v = parse("{\"a\":[1,{\"b\":[]}],\"c\":{},\"d\":1.50e2,\"e\":-0,\"f\":-0.0}");
    assert_written(v, GRAFT_JSON_COMPACT,
                   "{\"a\":[1,{\"b\":[]}],\"c\":{},\"d\":1.50e2,\"e\":0,\"f\":-0.0}");
    assert_written(v, GRAFT_JSON_PYTHON,
                   "{\"a\": [1, {\"b\": []}], \"c\": {}, \"d\": 150.0, \"e\": 0, \"f\": -0.0}");
    assert_written(v, GRAFT_JSON_PRETTY,
                   "{\n  \"a\": [\n    1,\n    {\n      \"b\": []\n    }\n  ],\n  \"c\": {},\n"
                   "  \"d\": 1.50e2,\n  \"e\": 0,\n  \"f\": -0.0\n}");
    graft_json_free(v);
    assert_written(NULL, GRAFT_JSON_COMPACT, "null");
}

static void strings_are_escaped_as_python_does(void **state)
{
    (void)state;
    graft_json *v = parse("\"\\u0000\\u0007\\b\\f\\n\\r\\t\\\"\\\\\\/\\u001f\\u007f\\u2028\\u00e9\"");
    assert_written(v, GRAFT_JSON_PYTHON, "\"\\u0000\\u0007\\b\\f\\n\\r\\t\\\"\\\\/\\u001f\x7f"
                                         "\xe2\x80\xa8\xc3\xa9\"");
    graft_json_free(v);
}

static void assert_double(double value, const char *expected)
{
    graft_text text;
    graft_text_init(&text);
    assert_ok(graft_json_write_double(&text, value));
    assert_string_equal(graft_text_z(&text), expected);
    graft_text_clear(&text);
}

static const struct {
    double value;
    const char *repr;
} reprs[] = {
    {0.0, "0.0"}, {-0.0, "-0.0"}, {1.0, "1.0"}, {100000.0, "100000.0"}, {0.1, "0.1"},
    {1e15, "1000000000000000.0"}, {1e16, "1e+16"}, {123456789012345680.0, "1.2345678901234568e+17"},
    {0.0001, "0.0001"}, {0.00001, "1e-05"}, {1.5e-7, "1.5e-07"}, {5e-324, "5e-324"},
    {2.2250738585072014e-308, "2.2250738585072014e-308"}, {1.7976931348623157e308, "1.7976931348623157e+308"},
    {0.1 + 0.2, "0.30000000000000004"}, {-2.5e100, "-2.5e+100"}, {1e22, "1e+22"}, {1e23, "1e+23"},
    {0x1p-44, "5.684341886080802e-14"}, {0x1p-1017, "7.120236347223045e-307"},
    {9007199254740993.0, "9007199254740992.0"}, {INFINITY, "inf"}, {-INFINITY, "-inf"}, {NAN, "nan"},
};

static void doubles_are_written_as_repr(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof reprs / sizeof *reprs; i++) {
        assert_double(reprs[i].value, reprs[i].repr);
    }
}

/* --- the parsing cases of JSONTestSuite --- */

/* Accepted by RFC 8259 with results that differ between parsers; refused here on purpose. */
static bool is_exception(const char *name)
{
    static const char *const names[] = {"y_object_duplicated_key.json",
                                        "y_object_duplicated_key_and_value.json",
                                        "y_object_escaped_null_in_key.json"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        if (strcmp(name, names[i]) == 0) {
            return true;
        }
    }
    return false;
}

static void the_test_suite_is_judged_right(void **state)
{
    (void)state;
    static const char folder[] = "../shared/fixtures/json/test_parsing";
    char **names;
    size_t n, judged = 0, exceptions = 0;
    if (!graft_path_is_dir(folder)) {
        test_skip("../shared/fixtures/json is not there");
    }
    assert_ok(graft_dir_list(&names, &n, folder));
    for (size_t i = 0; i < n; i++) {
        char *path;
        graft_text text;
        graft_json *value;
        graft_text_init(&text);
        assert_ok(graft_path_join(&path, folder, names[i]));
        assert_ok(graft_file_read(&text, path, 1 << 22));
        graft_status status = graft_json_parse(&value, graft_text_z(&text), text.len);
        bool expected = names[i][0] == 'y' && !is_exception(names[i]);
        if (names[i][0] != 'i' && (status == GRAFT_OK) != expected) {
            fail_msg("%s: %s", names[i], status == GRAFT_OK ? "accepted" : graft_error_message());
        }
        judged += names[i][0] == 'y' || names[i][0] == 'n';
        exceptions += is_exception(names[i]);
        graft_json_free(value);
        graft_text_clear(&text);
        graft_free(path);
    }
    graft_dir_free(names, n);
    assert_in_range(judged, 250, 400);
    assert_int_equal(exceptions, 3);
}

/* tokenizer_config.json says 10^30 where a length has no bound: folders with it were not read. */
static void integers_of_python_know_no_bound(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        graft_json_type type;
        double value;
    } cases[] = {
        {"1000000000000000019884624838656", GRAFT_JSON_DOUBLE, 1e30},
        {"-9223372036854775809", GRAFT_JSON_DOUBLE, -9223372036854775808.0},
        {"-9223372036854775808", GRAFT_JSON_INT, -9223372036854775808.0},
        {"18446744073709551616", GRAFT_JSON_DOUBLE, 18446744073709551616.0},
        {"18446744073709551615", GRAFT_JSON_INT, 18446744073709551615.0},
        {"12", GRAFT_JSON_INT, 12},
    };
    graft_json *value;
    char long_number[400];
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        assert_ok(graft_json_parse_long(&value, cases[i].text, strlen(cases[i].text)));
        assert_int_equal(graft_json_get_type(value), cases[i].type);
        assert_true(graft_json_double(value) == cases[i].value);
        graft_json_free(value);
    }
    memset(long_number, '9', sizeof long_number);
    assert_fails(graft_json_parse_long(&value, long_number, sizeof long_number), GRAFT_E_DATA,
                 "at byte 0: the number is too large for a double");
}

static void any_bytes_become_text(void **state)
{
    (void)state;
    static const struct {
        const char *bytes, *text;
    } cases[] = {
        {"", "\"\""},
        {"a\xe4\xb8\x96", "\"a\xe4\xb8\x96\""},
        {"a\xe4\xb8", "\"a\xef\xbf\xbd\xef\xbf\xbd\""},
        {"\xff" "b\xc0\xaf", "\"\xef\xbf\xbd" "b\xef\xbf\xbd\xef\xbf\xbd\""},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        graft_json *value = graft_json_new_text(cases[i].bytes, strlen(cases[i].bytes));
        assert_written(value, GRAFT_JSON_COMPACT, cases[i].text);
        graft_json_free(value);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_wrong_is_said_where_it_stands),
        cmocka_unit_test(duplicates_are_found_among_many_keys),
        cmocka_unit_test(depth_is_bounded),
        cmocka_unit_test(text_need_not_be_terminated),
        cmocka_unit_test(values_are_read),
        cmocka_unit_test(integers_of_python_know_no_bound),
        cmocka_unit_test(other_types_give_nothing),
        cmocka_unit_test(objects_keep_their_order),
        cmocka_unit_test(empty_strings_are_keys_and_values),
        cmocka_unit_test(values_are_built),
        cmocka_unit_test(any_bytes_become_text),
        cmocka_unit_test(copies_are_independent),
        cmocka_unit_test(equality_is_that_of_json),
        cmocka_unit_test(styles),
        cmocka_unit_test(strings_are_escaped_as_python_does),
        cmocka_unit_test(doubles_are_written_as_repr),
        cmocka_unit_test(the_test_suite_is_judged_right),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
