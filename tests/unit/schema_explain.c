/* schema/schema.h: what is said of values that do not fit, and of schemas that make no sense. */
#include "support/test.h"

#include <string.h>

#include "schema/schema.h"
#include "support/json.h"

static graft_schema_scratch *scratch;

static void says_at_most(size_t limit, const char *schema, const char *value, const char *wanted)
{
    graft_schema *compiled;
    graft_text text;
    graft_text_init(&text);
    assert_ok(graft_schema_compile(&compiled, test_json(schema), GRAFT_SCHEMA_2020_12));
    assert_ok(graft_schema_explain(&text, compiled, scratch, test_json(value), "/arguments",
                                   limit));
    assert_string_equal(graft_text_z(&text), wanted);
    graft_text_clear(&text);
    graft_schema_free(compiled);
}

static void says(const char *schema, const char *value, const char *wanted)
{
    says_at_most(10, schema, value, wanted);
}

static void findings(void **state)
{
    (void)state;
    const char *weather = "{'type':'object','properties':{'city':{'type':'string','minLength':2},"
                          "'days':{'type':'integer','maximum':7},'unit':{'enum':['C','F']}},"
                          "'required':['city'],'additionalProperties':false}";
    says(weather, "{'city':'Rome','days':3}", "");
    says(weather, "{'city':1.5}", "/arguments/city: is a number, not string\n");
    says(weather, "{'days':'3','unit':'K','x':1}",
         "/arguments: lacks the property \"city\"\n"
         "/arguments/days: is a string, not integer\n"
         "/arguments/unit: \"K\" is not one of \"C\", \"F\"\n"
         "/arguments: has a property \"x\" that is not declared\n");
    says_at_most(2, weather, "{'days':'3','unit':'K','x':1}",
                 "/arguments: lacks the property \"city\"\n"
                 "/arguments/days: is a string, not integer\n");
    says(weather, "{'city':'R','days':8}",
         "/arguments/city: has 1 characters, not at least 2\n"
         "/arguments/days: 8 is more than 7\n");
    says(weather, "[]", "/arguments: is an array, not object\n");
    says("{'items':{'type':['string','null']}}", "['a',null,{'b':1}]",
         "/arguments/2: is an object, not null or string\n");
    says("{'properties':{'a/b~':{'const':1}}}", "{'a/b~':2}", "/arguments/a~1b~0: 2 is not 1\n");
    says("{'anyOf':[{'type':'string'},{'type':'null'}]}", "1",
         "/arguments: 1 fits none of the 2 schemas of anyOf\n");
    says("{'oneOf':[true,true]}", "1", "/arguments: 1 fits more than one schema of oneOf\n");
    says("{'pattern':'^[a-z]+$'}", "'A'",
         "/arguments: \"A\" does not match the pattern \"^[a-z]+$\"\n");
    says("{'multipleOf':0.5}", "1.2", "/arguments: 1.2 is no multiple of 0.5\n");
    says("{'uniqueItems':true}", "[1,2,1]", "/arguments: has equal items, 0 and 2\n");
    says("{'propertyNames':{'maxLength':1}}", "{'ab':1}",
         "/arguments: the name \"ab\" is not allowed\n");
    says("{'unevaluatedProperties':false}", "{'ab':1}", "/arguments/ab: nothing is allowed here\n");
    says("false", "1", "/arguments: nothing is allowed here\n");
}

static void findings_cannot_steer_a_terminal(void **state)
{
    (void)state;
    says("{'additionalProperties':false}", "{'\\u001b[2J':1}",
         "/arguments: has a property \"\\x1b[2J\" that is not declared\n");
    says("{'properties':{'\\u001b':{'const':'\xc2\x9b'}}}", "{'\\u001b':'\\u202e'}",
         "/arguments/\\x1b: \"\\u{202e}\" is not \"\\u{9b}\"\n");
    says("{'const':1}",
         "'\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9"
         "\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9'",
         "/arguments: \"\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9"
         "\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9... "
         "is not 1\n");
}

static void remarks(void **state)
{
    (void)state;
    static const char *const cases[][2] = {
        {"{'properties':{'a':{'pattern':'x)'}}}", "/properties/a/pattern: is no pattern: at "
                                                  "character 1: unmatched closing parenthesis"},
        {"{'pattern':'^\\\\Z'}", "/pattern: is no pattern: at character 1: ECMA 262 has no \\Z"},
        {"{'pattern':'(*LIMIT_HEAP=0)a'}", "/pattern: is no pattern: at character 0: nothing to "
                                           "repeat"},
        {"{'items':{'$ref':'https://example.com/a'}}",
         "/items/$ref: \"https://example.com/a\" is not in this document and is not fetched"},
        {"{'$ref':'#/nowhere'}", "/$ref: \"#/nowhere\" leads to no schema"},
        {"{'$ref':'#nowhere'}", "/$ref: \"#nowhere\" leads to no schema"},
        {"{'allOf':[{'minimum':'3'}]}", "/allOf/0/minimum: is no number"},
        {"{'exclusiveMinimum':true}", "/exclusiveMinimum: is no number"},
        {"{'maxLength':-1}", "/maxLength: is no integer from 0 on"},
        {"{'type':'colour'}", "/type: \"colour\" is no type"},
        {"{'properties':{'a':'string'}}", "/properties: holds string where a schema is expected"},
        {"{'required':true}", "/required: is no array of names"},
        {"{'$schema':'urn:mine'}", "/$schema: \"urn:mine\" is not known and is not fetched; read "
                                   "as draft 2020-12"},
        {"[]", "the schema is array"},
        {"null", "the schema is null"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        graft_schema *schema;
        assert_ok(graft_schema_compile(&schema, test_json(cases[i][0]), GRAFT_SCHEMA_2020_12));
        assert_non_null(graft_schema_remark(schema, 0));
        assert_string_equal(graft_schema_remark(schema, 0), cases[i][1]);
        assert_null(graft_schema_remark(schema, 1));
        graft_schema_free(schema);
    }
}

static void patterns_are_counted(void **state)
{
    (void)state;
    graft_text text;
    graft_json *json;
    graft_schema *schema;
    graft_text_init(&text);
    assert_ok(graft_text_append_z(&text, "{\"patternProperties\":{\"^x\":false"));
    for (int i = 0; i < GRAFT_SCHEMA_MAX_PATTERNS; i++) {
        assert_ok(graft_text_appendf(&text, ",\"(?:abc%d){1000}\":true", i));
    }
    assert_ok(graft_text_append_z(&text, "}}"));
    assert_ok(graft_json_parse(&json, text.data, text.len));
    assert_ok(graft_schema_compile(&schema, json, GRAFT_SCHEMA_2020_12));
    assert_string_equal(graft_schema_remark(schema, 0), "/patternProperties: is not looked at: "
                                                        "there are more than 1000 patterns");
    assert_null(graft_schema_remark(schema, 1));
    graft_schema_free(schema);
    graft_json_free(json);
    graft_text_clear(&text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(findings),
        cmocka_unit_test(findings_cannot_steer_a_terminal),
        cmocka_unit_test(remarks),
        cmocka_unit_test(patterns_are_counted),
    };
    if (graft_schema_scratch_new(&scratch) != GRAFT_OK) {
        return 1;
    }
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    graft_schema_scratch_free(scratch);
    return failed;
}
