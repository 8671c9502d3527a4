/* Every folder of tests/bad/make_hf.py: opened, or refused with a message that names the file
 * and what is wrong. Each is a test of its own. */
#include "support/test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "convert/convert.h"
#include "core/memory.h"
#include "core/strings.h"
#include "io/files.h"

enum { MAX_CASES = 200 };

typedef struct bad_case {
    char name[64];
    char *where, *message;
} bad_case;

static bad_case cases[MAX_CASES];
static struct CMUnitTest tests[MAX_CASES];

/* Every row of every tensor can be read, and every key be set. */
static void assert_readable(const graft_hf *hf)
{
    size_t n;
    const graft_tensor_source *sources = graft_hf_tensors(hf, &n);
    graft_gguf_writer *file;
    assert_true(n >= 11);
    for (size_t i = 0; i < n; i++) {
        float *row;
        assert_ok(graft_alloc(&row, (size_t)sources[i].ne[0], sizeof *row));
        for (uint64_t r = 0; r < sources[i].ne[1]; r++) {
            assert_ok(sources[i].read(sources[i].context, r, 1, row));
            assert_true(row[0] == 0);
        }
        graft_free(row);
    }
    assert_ok(graft_gguf_writer_new(&file));
    assert_ok(graft_hf_set_keys(hf, file));
    graft_gguf_writer_free(file);
}

static void judge(void **state)
{
    const bad_case *c = *state;
    char path[256];
    graft_hf *hf;
    snprintf(path, sizeof path, "%s/hf/%s", test_temp_dir(), c->name);
    graft_status status = graft_hf_open(&hf, path, NULL);
    if (c->message[0] == '\0') {
        assert_ok(status);
        assert_readable(hf);
        graft_hf_close(hf);
        return;
    }
    assert_null(hf);
    if (status != GRAFT_E_MODEL && status != GRAFT_E_DISK) {
        fail_msg("code %d: %s", (int)status, graft_error_message());
    }
    assert_contains(graft_error_message(), c->message);
    assert_contains(graft_error_message(), c->where);
    assert_contains(graft_error_message(), c->name);
}

/* What fails in the middle of opening leaves nothing behind and does not crash. */
static void test_no_memory(void **state)
{
    (void)state;
    char path[256];
    graft_hf *hf = NULL;
    uint64_t n = 0;
    static const char *const names[] = {"valid_shards", "valid_nf4", "valid_pieces"};
    for (size_t i = 0; i < 3; i++) {
        snprintf(path, sizeof path, "%s/hf/%s", test_temp_dir(), names[i]);
        for (n = 1; hf == NULL && n < 100000; n++) {
            graft_alloc_fail_at(n);
            graft_status status = graft_hf_open(&hf, path, NULL);
            graft_alloc_fail_at(0);
            assert_true((status == GRAFT_OK) == (hf != NULL));
        }
        assert_non_null(hf);
        assert_true(n > 20);
        graft_hf_close(hf);
        hf = NULL;
    }
}

int main(void)
{
    char command[256], *line, *end = NULL;
    graft_text expected;
    size_t n = 0;
    graft_text_init(&expected);
    snprintf(command, sizeof command, "python3 tests/bad/make_hf.py %s/hf", test_temp_dir());
    if (system(command) != 0 ||
        graft_file_read(&expected, test_temp_path("hf/expected.txt"), 1 << 20) != GRAFT_OK) {
        fprintf(stderr, "%s failed\n", command);
        return 1;
    }
    for (line = strtok_r(expected.data, "\n", &end); line != NULL && n < MAX_CASES - 1;
         line = strtok_r(NULL, "\n", &end)) {
        char *where = strchr(line, '\t'), *message = where ? strchr(where + 1, '\t') : NULL;
        if (message == NULL) {
            fprintf(stderr, "not understood: %s\n", line);
            return 1;
        }
        *where = *message = '\0';
        snprintf(cases[n].name, sizeof cases[n].name, "%s", line);
        cases[n].where = where + 1;
        cases[n].message = message + 1;
        tests[n] = (struct CMUnitTest){.name = cases[n].name, .test_func = judge,
                                       .initial_state = &cases[n]};
        n++;
    }
    tests[n++] = (struct CMUnitTest){.name = "test_no_memory", .test_func = test_no_memory};
    int failed = _cmocka_run_group_tests("convert_bad", tests, n, NULL, NULL);
    graft_text_clear(&expected);
    return failed;
}
