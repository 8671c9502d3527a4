/* Any bytes as the texts of a checkpoint: notes that are accepted are finite, have names of their own and read
 * back the same; an identity, split at the first zero byte into two, is compared, and is no other than itself. */
#include <math.h>
#include <string.h>

#include "core/memory.h"
#include "support/fuzz.h"
#include "train/identity.h"
#include "train/notes.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static void check_notes(const char *text)
{
    static graft_notes notes, again;
    graft_text written;
    if (graft_notes_parse(&notes, text) != GRAFT_OK) {
        fuzz_check(notes.n == 0 && graft_error_message()[0] != '\0');
        return;
    }
    graft_text_init(&written);
    fuzz_check(notes.n <= GRAFT_NOTES_MAX);
    fuzz_check(graft_notes_format(&notes, &written) == GRAFT_OK);
    fuzz_check(graft_notes_parse(&again, graft_text_z(&written)) == GRAFT_OK && again.n == notes.n);
    for (size_t i = 0; i < notes.n; i++) {
        double value = graft_notes_get(&notes, notes.items[i].name, NAN);
        fuzz_check(isfinite(value) && strcmp(notes.items[i].name, again.items[i].name) == 0);
        fuzz_check(memcmp(&value, &notes.items[i].value, sizeof value) == 0); /* the first of its name */
        fuzz_check(memcmp(&value, &again.items[i].value, sizeof value) == 0);
    }
    graft_text_clear(&written);
}

/* Does a line of the text begin like one before it, up to the colon? */
static bool says_twice(const char *text)
{
    for (const char *line = text; *line != '\0'; line += strcspn(line, "\n"), line += *line != '\0') {
        size_t n = strcspn(line, ":\n");
        for (const char *before = text; before < line; before += strcspn(before, "\n") + 1) {
            if (strcspn(before, ":\n") == n && memcmp(before, line, n) == 0) {
                return true;
            }
        }
    }
    return false;
}

static void check_identity(const char *saved, const char *wanted)
{
    graft_text run, machine;
    graft_text_init(&run);
    graft_text_init(&machine);
    fuzz_check(graft_run_differences(&run, &machine, saved, wanted) == GRAFT_OK);
    graft_text_clear(&run);
    graft_text_clear(&machine);
    fuzz_check(graft_run_differences(&run, &machine, saved, saved) == GRAFT_OK);
    fuzz_check(says_twice(saved) || (run.len == 0 && machine.len == 0));
    graft_text_clear(&run);
    graft_text_clear(&machine);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    char *text;
    fuzz_check(graft_strndup(&text, (const char *)data, n) == GRAFT_OK);
    size_t first = strlen(text);
    check_notes(text);
    check_identity(text, first < n ? text + first + 1 : "lora_r: 8\nbase: 1\nlevel: avx2\n");
    graft_free(text);
    return 0;
}

#ifndef GRAFT_LIBFUZZER
int main(void)
{
    static const char *const words[] = {"a: 1\n", "b.c_d: -1e308\n", ": ", "\n", "inf", "nan", "0x1p-1074", "1e-400",
                                        "lora_r: 8\n", "seed: 1\n", "base: ", "data: ", "level: ", "threads: ", NULL};
    return fuzz_tests("train_notes", LLVMFuzzerTestOneInput, words);
}
#endif
