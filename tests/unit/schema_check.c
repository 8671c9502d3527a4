/* schema/schema.h, keyword by keyword; tests/oracle/test_schema.py holds it against the official
 * suite and jsonschema. */
#include "support/test.h"

#include <stdio.h>
#include <string.h>

#include "core/memory.h"
#include "core/strings.h"
#include "schema/schema.h"
#include "support/json.h"

static graft_schema_scratch *scratch;

static graft_status try_check(bool *fits, const char *schema, const char *value,
                              graft_schema_draft draft)
{
    graft_schema *compiled;
    assert_ok(graft_schema_compile(&compiled, test_json(schema), draft));
    graft_status status = graft_schema_check(fits, compiled, scratch, test_json(value));
    graft_schema_free(compiled);
    return status;
}

static void is(const char *schema, const char *value, bool wanted)
{
    bool fits;
    assert_ok(try_check(&fits, schema, value, GRAFT_SCHEMA_2020_12));
    if (fits != wanted) {
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

/* RFC 3986, 5.4: the examples with this base. */
static void names_are_resolved(void **state)
{
    (void)state;
    static const char *const cases[][2] = {
        {"g:h", "g:h"}, {"g", "http://a/b/c/g"}, {"./g", "http://a/b/c/g"},
        {"g/", "http://a/b/c/g/"}, {"/g", "http://a/g"}, {"//g", "http://g"},
        {"?y", "http://a/b/c/d;p?y"}, {"g?y", "http://a/b/c/g?y"}, {";x", "http://a/b/c/;x"},
        {"g;x?y", "http://a/b/c/g;x?y"}, {".", "http://a/b/c/"}, {"./", "http://a/b/c/"},
        {"..", "http://a/b/"}, {"../", "http://a/b/"}, {"../g", "http://a/b/g"},
        {"../..", "http://a/"}, {"../../", "http://a/"}, {"../../g", "http://a/g"},
        {"../../../g", "http://a/g"}, {"/./g", "http://a/g"}, {"/../g", "http://a/g"},
        {"g.", "http://a/b/c/g."}, {"..g", "http://a/b/c/..g"}, {"./../g", "http://a/b/g"},
        {"./g/.", "http://a/b/c/g/"}, {"g/./h", "http://a/b/c/g/h"}, {"g/../h", "http://a/b/c/h"},
        {"g;x=1/../y", "http://a/b/c/y"}, {"g?y/../x", "http://a/b/c/g?y/../x"}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char schema[256];
        snprintf(schema, sizeof schema, "{'$id':'http://a/b/c/d;p?q','$ref':'%s','$defs':{'x':"
                 "{'$id':'%s','type':'null'}}}", cases[i][0], cases[i][1]);
        no(schema, "1");
    }
}

static void the_outermost_dynamic_anchor_counts(void **state)
{
    (void)state;
    const char *schema =
        "{'$id':'0','$ref':'1','$defs':{'o':{'$dynamicAnchor':'x','const':0},"
        "'a':{'$id':'1','$ref':'2','$defs':{'i':{'$dynamicAnchor':'x','const':1}}},"
        "'b':{'$id':'2','$ref':'3','$defs':{'i':{'$dynamicAnchor':'x','const':2}}},"
        "'c':{'$id':'3','$dynamicRef':'#x','$defs':{'i':{'$dynamicAnchor':'x','const':3}}}}}";
    yes(schema, "0");
    no(schema, "1");
    no(schema, "2");
    no(schema, "3");
}

static void drafts(void **state)
{
    (void)state;
    static const struct { const char *schema, *value; bool in_7, in_2020; } cases[] = {
        {"{'$ref':'#/$defs/a','type':'string','$defs':{'a':{}}}", "1", true, false},
        {"{'prefixItems':[false]}", "[1]", true, false},
        {"{'dependentRequired':{'a':['b']}}", "{'a':1}", true, false},
        {"{'dependencies':{'a':['b']}}", "{'a':1}", false, false},
        {"{'items':[{'type':'string'}],'additionalItems':false}", "['a']", true, true},
        {"{'items':[{'type':'string'}],'additionalItems':false}", "['a','b']", false, false},
        {"{'contains':{'type':'null'},'minContains':2}", "[null]", true, false},
        {"{'unevaluatedProperties':false}", "{'a':1}", true, false},
        {"{'$ref':'#x','definitions':{'a':{'$id':'#x','type':'null'}}}", "1", false, false},
        {"{'$ref':'#x','$defs':{'a':{'$anchor':'x','type':'null'}}}", "1", true, false},
        /* what the document says counts more than what the caller says */
        {"{'$schema':'http://json-schema.org/draft-07/schema#','prefixItems':[false]}", "[1]", true,
         true},
        {"{'$schema':'https://json-schema.org/draft/2020-12/schema','prefixItems':[false]}", "[1]",
         false, false},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        bool in_7, in_2020;
        assert_ok(try_check(&in_7, cases[i].schema, cases[i].value, GRAFT_SCHEMA_7));
        assert_ok(try_check(&in_2020, cases[i].schema, cases[i].value, GRAFT_SCHEMA_2020_12));
        if (in_7 != cases[i].in_7 || in_2020 != cases[i].in_2020) {
            fail_msg("%s with %s: %d in draft 7, %d in 2020-12", cases[i].schema, cases[i].value,
                     in_7, in_2020);
        }
    }
}

static void numbers_are_exact(void **state)
{
    (void)state;
    yes("{'multipleOf':0.1}", "0.3");
    yes("{'multipleOf':0.01}", "4.35");
    no("{'multipleOf':0.01}", "4.351");
    yes("{'multipleOf':0.01}", "19.990");
    no("{'multipleOf':0.123456789}", "1e308");
    yes("{'multipleOf':1e-8}", "12391239123");
    yes("{'multipleOf':1.5e2}", "-450");
    yes("{'multipleOf':3}", "0.0");
    no("{'multipleOf':3}", "1e100");
    yes("{'multipleOf':2.5}", "1e100");
    no("{'maximum':9007199254740992}", "9007199254740993");
    no("{'maximum':9007199254740992.0}", "9007199254740993");
    yes("{'maximum':18446744073709551615}", "18446744073709551615");
    no("{'exclusiveMaximum':18446744073709551615}", "1e30");
    yes("{'minimum':-9223372036854775808}", "-9223372036854775808");
    no("{'minimum':-9223372036854775808}", "-1e30");
    no("{'minimum':3}", "2.5");
    yes("{'minimum':2.5}", "3");
}

static void patterns(void **state)
{
    (void)state;
    yes("{'pattern':'^a+$'}", "'aaa'");
    no("{'pattern':'^a+$'}", "'aaa\\n'");
    yes("{'pattern':'b'}", "'abc'");
    yes("{'pattern':'^\\\\p{Letter}+$'}", "'\xc3\xa9t\xc3\xa9'");
    no("{'pattern':'^\\\\w+$'}", "'\xc3\xa9'");
    no("{'pattern':'^\\\\d$'}", "'\xd9\xa3'");
    yes("{'pattern':'^[\\\\s-]\\\\S$'}", "'\xc2\xa0x'");
    no("{'pattern':'\\\\S'}", "'\xe2\x80\xa8\xef\xbb\xbf'");
    yes("{'pattern':'^\\\\ud83d\\\\ude00\\\\u{1f600}\\\\x41$'}",
        "'\xf0\x9f\x98\x80\xf0\x9f\x98\x80" "A'");
    yes("{'pattern':'^[[:alpha:]]$'}", "':]'");
    no("{'pattern':'[]'}", "'a'");
    yes("{'pattern':'^[^]$'}", "'a'");
    yes("{'pattern':'^.$'}", "'\xf0\x9f\x98\x80'");
    yes("{'pattern':'(a'}", "'b'"); /* no pattern: not looked at */
    no("{'patternProperties':{'^n_':{'type':'integer'}},'additionalProperties':false}", "{'m':1}");
    no("{'patternProperties':{'^n_':{'type':'integer'}}}", "{'n_a':'x'}");
    yes("{'patternProperties':{'^n_':{'type':'integer'}},'additionalProperties':false}",
        "{'n_a':1}");
}

static void unevaluated(void **state)
{
    (void)state;
    const char *schema = "{'allOf':[{'properties':{'a':{}}}],'anyOf':[{'properties':{'b':{"
                         "'const':1}},'required':['b']},{'properties':{'c':{'const':1}}}],"
                         "'unevaluatedProperties':false}";
    yes(schema, "{'a':1,'b':1,'c':1}");
    no(schema, "{'a':1,'b':2}");
    no(schema, "{'a':1,'b':1,'d':1}");
    yes("{'prefixItems':[{}],'contains':{'type':'string'},'unevaluatedItems':false}", "[1,'a']");
    no("{'prefixItems':[{}],'contains':{'type':'string'},'unevaluatedItems':false}", "[1,'a',2]");
    graft_text many; /* more than 64 */
    graft_text_init(&many);
    assert_ok(graft_text_append_z(&many, "['0'"));
    for (int i = 1; i < 200; i++) {
        assert_ok(graft_text_appendf(&many, ",'%d'", i));
    }
    assert_ok(graft_text_append_z(&many, "]"));
    yes("{'allOf':[{'contains':{'type':'string'}}],'unevaluatedItems':false}", many.data);
    many.len--;
    assert_ok(graft_text_append_z(&many, ",7]"));
    no("{'anyOf':[{'contains':{'type':'string'}},true],'unevaluatedItems':false}", many.data);
    graft_text_clear(&many);
}

static void many_unique_items(void **state)
{
    (void)state;
    graft_text many;
    graft_text_init(&many);
    assert_ok(graft_text_append_z(&many, "[{'b':2,'a':1}"));
    for (int i = 1; i < 20000; i++) {
        assert_ok(graft_text_appendf(&many, ",%d", i));
    }
    assert_ok(graft_text_append_z(&many, "]"));
    yes("{'uniqueItems':true}", many.data);
    many.len--;
    assert_ok(graft_text_append_z(&many, ",{'a':1.0,'b':2}]"));
    no("{'uniqueItems':true}", many.data);
    graft_text_clear(&many);
}

static void endless_schemas_are_errors(void **state)
{
    (void)state;
    static const char *const cases[][2] = {
        {"{'$ref':'#'}", "levels"},
        {"{'not':{'$ref':'#'}}", "levels"},
        {"{'$ref':'#a','$defs':{'x':{'$anchor':'a','$dynamicRef':'#b'},"
         "'y':{'$dynamicAnchor':'b','$ref':'#a'}}}", "levels"},
        {"{'$ref':'#/$defs/0','$defs':["
         "{'allOf':[{'$ref':'#/$defs/1'},{'$ref':'#/$defs/1'},{'$ref':'#/$defs/1'}]},"
         "{'allOf':[{'$ref':'#/$defs/2'},{'$ref':'#/$defs/2'},{'$ref':'#/$defs/2'}]},"
         "{'allOf':[{'$ref':'#/$defs/3'},{'$ref':'#/$defs/3'},{'$ref':'#/$defs/3'}]},"
         "{'allOf':[{'$ref':'#/$defs/4'},{'$ref':'#/$defs/4'},{'$ref':'#/$defs/4'}]},"
         "{'allOf':[{'$ref':'#/$defs/5'},{'$ref':'#/$defs/5'},{'$ref':'#/$defs/5'}]},"
         "{'allOf':[{'$ref':'#/$defs/6'},{'$ref':'#/$defs/6'},{'$ref':'#/$defs/6'}]},"
         "{'allOf':[{'$ref':'#/$defs/7'},{'$ref':'#/$defs/7'},{'$ref':'#/$defs/7'}]},"
         "{'allOf':[{'$ref':'#/$defs/8'},{'$ref':'#/$defs/8'},{'$ref':'#/$defs/8'}]},"
         "{'allOf':[{'$ref':'#/$defs/9'},{'$ref':'#/$defs/9'},{'$ref':'#/$defs/9'}]},"
         "{'allOf':[{'$ref':'#/$defs/10'},{'$ref':'#/$defs/10'},{'$ref':'#/$defs/10'}]},"
         "{'allOf':[{'$ref':'#/$defs/11'},{'$ref':'#/$defs/11'},{'$ref':'#/$defs/11'}]},"
         "{'allOf':[{'$ref':'#/$defs/12'},{'$ref':'#/$defs/12'},{'$ref':'#/$defs/12'}]},"
         "{'allOf':[{'$ref':'#/$defs/13'},{'$ref':'#/$defs/13'},{'$ref':'#/$defs/13'}]},"
         "{'allOf':[{'$ref':'#/$defs/14'},{'$ref':'#/$defs/14'},{'$ref':'#/$defs/14'}]},"
         "{'type':'integer'}]}", "steps"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        bool fits;
        assert_fails(try_check(&fits, cases[i][0], "1", GRAFT_SCHEMA_2020_12), GRAFT_E_DATA,
                     cases[i][1]);
        assert_false(fits);
    }
}

/* A text of n letters in quotes. */
static void append_long(graft_text *text, size_t n)
{
    assert_ok(graft_text_append_char(text, '"'));
    for (size_t i = 0; i < n; i++) {
        assert_ok(graft_text_append_char(text, 'a'));
    }
    assert_ok(graft_text_append_char(text, '"'));
}

/* A few bytes make any rule run often: it must count what it does. */
static void work_is_counted(void **state)
{
    (void)state;
    static const char *const cases[][3] = { /* L: a long text */
        {"{'const':L}", "L", "steps"},
        {"{'enum':[1,L]}", "L", "steps"},
        {"{'enum':[{'a':[L]}]}", "{'a':[L]}", "steps"},
        {"{'maxLength':1000000}", "L", "steps"},
        {"{'pattern':'^a'}", "L", "steps"},
        {"{'required':[L]}", "{L:1}", "steps"},
        {"{'dependencies':{L:[]}}", "{}", "steps"},
        {"{'properties':{L:{}}}", "{L:1}", "steps"},
        {"{'propertyNames':{'minLength':1}}", "{L:1}", "steps"},
        {"{'uniqueItems':true}", "[L,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,L]", ""},
        {"{'uniqueItems':true}", "[L,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16]", "steps"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        graft_text texts[2];
        graft_json *json[2];
        graft_schema *schema;
        bool fits;
        for (size_t k = 0; k < 2; k++) {
            graft_text_init(&texts[k]);
            for (const char *at = cases[i][k]; *at != '\0'; at++) {
                if (*at == 'L' && at[1] != 'e') { /* and not "Length" */
                    append_long(&texts[k], 100000);
                } else {
                    assert_ok(graft_text_append_char(&texts[k], *at == '\'' ? '"' : *at));
                }
            }
        }
        graft_text all; /* 9,000 times the same */
        graft_text_init(&all);
        assert_ok(graft_text_append_z(&all, "{\"allOf\":[true"));
        for (size_t n = 0; n < 9000; n++) {
            assert_ok(graft_text_append_z(&all, ",{\"$ref\":\"#/$defs/x\"}"));
        }
        assert_ok(graft_text_appendf(&all, "],\"$defs\":{\"x\":%s}}", texts[0].data));
        assert_ok(graft_json_parse(&json[0], all.data, all.len));
        assert_ok(graft_json_parse(&json[1], texts[1].data, texts[1].len));
        assert_ok(graft_schema_compile(&schema, json[0], GRAFT_SCHEMA_2020_12));
        graft_status status = graft_schema_check(&fits, schema, scratch, json[1]);
        assert_false(fits);
        assert_int_equal(status, cases[i][2][0] != '\0' ? GRAFT_E_DATA : GRAFT_OK);
        graft_schema_free(schema);
        for (size_t k = 0; k < 2; k++) {
            graft_json_free(json[k]);
            graft_text_clear(&texts[k]);
        }
        graft_text_clear(&all);
    }
}

static void long_names_are_refused(void **state)
{
    (void)state;
    graft_text text;
    graft_json *json;
    graft_schema *schema;
    graft_text_init(&text);
    assert_ok(graft_text_append_z(&text, "{\"$id\":"));
    append_long(&text, 100000);
    assert_ok(graft_text_append_z(&text, ",\"allOf\":[true"));
    for (int i = 0; i < 20000; i++) {
        assert_ok(graft_text_appendf(&text, ",{\"$id\":\"b%d\",\"$anchor\":\"c\",\"$ref\":\"#c\"}",
                                     i));
    }
    assert_ok(graft_text_append_z(&text, "]}"));
    assert_ok(graft_json_parse(&json, text.data, text.len));
    assert_ok(graft_schema_compile(&schema, json, GRAFT_SCHEMA_2020_12));
    assert_string_equal(graft_schema_remark(schema, 0), "/$id: is longer than 2048 bytes");
    assert_null(graft_schema_remark(schema, 1));
    graft_schema_free(schema);
    graft_json_free(json);
    graft_text_clear(&text);
}

static void the_second_check_allocates_nothing(void **state)
{
    (void)state;
    graft_schema *schema;
    graft_json *value = test_json("{'city':'Rome','days':3,'tags':['a','b'],'at':{'x':1.5}}");
    assert_ok(graft_schema_compile(
        &schema, test_json("{'type':'object','properties':{'city':{'type':'string','pattern':'^R'},"
                           "'days':{'anyOf':[{'type':'integer','minimum':1},{'type':'null'}]},"
                           "'tags':{'type':'array','items':{'enum':['a','b']},'uniqueItems':true},"
                           "'at':{'$ref':'#/$defs/at'}},'required':['city'],"
                           "'unevaluatedProperties':false,'$defs':{'at':{'properties':{'x':{'type':"
                           "'number','multipleOf':0.5}},'additionalProperties':false}}}"),
        GRAFT_SCHEMA_2020_12));
    uint64_t before = 0;
    for (int i = 0; i < 100; i++) {
        bool fits;
        assert_ok(graft_schema_check(&fits, schema, scratch, value));
        assert_true(fits);
        before = i == 0 ? graft_alloc_count() : before;
    }
    assert_int_equal(graft_alloc_count(), before);
    graft_schema_free(schema);
}

static void steps_are_as_many_as_were_set(void **state)
{
    (void)state;
    graft_schema *schema;
    graft_schema_scratch *few;
    bool fits;
    graft_json *value = test_json("[1,2,3,4,5,6,7,8,9]");
    assert_ok(graft_schema_compile(&schema, test_json("{'items':{'type':'integer'}}"),
                                   GRAFT_SCHEMA_2020_12));
    assert_ok(graft_schema_scratch_new(&few));
    graft_schema_scratch_set_steps(few, 5);
    assert_fails(graft_schema_check(&fits, schema, few, value), GRAFT_E_DATA,
                 "the schema takes too many steps for one value");
    assert_false(fits);
    graft_schema_scratch_set_steps(few, 1000);
    assert_ok(graft_schema_check(&fits, schema, few, value));
    assert_true(fits);
    graft_schema_scratch_free(few);
    graft_schema_free(schema);
}

static void lost_memory_is_an_error(void **state)
{
    (void)state;
    graft_json *json = test_json("{'properties':{'a':{'pattern':'^x+$'}},'unevaluatedProperties':"
                                 "false,'$defs':{'b':{'$anchor':'q'}},'$ref':'#q'}");
    bool done = false, fits;
    graft_schema *schema = NULL;
    for (uint64_t n = 1; !done; n++) {
        schema = (graft_schema *)1;
        graft_alloc_fail_at(n);
        done = graft_schema_compile(&schema, json, GRAFT_SCHEMA_2020_12) == GRAFT_OK;
        graft_alloc_fail_at(0);
        if (!done) {
            assert_null(schema);
            assert_int_equal(graft_error_code(), GRAFT_E_MEMORY);
        }
    }
    graft_json *value = test_json("{'a':'y','b':1}");
    done = false;
    for (uint64_t n = 1; !done; n++) {
        graft_schema_scratch *fresh;
        graft_text text;
        graft_text_init(&text);
        assert_ok(graft_schema_scratch_new(&fresh));
        graft_alloc_fail_at(n);
        done = graft_schema_check(&fits, schema, fresh, value) == GRAFT_OK &&
               graft_schema_explain(&text, schema, fresh, value, "", 10) == GRAFT_OK;
        graft_alloc_fail_at(0);
        assert_false(fits);
        assert_true(done || graft_error_code() == GRAFT_E_MEMORY);
        graft_text_clear(&text);
        graft_schema_scratch_free(fresh);
    }
    graft_schema_free(schema);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(types),
        cmocka_unit_test(values),
        cmocka_unit_test(objects),
        cmocka_unit_test(arrays),
        cmocka_unit_test(combinations),
        cmocka_unit_test(references),
        cmocka_unit_test(names_are_resolved),
        cmocka_unit_test(the_outermost_dynamic_anchor_counts),
        cmocka_unit_test(drafts),
        cmocka_unit_test(numbers_are_exact),
        cmocka_unit_test(patterns),
        cmocka_unit_test(unevaluated),
        cmocka_unit_test(many_unique_items),
        cmocka_unit_test(endless_schemas_are_errors),
        cmocka_unit_test(work_is_counted),
        cmocka_unit_test(steps_are_as_many_as_were_set),
        cmocka_unit_test(long_names_are_refused),
        cmocka_unit_test(the_second_check_allocates_nothing),
        cmocka_unit_test(lost_memory_is_an_error),
    };
    if (graft_schema_scratch_new(&scratch) != GRAFT_OK) {
        return 1;
    }
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    graft_schema_scratch_free(scratch);
    return failed;
}
