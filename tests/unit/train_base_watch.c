/* The frozen base under a run: every changed byte is found, and named. */
#include <stdio.h>
#include <string.h>

#include "core/memory.h"
#include "support/test.h"
#include "support/tiny_model.h"
#include "train/base_watch.h"

/* Changes one byte of the file in place; whoever has it mapped sees it. */
static void flip(const char *path, long offset)
{
    FILE *file = fopen(path, "r+b");
    assert_non_null(file);
    assert_int_equal(fseek(file, offset, SEEK_SET), 0);
    int byte = fgetc(file);
    assert_int_equal(fseek(file, offset, SEEK_SET), 0);
    assert_true(fputc(byte ^ 4, file) != EOF);
    assert_int_equal(fclose(file), 0);
}

static graft_gguf *open_base(char path[256])
{
    tiny_options options = tiny_default;
    graft_gguf *file = NULL;
    options.n_vocab = 20000; /* 1.3 MB of embeddings: several chunks */
    snprintf(path, 256, "%s", tiny_model("watched.gguf", &options));
    assert_ok(graft_gguf_open(&file, path));
    return file;
}

static void every_changed_byte_is_found_in_time(void **state)
{
    char path[256];
    graft_base_watch watch;
    graft_gguf *file = open_base(path);
    const graft_gguf_tensor *last = graft_gguf_find_tensor(file, "blk.1.ffn_down.weight");
    size_t n = 0;
    const uint8_t *data = graft_gguf_bytes(file, 0, &n);
    const struct {
        long offset;
        const char *message;
    } cases[] = {
        {2, "watched.gguf: bytes 0 to 262143 (tensor \"token_embd.weight\") are not what they were"},
        {700000, "bytes 524288 to 786431 (tensor \"token_embd.weight\")"},
        {(long)(last->data - data), "and "},
        {(long)n - 1, " (tensor \"token_embd.weight\" and "},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        for (uint64_t steps = 1; steps <= 7; steps += 2) {
            uint64_t asked = 0;
            assert_ok(graft_base_watch_init(&watch, file, steps));
            assert_int_equal(watch.n_chunks, (n + GRAFT_BASE_CHUNK - 1) / GRAFT_BASE_CHUNK);
            for (uint64_t k = 0; k < 2 * steps + 1; k++) {
                assert_ok(graft_base_watch_step(&watch));
            }
            assert_ok(graft_base_watch_all(&watch));
            flip(path, cases[i].offset);
            assert_fails(graft_base_watch_all(&watch), GRAFT_E_MODEL, cases[i].message);
            while (graft_base_watch_step(&watch) == GRAFT_OK) {
                asked++;
                assert_true(asked < steps);
            }
            assert_contains(graft_error_message(), cases[i].message);
            flip(path, cases[i].offset);
            assert_ok(graft_base_watch_all(&watch));
            graft_base_watch_clear(&watch);
        }
    }
    graft_gguf_close(file);
}

static void it_can_be_switched_off_and_allocates_nothing(void **state)
{
    char path[256];
    graft_base_watch watch;
    graft_gguf *file = open_base(path);
    (void)state;
    assert_ok(graft_base_watch_init(&watch, file, 0));
    flip(path, 700000);
    assert_ok(graft_base_watch_step(&watch));
    assert_ok(graft_base_watch_all(&watch));
    graft_base_watch_clear(&watch);
    assert_ok(graft_base_watch_init(&watch, file, 3));
    uint64_t before = graft_alloc_count();
    for (size_t i = 0; i < 10; i++) {
        assert_ok(graft_base_watch_step(&watch));
    }
    assert_ok(graft_base_watch_all(&watch));
    assert_int_equal(graft_alloc_count(), before);
    graft_base_watch_clear(&watch);
    graft_gguf_close(file);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_changed_byte_is_found_in_time),
        cmocka_unit_test(it_can_be_switched_off_and_allocates_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
