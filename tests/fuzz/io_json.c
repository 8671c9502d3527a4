/* Any bytes as JSON: what is accepted is written in every style and reads back as the same value. */
#include "io/json.h"
#include "support/fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    graft_json *value, *again;
    graft_text text;
    if (graft_json_parse(&value, (const char *)data, n) != GRAFT_OK) {
        fuzz_check(value == NULL && graft_error_message()[0] != '\0');
        return 0;
    }
    for (graft_json_style style = GRAFT_JSON_COMPACT; style <= GRAFT_JSON_PRETTY; style++) {
        graft_text_init(&text);
        fuzz_check(graft_json_write(&text, value, style) == GRAFT_OK);
        fuzz_check(graft_json_parse(&again, graft_text_z(&text), text.len) == GRAFT_OK);
        fuzz_check(graft_json_equal(value, again));
        graft_json_free(again);
        graft_text_clear(&text);
    }
    fuzz_check(graft_json_copy(&again, value) == GRAFT_OK);
    fuzz_check(graft_json_equal(again, value));
    graft_json_free(again);
    graft_json_free(value);
    return 0;
}

#ifndef GRAFT_LIBFUZZER
int main(void)
{
    static const char *const words[] = {
        "{", "}", "[", "]", ":", ",", "\"", "\\", "\\u0000", "\\ud83d", "\\ude00", "null", "true",
        "false", "1e308", "-0", "0.", "18446744073709551615", "\xf0\x9f\x98\x80", "\xed\xa0\x80",
        "{\"a\":", "\"a\"", "1E-400", NULL};
    return fuzz_tests("io_json", LLVMFuzzerTestOneInput, words);
}
#endif
