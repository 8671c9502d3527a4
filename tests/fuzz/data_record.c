/* Any bytes as a record, through every reader and from there through every writer: what is written
 * reads back the same, or the writer says what it cannot hold. */
#include <string.h>

#include "data/record.h"
#include "support/fuzz.h"

static void write_all(const graft_conversation *c)
{
    for (size_t i = 0; graft_record_writers[i]; i++) {
        graft_text line;
        graft_conversation again;
        graft_text_init(&line);
        graft_conversation_init(&again);
        graft_status status = graft_record_write(&line, graft_record_writers[i], c);
        if (status == GRAFT_OK) {
            fuzz_check(line.len > 0 && line.data[line.len - 1] == '\n' &&
                       !memchr(line.data, '\n', line.len - 1));
            fuzz_check(graft_reader__convert_text(&again, graft_record_writers[i]->reader, NULL,
                                                  line.data, line.len) == GRAFT_OK);
            fuzz_check(again.n_turns == c->n_turns);
        } else {
            fuzz_check(status == GRAFT_E_DATA && graft_error_message()[0] != 0 && line.len == 0);
        }
        graft_conversation_clear(&again);
        graft_text_clear(&line);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    for (size_t i = 0; graft_readers[i]; i++) {
        graft_conversation c;
        graft_conversation_init(&c);
        if (!graft_readers[i]->open &&
            graft_reader__convert_text(&c, graft_readers[i], NULL, (const char *)data, n) ==
                GRAFT_OK) {
            write_all(&c);
        }
        graft_conversation_clear(&c);
    }
    return 0;
}

#ifndef GRAFT_LIBFUZZER
int main(void)
{
    static const char *const words[] = {
        "{", "}", "[", "]", ",", ":", "null", "\"\"", "'", "\\\"", "\\n", "<tools>", "</tools>",
        "<tool_call>", "</tool_call>", "<tool_response>", "<functioncall>", "USER:", "ASSISTANT:",
        "FUNCTION RESPONSE:", "Thought:", "Action:", "Action Input:", "Observation:", "[f(a=1)]",
        "\\n> ", "True", "None", "\"weight\":", "\"role\":", "\"tool_calls\":", "\"arguments\":",
        NULL};
    return fuzz_tests("data_record", LLVMFuzzerTestOneInput, words);
}
#endif
