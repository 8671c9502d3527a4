/* tokenizer/tokenizer.h - text to token ids and back, as llama.cpp does it for the same file.
 *
 * The kinds of vocabulary (tokenizer.ggml.model) are listed in models.c, what cuts text into words
 * (tokenizer.ggml.pre) in pretokenizers.c. Reference: llama.cpp src/llama-vocab.cpp. */
#ifndef GRAFT_TOKENIZER_TOKENIZER_H
#define GRAFT_TOKENIZER_TOKENIZER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/strings.h"
#include "io/gguf.h"

typedef struct graft_tokenizer graft_tokenizer;

/* Token ids of one or more texts, one behind the other. */
typedef struct graft_tokens {
    int32_t *ids;
    uint32_t *ends; /* byte offset in the text passed to encode at which the token ends; what is
                       not in the text, or a part of a character, ends where it stands */
    size_t n, ids_capacity, ends_capacity;
} graft_tokens;
void graft_tokens_init(graft_tokens *tokens);
void graft_tokens_clear(graft_tokens *tokens);

/* Reads the tokenizer.* keys. `pre` names the pre-tokeniser in place of the file's; NULL: the
 * file's. GRAFT_E_MODEL for another model or pre-tokeniser ("known: ..."), counts that do not fit
 * together, duplicate tokens, merges of unknown tokens, or scores that are no numbers;
 * GRAFT_E_CONFIG if `pre` is unknown or the model has none. Copies what it needs: the file may be
 * closed. */
graft_status graft_tokenizer_new(graft_tokenizer **out, const graft_gguf *file, const char *pre);
void graft_tokenizer_free(graft_tokenizer *tokenizer);

/* Appends the ids of text[0..n). Text that is not UTF-8 is read as the runtime reads it: bytes that
 * fit nowhere are U+FFFD, or with SentencePiece bytes. Adds no BOS. Control tokens (types CONTROL,
 * USER_DEFINED and UNKNOWN in the GGUF sense: what llama.cpp parses with parse_special) are
 * recognised only where all their bytes are `control[i] != 0`; control == NULL recognises none...
 * except USER_DEFINED tokens, which llama.cpp always recognises (but not marks of harmony, whatever
 * their type). GRAFT_E_DATA if there is no token for a byte that needs one. */
graft_status graft_tokenizer_encode(const graft_tokenizer *tokenizer, graft_tokens *out,
                                    const char *text, size_t n, const uint8_t *control);
/* The same with every byte allowed to form control tokens (parse_special = true). */
graft_status graft_tokenizer_encode_special(const graft_tokenizer *tokenizer, graft_tokens *out,
                                            const char *text, size_t n);
/* Appends the ids of text[from..n) as it goes on behind text[0..from): SentencePiece puts a space
 * in front of text only where that ends with a special token. Offsets count from `from`. */
graft_status graft_tokenizer_encode_from(const graft_tokenizer *tokenizer, graft_tokens *out,
                                         const char *text, size_t from, size_t n,
                                         const uint8_t *control);

size_t graft_tokenizer_n_vocab(const graft_tokenizer *tokenizer);
/* The bytes a token stands for (control tokens: their text). Borrowed; NULL if id is out of range.
 */
const char *graft_tokenizer_piece(const graft_tokenizer *tokenizer, int32_t id, size_t *n);
bool graft_tokenizer_is_control(const graft_tokenizer *tokenizer, int32_t id);
/* Ends a turn, as llama_vocab_is_eog says. */
bool graft_tokenizer_is_eog(const graft_tokenizer *tokenizer, int32_t id);
int32_t graft_tokenizer_bos(const graft_tokenizer *tokenizer);  /* -1: none */
int32_t graft_tokenizer_eos(const graft_tokenizer *tokenizer);
bool graft_tokenizer_add_bos(const graft_tokenizer *tokenizer); /* the runtime puts BOS in front */
bool graft_tokenizer_add_eos(const graft_tokenizer *tokenizer); /* and EOS behind */
/* SHA-256 over tokens, types, merges, pre and special ids, as hex. */
void graft_tokenizer_hash(const graft_tokenizer *tokenizer, char out[65]);

#endif
