/* A GGUF and a safetensors file of 4 KB with every byte replaced by every other value, and cut off at
 * every length: each is refused with a message or meets the invariants. `make check` tries the bits of
 * every byte and some values more, and four where all of these are accepted; EVERY_BYTE=1 tries all 255,
 * about two million files (`make fuzz`). */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "core/strings.h"
#include "io/gguf.h"
#include "io/safetensors.h"
#include "quant/formats.h"
#include "support/fuzz.h"
#include "support/invariants.h"
#include "support/test.h"

enum { MOST = 4608, LEAST = 4000 };

typedef bool check_file(const char *path, size_t n);

static bool check_gguf_file(const char *path, size_t n)
{
    (void)n;
    return check_gguf(path, 1, NULL);
}

/* A file in memory: what it is called and its bytes. */
typedef struct memory_file {
    char path[64];
    int fd;
    uint8_t *bytes;
    size_t n;
} memory_file;

static void open_memory(memory_file *file, const char *path)
{
    graft_text text;
    graft_text_init(&text);
    assert_ok(graft_file_read(&text, path, MOST));
    if (text.len < LEAST) {
        fail_msg("%s: only %zu bytes", path, text.len);
    }
    file->n = text.len;
    file->fd = memfd_create("every-byte", MFD_CLOEXEC);
    assert_true(file->fd >= 0 && ftruncate(file->fd, (off_t)file->n) == 0);
    file->bytes = mmap(NULL, file->n, PROT_READ | PROT_WRITE, MAP_SHARED, file->fd, 0);
    assert_true(file->bytes != MAP_FAILED);
    memcpy(file->bytes, text.data, file->n);
    snprintf(file->path, sizeof file->path, "/proc/self/fd/%d", file->fd);
    graft_text_clear(&text);
}

static void close_memory(memory_file *file)
{
    assert_int_equal(munmap(file->bytes, file->n), 0);
    assert_int_equal(close(file->fd), 0);
}

/* Of the values that differ from `now`: all, or those that parsers trip over. */
static size_t values_of(uint8_t *out, uint8_t now, bool all)
{
    static const uint8_t some[] = {0x00, 0x01, 0x7f, 0x80, 0xff, '"', '\\', '{', '}', '[', ']', '0',
                                   '9', '-', ',', ':', ' ', '\n'};
    bool seen[256] = {false};
    size_t n = 0;
    for (unsigned v = 0; v < 256; v++) {
        seen[v] = all || ((v ^ now) & ((v ^ now) - 1)) == 0; /* one bit apart */
    }
    for (size_t i = 0; i < sizeof some; i++) {
        seen[some[i]] = true;
    }
    seen[now] = false;
    for (unsigned v = 0; v < 256; v++) {
        if (seen[v]) {
            out[n++] = (uint8_t)v;
        }
    }
    return n;
}

static void try_all(const char *path, check_file *check)
{
    bool all = getenv("EVERY_BYTE") != NULL;
    memory_file file;
    size_t n_tried = 0, n_accepted = 0, n_cut = 0;
    open_memory(&file, path);
    assert_true(check(file.path, file.n));
    for (size_t i = 0; i < file.n; i++) {
        uint8_t now = file.bytes[i], values[256];
        size_t n = values_of(values, now, all);
        size_t v = 0, accepted = 0;
        for (; v < n && (all || v < 4 || accepted < v); v++) { /* where four may stand, any may */
            file.bytes[i] = values[v];
            accepted += check(file.path, file.n);
        }
        file.bytes[i] = now;
        n_tried += v;
        n_accepted += accepted;
    }
    assert_true(n_accepted > 0 && n_accepted < n_tried); /* numbers may change, structure may not */
    for (size_t n = file.n; n-- > 0;) { /* the bytes behind the end are gone from the map as well */
        assert_int_equal(ftruncate(file.fd, (off_t)n), 0);
        n_cut += check(file.path, n);
    }
    assert_true(n_cut < 32); /* GGUF files may lack the padding at their end */
    print_message("%s: %zu changes of one byte, %zu accepted; %zu lengths\n", path, n_tried,
                  n_accepted, file.n);
    close_memory(&file);
}

