/* io/yaml.h: configuration files as JSON values, and back. */
#include "support/test.h"

#include <stdio.h>
#include <string.h>

#include "core/memory.h"
#include "io/yaml.h"

static graft_json *read_text(const char *text)
{
    graft_json *value;
    assert_ok(graft_yaml_read(&value, test_temp_file("c.yaml", text, strlen(text))));
    return value;
}

static void assert_reads_as(const char *yaml, const char *json)
{
    graft_json *value = read_text(yaml);
    graft_text text;
    graft_text_init(&text);
    assert_ok(graft_json_write(&text, value, GRAFT_JSON_COMPACT));
    assert_string_equal(graft_text_z(&text), json);
    graft_text_clear(&text);
    graft_json_free(value);
}

static void assert_refused(const char *yaml, const char *message)
{
    graft_json *value;
    assert_fails(graft_yaml_read(&value, test_temp_file("c.yaml", yaml, strlen(yaml))),
                 GRAFT_E_CONFIG, message);
    assert_null(value);
}

static void scalars_follow_the_core_schema(void **state)
{
    (void)state;
    static const char *const cases[][2] = {
        {"null", "null"}, {"~", "null"}, {"Null", "null"}, {"true", "true"}, {"FALSE", "false"},
        {"yes", "\"yes\""}, {"on", "\"on\""}, {"0", "0"}, {"-17", "-17"}, {"+5", "5"},
        {"007", "7"}, {"0x1F", "31"}, {"0o17", "15"}, {"2e-4", "2.0e-4"}, {"1E3", "1.0e3"},
        {".5", "0.5"}, {"5.", "5.0"}, {"-0.25", "-0.25"}, {"+1.5e+3", "1.5e+3"},
        {"1.2.3", "\"1.2.3\""}, {"12:30", "\"12:30\""}, {"1_000", "\"1_000\""}, {"e5", "\"e5\""},
        {"1e", "\"1e\""}, {"-", "\"-\""}, {".", "\".\""}, {"0x", "\"0x\""}, {"0o8", "\"0o8\""},
        {"\"5\"", "\"5\""}, {"'true'", "\"true\""}, {"''", "\"\""}, {"", "null"},
        {"\"a\\u00e9\\n\"", "\"a\xc3\xa9\\n\""}, {"a b c", "\"a b c\""},
        {"18446744073709551615", "18446744073709551615"}, {"0x7fffffffffffffff", "9223372036854775807"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char yaml[128], json[128];
        snprintf(yaml, sizeof yaml, cases[i][0][0] == '-' && cases[i][0][1] == '\0'
                                        ? "k: \"%s\"\n" : "k: %s\n", cases[i][0]);
        snprintf(json, sizeof json, "{\"k\":%s}", cases[i][1]);
        assert_reads_as(yaml, json);
    }
}

static void documents_become_json(void **state)
{
    (void)state;
    assert_reads_as("# a comment\nbase_model: m.gguf\nlist:\n  - 1\n  - [2, x]\n  - {path: d, n: ~}\n"
                    "text: |\n  two\n  lines\nlong: >-\n  one\n  line\n",
                    "{\"base_model\":\"m.gguf\",\"list\":[1,[2,\"x\"],{\"path\":\"d\",\"n\":null}],"
                    "\"text\":\"two\\nlines\\n\",\"long\":\"one line\"}");
    assert_reads_as("{\"a\": [1, true, null, \"x\"], \"b\": {\"c\": 1.5}}",
                    "{\"a\":[1,true,null,\"x\"],\"b\":{\"c\":1.5}}");
    assert_reads_as("%YAML 1.2\n---\na: 1\n...\n", "{\"a\":1}");
    assert_reads_as("- 1\n- 2\n", "[1,2]");
    assert_reads_as("{}", "{}");
    assert_reads_as("\n{\n\t\"a\": \"\\u00e9\\ud83d\\ude00\", \"b\": [1]}\n",
                    "{\"a\":\"\xc3\xa9\xf0\x9f\x98\x80\",\"b\":[1]}");
    assert_refused("{\"a\": \"\\ud83d\"}", "c.yaml:1: ");
    assert_refused("{\"a\": \"\\ud83d\\ude00\", \"a\": 1}", "c.yaml:1: ");
}

static void lines_of_keys_are_kept(void **state)
{
    (void)state;
    graft_json *v = read_text("# one\na: 1\n\nb:\n  c: 2\n  d: ~\ne: [\n 1,\n {f: 2}]\n");
    assert_int_equal(graft_yaml_line(v, "a"), 2);
    assert_int_equal(graft_yaml_line(v, "b"), 4);
    assert_int_equal(graft_yaml_line(v, "e"), 7);
    assert_int_equal(graft_yaml_line(graft_json_get(v, "b"), "d"), 6);
    assert_int_equal(graft_yaml_line(graft_json_at(graft_json_get(v, "e"), 1), "f"), 9);
    assert_int_equal(graft_yaml_line(v, "c"), 0);
    assert_int_equal(graft_yaml_line(NULL, "c"), 0);
    graft_json *copy;
    assert_ok(graft_json_copy(&copy, v));
    assert_int_equal(graft_yaml_line(copy, "a"), 0);
    graft_json_free(copy);
    graft_json_free(v);
}

static void what_is_refused(void **state)
{
    (void)state;
    assert_refused("", "c.yaml: is empty");
    assert_refused("# nothing\n", "c.yaml: is empty");
    assert_refused("a: 1\nb: 2\na: 3\n", "c.yaml:3: key \"a\" appears twice");
    assert_refused("a: 1\nb: &x 2\n", "c.yaml:2: anchors (&name) are not supported");
    assert_refused("a: &x [1]\n", "c.yaml:1: anchors");
    assert_refused("a: 1\nb: *x\n", "c.yaml:2: aliases (*name) are not supported");
    assert_refused("&k a: 1\n", "c.yaml:1: anchors");
    assert_refused("a: !!str 1\n", "c.yaml:1: tags (!name) are not supported");
    assert_refused("a: ! b\n", "c.yaml:1: tags");
    assert_refused("a: !!map {}\n", "c.yaml:1: tags");
    assert_refused("%TAG ! tag:x,2000:\n---\na: 1\n", "tags (%TAG) are not supported");
    assert_refused("a: 1\n---\nb: 2\n", "c.yaml:2: a second document begins here");
    assert_refused("? [a]\n: 1\n", "c.yaml:1: a key must be a plain word");
    assert_refused("\"a\\0b\": 1\n", "c.yaml:1: a key that holds a zero byte");
    assert_refused("a:\n  b: .inf\n", "c.yaml:2: the number is not finite");
    assert_refused("a: .NaN\n", "c.yaml:1: the number is not finite");
    assert_refused("a: 99999999999999999999\n", "c.yaml:1: the number is too large");
    assert_refused("a: 0xffffffffffffffff\n", "c.yaml:1: the number is too large");
    assert_refused("a: 1e999\n", "c.yaml:1: the number is too large");
    assert_refused("a: [1, 2\n", "c.yaml:2: did not find expected");
    assert_refused("a: 1\n\tb: 2\n", "c.yaml:2: ");
    assert_refused("a: 'x\n", "c.yaml:2: found unexpected end of stream");
    assert_refused("a: \xff\n", "c.yaml:1: ");
    assert_refused("a: [[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]]\n", "c.yaml:1: nested deeper than 16");
}

static void files_are_checked(void **state)
{
    (void)state;
    graft_json *value;
    assert_fails(graft_yaml_read(&value, test_temp_path("none.yaml")), GRAFT_E_DISK,
                 "none.yaml: cannot open");
    assert_fails(graft_yaml_read(&value, test_temp_dir()), GRAFT_E_DISK, "is a directory");
    char *big;
    assert_ok(graft_alloc(&big, (1 << 20) + 1, 1));
    memset(big, '#', (1 << 20) + 1);
    assert_fails(graft_yaml_read(&value, test_temp_file("big.yaml", big, (1 << 20) + 1)),
                 GRAFT_E_DISK, "big.yaml: 1048577 bytes, at most 1048576 are read");
    graft_free(big);
}

static void what_is_written_reads_back(void **state)
{
    (void)state;
    static const char json[] =
        "{\"path\":\"a/b-c.gguf\",\"rank\":16,\"lr\":0.0002,\"yes\":\"yes\",\"s\":\"\",\"num\":\"5\","
        "\"e\":\"1e5\",\"sp\":\"a b\",\"odd\":\"#x: \\\"q\\\" \\\\ \\n\\t\\u0000\\u007f\\u0085\\u2028"
        "\\ufeff\\u00e9\\ud83d\\ude00\",\"dash\":\"-\",\"star\":\"*x\",\"null\":null,\"b\":true,"
        "\"l\":[1,\"x\",[],{\"k\":\"v, w\",\"n\":null}],\"o\":{},\"two words\":\"~\",\"t\":\"true\","
        "\"hex\":\"0x10\",\"big\":\"99999999999999999999\",\"dots\":\"...\",\"nan\":\".nan\"}";
    graft_json *value, *again;
    graft_text text;
    graft_text_init(&text);
    assert_ok(graft_json_parse(&value, json, sizeof json - 1));
    assert_ok(graft_yaml_write(&text, value));
    assert_contains(text.data, "path: a/b-c.gguf\nrank: 16\nlr: 0.0002\n\"yes\": \"yes\"\ns: \"\"\n"
                               "num: \"5\"\n");
    assert_contains(text.data, "\nl: [1, x, [], {k: \"v, w\", \"n\": null}]\n");
    again = read_text(text.data);
    assert_true(graft_json_equal(value, again));
    graft_json_free(value);
    graft_json_free(again);
    graft_text_clear(&text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(scalars_follow_the_core_schema),
        cmocka_unit_test(documents_become_json),
        cmocka_unit_test(lines_of_keys_are_kept),
        cmocka_unit_test(what_is_refused),
        cmocka_unit_test(files_are_checked),
        cmocka_unit_test(what_is_written_reads_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
