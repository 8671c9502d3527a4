/* io/gguf_internal.h - what gguf_read.c, gguf_values.c and gguf_write.c share. */
#ifndef GRAFT_IO_GGUF_INTERNAL_H
#define GRAFT_IO_GGUF_INTERNAL_H

#include "core/arena.h"
#include "core/map.h"
#include "io/files.h"
#include "io/gguf.h"
#include "io/show.h"

#define GRAFT_GGUF_VERSION 3u
#define GRAFT_GGUF_DEFAULT_ALIGNMENT 32u
#define GRAFT_GGUF_MAX_ALIGNMENT (1u << 20)
#define GRAFT_GGUF_MAX_NAME 65535u /* bytes of a key or a tensor name */

struct graft_gguf {
    char *path;
    graft_mapped mapped;
    graft_gguf_kv *kv;
    size_t n_kv, kv_capacity;
    graft_gguf_tensor *tensors;
    size_t n_tensors, tensor_capacity;
    graft_map keys, names; /* to indices of kv and tensors */
    graft_arena arena;     /* tensor names */
};

/* Bytes of one number of the type; 0 for STRING and ARRAY. */
size_t graft_gguf__type_bytes(graft_gguf_type type);
const char *graft_gguf__type_name(graft_gguf_type type); /* "u32"; "unknown" beyond the list */

/* Little-endian loads from unaligned bytes. */
uint32_t graft_gguf__u32(const uint8_t *bytes);
uint64_t graft_gguf__u64(const uint8_t *bytes);

#endif
