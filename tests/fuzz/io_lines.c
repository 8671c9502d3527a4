/* Any bytes as a compressed file of lines: no line beyond the limit, none unterminated. */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "io/lines.h"
#include "support/fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

/* fuzz_file's name does not end in .zst: a link to it does. */
static const char *packed_file(const uint8_t *data, size_t n)
{
    static char path[256];
    const char *file = fuzz_file(data, n);
    if (path[0] == '\0') {
        snprintf(path, sizeof path, "%s.zst", file);
        (void)unlink(path);
        fuzz_check(symlink(strrchr(file, '/') + 1, path) == 0);
    }
    return path;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    static const graft_lines_limits limits = {.line = 1000, .total = 1 << 18};
    const char *paths[2] = {packed_file(data, n), fuzz_file(data, n)};
    for (size_t p = 0; p < 2; p++) {
        graft_lines *lines;
        const char *line;
        size_t len, number = 0;
        fuzz_check(graft_lines_open_limited(&lines, paths[p], &limits) == GRAFT_OK);
        while (graft_lines_next(lines, &line, &len) == GRAFT_OK && line != NULL) {
            fuzz_check(len <= limits.line && line[len] == '\0');
            fuzz_check(memchr(line, '\n', len) == NULL);
            fuzz_check(graft_lines_number(lines) == ++number);
        }
        graft_lines_close(lines);
    }
    return 0;
}

#ifndef GRAFT_LIBFUZZER
int main(void)
{
    static const char *const words[] = {"\n", "\r\n", "\x28\xb5\x2f\xfd", "\x50\x2a\x4d\x18", NULL};
    return fuzz_tests("io_lines", LLVMFuzzerTestOneInput, words);
}
#endif
