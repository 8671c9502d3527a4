/* Any bytes as a Python literal and as calls: values or a message, and calls that are whole. */
#include <string.h>

#include "chat/python_literal.h"
#include "support/fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    const char *text = (const char *)data, *at = text;
    graft_json *value = NULL, *calls = graft_json_new_array();
    graft_text written;
    bool understood = false;
    graft_text_init(&written);
    graft_status status = graft_python_value(&value, &at, text + n);
    fuzz_check(at >= text && at <= text + n);
    fuzz_check(status == GRAFT_OK || (status == GRAFT_E_DATA && !value));
    if (status == GRAFT_OK) { /* what is read is JSON */
        graft_json *again = NULL;
        fuzz_check(graft_json_write(&written, value, GRAFT_JSON_COMPACT) == GRAFT_OK);
        fuzz_check(graft_json_parse(&again, written.data, written.len) == GRAFT_OK);
        graft_json_free(again);
    }
    fuzz_check(graft_python_calls(calls, text, n, &understood) == GRAFT_OK);
    fuzz_check(understood == (graft_json_length(calls) > 0));
    for (size_t i = 0; i < graft_json_length(calls); i++) {
        const graft_json *call = graft_json_at(calls, i);
        fuzz_check(graft_json_is(graft_json_get(call, "name"), GRAFT_JSON_STRING));
        fuzz_check(graft_json_is(graft_json_get(call, "arguments"), GRAFT_JSON_OBJECT));
    }
    graft_text_clear(&written);
    graft_json_free(value);
    graft_json_free(calls);
    return 0;
}

#ifndef GRAFT_LIBFUZZER
int main(void)
{
    static const char *const words[] = {"(", ")", "[", "]", "{", "}", ",", ":", "=", "'", "\"",
                                        "'''", "\\", "\\x41", "\\ud83d\\ude00", "True", "None",
                                        "null", "1e9", "-.5", "0x1f", "r'", "f(a=1)", ", ", NULL};
    return fuzz_tests("chat_python", LLVMFuzzerTestOneInput, words);
}
#endif
