/* The template language, one construct a row; jinja2 renders the same (tests/oracle compares many
 * more of them with it). */
#include "support/test.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "chat/template.h"
#include "core/memory.h"
#include "core/strings.h"

static const char data_json[] =
    "{\"s\": \"Hello\", \"u\": \"Z\xc3\xbcrich\", \"i\": 7, \"f\": 2.5, \"n\": null, \"t\": true,"
    " \"l\": [3, 1, 2], \"d\": {\"b\": 1, \"a\": 2}, \"html\": \"<b>\","
    " \"people\": [{\"name\": \"Bo\", \"age\": 30}, {\"name\": \"Al\", \"age\": 25}],"
    " \"messages\": [{\"role\": \"user\", \"content\": \"hi\"}]}";

static graft_json *data;

static int parse_data(void **state)
{
    (void)state;
    return graft_json_parse(&data, data_json, sizeof data_json - 1) != GRAFT_OK;
}

static int free_data(void **state)
{
    (void)state;
    graft_json_free(data);
    return 0;
}

typedef struct row {
    const char *source, *want;
} row;

static void check_rows(const row *rows, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        graft_template *tpl;
        graft_rendered out;
        graft_rendered_init(&out);
        assert_ok(graft_template_parse(&tpl, rows[i].source, strlen(rows[i].source), "t"));
        graft_template_set_time(tpl, 0);
        assert_ok(graft_template_render(tpl, &out, data, NULL));
        assert_string_equal(graft_text_z(&out.text), rows[i].want);
        assert_int_equal(out.text.len, out.origin.len);
        graft_rendered_clear(&out);
        graft_template_free(tpl);
    }
}
#define CHECK(rows) check_rows((rows), sizeof(rows) / sizeof *(rows))

static void values_and_operators(void **state)
{
    (void)state;
    static const row rows[] = {
        {"{{ s }} {{ i }} {{ f }} {{ n }} {{ t }} {{ l }} {{ d }} {{ missing }}",
         "Hello 7 2.5 None True [3, 1, 2] {'b': 1, 'a': 2} "},
        {"{{ 1 + 2 * 3 }} {{ 7 // 2 }} {{ -7 // 2 }} {{ -7 % 3 }} {{ 7 / 2 }} {{ 2 ** 10 }}",
         "7 3 -4 2 3.5 1024"},
        {"{{ 'a' + 'b' }} {{ 'a' ~ 1 ~ n }} {{ 'ab' * 2 }} {{ [1] + [2] }}", "ab a1None abab [1, 2]"},
        {"{{ 1 < 2 < 3 }} {{ 'ell' in s }} {{ 9 not in l }} {{ 1 == 1.0 }}", "True True True True"},
        {"{{ s or 'x' }} {{ n or 'x' }} {{ n and 1 }} {{ not s }}", "Hello x None False"},
        {"{{ 'a' if t else 'b' }}{{ 'a' if n }}", "a"},
        {"{{ s[0] }}{{ s[-1] }} {{ s[1:3] }} {{ s[::-1] }} {{ u[1] }} {{ l[::-1] }} {{ l[9] }}",
         "Ho el olleH \xc3\xbc [2, 1, 3] "},
        {"{{ d.b }}{{ d['a'] }}{{ d.get('z', 0) }} {{ d.items()|list }}", "120 [('b', 1), ('a', 2)]"},
        {"{{ d['items'] is defined }} {{ l.append is defined }}", "True False"},
        {"{{ ['it\\'s', \"q\\n\", 1e16, 1.0] }}", "[\"it's\", 'q\\n', 1e+16, 1.0]"},
        {"{{ '%s-%03d' % ('a', 5) }} {{ '{:>4}|{x}'.format('b', x=1) }}", "a-005    b|1"},
    };
    CHECK(rows);
}

static void white_space(void **state)
{
    (void)state;
    static const row rows[] = {
        {"a\n", "a"},
        {"a\n\n", "a\n"},
        {"  {% if t %}\nx\n  {% endif %}\ny", "x\ny"},
        {"a {%- if t -%} b {%- endif -%} c", "abc"},
        {" {%+ if t %}x{% endif +%}\ny", " x\ny"},
        {"a {# c #}\nb {#- d -#} e", "a be"},
        {"{{ s -}} \n x {{- s }}", "HelloxHello"},
        {"{% raw %}{{ s }}{% endraw %}", "{{ s }}"},
        {"a\r\nb\rc", "a\nb\nc"},
    };
    CHECK(rows);
}

