/* A schema and a value: it compiles under both drafts, and what does not fit is explained.
 *
 * An input that begins with '[' is JSON, [schema, value]. Any other is a list of choices that makes
 * one, so that most inputs get as far as the checks. */
#include <string.h>

#include "schema/schema.h"
#include "support/fuzz.h"

static graft_schema_scratch *scratch;

/* --- choices --- */

typedef struct choices {
    const uint8_t *bytes;
    size_t n;
    graft_text out;
} choices;

static size_t choose(choices *c, size_t n)
{
    if (c->n == 0) {
        return 0;
    }
    c->n--;
    return *c->bytes++ % n;
}

static void put(choices *c, const char *text)
{
    fuzz_check(graft_text_append_z(&c->out, text) == GRAFT_OK);
}

static void put_one(choices *c, const char *const *words, size_t n)
{
    put(c, words[choose(c, n)]);
}

static void put_value(choices *c, int depth)
{
    static const char *const plain[] = {
        "null", "true", "false", "0", "-1", "2", "2.5", "1e300", "18446744073709551615", "\"\"",
        "\"a\"", "\"aaaaaaaaaaaaaaaaaaaaaaaab\"", "\"\\u00e9\\u0000\"", "0.3"};
    enum { N = sizeof plain / sizeof plain[0] };
    size_t kind = choose(c, depth > 4 ? N : N + 8);
    if (kind < N) {
        put(c, plain[kind]);
        return;
    }
    put(c, kind % 2 == 0 ? "[" : "{");
    for (size_t n = choose(c, 5), i = 0; i < n; i++) {
        static const char *const names[] = {"\"a\":", "\"b\":", "\"a/b~\":", "\"ab\":", "\"\":"};
        put(c, i > 0 ? "," : "");
        put(c, kind % 2 == 0 ? "" : names[i]);
        put_value(c, depth + 1);
    }
    put(c, kind % 2 == 0 ? "]" : "}");
}

static void put_schema(choices *c, int depth);

static void put_schemas(choices *c, int depth, bool named)
{
    static const char *const names[] = {"\"a\":", "\"b\":", "\"^a\":", "\"(a|aa)+$\":"};
    put(c, named ? "{" : "[");
    for (size_t n = choose(c, 4), i = 0; i <= n; i++) {
        put(c, i > 0 ? "," : "");
        put(c, named ? names[i] : "");
        put_schema(c, depth + 1);
    }
    put(c, named ? "}" : "]");
}

/* --- keywords: how the value of each is made --- */

static void put_type(choices *c)
{
    static const char *const types[] = {"\"string\"", "\"integer\"", "\"object\"", "\"array\"",
                                        "[\"null\",\"number\"]", "[]", "\"colour\""};
    put_one(c, types, sizeof types / sizeof types[0]);
}

static void put_count(choices *c)
{
    static const char *const counts[] = {"0", "1", "2.0", "3", "0.5", "-1", "1e-8", "1e300",
                                         "true"};
    put_one(c, counts, sizeof counts / sizeof counts[0]);
}

static void put_pattern(choices *c)
{
    static const char *const patterns[] = {
        "\"^a\"", "\"^(a+)+$\"", "\"(a*)*\\\\1b\"", "\"\\\\p{Letter}[\\\\s-]\"", "\"(\"",
        "\"\\\\u{1f600}?\"",
        "\"\\\\ud83d\"", "\"[\\\\S]{2,}\"", "\"\\\\\""};
    put_one(c, patterns, sizeof patterns / sizeof patterns[0]);
}

static void put_reference(choices *c)
{
    static const char *const references[] = {
        "\"#\"", "\"#a\"", "\"#/$defs/a\"", "\"u\"", "\"u#a\"", "\"../u/./v#/items\"",
        "\"#/allOf/0\"",
        "\"#/enum/0\"", "\"http://x/y\"", "\"%\""};
    put_one(c, references, sizeof references / sizeof references[0]);
}

static void put_names(choices *c)
{
    static const char *const names[] = {"[\"a\"]", "[\"a\",\"b\"]", "{\"a\":[\"b\"]}",
                                        "[1]", "\"a\""};
    put_one(c, names, sizeof names / sizeof names[0]);
}

