/* convert/vocab.h - room-internal: the vocabulary of a Hugging Face folder in GGUF's terms.
 *
 * tokenizer.model (SentencePiece) or tokenizer.json, corrected by added_tokens.json and
 * tokenizer_config.json, gives one text, type and score per id. What no file names is "[PADn]",
 * unused. Special ids and the chat template come from tokenizer_config.json and config.json. */
#ifndef GRAFT_CONVERT_VOCAB_H
#define GRAFT_CONVERT_VOCAB_H

#include "convert/architecture.h"
#include "convert/keys.h"
#include "core/arena.h"

/* tokenizer.ggml.token_type */
enum {
    GRAFT_HF_NORMAL = 1, GRAFT_HF_UNKNOWN, GRAFT_HF_CONTROL, GRAFT_HF_USER_DEFINED,
    GRAFT_HF_UNUSED, GRAFT_HF_BYTE
};

typedef struct graft_hf_vocab {
    const char *folder;             /* borrowed */
    const graft_hf_model *model;    /* borrowed */
    graft_json *tokenizer;          /* tokenizer.json, tokenizer_config.json, added_tokens.json; */
    graft_json *settings, *added;   /* NULL if absent */
    graft_arena arena;              /* texts */
    const char *kind;               /* tokenizer.ggml.model: "gpt2", "llama" */
    const char *pre;                /* tokenizer.ggml.pre */
    size_t n;
    graft_gguf_string *texts;
    int32_t *types;
    float *scores;                  /* kind "llama" only */
    graft_gguf_string *merges;      /* kind "gpt2" only; NULL: none */
    size_t n_merges;
    graft_text chat_template;       /* empty: none */
    bool has_template;
    bool scores_of_merges;          /* kind "llama" without tokenizer.model */
} graft_hf_vocab;

/* `pre`: what the user says the pre-tokeniser is, or NULL. */
graft_status graft_hf_vocab_read(graft_hf_vocab *vocab, const graft_hf_model *model,
                                 const char *folder, const char *pre);
void graft_hf_vocab_clear(graft_hf_vocab *vocab);
graft_status graft_hf_vocab_keys(const graft_hf_vocab *vocab, const graft_hf_keys *keys);

/* --- the parts; each reads what its name says into the vocabulary --- */

/* vocab_bpe.c: tokenizer.json of byte-level BPE; vocab_spm.c: tokenizer.model, or a
 * tokenizer.json that was made from one. */
graft_status graft_hf__read_bpe(graft_hf_vocab *vocab);
graft_status graft_hf__read_merges(graft_hf_vocab *vocab);
graft_status graft_hf__read_spm(graft_hf_vocab *vocab, const char *path);
graft_status graft_hf__read_spm_json(graft_hf_vocab *vocab);
/* Whether that tokenizer.json puts a space in front of text. */
bool graft_hf__prepends_space(const graft_json *tokenizer);

/* pre.c: the name of the pre-tokeniser that tokenizer.json describes; GRAFT_E_MODEL lists the
 * known. */
graft_status graft_hf__find_pre(graft_hf_vocab *vocab);
/* fingerprint.c: the name under which converters know this very vocabulary, from the ids of a
 * certain text; NULL if they do not, or if it is no name for the definition. Words are what the
 * patterns (one or two) cut. */
graft_status graft_hf__fingerprint(const graft_hf_vocab *vocab, const char *definition,
                                   const char *const patterns[2], const char **out);

/* special_ids.c: bos_token_id, add_bos_token, ..., and the ids that a text is wrapped in. */
graft_status graft_hf__special_keys(const graft_hf_vocab *vocab, const graft_hf_keys *keys);
/* chat_template.c */
graft_status graft_hf__read_template(graft_hf_vocab *vocab);
graft_status graft_hf__template_keys(const graft_hf_vocab *vocab, const graft_hf_keys *keys);

/* --- shared --- */

/* "FOLDER/FILE: " and the text. */
graft_status graft_hf__vocab_fail(const graft_hf_vocab *vocab, const char *file, const char *format,
                                  ...) __attribute__((format(printf, 3, 4)));
/* All ids as unused padding; afterwards they are overwritten. */
graft_status graft_hf__vocab_reserve(graft_hf_vocab *vocab, bool scores);
/* Gives id a text (copied) and a type; an id beyond the vocabulary is an error of the file. */
graft_status graft_hf__vocab_set(graft_hf_vocab *vocab, const char *file, int64_t id,
                                 const char *text, size_t n, int type);
/* Converters take tokens for control tokens by their looks, too: "<|...|>", "<pad>", ... */
bool graft_hf__looks_special(const char *text, size_t n);
/* added_tokens_decoder of tokenizer_config.json: {"ID": {"content", "special"}}. */
graft_status graft_hf__apply_settings(graft_hf_vocab *vocab, float score);
/* A token that a file adds to the vocabulary. */
graft_status graft_hf__add_token(graft_hf_vocab *vocab, const char *file, int64_t id,
                                 const graft_json *token);
/* The content of bos_token and its kin: a string, or {"content": string}; NULL if there is none. */
const char *graft_hf__token_text(const graft_json *token);
/* The id of a token by its text; -1: none. Linear. */
int64_t graft_hf__find_token(const graft_hf_vocab *vocab, const char *text, size_t n);

#endif
