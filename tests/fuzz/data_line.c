/* Any bytes as a record, through every reader: a conversation or bad data, nothing else. */
#include <string.h>

#include "data/reader.h"
#include "support/fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    static void *answers;
    if (!answers) {
        fuzz_check(graft_reader_bfcl.open(&answers, "datasets/bfcl-answers.jsonl") == GRAFT_OK);
    }
    for (size_t i = 0; graft_readers[i]; i++) {
        graft_conversation c;
        graft_conversation_init(&c);
        graft_status status = graft_reader__convert_text(
            &c, graft_readers[i], graft_readers[i]->open ? answers : NULL, (const char *)data, n);
        if (status == GRAFT_OK) {
            fuzz_check(c.n_turns > 0 && c.n_turns == graft_json_length(c.messages));
        } else {
            fuzz_check(status == GRAFT_E_DATA && graft_error_message()[0] != 0);
        }
        graft_conversation_clear(&c);
    }
    return 0;
}

#ifndef GRAFT_LIBFUZZER
int main(void)
{
    static const char *const words[] = {
        "{", "}", "[", "]", ",", ":", "null", "\"\"", "[{}]", "\"role\":", "\"assistant\"",
        "\"tool\"",
        "\"content\":", "\"tool_calls\":", "\"tool_call_id\":", "\"arguments\":", "\"function\":",
        "\"tools\":", "\"weight\":", "\"expected\":", "\"from\":", "\"value\":", NULL};
    return fuzz_tests("data_line", LLVMFuzzerTestOneInput, words);
}
#endif
