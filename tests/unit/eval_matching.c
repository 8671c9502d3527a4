/* eval/matching.h: values, alternatives and the pairing of parallel calls. */
#include "support/test.h"

#include <string.h>

#include "core/rng.h"
#include "eval/matching.h"
#include "support/json.h"

static bool agree(const char *arguments, const char *expected, bool has_alternatives)
{
    graft_expected_call call = {"f", test_json(expected), has_alternatives};
    return graft_arguments_match(test_json(arguments), &call);
}

static void exact_values(void **state)
{
    (void)state;
    assert_true(agree("{'a':1,'b':[1,{'c':null}]}", "{'b':[1.0,{'c':null}],'a':1.0}", false));
    assert_false(agree("{'a':'Berlin'}", "{'a':'berlin'}", false));
    assert_false(agree("{'a':1}", "{'a':'1'}", false));
    assert_false(agree("{'a':1}", "{'a':true}", false));
    assert_false(agree("{'a':1}", "{}", false));
    assert_false(agree("{}", "{'a':null}", false));
    assert_false(agree("{'a':[1,2]}", "{'a':[2,1]}", false));
}

static void alternatives(void **state)
{
    (void)state;
    const char *expected = "{'city':['Berlin','Berlin, Germany'],'days':[3],'unit':['c','']}";
    assert_true(agree("{'city':'Berlin','days':3}", expected, true));
    assert_true(agree("{'city':'Berlin, Germany','days':3.0,'unit':'c'}", expected, true));
    assert_true(agree("{'city':'berlin GERMANY','days':3,'unit':''}", expected, true));
    assert_false(agree("{'city':'Berlin','days':3,'unit':'f'}", expected, true));
    assert_false(agree("{'city':'Berlin'}", expected, true));
    assert_false(agree("{'city':'Berlin','days':4}", expected, true));
    assert_false(agree("{'city':'Berlin','days':'3'}", expected, true));
    assert_false(agree("{'city':'Berlin','days':3,'more':1}", expected, true));
    assert_false(agree("{'days':3}", expected, true));
    assert_true(agree("{'v':true}", "{'v':[true]}", true));
    assert_false(agree("{'v':1}", "{'v':[true]}", true));
    assert_true(agree("{'v':null}", "{'v':[null]}", true));
    assert_false(agree("{'v':null}", "{'v':['']}", true));
    assert_true(agree("{'v':''}", "{'v':['','a']}", true));
    assert_false(agree("{'v':''}", "{'v':['',0]}", true)); /* may be left out, but not be a text */
}

static void texts(void **state)
{
    (void)state;
    assert_true(agree("{'v':'April 1, 2024'}", "{'v':['april 1 2024']}", true));
    assert_true(agree("{'v':'x^2 - 3*x'}", "{'v':['X2 3x']}", true));
    assert_true(agree("{'v':'a_b/c.d'}", "{'v':['abcd']}", true));
    assert_true(agree("{'v':'\xc3\x89T\xc3\xa9 \xd0\x96\xd0\x81 \xce\xa3'}",
                      "{'v':['\xc3\xa9t\xc3\x89 \xd0\xb6\xd1\x91 \xcf\x83']}", true));
    assert_false(agree("{'v':'a+b'}", "{'v':['ab']}", true));
    assert_false(agree("{'v':'ab'}", "{'v':['abc']}", true));
    assert_false(agree("{'v':'abc'}", "{'v':['ab']}", true));
    graft_json *quotes = graft_json_new_object();
    assert_ok(graft_json_set_string(quotes, "v", "say 'x'"));
    graft_expected_call call = {"f", test_json("{'v':['say \\'x\\'']}"), true};
    assert_true(graft_arguments_match(quotes, &call));
    graft_json_free(quotes);
}

static void nested_alternatives(void **state)
{
    (void)state;
    const char *expected = "{'list':[['New York','LA'],['NY']],'rows':[[{'f':['age'],'v':[25,'25']}]],"
                           "'box':[{'w':[20],'h':[12,''],'in':[{'k':['z']}]}]}";
    assert_true(agree("{'list':['new-york','la'],'rows':[{'f':'Age','v':25}],"
                      "'box':{'w':20,'h':12,'in':{'k':'z'}}}", expected, true));
    assert_true(agree("{'list':['NY'],'rows':[{'f':'age','v':'25'}],'box':{'w':20.0,'in':{'k':'Z'}}}",
                      expected, true));
    assert_false(agree("{'list':['LA','New York'],'rows':[{'f':'age','v':25}],"
                       "'box':{'w':20,'in':{'k':'z'}}}", expected, true));
    assert_false(agree("{'list':['NY'],'rows':[{'f':'age','v':26}],'box':{'w':20,'in':{'k':'z'}}}",
                       expected, true));
    assert_false(agree("{'list':['NY'],'rows':[{'f':'age','v':25}],'box':{'w':20,'in':{}}}",
                       expected, true));
    assert_false(agree("{'list':['NY'],'rows':[{'f':'age','v':25},{}],'box':{'w':20,'in':{'k':'z'}}}",
                       expected, true));
    assert_false(agree("{'list':'NY','rows':[{'f':'age','v':25}],'box':{'w':20,'in':{'k':'z'}}}",
                       expected, true));
}

