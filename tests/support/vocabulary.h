/* support/vocabulary.h - GGUF files that hold nothing but a small vocabulary. */
#ifndef GRAFT_TESTS_SUPPORT_VOCABULARY_H
#define GRAFT_TESTS_SUPPORT_VOCABULARY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "tokenizer/tokenizer.h"

enum { TEST_NORMAL = 1, TEST_UNKNOWN, TEST_CONTROL, TEST_USER_DEFINED, TEST_UNUSED, TEST_BYTE };

typedef struct test_vocabulary {
    const char *model, *pre; /* NULL: the key is left out */
    const char *name;        /* general.name, or NULL */
    bool bytes;              /* ids 0 to 255 are the bytes; `tokens` follow */
    bool byte_names;         /* they are called <0x00> to <0xFF> and of type BYTE */
    const char *const *tokens; /* lists end with NULL; a NULL list is left out */
    const int32_t *types;      /* of `tokens`, n_types of them; bytes are normal; NULL: left out */
    size_t n_types;
    const char *const *merges;
    const float *scores; /* of `tokens`, n_scores of them; bytes have -1000; NULL: left out */
    size_t n_scores;
    bool integer_scores; /* written as I32 */
    const char *id_key; /* one more key of type u32, or NULL */
    uint32_t id;
    const bool *add_bos;
    const char *bool_key; /* one more key of type bool, or NULL */
    bool flag;
} test_vocabulary;

/* Writes the file into the folder of test_temp_dir and returns its path. */
const char *test_vocabulary_write(const char *name, const test_vocabulary *vocabulary);

/* Encodes the text with its first, second, ... allocation failing until none does: each time nothing is
 * appended. */
void test_encode_without_memory(const graft_tokenizer *tokenizer, const char *text);

#endif
