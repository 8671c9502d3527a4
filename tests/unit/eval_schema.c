/* eval/schema.h, keyword by keyword; tests/oracle/test_eval.py holds it against jsonschema. */
#include "support/test.h"

#include <stdio.h>
#include <string.h>

#include "core/strings.h"
#include "eval/schema.h"
#include "support/json.h"

static void is(const char *schema, const char *value, bool wanted)
{
    if (graft_schema_accepts(test_json(schema), test_json(value)) != wanted) {
        fail_msg("%s %s %s", schema, wanted ? "refuses" : "accepts", value);
    }
}

static void yes(const char *schema, const char *value)
{
    is(schema, value, true);
}

static void no(const char *schema, const char *value)
{
    is(schema, value, false);
}

static void types(void **state)
{
    (void)state;
    static const char *const names[] = {"null", "boolean", "integer", "number", "string", "array",
                                        "object"};
    static const struct { const char *value; const char *types; } cases[] = {
        {"null", "null"},      {"true", "boolean"},        {"3", "integer number"},
        {"3.0", "integer number"}, {"3.5", "number"},      {"'3'", "string"},
        {"[3]", "array"},      {"{'a':3}", "object"}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        for (size_t k = 0; k < sizeof names / sizeof names[0]; k++) {
            char schema[64];
            snprintf(schema, sizeof schema, "{'type':'%s'}", names[k]);
            is(schema, cases[i].value, strstr(cases[i].types, names[k]) != NULL);
        }
    }
    yes("{'type':['string','null']}", "null");
    no("{'type':['string','null']}", "1");
    no("{'type':'colour'}", "'red'");
    yes("{'type':7}", "'red'");
    yes("true", "1");
    no("false", "1");
    yes("{}", "1");
}

static void values(void **state)
{
    (void)state;
    yes("{'enum':[1,'a',null,{'x':[2]}]}", "{'x':[2.0]}");
    yes("{'enum':[1,'a',null]}", "null");
    no("{'enum':[1,'a']}", "'A'");
    no("{'enum':[]}", "1");
    no("{'enum':[1]}", "true");
    yes("{'const':null}", "null");
    no("{'const':null}", "0");
    yes("{'minimum':3}", "3");
    no("{'minimum':3}", "2.9");
    yes("{'minimum':3}", "'2'");
    no("{'exclusiveMinimum':3}", "3");
    yes("{'maximum':3}", "3");
    no("{'maximum':3}", "4");
    no("{'exclusiveMaximum':3}", "3");
    yes("{'multipleOf':0.5}", "2.5");
    no("{'multipleOf':2}", "7");
    yes("{'minLength':2,'maxLength':2}", "'\xc3\xa9\xf0\x9f\x98\x80'");
    no("{'minLength':2}", "'\xf0\x9f\x98\x80'");
    no("{'maxLength':1}", "'ab'");
    yes("{'maxLength':1}", "['a','b']");
}

static void objects(void **state)
{
    (void)state;
    const char *schema = "{'type':'object','properties':{'a':{'type':'integer'},'b':{'properties':"
                         "{'c':{'enum':['x','y']}},'required':['c']}},'required':['a']}";
    yes(schema, "{'a':1}");
    yes(schema, "{'a':1,'b':{'c':'x'},'other':2}");
    no(schema, "{}");
    no(schema, "{'a':'1'}");
    no(schema, "{'a':1,'b':{}}");
    no(schema, "{'a':1,'b':{'c':'z'}}");
    no(schema, "[]");
    yes("{'required':['a']}", "[]");
    yes("{'required':['a']}", "{'a':null}");
    no("{'properties':{'a':{}},'additionalProperties':false}", "{'b':1}");
    yes("{'properties':{'a':{}},'additionalProperties':{'type':'integer'}}", "{'b':1}");
    no("{'properties':{'a':{}},'additionalProperties':{'type':'integer'}}", "{'b':'1'}");
    no("{'minProperties':1}", "{}");
    no("{'maxProperties':1}", "{'a':1,'b':2}");
}

static void arrays(void **state)
{
    (void)state;
    yes("{'items':{'type':'string'}}", "['a','b']");
    yes("{'items':{'type':'string'}}", "[]");
    no("{'items':{'type':'string'}}", "['a',1]");
    yes("{'items':{'type':'string'}}", "'not an array'");
    yes("{'items':[{'type':'string'},{'type':'integer'}]}", "['a',1,null]");
    no("{'items':[{'type':'string'},{'type':'integer'}]}", "['a','b']");
    no("{'items':[{}],'additionalItems':false}", "[1,2]");
    yes("{'prefixItems':[{'type':'string'}],'items':{'type':'integer'}}", "['a',1]");
    no("{'prefixItems':[{'type':'string'}],'items':{'type':'integer'}}", "['a','b']");
    no("{'prefixItems':[{'type':'string'}]}", "[1]");
    no("{'minItems':2}", "[1]");
    no("{'maxItems':1}", "[1,2]");
    yes("{'uniqueItems':true}", "[1,'1',[1],null]");
    no("{'uniqueItems':true}", "[{'a':1},2,{'a':1.0}]");
    yes("{'uniqueItems':false}", "[1,1]");
}

static void combinations(void **state)
{
    (void)state;
    yes("{'anyOf':[{'type':'string'},{'minimum':3}]}", "'a'");
    no("{'anyOf':[{'type':'string'},{'type':'null'}]}", "3");
    no("{'oneOf':[{'type':'integer'},{'minimum':3}]}", "4");
    yes("{'oneOf':[{'type':'integer'},{'minimum':3}]}", "2");
    no("{'allOf':[{'type':'integer'},{'minimum':3}]}", "2");
    no("{'not':{'type':'integer'}}", "2");
    yes("{'not':{'type':'integer'}}", "'2'");
}

static void references(void **state)
{
    (void)state;
    const char *tree = "{'type':'object','properties':{'next':{'$ref':'#'},'v':{'$ref':"
                       "'#/$defs/a~1b%25/0'}},'$defs':{'a/b%':[{'type':'integer'}]}}";
    yes(tree, "{'next':{'next':{'v':1}}}");
    no(tree, "{'next':{'next':{'v':'1'}}}");
    yes("{'$ref':'#/nowhere'}", "1");
    yes("{'$ref':'https://example.com/schema'}", "1");
    yes("{'$ref':'#/a/99999999999999999999','a':[1]}", "1");
}

static void endless_schemas_fit_nothing(void **state)
{
    (void)state;
    no("{'$ref':'#'}", "1");
    no("{'not':{'$ref':'#'}}", "1");
    no("{'anyOf':[{'$ref':'#'},{'$ref':'#'},{'$ref':'#'}]}", "1");
    no("{'not':{'anyOf':[{'$ref':'#/not'},{'$ref':'#/not'},{'$ref':'#/not'}]}}", "1");
    graft_text many;
    graft_text_init(&many);
    assert_ok(graft_text_append_z(&many, "[0"));
    for (int i = 1; i < 2000; i++) {
        assert_ok(graft_text_appendf(&many, ",%d", i));
    }
    assert_ok(graft_text_append_z(&many, "]"));
    no("{'uniqueItems':true}", many.data);
    graft_text_clear(&many);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(types),          cmocka_unit_test(values),
        cmocka_unit_test(objects),        cmocka_unit_test(arrays),
        cmocka_unit_test(combinations),   cmocka_unit_test(references),
        cmocka_unit_test(endless_schemas_fit_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
