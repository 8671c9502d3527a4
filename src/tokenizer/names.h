/* tokenizer/names.h - tokens that the runtime knows by their text.
 *
 * Files rarely say all of what a token is for; llama.cpp (src/llama-vocab.cpp) therefore goes by
 * names, and generation stops where these lists say so. Each list ends with NULL. */
#ifndef GRAFT_TOKENIZER_NAMES_H
#define GRAFT_TOKENIZER_NAMES_H

extern const char *const graft_eog_names[];   /* end a generation, and are control tokens */
extern const char *const graft_shown_names[]; /* always recognised in text and shown */
/* fill in the middle: padding, repository, file separator; they end a generation, too */
extern const char *const graft_fim_pad_names[];
extern const char *const graft_fim_rep_names[];
extern const char *const graft_fim_sep_names[];

#endif
