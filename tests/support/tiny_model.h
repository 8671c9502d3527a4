/* support/tiny_model.h - a random model of a few kilobytes of any family, written as a GGUF file; and
 * the same with something wrong. */
#ifndef GRAFT_TESTS_SUPPORT_TINY_MODEL_H
#define GRAFT_TESTS_SUPPORT_TINY_MODEL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct tiny_options {
    size_t n_layer, n_embd, n_head, n_kv, n_ff, n_vocab;
    bool untied;
    bool rope_factors; /* Llama 3's rope_freqs.weight; phi3: those for short and for long contexts */
    uint64_t seed;
    const char *arch;    /* NULL: llama */
    const char *without; /* a key (without the architecture) or tensor that is left out */
    const char *wider;   /* a tensor whose rows have one element more */
    const char *extra;   /* a tensor more */
    const char *key;     /* a key (without the architecture) of another value than usual, or a key */
    double value;        /* more */
    const char *text;    /* its value, if it is a text */
} tiny_options;

extern const tiny_options tiny_default; /* 2 layers, 16 wide, 4 heads over 2, 24 wide MLP, 40 words */

/* Writes the model and returns its path (valid as test_temp_path says). No tokenizer inside. */
const char *tiny_model(const char *name, const tiny_options *options);

#endif
