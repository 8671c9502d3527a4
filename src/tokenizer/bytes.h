/* tokenizer/bytes.h - the byte alphabet of GPT-2.
 *
 * Vocabularies of byte-level BPE spell every byte as a printable character: the printable ones of
 * Latin-1 as themselves, the other 68 as U+0100 onwards in the order of their values (Radford et
 * al. 2019, encoder.py, bytes_to_unicode). */
#ifndef GRAFT_TOKENIZER_BYTES_H
#define GRAFT_TOKENIZER_BYTES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The character that spells a byte, as UTF-8; returns 1 or 2, the bytes written. */
size_t graft_byte_spell(uint8_t byte, char out[4]);

/* Undoes the spelling of text[0..n) into out (at most n bytes) and sets *n_out. false if a
 * character spells no byte. */
bool graft_byte_unspell(const char *text, size_t n, char *out, size_t *n_out);

#endif