static void statements(void **state)
{
    (void)state;
    static const row rows[] = {
        {"{% for x in l %}{{ loop.index }}{{ x }}{% if not loop.last %},{% endif %}{% else %}e{% endfor %}",
         "13,21,32"},
        {"{% for x in [] %}a{% else %}e{% endfor %}", "e"},
        {"{% for k, v in d.items() %}{{ k }}{{ v }}{% endfor %}", "b1a2"},
        {"{% for x in l if x > 1 %}{{ x }}{{ loop.length }}{% endfor %}", "3222"},
        {"{% for x in l %}{{ loop.previtem }}<{{ x }}>{{ loop.nextitem }} {% endfor %}",
         "<3>1 3<1>2 1<2> "},
        {"{% for x in range(9) %}{% if x == 1 %}{% continue %}{% endif %}{% if x == 4 %}{% break %}"
         "{% endif %}{{ x }}{% endfor %}",
         "023"},
        {"{% for n in [1, [2, [3]]] recursive %}{{ n if n is number else loop(n) }}{% endfor %}", "123"},
        {"{% set x = 1 %}{% for y in l %}{% set x = y %}{{ x }}{% endfor %}{{ x }}", "3121"},
        {"{% set ns = namespace(n=0) %}{% for y in l %}{% set ns.n = ns.n + y %}{% endfor %}{{ ns.n }}",
         "6"},
        {"{% set a, b = 1, 2 %}{{ b }}{{ a }}{% set c %}x{{ a }}{% endset %}{{ c }}", "21x1"},
        {"{% macro m(a, b=2) %}{{ a }}{{ b }}{% endmacro %}{{ m(1) }}{{ m(1, 5) }}{{ m(b=3, a=0) }}",
         "121503"},
        {"{% macro m() %}<{{ caller('x') }}>{% endmacro %}{% call(y) m() %}{{ y }}{{ s }}{% endcall %}",
         "<xHello>"},
        {"{% macro m() %}{{ varargs }}{{ kwargs }}{% endmacro %}{{ m(1, k=2) }}", "(1,){'k': 2}"},
        {"{% filter upper %}a{{ s }}{% endfilter %}{% with q=1 %}{{ q }}{% endwith %}{{ q }}", "AHELLO1"},
        {"{% generation %}{{ s }}{% endgeneration %}", "Hello"},
        /* unset before it is stored, although the context has it: the store makes it local */
        {"{% macro m() %}{{ s }}{% endmacro %}{{ m() }}{% set s = 'x' %}{{ m() }}", "x"},
    };
    CHECK(rows);
}

static void filters_tests_functions(void **state)
{
    (void)state;
    static const row rows[] = {
        {"{{ s|upper }} {{ ' a '|trim }}| {{ s|replace('l', 'L', 1) }} {{ u|length }}",
         "HELLO a| HeLlo 6"},
        {"{{ l|sort|join(',') }} {{ l|first }}{{ l|last }} {{ l|sum }}{{ l|min }}{{ l|max }}",
         "1,2,3 32 613"},
        {"{{ people|map(attribute='name')|join }} {{ people|selectattr('age', 'gt', 26)|list|length }}",
         "BoAl 1"},
        {"{{ l|select('odd')|list }} {{ l|reject('odd')|list }} {{ [1, 1]|unique|list }}",
         "[3, 1] [2] [1]"},
        {"{{ d|tojson }} {{ d|tojson(indent=1) }} {{ d|dictsort }}",
         "{\"b\": 1, \"a\": 2} {\n \"b\": 1,\n \"a\": 2\n} [('a', 2), ('b', 1)]"},
        {"{{ '\xc3\xa9\"<'|tojson }} {{ '\xc3\xa9'|tojson(ensure_ascii=true) }}",
         "\"\xc3\xa9\\\"<\" \"\\u00e9\""},
        {"{{ missing|default('x') }} {{ n|default('x', true) }} {{ '42'|int + 1 }} {{ 2.5|round }}",
         "x x 43 2.0"},
        {"{{ html|e }} {{ '<'|safe + '<' }} {{ 'a\nb'|indent(2) }}", "&lt;b&gt; <&lt; a\n  b"},
        {"{{ n is none }} {{ s is string }} {{ l is sequence }} {{ d is mapping }} {{ i is odd }} "
         "{{ missing is defined }} {{ 1 is in l }} {{ t is number }}",
         "True True True True True False True True"},
        {"{{ s.split('l') }} {{ s.startswith('He') }} {{ s.find('l') }} {{ ', '.join(['a', 'b']) }}",
         "['He', '', 'o'] True 2 a, b"},
        {"{{ range(3)|list }} {{ dict(a=1) }} {{ strftime_now('%Y') }}", "[0, 1, 2] {'a': 1} 1970"},
        {"{% set j = joiner('-') %}{{ j() }}a{{ j() }}{% set c = cycler(1, 2) %}{{ c.next() }}{{ c.next() }}",
         "a-12"},
    };
    CHECK(rows);
}

