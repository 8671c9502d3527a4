/* The words that two answers share. */
#include <string.h>

#include "core/map.h"
#include "core/memory.h"
#include "core/strings.h"
#include "eval/metrics.h"

/* The next word from text[*at..n), in small letters and without signs, into *word; false at the end. */
static graft_status next_word(graft_text *word, const char *text, size_t n, size_t *at, bool *found)
{
    static const char signs[] = "!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~";
    graft_status status = GRAFT_OK;
    *found = false;
    while (!*found && *at < n) {
        word->len = 0;
        while (*at < n && memchr(" \t\n\r\v\f", text[*at], 6) != NULL) {
            ++*at;
        }
        for (; *at < n && memchr(" \t\n\r\v\f", text[*at], 6) == NULL; ++*at) {
            char c = text[*at];
            c = c >= 'A' && c <= 'Z' ? (char)(c | 0x20) : c;
            if (memchr(signs, c, sizeof signs - 1) == NULL) {
                GRAFT_TRY(graft_text_append_char(word, c));
            }
        }
        const char *it = graft_text_z(word);
        *found = word->len > 0 && strcmp(it, "a") != 0 && strcmp(it, "an") != 0 &&
                 strcmp(it, "the") != 0;
    }
done:
    return status;
}

/* Copies the words one behind the other, counts them, and how often each stands there in `counts`. */
static graft_status count_words(graft_map *counts, graft_text *words, const char *text, size_t n,
                                size_t *n_words)
{
    graft_status status = GRAFT_OK;
    graft_text word;
    bool found;
    size_t at = 0;
    graft_text_init(&word);
    *n_words = 0;
    for (;;) {
        GRAFT_TRY(next_word(&word, text, n, &at, &found));
        if (!found) {
            break;
        }
        uint64_t seen = 0;
        const char *key = words->data + words->len; /* reserved: the map borrows it */
        graft_map_find(counts, word.data, word.len, &seen);
        GRAFT_TRY(graft_text_append(words, word.data, word.len));
        GRAFT_TRY(graft_map_set(counts, key, word.len, seen + 1, NULL));
        ++*n_words;
    }
done:
    graft_text_clear(&word);
    return status;
}

graft_status graft_answer_f1(double *out, const char *reply, size_t n_reply, const char *answer,
                             size_t n_answer)
{
    graft_status status = GRAFT_OK;
    size_t n_said = 0, n_wanted = 0, shared = 0, at = 0;
    graft_map counts;
    graft_text words, word;
    graft_map_init(&counts);
    graft_text_init(&words);
    graft_text_init(&word);
    GRAFT_TRY(graft_reserve(&words.data, &words.capacity, n_answer + 1, 1));
    GRAFT_TRY(count_words(&counts, &words, answer, n_answer, &n_wanted));
    for (bool found = true;; n_said++) {
        uint64_t left = 0;
        GRAFT_TRY(next_word(&word, reply, n_reply, &at, &found));
        if (!found) {
            break;
        }
        if (graft_map_find(&counts, word.data, word.len, &left) && left > 0) {
            shared++;
            GRAFT_TRY(graft_map_set(&counts, word.data, word.len, left - 1, NULL));
        }
    }
    *out = n_said + n_wanted == 0 ? 1 : 2 * (double)shared / (double)(n_said + n_wanted);
done:
    graft_map_clear(&counts);
    graft_text_clear(&words);
    graft_text_clear(&word);
    return status;
}
