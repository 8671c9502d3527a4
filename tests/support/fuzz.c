/* support/fuzz.c */
#include "support/fuzz.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/memory.h"
#include "core/rng.h"
#include "core/strings.h"
#include "io/calls.h"
#include "io/files.h"
#include "support/test.h"

enum { MAX_INPUT = 1 << 16, DEFAULT_RUNS = 5000 };

static const char *target_name = "target";
static fuzz_target *run_target;
static const char *const *dictionary;
static graft_text *seeds;
static size_t n_seeds, default_runs = DEFAULT_RUNS;

void fuzz_check_at(int holds, const char *condition, const char *file, int line)
{
    if (!holds) {
        fprintf(stderr, "%s:%d: does not hold: %s\n", file, line, condition);
        abort(); /* what every fuzzer takes for a finding */
    }
}

/* --- files --- */

const char *fuzz_file(const uint8_t *data, size_t n)
{
    static char path[256];
    static int fd = -1;
    static size_t size;
    if (fd < 0) {
        fuzz_guard_mappings();
        mkdir("build", 0777);
        mkdir("build/tmp", 0777);
        snprintf(path, sizeof path, "build/tmp/fuzz-%s.input", target_name);
        fd = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
    }
    /* pages that stay need not be asked for again */
    fuzz_check(fd >= 0 && pwrite(fd, data, n, 0) == (ssize_t)n);
    fuzz_check(n >= size || ftruncate(fd, (off_t)n) == 0);
    size = n;
    return path;
}

void fuzz_put(const char *path, const void *bytes, size_t n)
{
    /* not emptied first: what is emptied and written again is brought to the disk on closing */
    int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0666);
    fuzz_guard_mappings();
    fuzz_check(fd >= 0 && (n == 0 || pwrite(fd, bytes, n, 0) == (ssize_t)n));
    fuzz_check(ftruncate(fd, (off_t)n) == 0 && close(fd) == 0);
}

/* The address sanitiser's, where a program is built with it. */
__attribute__((weak)) void __asan_poison_memory_region(const volatile void *at, size_t n);
__attribute__((weak)) void __asan_unpoison_memory_region(const volatile void *at, size_t n);

enum { PAGE = 4096, PLACES = 64, PLACE_BYTES = 1 << 26 };
#define PLACES_AT UINT64_C(0x200000000000) /* where the system puts nothing unasked */

/* Files are mapped at places of their own, with what stands behind their end in the last page poisoned.
 * What was unmapped needs no word: the place is used again by this function only. */
static void *guarded_mmap(void *at, size_t n, int protection, int flags, int fd, off_t offset)
{
    size_t pages = (n + PAGE - 1) / PAGE * PAGE;
    for (size_t i = 0; at == NULL && n > 0 && n <= PLACE_BYTES / 2 && i < PLACES; i++) {
        void *place = (void *)(uintptr_t)(PLACES_AT + i * PLACE_BYTES); /* NOLINT */
        char *got = mmap(place, n, protection, flags | MAP_FIXED_NOREPLACE, fd, offset);
        if (got == place) {
            __asan_unpoison_memory_region(got, pages);
            __asan_poison_memory_region(got + n, pages - n);
            return got;
        }
        if (got != MAP_FAILED) { /* a system that does not know the flag */
            return got;
        }
    }
    return mmap(at, n, protection, flags, fd, offset);
}

static int no_sync(int fd)
{
    (void)fd;
    return 0;
}

/* The table in force, to be changed. */
static graft_io_calls *own_calls(void)
{
    static graft_io_calls calls;
    if (calls.open == NULL) {
        calls = graft_io_system_calls;
        graft_io_set_calls(&calls);
    }
    return &calls;
}

void fuzz_guard_mappings(void)
{
    if (__asan_poison_memory_region != NULL) {
        own_calls()->mmap = guarded_mmap;
    }
}

void fuzz_without_syncs(void)
{
    own_calls()->fsync = no_sync;
}

static void run_one(const uint8_t *data, size_t n)
{
    fuzz_file(data, n);
    run_target(data, n);
}

/* --- mutations --- */

typedef struct input {
    uint8_t bytes[MAX_INPUT];
    size_t n;
} input;

static size_t pick(graft_rng *rng, size_t n)
{
    return n == 0 ? 0 : (size_t)graft_rng_below(rng, n);
}

/* Replaces bytes[at..at+old) by n others, as far as there is room. */
static void replace(input *in, size_t at, size_t old, const void *bytes, size_t n)
{
    if (in->n - old + n > MAX_INPUT) {
        return;
    }
    memmove(in->bytes + at + n, in->bytes + at + old, in->n - at - old);
    memcpy(in->bytes + at, bytes, n);
    in->n = in->n - old + n;
}

