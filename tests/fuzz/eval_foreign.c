/* Any bytes as a value of Java and of JavaScript: always read as something that is JSON. The first byte
 * picks the types. */
#include <string.h>

#include "eval/foreign.h"
#include "support/fuzz.h"

static const char *const types[] = {"Array", "ArrayList", "HashMap", "array", "dict", "float", "long",
                                    "integer", "String", "any", "double", "Bigint", ""};
enum { N_TYPES = sizeof types / sizeof *types };

static void check(graft_status status, graft_json *value)
{
    graft_text written;
    graft_json *again = NULL;
    graft_text_init(&written);
    fuzz_check(status == GRAFT_OK && value != NULL);
    fuzz_check(graft_json_write(&written, value, GRAFT_JSON_COMPACT) == GRAFT_OK);
    fuzz_check(graft_json_parse(&again, written.data, written.len) == GRAFT_OK);
    graft_text_clear(&written);
    graft_json_free(again);
    graft_json_free(value);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    graft_span text = {(const char *)data + 1, n - (n > 0)};
    if (n == 0 || text.n > GRAFT_FOREIGN_MOST || memchr(text.at, 0, text.n) != NULL ||
        !graft_utf8_valid(text.at, text.n, NULL)) {
        return 0;
    }
    const char *type = types[data[0] % (N_TYPES - 1)], *items = types[data[0] / N_TYPES % N_TYPES];
    graft_json *value = NULL;
    graft_status status = graft_foreign_java(&value, text, type, items);
    check(status, value);
    status = graft_foreign_javascript(&value, text, type, items);
    check(status, value);
    return 0;
}

#ifndef GRAFT_LIBFUZZER
int main(void)
{
    static const char *const words[] = {"new ", "ArrayList<>(Arrays.asList(", "HashMap<String, Object>()", "int[]{", "{{", "}}",
                                        "[", "]", "[[", "]]", "put(\"a\", ", "add(", "))", ")", ",", ": ", "1L", "2.5f",
                                        "true", "\"", "'", "\xc2\xa0", "\n", "Array(", NULL};
    return fuzz_tests("eval_foreign", LLVMFuzzerTestOneInput, words);
}
#endif
