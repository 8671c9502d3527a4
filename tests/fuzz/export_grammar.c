/* A schema, or behind a '/' a pattern: its grammar names no rule that it does not define. */
#include <string.h>

#include "core/map.h"
#include "export/grammar.h"
#include "support/fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static size_t word_at(const char *text)
{
    size_t n = 0;
    while ((text[n] >= 'a' && text[n] <= 'z') || (text[n] >= '0' && text[n] <= '9') ||
           (text[n] >= 'A' && text[n] <= 'Z') || text[n] == '-') {
        n++;
    }
    return n;
}

/* Behind a literal, a class or a count. */
static const char *behind(const char *text)
{
    char close = *text == '"' ? '"' : *text == '[' ? ']' : '}';
    for (text++; *text != close; text++) {
        fuzz_check(*text != '\0' && *text != '\n');
        text += *text == '\\';
    }
    return text + 1;
}

/* Every rule once, and no name without a rule. */
static void check_names(const char *grammar)
{
    graft_map rules;
    bool twice;
    graft_map_init(&rules);
    for (const char *line = grammar; *line != '\0'; line = strchr(line, '\n') + 1) {
        fuzz_check(strncmp(line + word_at(line), " ::= ", 5) == 0);
        fuzz_check(graft_map_set(&rules, line, word_at(line), 0, &twice) == GRAFT_OK && !twice);
    }
    for (const char *at = grammar; *at != '\0';) {
        size_t length = word_at(at);
        if (*at == '"' || *at == '[' || *at == '{') {
            at = behind(at);
        } else if (length > 0) {
            fuzz_check(graft_map_find(&rules, at, length, NULL));
            at += length;
        } else {
            at++;
        }
    }
    fuzz_check(graft_map_find(&rules, "root", 4, NULL));
    graft_map_clear(&rules);
}

static graft_json *schema_of(const uint8_t *data, size_t n)
{
    graft_json *schema = NULL;
    if (n == 0 || data[0] != '/') {
        return graft_json_parse(&schema, (const char *)data, n) == GRAFT_OK ? schema : NULL;
    }
    if (graft_utf8_valid((const char *)data, n, NULL)) {
        schema = graft_json_new_object();
        fuzz_check(graft_json_set(schema, "pattern",
                                  graft_json_new_string((const char *)data + 1, n - 1)) == GRAFT_OK);
    }
    return schema;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    graft_grammar grammar;
    graft_json *schema = schema_of(data, n);
    if (graft_grammar_of_schema(&grammar, schema) == GRAFT_OK) {
        check_names(graft_text_z(&grammar.text));
    } else {
        fuzz_check(grammar.text.len == 0 && graft_error_message()[0] != '\0');
    }
    graft_grammar_clear(&grammar);
    graft_json_free(schema);
    return 0;
}

#ifndef GRAFT_LIBFUZZER
int main(void)
{
    static const char *const words[] = {
        "{\"type\":", "\"object\"", "\"string\"", "\"integer\"", "\"number\"", "\"array\"",
        "\"properties\":{", "\"required\":[", "\"additionalProperties\":", "\"patternProperties\":{",
        "\"items\":", "\"prefixItems\":[", "\"minItems\":", "\"maxItems\":", "\"minLength\":",
        "\"maxLength\":", "\"minimum\":", "\"maximum\":", "\"pattern\":\"", "\"format\":\"date\"",
        "\"enum\":[", "\"const\":", "\"anyOf\":[", "\"oneOf\":[", "\"allOf\":[", "\"$ref\":\"#\"",
        "\"$ref\":\"#/$defs/a\"", "\"$defs\":{\"a\":", "},", "]", "}", "true", "false", "1e18", "-1",
        "[^a-z]", "{2,3}", "(?:", "\\d", "\\u0041", "^", "$", NULL};
    return fuzz_tests("export_grammar", LLVMFuzzerTestOneInput, words);
}
#endif
