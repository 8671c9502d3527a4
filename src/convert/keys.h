/* convert/keys.h - room-internal: keys of the GGUF file that a folder becomes. */
#ifndef GRAFT_CONVERT_KEYS_H
#define GRAFT_CONVERT_KEYS_H

#include "io/gguf.h"

/* Where keys go. Names that begin with '.' get the architecture in front: ".block_count" is
 * "llama.block_count". */
typedef struct graft_hf_keys {
    graft_gguf_writer *writer;
    const char *arch;
} graft_hf_keys;

graft_status graft_hf_key_u32(const graft_hf_keys *keys, const char *name, uint64_t value);
graft_status graft_hf_key_i32(const graft_hf_keys *keys, const char *name, int64_t value);
graft_status graft_hf_key_f32(const graft_hf_keys *keys, const char *name, double value);
graft_status graft_hf_key_bool(const graft_hf_keys *keys, const char *name, bool value);
graft_status graft_hf_key_text(const graft_hf_keys *keys, const char *name, const char *text);
graft_status graft_hf_key_bytes(const graft_hf_keys *keys, const char *name, const char *bytes,
                                size_t n);

/* Arrays of n elements. */
graft_status graft_hf_key_strings(const graft_hf_keys *keys, const char *name,
                                  const graft_gguf_string *values, size_t n);
graft_status graft_hf_key_i32s(const graft_hf_keys *keys, const char *name, const int32_t *values,
                               size_t n);
graft_status graft_hf_key_f32s(const graft_hf_keys *keys, const char *name, const float *values,
                               size_t n);

#endif