static graft_status render_with(const char *source, const graft_template_limits *limits)
{
    graft_template *tpl = NULL;
    graft_rendered out;
    graft_rendered_init(&out);
    graft_status status = graft_template_parse(&tpl, source, strlen(source), "chat.jinja");
    if (status == GRAFT_OK) {
        if (limits != NULL) {
            graft_template_set_limits(tpl, limits);
        }
        status = graft_template_render(tpl, &out, data, NULL);
        assert_true(status == GRAFT_OK || out.text.len == 0);
    }
    graft_rendered_clear(&out);
    graft_template_free(tpl);
    return status;
}

/* Every message begins with the template's name and the line. */
static void refused_templates(void **state)
{
    (void)state;
    static const struct {
        const char *source, *message;
    } rows[] = {
        {"{{ s", "chat.jinja:1: expected }}, got end of template"},
        {"a\n{% if t %}\nb", "chat.jinja:2: unexpected end of template: 'endif' is missing"},
        {"\n\n{% nope %}", "chat.jinja:3: unknown tag 'nope'"},
        {"{% include 'x' %}", "chat.jinja:1: the tag 'include' is not supported"},
        {"{{ s|urlize }}", "chat.jinja:1: the filter 'urlize' is not supported"},
        {"{{ s|nope }}", "chat.jinja:1: No filter named 'nope'."},
        {"{{ s is nope }}", "chat.jinja:1: No test named 'nope'."},
        {"{{ 1 2 }}", "chat.jinja:1: expected }}, got integer"},
        {"{{ (1 }}", "chat.jinja:1: unexpected '}', expected ')'"},
        {"{{ 'a }}", "chat.jinja:1: unexpected char"},
        {"{# a", "chat.jinja:1: missing end of comment"},
        {"{% break %}", "chat.jinja:1: 'break' outside loop"},
        {"{% set 1 = 2 %}", "chat.jinja:1: this cannot be assigned to"},
        {"{% for x in l %}{% set loop = 1 %}{% endfor %}", "chat.jinja:1: Can't assign to special loop"},
        {"{{ 99999999999999999999 }}", "chat.jinja:1: integer 99999999999999999999 does not fit"},
        {"\xff", "chat.jinja: byte 0 is not valid UTF-8"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        assert_fails(render_with(rows[i].source, NULL), GRAFT_E_MODEL, rows[i].message);
    }
}

static void failing_templates(void **state)
{
    (void)state;
    static const struct {
        const char *source, *message;
    } rows[] = {
        {"\n{{ raise_exception('no ' ~ s) }}", "chat.jinja:2: the template says: no Hello"},
        {"{{ missing.x }}", "chat.jinja:1: 'missing' is undefined"},
        {"{{ d.zz.x }}", "chat.jinja:1: 'dict object' has no attribute 'zz'"},
        {"{{ s + 1 }}", "chat.jinja:1: unsupported operand type(s) for +: 'str' and 'int'"},
        {"{{ l.append(1) }}", "access to attribute 'append' of 'list' object is unsafe"},
        {"{% for x in n %}{% endfor %}", "'NoneType' object is not iterable"},
        {"{{ missing|tojson }}", "Object of type Undefined is not JSON serializable"},
        {"{{ range(1000000) }}", "Range too big"},
        {"{% macro m(a) %}{% endmacro %}\n{{ m(1, 2) }}", "chat.jinja:2: macro 'm' takes not more than 1"},
        {"{{ 9223372036854775807 + 1 }}", "does not fit in 64 bits"},
        {"{{ ('9' * 400)|int }}", "does not fit in 64 bits"},
        {"{{ 1 // 0 }}", "division by zero"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        assert_fails(render_with(rows[i].source, NULL), GRAFT_E_DATA, rows[i].message);
    }
}

static void bounds(void **state)
{
    (void)state;
    const graft_template_limits small = {.steps = 10000, .depth = 100, .bytes = 1 << 20};
    assert_fails(render_with("{% for a in range(99999) %}{{ a }}{% endfor %}", &small), GRAFT_E_DATA,
                 "takes more than 10000 steps");
    assert_fails(render_with("{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}", &small),
                 GRAFT_E_DATA, "nested more than 100 levels deep");
    const graft_template_limits narrow = {.steps = 1000000, .depth = 100, .bytes = 1 << 20};
    assert_fails(render_with("{% set ns = namespace(s='aaaaaaaaaa') %}{% for i in range(99) %}"
                             "{% set ns.s = ns.s + ns.s %}{% endfor %}",
                             &narrow),
                 GRAFT_E_DATA, "needs more than 1 MiB of memory");
    assert_fails(render_with("{{ 'a' * 99999999999 }}", NULL), GRAFT_E_DATA, "the template ");
    assert_fails(render_with("{% set ns = namespace(l=[1]) %}{% for i in range(99999) %}"
                             "{% set ns.l = [ns.l, ns.l] %}{% endfor %}{{ ns.l }}",
                             NULL),
                 GRAFT_E_DATA, "levels deep");
}

static void nested_source(void **state)
{
    (void)state;
    enum { LEVELS = 20000 };
    static const char *const parts[][3] = {
        {"{{ ", "(", "{{"}, {"{{ ", "[", "{{"}, {"{{ ", "-", "1 }}"}, {"{{ ", "not ", "1 }}"},
        {"", "{% if t %}", ""}, {"{{ a", ".a", " }}"}, {"{{ 1", " + 1", " }}"}, {"{{ s", "|upper", " }}"}};
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) {
        graft_text source;
        graft_text_init(&source);
        assert_ok(graft_text_append_z(&source, parts[i][0]));
        for (size_t k = 0; k < LEVELS; k++) {
            assert_ok(graft_text_append_z(&source, parts[i][1]));
        }
        assert_ok(graft_text_append_z(&source, parts[i][2]));
        assert_fails(render_with(graft_text_z(&source), NULL), GRAFT_E_MODEL, "levels deep");
        graft_text_clear(&source);
    }
}

static void out_of_memory(void **state)
{
    (void)state;
    const char *source = "{% macro m(x) %}{{ x|tojson }}{{ 1.5 }}{% endmacro %}{% for x in people %}"
                         "{{ m(x) }}{{ x.name.split('o')|join(s) }}{% endfor %}";
    uint64_t before = graft_alloc_count();
    assert_ok(render_with(source, NULL));
    uint64_t n = graft_alloc_count() - before;
    for (uint64_t i = 1; i <= n; i++) {
        graft_alloc_fail_at(i);
        graft_status status = render_with(source, NULL);
        graft_alloc_fail_at(0);
        assert_int_equal(status, GRAFT_E_MEMORY);
    }
}

static void in_zone(const char *zone)
{
    setenv("TZ", zone, 1);
    tzset();
}

/* In two zones that always have different dates, as before and after midnight. */
static void one_moment_for_all_renderings(void **state)
{
    (void)state;
    const char *source = "{{ strftime_now('%F %H %Z') }}";
    graft_template *tpl;
    graft_rendered first, second;
    graft_rendered_init(&first);
    graft_rendered_init(&second);
    in_zone("UTC+12");
    assert_ok(graft_template_parse(&tpl, source, strlen(source), "t"));
    assert_ok(graft_template_render(tpl, &first, data, NULL));
    in_zone("UTC-14");
    assert_ok(graft_template_render(tpl, &second, data, NULL));
    assert_string_equal(graft_text_z(&first.text), graft_text_z(&second.text));
    graft_template_set_time(tpl, -1);
    assert_ok(graft_template_render(tpl, &second, data, NULL));
    assert_string_not_equal(graft_text_z(&first.text), graft_text_z(&second.text));
    graft_template_set_time(tpl, 1795737600 + 7 * 3600);
    assert_ok(graft_template_render(tpl, &second, data, NULL));
    assert_string_equal(graft_text_z(&second.text), "2026-11-27 07 GMT");
    graft_rendered_clear(&first);
    graft_rendered_clear(&second);
    graft_template_free(tpl);
    in_zone("UTC");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(values_and_operators), cmocka_unit_test(white_space),
        cmocka_unit_test(statements),           cmocka_unit_test(filters_tests_functions),
        cmocka_unit_test(refused_templates),    cmocka_unit_test(failing_templates),
        cmocka_unit_test(bounds),               cmocka_unit_test(nested_source),
        cmocka_unit_test(out_of_memory),        cmocka_unit_test(one_moment_for_all_renderings),
    };
    return cmocka_run_group_tests(tests, parse_data, free_data);
}