/* Keys of every type and tensors of several, 4 KB in all. */
static void every_byte_of_a_gguf_file(void **state)
{
    (void)state;
    static const float numbers[256] = {1};
    static const struct {
        const char *name;
        const graft_format *format;
        uint32_t n_dims;
        uint64_t ne[4];
    } tensors[] = {
        {"token_embd.weight", &graft_format_f32, 2, {16, 12, 1, 1}},
        {"blk.0.attn_q.weight", &graft_format_q4_1, 2, {32, 20, 1, 1}},
        {"blk.0.ffn_up.weight", &graft_format_q8_0, 3, {32, 4, 2, 1}},
        {"blk.0.attn_norm.weight", &graft_format_f16, 1, {64, 1, 1, 1}},
        {"output_norm.weight", &graft_format_bf16, 4, {8, 2, 2, 2}},
    };
    graft_gguf_writer *w;
    char key[64], text[96];
    const char *path = test_temp_path("every.gguf");
    assert_ok(graft_gguf_writer_new(&w));
    assert_ok(graft_gguf_set_string(w, "general.architecture", "llama", 5));
    assert_ok(graft_gguf_set_u32(w, "general.alignment", 32));
    assert_ok(graft_gguf_set_u64(w, "graft.base_bytes", 1 << 20));
    assert_ok(graft_gguf_set_f32(w, "llama.rope.freq_base", 10000));
    assert_ok(graft_gguf_set_bool(w, "tokenizer.ggml.add_bos_token", true));
    for (size_t i = 0; i < 14; i++) {
        snprintf(key, sizeof key, "general.tag.%zu", i);
        snprintf(text, sizeof text, "%zu: \xc3\xa9 text of some length, as licences and names are", i);
        assert_ok(graft_gguf_set_string(w, key, text, strlen(text)));
    }
    graft_gguf *types; /* arrays, and the types that writers have no function for */
    assert_ok(graft_gguf_open(&types, "tests/fuzz/corpus/io_gguf/all_types.gguf"));
    for (size_t i = 0; i < graft_gguf_n_kv(types); i++) {
        const graft_gguf_kv *kv = graft_gguf_kv_at(types, i);
        if (kv->key.len < 8 || memcmp(kv->key.data, "general.", 8) != 0) {
            assert_ok(graft_gguf_copy_kv(w, kv));
        }
    }
    for (size_t i = 0; i < sizeof tensors / sizeof *tensors; i++) {
        assert_ok(graft_gguf_add_tensor(w, tensors[i].name, tensors[i].format, tensors[i].n_dims,
                                        tensors[i].ne, numbers));
    }
    assert_ok(graft_gguf_write(w, path));
    graft_gguf_writer_free(w);
    graft_gguf_close(types);
    try_all(path, check_gguf_file);
}

static void every_byte_of_a_safetensors_file(void **state)
{
    (void)state;
    static const float numbers[256] = {1};
    static const uint64_t shapes[][3] = {{16, 8}, {4}, {2, 3, 4}, {1}, {8, 16}, {0}, {5, 5}, {32}};
    static const uint32_t n_dims[] = {2, 1, 3, 0, 2, 1, 2, 1};
    graft_safetensors_writer *w;
    char name[96];
    const char *path = test_temp_path("every.safetensors");
    assert_ok(graft_safetensors_writer_new(&w));
    assert_ok(graft_safetensors_set_metadata(w, "format", "pt"));
    assert_ok(graft_safetensors_set_metadata(w, "a \"quoted\" key", "caf\xc3\xa9 \\ \n"));
    for (size_t i = 0; i < 15; i++) {
        snprintf(name, sizeof name, "model.layers.%zu.self_attn.q_proj.weight", i);
        assert_ok(graft_safetensors_add(w, name, n_dims[i % 8], shapes[i % 8], numbers));
    }
    assert_ok(graft_safetensors_write(w, path));
    graft_safetensors_writer_free(w);
    try_all(path, check_safetensors);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(every_byte_of_a_gguf_file),
                                       cmocka_unit_test(every_byte_of_a_safetensors_file)};
    fuzz_guard_mappings();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
