/* io/lines.h: lines of plain and compressed files. */
#include "support/test.h"

#include <stdio.h>
#include <string.h>
#include <zstd.h>

#include "core/memory.h"
#include "core/strings.h"
#include "io/files.h"
#include "io/lines.h"

/* Compresses `text` into a file; `cut` bytes are left off its end. */
static const char *zst_file(const char *name, const char *text, size_t n, size_t cut)
{
    char *packed;
    size_t bound = ZSTD_compressBound(n), size;
    assert_ok(graft_alloc(&packed, bound, 1));
    size = ZSTD_compress(packed, bound, text, n, 1);
    assert_false(ZSTD_isError(size));
    const char *path = test_temp_file(name, packed, size - cut);
    graft_free(packed);
    return path;
}

/* Reads the file and checks that its lines, joined with '|', are as expected. */
static void assert_lines(const char *path, const char *expected)
{
    graft_lines *lines;
    graft_text joined;
    const char *line;
    size_t n, number = 0;
    graft_text_init(&joined);
    assert_ok(graft_lines_open(&lines, path));
    for (;;) {
        assert_ok(graft_lines_next(lines, &line, &n));
        if (line == NULL) {
            break;
        }
        assert_int_equal(graft_lines_number(lines), ++number);
        assert_int_equal(line[n], '\0');
        assert_ok(graft_text_append(&joined, line, n));
        assert_ok(graft_text_append_char(&joined, '|'));
    }
    assert_ok(graft_lines_next(lines, &line, &n)); /* stays at the end */
    assert_null(line);
    assert_string_equal(graft_text_z(&joined), expected);
    graft_text_clear(&joined);
    graft_lines_close(lines);
}

static void lines_end_at_newlines(void **state)
{
    (void)state;
    static const struct {
        const char *text, *lines;
    } cases[] = {
        {"", ""}, {"a", "a|"}, {"a\n", "a|"}, {"a\nb", "a|b|"}, {"\n\na\n", "||a|"},
        {"a\r\nb\r\n", "a|b|"}, {"a\rb\n", "a\rb|"}, {"\xef\xbb\xbf" "a\n\xef\xbb\xbf" "b\n",
                                                     "a|\xef\xbb\xbf" "b|"}, {"\r\n", "|"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        size_t n = strlen(cases[i].text);
        assert_lines(test_temp_file("plain.jsonl", cases[i].text, n), cases[i].lines);
        assert_lines(zst_file("packed.jsonl.zst", cases[i].text, n, 0), cases[i].lines);
    }
}

/* Lines that are longer than every buffer, plain and compressed, one file of two frames. */
static void long_lines_are_whole(void **state)
{
    (void)state;
    enum { N = 700000, LINES = 5 };
    char *text, *at;
    graft_lines *lines;
    const char *line;
    size_t n;
    assert_ok(graft_alloc(&text, (size_t)N * LINES, 1));
    at = text;
    for (int i = 0; i < LINES; i++) {
        for (int j = 0; j < N - 1; j++) {
            *at++ = (char)('a' + (j * 31 + i + j / 1000) % 26);
        }
        *at++ = '\n';
    }
    const char *paths[] = {test_temp_file("long", text, (size_t)N * LINES),
                           zst_file("long.zst", text, (size_t)N * LINES, 0)};
    for (size_t p = 0; p < 2; p++) {
        assert_ok(graft_lines_open(&lines, paths[p]));
        for (int i = 0; i < LINES; i++) {
            assert_ok(graft_lines_next(lines, &line, &n));
            assert_int_equal(n, N - 1);
            assert_memory_equal(line, text + (size_t)i * N, n);
        }
        assert_ok(graft_lines_next(lines, &line, &n));
        assert_null(line);
        graft_lines_close(lines);
    }
    graft_free(text);
}

static void frames_follow_each_other(void **state)
{
    (void)state;
    char both[256];
    graft_mapped a, b;
    assert_ok(graft_mapped_open(&a, zst_file("a.zst", "one\ntw", 6, 0)));
    assert_ok(graft_mapped_open(&b, zst_file("b.zst", "o\nthree", 7, 0)));
    memcpy(both, a.data, a.size);
    memcpy(both + a.size, b.data, b.size);
    assert_lines(test_temp_file("ab.zst", both, a.size + b.size), "one|two|three|");
    graft_mapped_close(&a);
    graft_mapped_close(&b);
}

/* Reads until something fails or the file ends. */
static graft_status read_all(const char *path, const graft_lines_limits *limits)
{
    graft_lines *lines;
    const char *line;
    size_t n;
    graft_status status = graft_lines_open_limited(&lines, path, limits);
    while (status == GRAFT_OK) {
        status = graft_lines_next(lines, &line, &n);
        if (status != GRAFT_OK) {
            char message[256];
            snprintf(message, sizeof message, "%s", graft_error_message());
            assert_fails(graft_lines_next(lines, &line, &n), status, "failed before");
            assert_null(line);
            graft_lines_close(lines);
            return graft_fail(status, "%s", message);
        }
        if (line == NULL) {
            break;
        }
    }
    graft_lines_close(lines);
    return status;
}

static void broken_files_are_named(void **state)
{
    (void)state;
    static const char text[] = "some text that is long enough to be cut in the middle of it\n";
    assert_fails(read_all(test_temp_path("missing.jsonl"), NULL), GRAFT_E_DISK,
                 "missing.jsonl: cannot open");
    assert_fails(read_all(test_temp_dir(), NULL), GRAFT_E_DISK, "is a directory");
    for (size_t cut = 1; cut < 20; cut++) {
        assert_fails(read_all(zst_file("cut.zst", text, sizeof text - 1, cut), NULL), GRAFT_E_DATA,
                     "cut.zst: the compressed data is cut off");
    }
    assert_fails(read_all(test_temp_file("no.zst", text, sizeof text - 1), NULL), GRAFT_E_DATA,
                 "no.zst: broken compressed data: ");
}

static void costs_are_limited(void **state)
{
    (void)state;
    static char text[300000];
    const graft_lines_limits line = {.line = 100000}, total = {.total = 200000};
    memset(text, 'x', sizeof text);
    text[100] = '\n';
    assert_fails(read_all(test_temp_file("wide", text, 100102), &line), GRAFT_E_DATA,
                 "wide:2: the line is longer than 100000 bytes");
    assert_ok(read_all(test_temp_file("wide", text, 100101), &line));
    assert_fails(read_all(zst_file("bomb.zst", text, sizeof text, 0), &total), GRAFT_E_DATA,
                 "bomb.zst: unpacks to more than 200000 bytes");
    assert_fails(read_all(zst_file("bomb.zst", text, sizeof text, 0), &line), GRAFT_E_DATA,
                 "bomb.zst:2: the line is longer");
}

/* A frame that asks for a window of 1 GiB. */
static void huge_windows_are_refused(void **state)
{
    (void)state;
    static const unsigned char frame[] = {0x28, 0xb5, 0x2f, 0xfd, 0x00, (30 - 10) << 3,
                                          0x09, 0x00, 0x00, 'x'};
    assert_fails(read_all(test_temp_file("window.zst", frame, sizeof frame), NULL), GRAFT_E_DATA,
                 "window.zst: broken compressed data: Frame requires too much memory");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lines_end_at_newlines),
        cmocka_unit_test(long_lines_are_whole),
        cmocka_unit_test(frames_follow_each_other),
        cmocka_unit_test(broken_files_are_named),
        cmocka_unit_test(costs_are_limited),
        cmocka_unit_test(huge_windows_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
