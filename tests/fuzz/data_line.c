/* Any bytes as a line, through every reader: an example or a message, nothing else.
 *
 * The corpus is the samples in datasets/ and a few lines with rare keys; each is mutated by flipping,
 * cutting, repeating and exchanging pieces with other lines. */
#include "support/test.h"

#include <string.h>

#include "core/rng.h"
#include "core/strings.h"
#include "data/reader.h"
#include "io/lines.h"

enum { MAX_LINES = 128, MAX_BYTES = 4096, ROUNDS = 60000 };

static struct {
    char bytes[MAX_LINES][MAX_BYTES];
    size_t length[MAX_LINES], n;
} corpus;

static void *answers; /* of the bfcl reader */

static void add(const char *line, size_t n)
{
    if (corpus.n < MAX_LINES && n <= MAX_BYTES) {
        memcpy(corpus.bytes[corpus.n], line, n);
        corpus.length[corpus.n++] = n;
    }
}

static int set_up(void **state)
{
    static const char *const files[] = {"datasets/canonical.jsonl", "datasets/bfcl.jsonl",
                                        "datasets/sharegpt.jsonl",
                                        "datasets/prompt-completion.jsonl"};
    static const char *const more[] = {
        "{\"messages\":[{\"role\":\"assistant\",\"content\":[{\"type\":\"text\",\"text\":\"a\"}],"
        "\"function_call\":{\"name\":\"f\",\"arguments\":\"{\\\"a\\\":[{}]}\"}},{\"role\":\"function\","
        "\"name\":\"f\",\"content\":\"r\",\"weight\":0}],\"functions\":[{\"name\":\"f\",\"parameters\":{}}],"
        "\"expected\":[{\"f\":{\"a\":[1,\"\"]}}]}",
        "{\"conversations\":[{\"role\":\"user\",\"content\":\"u\"},{\"role\":\"assistant\",\"content\":\"a\","
        "\"train\":true,\"x\":null}],\"tools\":\"[]\"}",
        "{\"instruction\":\"i\",\"input\":\"x\",\"output\":\"o\",\"history\":[[\"q\",\"a\"]],\"system\":\"s\"}",
        "{\"prompt\":[{\"role\":\"user\",\"content\":\"p\"}],\"completion\":\"c\"}",
    };
    (void)state;
    for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
        graft_lines *lines = NULL;
        const char *line = "";
        size_t n;
        assert_ok(graft_lines_open(&lines, files[i]));
        while (graft_lines_next(lines, &line, &n) == GRAFT_OK && line) {
            add(line, n);
        }
        graft_lines_close(lines);
    }
    for (size_t i = 0; i < sizeof more / sizeof *more; i++) {
        add(more[i], strlen(more[i]));
    }
    return graft_reader_bfcl.open(&answers, "datasets/bfcl-answers.jsonl") == GRAFT_OK ? 0 : -1;
}

static int tear_down(void **state)
{
    (void)state;
    graft_reader_bfcl.close(answers);
    return 0;
}

/* One line through all readers; returns how many took it. */
static size_t feed(const char *bytes, size_t n)
{
    size_t taken = 0;
    for (size_t i = 0; graft_readers[i]; i++) {
        graft_conversation c;
        graft_conversation_init(&c);
        graft_status status = graft_reader__convert_text(
            &c, graft_readers[i], graft_readers[i] == &graft_reader_bfcl ? answers : NULL, bytes, n);
        if (status == GRAFT_OK) {
            taken++;
            assert_true(c.n_turns > 0 && c.n_turns == graft_json_length(c.messages));
        } else {
            assert_int_equal(status, GRAFT_E_DATA);
            assert_true(graft_error_message()[0] != 0);
        }
        graft_conversation_clear(&c);
    }
    return taken;
}

static void the_corpus_is_taken(void **state)
{
    (void)state;
    assert_true(corpus.n > 8);
    for (size_t i = 0; i < corpus.n; i++) {
        assert_true(feed(corpus.bytes[i], corpus.length[i]) >= 1);
    }
}