static void put_keyword(choices *c, size_t which, int depth)
{
    static const struct { const char *name; char kind; } keywords[] = {
        {"type", 't'}, {"enum", 'v'}, {"const", 'v'}, {"minimum", 'n'}, {"exclusiveMaximum", 'n'},
        {"multipleOf", 'n'}, {"minLength", 'n'}, {"maxItems", 'n'}, {"minProperties", 'n'},
        {"minContains", 'n'}, {"maxContains", 'n'}, {"pattern", 'p'}, {"required", 's'},
        {"dependentRequired", 's'}, {"items", 'o'}, {"prefixItems", 'l'}, {"additionalItems", 'o'},
        {"contains", 'o'}, {"uniqueItems", 'v'}, {"properties", 'm'}, {"patternProperties", 'm'},
        {"additionalProperties", 'o'}, {"propertyNames", 'o'}, {"dependencies", 'm'},
        {"dependentSchemas", 'm'}, {"allOf", 'l'}, {"anyOf", 'l'}, {"oneOf", 'l'}, {"not", 'o'},
        {"if", 'o'}, {"then", 'o'}, {"else", 'o'}, {"$ref", 'r'}, {"$dynamicRef", 'r'},
        {"$id", 'r'},
        {"$anchor", 'a'}, {"$dynamicAnchor", 'a'}, {"$defs", 'm'}, {"definitions", 'm'},
        {"unevaluatedItems", 'o'}, {"unevaluatedProperties", 'o'}};
    which %= sizeof keywords / sizeof keywords[0];
    fuzz_check(graft_text_appendf(&c->out, "\"%s\":", keywords[which].name) == GRAFT_OK);
    switch (keywords[which].kind) {
    case 't': put_type(c); break;
    case 'n': put_count(c); break;
    case 'p': put_pattern(c); break;
    case 'r': put_reference(c); break;
    case 's': put_names(c); break;
    case 'a': put(c, "\"a\""); break;
    case 'v': put_value(c, 2); break;
    case 'l': put_schemas(c, depth, false); break;
    case 'm': put_schemas(c, depth, true); break;
    default: put_schema(c, depth + 1);
    }
}

static void put_schema(choices *c, int depth)
{
    size_t kind = choose(c, 8);
    if (kind < 2 || depth > 6) {
        put(c, kind == 0 ? "false" : "true");
        return;
    }
    put(c, "{");
    size_t which = choose(c, 41);
    for (size_t i = 0; i < kind; i++) { /* neighbours in the table, at most one of each */
        put(c, i > 0 ? "," : "");
        put_keyword(c, which + i * (i + 1) / 2, depth);
    }
    put(c, "}");
}

/* --- the target --- */

static void check(const graft_json *json, const graft_json *value, graft_schema_draft draft)
{
    graft_schema *schema;
    graft_text text;
    bool fits;
    graft_text_init(&text);
    fuzz_check(graft_schema_compile(&schema, json, draft) == GRAFT_OK);
    for (size_t i = 0; graft_schema_remark(schema, i) != NULL; i++) {
        fuzz_check(strchr(graft_schema_remark(schema, i), '\n') == NULL);
    }
    graft_status status = graft_schema_check(&fits, schema, scratch, value);
    fuzz_check(status == GRAFT_OK || (status == GRAFT_E_DATA && !fits));
    if (status == GRAFT_OK &&
        graft_schema_explain(&text, schema, scratch, value, "", 1) == GRAFT_OK) {
        fuzz_check(fits == (text.len == 0));
        fuzz_check(text.len == 0 || strchr(text.data, '\n') == text.data + text.len - 1);
    }
    graft_text_clear(&text);
    graft_schema_free(schema);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    choices c = {data, n, {0}};
    graft_json *json;
    if (scratch == NULL) {
        fuzz_check(graft_schema_scratch_new(&scratch) == GRAFT_OK);
        graft_schema_scratch_set_steps(scratch, 1 << 16);
    }
    if (n > 0 && data[0] == '[') {
        fuzz_check(graft_text_append(&c.out, (const char *)data, n) == GRAFT_OK);
    } else {
        put(&c, "[");
        put_schema(&c, 0);
        put(&c, ",");
        put_value(&c, 0);
        put(&c, "]");
    }
    if (graft_json_parse(&json, c.out.data, c.out.len) == GRAFT_OK) {
        check(graft_json_at(json, 0), graft_json_at(json, 1), GRAFT_SCHEMA_2020_12);
        check(graft_json_at(json, 0), graft_json_at(json, 1), GRAFT_SCHEMA_7);
        graft_json_free(json);
    } else {
        fuzz_check(n > 0 && data[0] == '['); /* choices make JSON */
    }
    graft_text_clear(&c.out);
    return 0;
}

#ifndef GRAFT_LIBFUZZER
int main(void)
{
    static const char *const words[] = {
        "\"type\":", "\"multipleOf\":0.01", "\"pattern\":\"^(a+)+$\"", "\"$ref\":\"#\"",
        "\"$id\":\"a/../b\"", "\"unevaluatedProperties\":false", "{", "}", "[", "]", ",", ":",
        "true", "null", "1.5", "\"a\"",
        "\x07\x20", "\x06\x13", "\x05\x19", "\x07\x25", "\x04\x0e", NULL};
    int failed = fuzz_tests("schema_check", LLVMFuzzerTestOneInput, words);
    graft_schema_scratch_free(scratch);
    return failed;
}
#endif