/* A number that counts, sizes and offsets go wrong with, little endian in 4 or 8 bytes. */
static void put_number(graft_rng *rng, input *in)
{
    static const uint64_t values[] = {
        0, 1, 2, 31, 32, 33, 255, 0x7fffffff, 0x80000000, 0xffffffff, UINT64_C(1) << 32,
        UINT64_C(1) << 60, UINT64_C(1) << 61, INT64_MAX, UINT64_C(1) << 63, UINT64_MAX};
    uint64_t value = values[pick(rng, sizeof values / sizeof *values)];
    size_t width = pick(rng, 2) == 0 ? 4 : 8;
    if (pick(rng, 4) == 0) {
        value = in->n + pick(rng, 17) - 8;
    }
    if (in->n >= width) {
        size_t at = pick(rng, in->n - width + 1);
        for (size_t i = 0; i < width; i++) {
            in->bytes[at + i] = (uint8_t)(value >> (8 * i));
        }
    }
}

static void put_word(graft_rng *rng, input *in)
{
    size_t n = 0;
    while (dictionary != NULL && dictionary[n] != NULL) {
        n++;
    }
    if (n > 0) {
        const char *word = dictionary[pick(rng, n)];
        size_t at = pick(rng, in->n + 1), old = pick(rng, 2) * pick(rng, in->n - at + 1);
        replace(in, at, old, word, strlen(word));
    }
}

/* The end of the JSON value that begins at `at`, as far as brackets and quotes tell. */
static size_t value_end(const char *text, size_t n, size_t at)
{
    size_t depth = 0;
    bool quoted = false;
    for (size_t i = at; i < n; i++) {
        char c = text[i];
        if (quoted) {
            i += c == '\\';
            quoted = c != '"';
            if (!quoted && depth == 0) {
                return i + 1;
            }
        } else if (c == '"') {
            quoted = true;
        } else if (c == '{' || c == '[') {
            depth++;
        } else if (c == '}' || c == ']' || c == ',' || c == '\n') {
            if (depth == 0) {
                return i;
            }
            depth -= c == '}' || c == ']';
            if (depth == 0 && c != ',') {
                return i + 1;
            }
        }
    }
    return n;
}

/* Where a JSON value may begin, at or after a random place: after a colon, comma or bracket. */
static size_t pick_value(graft_rng *rng, const char *text, size_t n, size_t *end)
{
    for (size_t i = pick(rng, n); i < n; i++) {
        if (strchr(":,[", text[i]) && text[i]) {
            size_t at = i + 1;
            while (at < n && text[at] == ' ') {
                at++;
            }
            *end = value_end(text, n, at);
            return at;
        }
    }
    *end = n;
    return n;
}

/* Puts a JSON value of a seed, or one of another kind, where a value is: most of what follows is
 * still JSON, and is seen by what reads the values and not only by the parser. */
static void put_value(graft_rng *rng, input *in, const char *other, size_t n_other)
{
    static const char *const values[] = {
        "null", "true", "0", "-1", "1e308", "9223372036854775807", "\"\"", "\"x\"", "[]", "{}",
        "[[]]", "[null]", "[{}]", "{\"\":null}", "\"\\u0000\"", "\"{}\"", "\"[{\\\"a\\\":1}]\""};
    size_t old_end, end, n_values = sizeof values / sizeof *values;
    size_t at = pick_value(rng, (const char *)in->bytes, in->n, &old_end);
    if (pick(rng, 2) == 0) {
        const char *value = values[pick(rng, n_values)];
        replace(in, at, old_end - at, value, strlen(value));
    } else {
        size_t from = pick_value(rng, other, n_other, &end);
        replace(in, at, old_end - at, other + from, end - from);
    }
}

static bool looks_like_json(const input *in)
{
    return in->n > 0 && in->bytes[0] != 0 && strchr("{[", in->bytes[0]) != NULL;
}

#ifdef GRAFT_LIBFUZZER
/* Weak: tests that are no targets are linked without libFuzzer. */
__attribute__((weak)) size_t LLVMFuzzerMutate(uint8_t *data, size_t n, size_t max);
size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t n, size_t max, unsigned seed);

/* libFuzzer's own mutations; of JSON also values in the place of values. */
size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t n, size_t max, unsigned seed)
{
    static input in;
    static char before[MAX_INPUT];
    graft_rng rng;
    in.n = n < MAX_INPUT ? n : MAX_INPUT;
    memcpy(in.bytes, data, in.n);
    graft_rng_init(&rng, seed, GRAFT_RNG_TEST, 0);
    if (!looks_like_json(&in) || pick(&rng, 2) == 0) {
        return LLVMFuzzerMutate(data, n, max);
    }
    memcpy(before, data, in.n);
    for (size_t m = 1 + pick(&rng, 3); m > 0; m--) {
        put_value(&rng, &in, before, n < MAX_INPUT ? n : MAX_INPUT);
    }
    in.n = in.n < max ? in.n : max;
    memcpy(data, in.bytes, in.n);
    return in.n;
}
#endif

