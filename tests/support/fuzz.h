/* support/fuzz.h - a fuzz target that is also a test.
 *
 * A target is a C file in tests/fuzz with LLVMFuzzerTestOneInput and a main that calls fuzz_tests.
 * Run as a test it replays tests/fuzz/corpus/NAME and then a fixed number of deterministic
 * mutations of it. FUZZ_RUNS=N asks for N of them, FUZZ_SEED=N for others, and
 * FUZZ_INPUT=FILE runs one file and FUZZ_WORDS=1 prints the dictionary. BUILD=fuzz makes a libFuzzer
 * program of the same file (GRAFT_LIBFUZZER; main is left out), which tests/fuzz/run runs.
 *
 * The input that runs is kept in build/tmp/fuzz-NAME.input: after a crash it is the culprit. */
#ifndef GRAFT_TESTS_SUPPORT_FUZZ_H
#define GRAFT_TESTS_SUPPORT_FUZZ_H

#include <stddef.h>
#include <stdint.h>

typedef int fuzz_target(const uint8_t *data, size_t n);

/* `words` (NULL-terminated, may be NULL) are pieces worth inserting. Returns what main returns. */
int fuzz_tests(const char *name, fuzz_target *target, const char *const *words);

/* The same with fewer mutations where nothing else is asked for: for targets that take long. */
int fuzz_tests_few(const char *name, fuzz_target *target, const char *const *words, size_t runs);

/* A file that holds the input, for targets that read files. Valid until the next call. */
const char *fuzz_file(const uint8_t *data, size_t n);

/* Writes another file, plainly: graft_file_write would take longer than what is looked at. */
void fuzz_put(const char *path, const void *bytes, size_t n);

/* Where the address sanitiser watches, it also sees reads behind the end of a file that graft maps, which
 * is less than a page away. fuzz_file switches it on. */
void fuzz_guard_mappings(void);

/* Files are published without waiting for the disk from here on: a target that writes would do nothing
 * else. */
void fuzz_without_syncs(void);

/* A condition that every accepted input must meet. */
#define fuzz_check(condition) fuzz_check_at((condition), #condition, __FILE__, __LINE__)
void fuzz_check_at(int holds, const char *condition, const char *file, int line);

#endif
