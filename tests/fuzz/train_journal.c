/* Any bytes as the metrics.jsonl of a run that is continued and then goes back: what is kept is JSON, a line
 * each, of steps that were done; continuing once more changes nothing. The first three bytes are the step, that
 * of the last evaluation, and the number of rollbacks. */
#include <string.h>

#include "io/files.h"
#include "io/json.h"
#include "support/fuzz.h"
#include "support/test.h"
#include "train/journal.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static const char *path;

static void resume(uint64_t step, uint64_t evaluated, uint64_t rollbacks, bool rewind)
{
    graft_journal *journal;
    graft_status status = graft_journal_open(&journal, test_temp_dir(), step, evaluated, rollbacks);
    fuzz_check(status == GRAFT_OK);
    if (rewind) {
        fuzz_check(graft_journal_rewind(journal, step / 2, rollbacks + 1) == GRAFT_OK);
    }
    fuzz_check(graft_journal_finish(journal) == GRAFT_OK);
    graft_journal_close(journal);
}

/* Reads the file; every line is JSON. Steps that count are at most `last`. */
static void read_back(graft_text *out, uint64_t last, uint64_t rollbacks)
{
    size_t at = 0;
    fuzz_check(graft_file_read(out, path, 1 << 20) == GRAFT_OK);
    fuzz_check(out->len == 0 || out->data[out->len - 1] == '\n');
    while (at < out->len) {
        const char *line = out->data + at;
        size_t n = (size_t)((const char *)memchr(line, '\n', out->len - at) - line);
        graft_json *record;
        fuzz_check(graft_json_parse(&record, line, n) == GRAFT_OK);
        const char *event = graft_json_string(graft_json_get(record, "event"), NULL);
        bool now = (uint64_t)graft_json_int(graft_json_get(record, "rollbacks")) >= rollbacks;
        fuzz_check(!now || event == NULL || strcmp(event, "step") != 0 ||
                   (uint64_t)graft_json_int(graft_json_get(record, "step")) <= last);
        graft_json_free(record);
        at += n + 1;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    graft_text once, twice;
    if (n < 3) {
        return 0;
    }
    if (path == NULL) {
        fuzz_without_syncs();
        static char place[512];
        strcpy(place, test_temp_path("metrics.jsonl"));
        path = place;
    }
    uint64_t step = 1 + data[0], evaluated = data[1], rollbacks = data[2];
    fuzz_put(path, data + 3, n - 3);
    graft_text_init(&once);
    graft_text_init(&twice);
    resume(step, evaluated, rollbacks, false);
    read_back(&once, step, rollbacks);
    resume(step, evaluated, rollbacks, false);
    read_back(&twice, step, rollbacks);
    fuzz_check(once.len == twice.len && memcmp(graft_text_z(&once), graft_text_z(&twice), once.len) == 0);
    resume(step, evaluated, rollbacks, true);
    read_back(&once, step / 2, 0);
    graft_text_clear(&once);
    graft_text_clear(&twice);
    return 0;
}

#ifndef GRAFT_LIBFUZZER
int main(void)
{
    static const char *const words[] = {
        "\n", "\r\n", "{\"event\":\"step\",\"step\":1}\n", "\"event\":\"eval\"", "\"when\":\"after\"", "\"rollbacks\":1",
        "\"step\":", "\"event\":", "\"undone_step\"", "\"best\"", "\"early_stop\"", "-1", "18446744073709551615", "1.5",
        "null", "[", "]", "{", "}", ",", NULL};
    return fuzz_tests_few("train_journal", LLVMFuzzerTestOneInput, words, 200);
}
#endif
