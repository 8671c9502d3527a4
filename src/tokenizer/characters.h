/* tokenizer/characters.h - merging characters, as SentencePiece does and BPE over characters. */
#ifndef GRAFT_TOKENIZER_CHARACTERS_H
#define GRAFT_TOKENIZER_CHARACTERS_H

#include "tokenizer/vocabulary.h"

/* What stands for a space: U+2581. */
#define GRAFT_SPACE_MARK "\xe2\x96\x81"
#define GRAFT_SPACE_MARK_BYTES ((size_t)3)

/* Merges the characters of piece[0..n), 1 <= n < UINT32_MAX, in which spaces are marks. Afterwards
 * the merger's symbols from index 0 along `next` are the result. */
graft_status graft_characters_merge(graft_merger *merger, const graft_vocabulary *vocabulary,
                                    const char *piece, size_t n);

#endif
