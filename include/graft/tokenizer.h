/* tokenizer.h - text to token ids, as the model's own runtime does it. */
#ifndef GRAFT_TOKENIZER_H
#define GRAFT_TOKENIZER_H

#include <graft/job.h>

/* Tokenises `text`, or (text NULL) each line of the file `path`, with the tokenizer of base_model.
 * parse_special: text like <|im_end|> becomes the control token. Per text one line through
 * hooks->emit: ids and pieces, or with json {"ids": [...], "pieces": [...]}. No BOS is added. */
GRAFT_API graft_status graft_tokenize(graft_config *config, const char *text, const char *path,
                                      int parse_special, const graft_hooks *hooks, int json);

#endif