static void mutate(graft_rng *rng, input *in)
{
    static uint8_t piece[MAX_INPUT];
    const graft_text *other = &seeds[pick(rng, n_seeds)];
    size_t at = pick(rng, in->n + 1);
    size_t n = pick(rng, (in->n - at < 64 ? in->n - at : 64) + 1);
    switch (pick(rng, 9)) {
    case 0: /* flip a bit */
        if (in->n > 0) {
            in->bytes[pick(rng, in->n)] ^= (uint8_t)(1u << pick(rng, 8));
        }
        break;
    case 1: /* any byte */
        if (in->n > 0) {
            in->bytes[pick(rng, in->n)] = (uint8_t)graft_rng_u32(rng);
        }
        break;
    case 2: put_number(rng, in); break;
    case 3: put_word(rng, in); break;
    case 7: put_value(rng, in, graft_text_z(other), other->len); break;
    case 4: replace(in, at, n, piece, 0); break; /* cut a piece out */
    case 5: in->n = at; break;
    case 6: /* repeat a piece */
        memcpy(piece, in->bytes + at, n);
        replace(in, pick(rng, in->n + 1), 0, piece, n);
        break;
    default: /* a piece of another seed */
        if (other->len > 0) {
            size_t from = pick(rng, other->len);
            replace(in, at, n, other->data + from, pick(rng, other->len - from + 1));
        }
    }
}

/* --- the tests --- */

static size_t number_from(const char *variable, size_t otherwise)
{
    const char *text = getenv(variable);
    return text != NULL ? (size_t)strtoull(text, NULL, 10) : otherwise;
}

static void corpus(void **state)
{
    (void)state;
    assert_true(n_seeds > 0);
    for (size_t i = 0; i < n_seeds; i++) {
        run_one((const uint8_t *)graft_text_z(&seeds[i]), seeds[i].len);
    }
    run_one((const uint8_t *)"", 0);
}

static void mutations(void **state)
{
    (void)state;
    static input in;
    graft_rng rng;
    size_t runs = number_from("FUZZ_RUNS", default_runs);
    graft_rng_init(&rng, number_from("FUZZ_SEED", 1), GRAFT_RNG_TEST, 0);
    for (size_t i = 0; i < runs; i++) {
        const graft_text *seed = &seeds[pick(&rng, n_seeds)];
        in.n = seed->len < MAX_INPUT ? seed->len : MAX_INPUT;
        memcpy(in.bytes, graft_text_z(seed), in.n);
        if (i % 2 && looks_like_json(&in)) { /* changed as JSON only */
            for (size_t m = 1 + pick(&rng, 4); m > 0; m--) {
                const graft_text *other = &seeds[pick(&rng, n_seeds)];
                put_value(&rng, &in, graft_text_z(other), other->len);
            }
        } else {
            for (size_t m = 1 + pick(&rng, 6); m > 0; m--) {
                mutate(&rng, &in);
            }
        }
        run_one(in.bytes, in.n);
    }
}

static void load_seeds(const char *folder)
{
    char **names = NULL, *path;
    if (graft_dir_list(&names, &n_seeds, folder) != GRAFT_OK) {
        fprintf(stderr, "%s\n", graft_error_message());
        exit(1);
    }
    fuzz_check(graft_alloc(&seeds, n_seeds + 1, sizeof *seeds) == GRAFT_OK);
    for (size_t i = 0; i < n_seeds; i++) {
        fuzz_check(graft_path_join(&path, folder, names[i]) == GRAFT_OK);
        fuzz_check(graft_file_read(&seeds[i], path, MAX_INPUT) == GRAFT_OK);
        graft_free(path);
    }
    graft_dir_free(names, n_seeds);
}

/* The dictionary as libFuzzer reads it. */
static void print_words(void)
{
    for (size_t i = 0; dictionary != NULL && dictionary[i] != NULL; i++) {
        if (dictionary[i][0] == '\0') {
            continue; /* such a word begins with a zero byte */
        }
        putchar('"');
        for (const char *at = dictionary[i]; *at != '\0'; at++) {
            bool plain = *at >= ' ' && *at <= '~' && *at != '"' && *at != '\\';
            printf(plain ? "%c" : "\\x%02x", (unsigned char)*at);
        }
        printf("\"\n");
    }
}

int fuzz_tests(const char *name, fuzz_target *target, const char *const *words)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(corpus), cmocka_unit_test(mutations)};
    const char *one = getenv("FUZZ_INPUT");
    char folder[256];
    int failed = 0;
    target_name = name;
    run_target = target;
    dictionary = words;
    if (getenv("FUZZ_WORDS") != NULL) {
        print_words();
        return 0;
    }
    if (one != NULL) {
        graft_text text;
        graft_text_init(&text);
        fuzz_check(graft_file_read(&text, one, MAX_INPUT) == GRAFT_OK);
        run_one((const uint8_t *)graft_text_z(&text), text.len);
        graft_text_clear(&text);
        return 0;
    }
    snprintf(folder, sizeof folder, "tests/fuzz/corpus/%s", name);
    load_seeds(folder);
    failed = cmocka_run_group_tests(tests, NULL, NULL);
    for (size_t i = 0; i < n_seeds; i++) {
        graft_text_clear(&seeds[i]);
    }
    graft_free(seeds);
    return failed;
}

int fuzz_tests_few(const char *name, fuzz_target *target, const char *const *words, size_t runs)
{
    default_runs = runs;
    return fuzz_tests(name, target, words);
}
