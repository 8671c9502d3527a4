/* io/gguf_internal.h - what the files gguf_*.c share. */
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

/* One file; the first of several also owns the others and lists their tensors behind its own. */
struct graft_gguf {
    char *path;
    graft_mapped mapped;
    graft_gguf **later;
    size_t n_later, later_capacity;
    graft_gguf_kv *kv;
    size_t n_kv, kv_capacity;
    graft_gguf_tensor *tensors;
    size_t n_tensors, tensor_capacity;
    graft_map keys, names; /* to indices of kv and tensors */
    graft_arena arena;     /* tensor names */
};

/* One file, whole or a part of a model. */
graft_status graft_gguf__open_part(graft_gguf **out, const char *path);

/* The digest that a file carries of itself. */
#define GRAFT_GGUF_SEAL_KEY "graft.sha256"
enum { GRAFT_GGUF_SEAL = 64 };
extern const char graft_gguf__no_seal[GRAFT_GGUF_SEAL + 1]; /* what stands in its place */
/* Adds the zeros that fill n bytes up to the alignment. */
void graft_gguf__hash_padding(graft_sha256 *hash, uint64_t n, size_t alignment);

/* Bytes of one number of the type; 0 for STRING and ARRAY. */
size_t graft_gguf__type_bytes(graft_gguf_type type);
const char *graft_gguf__type_name(graft_gguf_type type); /* "u32"; "unknown" beyond the list */

/* Little-endian loads from unaligned bytes. */
uint32_t graft_gguf__u32(const uint8_t *bytes);
uint64_t graft_gguf__u64(const uint8_t *bytes);

#endif
