/* Every file of tests/bad/make_gguf.py: opened, or refused with the message that the script names.
 * Each is a test of its own. */
#include "support/test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/memory.h"
#include "core/strings.h"
#include "io/files.h"
#include "io/gguf.h"

enum { MAX_CASES = 400 };

static char name[MAX_CASES][64];
static const char *message[MAX_CASES];
static struct CMUnitTest tests[MAX_CASES];

/* Every tensor of an accepted file lies inside it. */
static void assert_inside(const graft_gguf *file)
{
    unsigned sum = 0;
    for (size_t i = 0; i < graft_gguf_n_tensors(file); i++) {
        const graft_gguf_tensor *t = graft_gguf_tensor_at(file, i);
        for (size_t b = 0; b < t->n_bytes; b++) {
            sum += t->data[b];
        }
    }
    assert_int_equal(sum, 0);
}

static void judge(void **state)
{
    size_t i = (size_t)((char(*)[64]) * state - name);
    char path[256];
    graft_gguf *file;
    snprintf(path, sizeof path, "%s/bad/%s.gguf", test_temp_dir(), name[i]);
    if (message[i][0] == '\0') {
        assert_ok(graft_gguf_open(&file, path));
        assert_inside(file);
        graft_gguf_close(file);
    } else {
        assert_fails(graft_gguf_open(&file, path), GRAFT_E_MODEL, message[i]);
        assert_contains(graft_error_message(), ".gguf: at byte ");
        assert_null(file);
    }
}

int main(void)
{
    char command[256], *line;
    graft_text expected;
    size_t n = 0;
    graft_text_init(&expected);
    snprintf(command, sizeof command, "python3 tests/bad/make_gguf.py %s/bad", test_temp_dir());
    if (system(command) != 0 ||
        graft_file_read(&expected, test_temp_path("bad/expected.txt"), 1 << 20) != GRAFT_OK) {
        fprintf(stderr, "%s failed\n", command);
        return 1;
    }
    for (line = strtok(expected.data, "\n"); line != NULL && n < MAX_CASES;
         line = strtok(NULL, "\n")) {
        char *tab = strchr(line, '\t');
        if (tab == NULL) {
            fprintf(stderr, "not understood: %s\n", line);
            return 1;
        }
        snprintf(name[n], sizeof name[n], "%.*s", (int)(tab - line), line);
        message[n] = tab + 1;
        tests[n] = (struct CMUnitTest){.name = name[n], .test_func = judge,
                                       .initial_state = &name[n]};
        n++;
    }
    int failed = _cmocka_run_group_tests("gguf_bad", tests, n, NULL, NULL);
    graft_text_clear(&expected);
    return failed;
}
