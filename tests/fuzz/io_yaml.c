/* Any bytes as a YAML file: an accepted map is written and reads back as the same value. */
#include "io/yaml.h"
#include "support/fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    graft_json *value, *again;
    graft_text text;
    if (graft_yaml_read(&value, fuzz_file(data, n)) != GRAFT_OK) {
        fuzz_check(value == NULL && graft_error_message()[0] != '\0');
        return 0;
    }
    graft_text_init(&text);
    if (graft_json_length(value) > 0 && graft_json_is(value, GRAFT_JSON_OBJECT)) {
        fuzz_check(graft_yaml_write(&text, value) == GRAFT_OK);
        fuzz_check(graft_yaml_read(&again, fuzz_file((const uint8_t *)text.data, text.len)) ==
                   GRAFT_OK);
        fuzz_check(graft_json_equal(value, again));
        graft_json_free(again);
        (void)fuzz_file(data, n);
    }
    graft_text_clear(&text);
    graft_json_free(value);
    return 0;
}

#ifndef GRAFT_LIBFUZZER
int main(void)
{
    static const char *const words[] = {
        ": ", "\n", "\n  ", "- ", "? ", "&a ", "*a", "!!str ", "|\n", ">-\n", "---\n", "...\n", "[",
        "]", "{", "}", ", ", "#", "'", "\"", "~", "null", "true", ".inf", "0x1f", "0o17", "1e5",
        "\"\\x85\"", "\"\\u2028\"", "\xef\xbb\xbf", "%YAML 1.2\n", "%TAG ! x\n", NULL};
    return fuzz_tests("io_yaml", LLVMFuzzerTestOneInput, words);
}
#endif
