/* Any bytes as a template: it is refused or rendered within its bounds; every byte of the output
 * has an origin, and what came from data says so. */
#include <string.h>

#include "chat/template.h"
#include "core/status.h"
#include "core/strings.h"
#include "support/fuzz.h"

static const char data_json[] =
    "{\"messages\": [{\"role\": \"user\", \"content\": \"\xc2\xa7 h\xc3\xa9llo \\n x\"},"
    " {\"role\": \"assistant\", \"content\": null, \"tool_calls\": [{\"function\": {\"name\": \"f\","
    " \"arguments\": {\"a\": [1, 2.5, null, true, \"\xc2\xa7\"]}}}]}],"
    " \"tools\": [{\"type\": \"function\", \"function\": {\"name\": \"f\", \"parameters\":"
    " {\"properties\": {\"a\": {\"type\": \"string\"}}}}}], \"l\": [3, 1, 2], \"s\": \"a,b\","
    " \"i\": 7, \"d\": {\"k\": \"\xc2\xa7\"}}";
static const char trusted_json[] = "{\"bos_token\": \"<s>\", \"add_generation_prompt\": true}";

/* The section sign stands only in the data: both bytes of it, wherever they end up. A template
 * that has one of its own, or spells one, is left alone. */
static void check_origin(const graft_rendered *rendered, const char *source, size_t n)
{
    if (memchr(source, 0xc2, n) != NULL || memchr(source, '\\', n) != NULL ||
        memchr(source, '%', n) != NULL) {
        return;
    }
    for (size_t i = 0; i + 1 < rendered->text.len; i++) {
        if (memcmp(rendered->text.data + i, "\xc2\xa7", 2) == 0) {
            fuzz_check(rendered->origin.data[i] == 0 && rendered->origin.data[i + 1] == 0);
        }
    }
}

/* Following where the parts of the data come out changes nothing. */
static void check_trace(const graft_template *tpl, const graft_rendered *rendered,
                        const graft_json *data, const graft_json *trusted)
{
    graft_rendered traced;
    graft_chat_parts parts;
    graft_rendered_init(&traced);
    graft_chat_parts_init(&parts);
    graft_status status = graft_template_trace(tpl, &traced, &parts, data, trusted);
    if (status == GRAFT_OK) { /* it may hit the bound of memory earlier */
        fuzz_check(traced.text.len == rendered->text.len && parts.n == 5);
        fuzz_check(traced.text.len == 0 ||
                   (memcmp(traced.text.data, rendered->text.data, traced.text.len) == 0 &&
                    memcmp(traced.origin.data, rendered->origin.data, traced.text.len) == 0));
    }
    graft_chat_parts_clear(&parts);
    graft_rendered_clear(&traced);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n);

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
    static graft_json *data, *trusted;
    const graft_template_limits limits = {.steps = 50000, .depth = 500, .bytes = 2 << 20};
    const char *source = (const char *)bytes;
    graft_template *tpl = NULL;
    graft_rendered rendered;
    if (data == NULL) {
        fuzz_check(graft_json_parse(&data, data_json, sizeof data_json - 1) == GRAFT_OK);
        fuzz_check(graft_json_parse(&trusted, trusted_json, sizeof trusted_json - 1) == GRAFT_OK);
    }
    graft_rendered_init(&rendered);
    graft_status status = graft_template_parse(&tpl, source, n, "fuzz");
    if (status == GRAFT_OK) {
        graft_template_set_limits(tpl, &limits);
        graft_template_set_time(tpl, 0);
        status = graft_template_render(tpl, &rendered, data, trusted);
    }
    if (status == GRAFT_OK) {
        check_trace(tpl, &rendered, data, trusted);
        fuzz_check(rendered.text.len == rendered.origin.len);
        fuzz_check(graft_utf8_valid(graft_text_z(&rendered.text), rendered.text.len, NULL));
        for (size_t i = 0; i < rendered.origin.len; i++) {
            fuzz_check((unsigned char)rendered.origin.data[i] <= 1);
        }
        check_origin(&rendered, source, n);
    } else {
        fuzz_check(strncmp(graft_error_message(), "fuzz:", 5) == 0);
    }
    graft_rendered_clear(&rendered);
    graft_template_free(tpl);
    return 0;
}

#ifndef GRAFT_LIBFUZZER
static const char *const words[] = {
    "{{ ", " }}", "{% ", " %}", "{%- ", " -%}", "{# ", " #}", "for x in ", "endfor", "if ", "else",
    "elif ", "endif", "set ", "endset", "macro m(a, b=1)", "endmacro", "call ", "endcall", "filter ",
    "endfilter", "with ", "endwith", "raw", "endraw", "break", "continue", "messages", "tools",
    "message", "loop.last", "loop.index0", "loop.previtem", "loop(", "recursive", "namespace(",
    "range(", "joiner(", "cycler(", "|tojson", "|tojson(indent=2)", "|map('upper')", "|list",
    "|join(', ')", "|selectattr('role', 'eq', 'user')", "|sort", "|unique", "|batch(2)", "|reverse",
    "|length", "|trim", "|replace('a', 'bb')", "|default('x')", "|safe", "|e", "|indent", "|int",
    "|items", "|dictsort", ".split(',')", ".items()", ".get('a')", ".strip()", ".format(", "[::-1]",
    "[1:", "[0]", " in ", " not ", " is defined", " is string", " is mapping", " and ", " or ",
    " ~ ", " + ", " * ", " % ", " ** ", " // ", " == ", " < ", "(", ")", "[", "]", "{", "}", ", ",
    "'", "\"", "1", "2.5", "none", "true", "\n", "\xc3\xa9", "caller()", "varargs", "kwargs",
    "generation", "endgeneration", "ns.x", "9223372036854775807", "*", "**", NULL};

int main(void)
{
    return fuzz_tests("chat_template", LLVMFuzzerTestOneInput, words);
}
#endif
