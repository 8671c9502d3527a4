/* Every byte a template writes knows whether it came from the template or from data. */
#include "support/test.h"

#include <string.h>

#include "chat/template.h"

static const char data_json[] =
    "{\"x\": \"a<|im_end|>b\", \"l\": [\"<|im_end|>\", \"q\"], \"d\": {\"k\": \"<|im_end|>\"}, \"n\": 5,"
    " \"k\": {\"<|\": 1}, \"f\": 2.5,"
    " \"messages\": [{\"role\": \"user\", \"content\": \"hi\"}, {\"role\": \"<|im_end|>\"}]}";
static const char trusted_json[] = "{\"bos\": \"<s>\"}";

/* origin: a 1 for each byte of the template, a 0 for each byte of data. */
static void check(const char *source, const char *text, const char *origin)
{
    graft_template *tpl;
    graft_rendered out;
    graft_json *data, *trusted;
    graft_rendered_init(&out);
    assert_ok(graft_json_parse(&data, data_json, sizeof data_json - 1));
    assert_ok(graft_json_parse(&trusted, trusted_json, sizeof trusted_json - 1));
    assert_ok(graft_template_parse(&tpl, source, strlen(source), "t"));
    assert_ok(graft_template_render(tpl, &out, data, trusted));
    assert_string_equal(graft_text_z(&out.text), text);
    assert_int_equal(out.origin.len, strlen(origin));
    for (size_t i = 0; i < out.origin.len; i++) {
        assert_int_equal(out.origin.data[i], origin[i] - '0');
    }
    graft_rendered_clear(&out);
    graft_template_free(tpl);
    graft_json_free(data);
    graft_json_free(trusted);
}

static void plain(void **state)
{
    (void)state;
    check("<|im_end|>", "<|im_end|>", "1111111111");
    check("{{ '<|im_end|>' }}", "<|im_end|>", "1111111111");
    check("{{ x }}", "a<|im_end|>b", "000000000000");
    check("{{ bos }}{{ x[:1] }}-", "<s>a-", "11101");
    check("{{ n }}{{ n + 1 }}{{ 5 }}", "565", "001");
}

static void through_operations(void **state)
{
    (void)state;
    check("{{ '[' + x[1:3] + ']' }}", "[<|]", "1001");
    check("{{ ('[' ~ x[1:3] ~ ']')[::-1] }}", "]|<[", "1001");
    check("{{ ('(' + x + ')')|replace('<|im_end|>', '<s>') }}", "(a<s>b)", "1011101");
    check("{{ ('  ' + x[0] + ' ')|trim }}", "a", "0");
    check("{{ ('-' + x[0])|upper }}", "-A", "10");
    check("{{ ('-' + x).split('|')[1] }}{{ ('-' + x).split('<')[0] }}", "im_end-a", "00000010");
    check("{{ l|join('+') }}", "<|im_end|>+q", "000000000010");
    check("{{ '+'.join(['T', l[1]]) }}", "T+q", "110");
    check("{{ '%s=%s' % ('T', l[1]) }}{{ '{}{}'.format('T', l[1]) }}", "T=qTq", "11010");
    check("{{ 'a\\nb'|indent(1) }}{{ ('-' + x[0]) * 2 }}", "a\n b-a-a", "11111010");
    check("{{ x[0]|e }}{{ ('<' + x[1])|e }}", "a&lt;&lt;", "011110000");
}

/* Data stays data in whole structures, punctuation included; literals stay template. */
static void structures(void **state)
{
    (void)state;
    check("{{ d|tojson }}", "{\"k\": \"<|im_end|>\"}", "0000000000000000000");
    check("{{ {'a': 'b'}|tojson }}", "{\"a\": \"b\"}", "1111111111");
    check("{{ {'a': l[1]}|tojson }}", "{\"a\": \"q\"}", "1111110001");
    check("{{ [l[1]] }}{{ l[1:] }}", "['q']['q']", "1000100000");
    check("{% for k, v in d.items() %}{{ k }}{{ v[:2] }}{% endfor %}", "k<|", "000");
}

/* Names of arguments come from data behind **, and so may what a format is made of. */
static void names_and_formats(void **state)
{
    (void)state;
    check("{{ dict(**k) }}{{ dict(a='b') }}", "{'<|': 1}{'a': 'b'}", "1000011011111111111");
    check("{{ dict(a=1, **k)|tojson }}", "{\"a\": 1, \"<|\": 1}", "11111111100001101");
    check("{% macro m() %}{{ kwargs }}{% endmacro %}{{ m(**k) }}", "{'<|': 1}", "100001101");
    check("{{ namespace(**k) }}", "<Namespace {'<|': 1}>", "111111111111000011011");
    check("{{ '%s'|format(**k) }}", "{'<|': 1}", "100001101");
    check("{{ '{:<3}{:.>3}{:.>3}'.format('a', 'b', 7) }}", "a  ..b..7", "111111111");
    check("{{ ('{:' ~ x[1] ~ '^3}').format('b') }}{{ '{:{}>2}'.format(7, x[1]) }}", "<b<<7", "01001");
    check("{{ strftime_now(x[1:3]) }}{{ strftime_now('<|') }}", "<|<|", "0011");
    check("{{ '%d' % f }}{{ '%d' % 2.5 }}", "22", "01");
}

static void through_macros(void **state)
{
    (void)state;
    check("{% macro m(a) %}<{{ a }}>{% endmacro %}{{ m(x[0]) }}{{ m('t') }}", "<a><t>", "101111");
    check("{% set q %}<{{ x[0] }}>{% endset %}{{ q }}{% filter upper %}t{{ x[0] }}{% endfilter %}",
          "<a>TA", "10110");
}

/* A known role is a word of the format: '<|' + role + '|>' makes a control token. */
static void roles(void **state)
{
    (void)state;
    check("<|{{ messages[0].role }}|>{{ messages[0].content }}", "<|user|>hi", "1111111100");
    check("{{ messages[1].role }}", "<|im_end|>", "0000000000");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(plain),          cmocka_unit_test(through_operations),
        cmocka_unit_test(structures),     cmocka_unit_test(names_and_formats),
        cmocka_unit_test(through_macros), cmocka_unit_test(roles),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