static void what_is_expected(void **state)
{
    (void)state;
    graft_expected expected;
    const graft_json *calls = test_json(
        "{'role':'assistant','tool_calls':[{'id':'1','type':'function','function':{'name':'f',"
        "'arguments':{'x':1}}},{'function':{'name':'g','arguments':{}}}]}");
    assert_ok(graft_expected_read(&expected, calls, NULL));
    assert_int_equal(expected.n, 2);
    assert_string_equal(expected.calls[0].name, "f");
    assert_string_equal(expected.calls[1].name, "g");
    assert_false(expected.calls[0].has_alternatives);
    graft_expected_clear(&expected);

    assert_ok(graft_expected_read(&expected, calls, test_json("[{'f':{'x':[1,2]}},{'g':{}}]")));
    assert_int_equal(expected.n, 2);
    assert_string_equal(expected.calls[0].name, "f");
    assert_true(expected.calls[0].has_alternatives);
    graft_expected_clear(&expected);
    assert_ok(graft_expected_read(&expected, NULL, test_json("[{'h':{'x':[1,2]}}]")));
    assert_string_equal(expected.calls[0].name, "h");
    graft_expected_clear(&expected);

    /* other forms, and alternatives of another turn */
    static const char *const not_these[] = {
        "[['f(x=1)']]", "[]", "{}", "[{'f':{'x':1}},{'g':{}}]", "[{'f':{},'g':{}}]", "[{}]",
        "[{'f':[]},{'g':[]}]", "'x'", "[{'f':{'x':[2]}}]", "[{'g':{}},{'f':{'x':[2]}}]"};
    for (size_t i = 0; i < sizeof not_these / sizeof not_these[0]; i++) {
        assert_ok(graft_expected_read(&expected, calls, test_json(not_these[i])));
        assert_int_equal(expected.n, 2);
        assert_false(expected.calls[0].has_alternatives);
        graft_expected_clear(&expected);
    }
    assert_ok(graft_expected_read(&expected, test_json("{'content':'hello'}"), NULL));
    assert_int_equal(expected.n, 0);
    graft_expected_clear(&expected);
    assert_fails(graft_expected_read(&expected,
                                     test_json("{'tool_calls':[{'function':{'name':'f'}}]}"), NULL),
                 GRAFT_E_DATA, "tool call 1 has no name or no arguments");
    assert_int_equal(expected.n, 0);
}

typedef struct graph {
    uint16_t edges[8]; /* bit k of edges[i]: i can stand for k */
} graph;

static bool has_edge(const void *context, size_t i, size_t k)
{
    return ((const graph *)context)->edges[i] >> k & 1;
}

/* The most pairs, by trying everything. */
static size_t most(const graph *g, size_t n_a, size_t a, unsigned taken)
{
    if (a == n_a || a == 8) {
        return 0;
    }
    size_t best = most(g, n_a, a + 1, taken);
    for (unsigned k = 0; k < 8; k++) {
        if ((g->edges[a] >> k & 1) && !(taken >> k & 1)) {
            size_t with = 1 + most(g, n_a, a + 1, taken | 1u << k);
            best = with > best ? with : best;
        }
    }
    return best;
}

static void pairing_is_the_largest_there_is(void **state)
{
    (void)state;
    graft_rng rng;
    graft_rng_init(&rng, 3, GRAFT_RNG_TEST, 0);
    for (int round = 0; round < 2000; round++) {
        graph g = {{0}};
        size_t n_a = graft_rng_below(&rng, 7), n_b = graft_rng_below(&rng, 7), n_pairs;
        unsigned density = 1 + graft_rng_u32(&rng) % 5;
        for (size_t i = 0; i < n_a; i++) {
            for (size_t k = 0; k < n_b; k++) {
                g.edges[i] |= (uint16_t)((graft_rng_below(&rng, 6) < density) << k);
            }
        }
        assert_ok(graft_match(&n_pairs, n_a, n_b, has_edge, &g));
        assert_int_equal(n_pairs, most(&g, n_a, 0, 0));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(exact_values),       cmocka_unit_test(alternatives),
        cmocka_unit_test(texts),              cmocka_unit_test(nested_alternatives),
        cmocka_unit_test(what_is_expected),   cmocka_unit_test(pairing_is_the_largest_there_is),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