static size_t mutate(char *out, const char *in, size_t n, graft_rng *rng)
{
    memcpy(out, in, n);
    for (size_t k = 1 + (size_t)graft_rng_below(rng, 4); n && k-- > 0;) {
        size_t at = (size_t)graft_rng_below(rng, n), other = (size_t)graft_rng_below(rng, corpus.n);
        switch (graft_rng_below(rng, 6)) {
        case 0: /* one byte */
            out[at] = (char)graft_rng_u32(rng);
            break;
        case 1: /* a structural byte */
            out[at] = "{}[]\":,\\0"[graft_rng_below(rng, 9)];
            break;
        case 2: /* the end */
            n = at;
            break;
        case 3: { /* a piece is left out */
            size_t length = (size_t)graft_rng_below(rng, n - at) + 1;
            memmove(out + at, out + at + length, n - at - length);
            n -= length;
            break;
        }
        case 4: { /* a piece of another line */
            size_t from = (size_t)graft_rng_below(rng, corpus.length[other]);
            size_t length = corpus.length[other] - from;
            length = length < n - at ? length : n - at;
            memcpy(out + at, corpus.bytes[other] + from, length);
            break;
        }
        default: { /* the line repeats itself */
            size_t length = n - at < MAX_BYTES * 2 - n ? n - at : MAX_BYTES * 2 - n;
            memmove(out + n, out + at, length);
            n += length;
        }
        }
    }
    return n;
}

static void mutated_lines_are_taken_or_refused(void **state)
{
    (void)state;
    static char line[MAX_BYTES * 2];
    graft_rng rng;
    size_t taken = 0;
    graft_rng_init(&rng, 11, GRAFT_RNG_TEST, 0);
    for (int round = 0; round < ROUNDS; round++) {
        size_t i = (size_t)graft_rng_below(&rng, corpus.n);
        taken += feed(line, mutate(line, corpus.bytes[i], corpus.length[i], &rng)) > 0;
    }
    assert_true(taken > ROUNDS / 100); /* mutants get past the JSON parser */
}

/* Values replaced inside the parsed record reach deeper than bytes do. */
static void exchanged_values_are_taken_or_refused(void **state)
{
    (void)state;
    static const char *const values[] = {"null", "[]", "{}", "\"\"", "0", "-1.5", "true", "[null]",
                                         "[[]]", "[{}]", "\"[\"", "{\"a\":null}", "\"{}\""};
    static char line[MAX_BYTES + 64];
    for (size_t i = 0; i < corpus.n; i++) {
        const char *bytes = corpus.bytes[i];
        for (size_t at = 0; at < corpus.length[i]; at++) {
            if (bytes[at] != ':' || at == 0 || bytes[at - 1] != '"') {
                continue;
            }
            for (size_t v = 0; v < sizeof values / sizeof *values; v++) {
                size_t n = strlen(values[v]);
                memcpy(line, bytes, at + 1);
                memcpy(line + at + 1, values[v], n);
                /* Behind the value: all that closes what is open. */
                size_t end = at + 1 + n, depth = 0;
                char closing[64];
                bool in_string = false;
                for (size_t k = 0; k < at; k++) {
                    if (in_string) {
                        k += bytes[k] == '\\';
                        in_string = bytes[k] != '"';
                    } else if (bytes[k] == '"') {
                        in_string = true;
                    } else if (bytes[k] == '{' || bytes[k] == '[') {
                        closing[depth++ % 64] = bytes[k] == '{' ? '}' : ']';
                    } else if (bytes[k] == '}' || bytes[k] == ']') {
                        depth--;
                    }
                }
                while (!in_string && depth > 0 && depth <= 64) {
                    line[end++] = closing[--depth];
                }
                feed(line, end);
            }
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_corpus_is_taken),
        cmocka_unit_test(mutated_lines_are_taken_or_refused),
        cmocka_unit_test(exchanged_values_are_taken_or_refused),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
