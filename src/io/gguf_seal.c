/* gguf_seal.c - the digest that a GGUF file can carry of itself. */
#include <string.h>

#include "core/sha256.h"
#include "io/gguf_internal.h"

const char graft_gguf__no_seal[GRAFT_GGUF_SEAL + 1] =
    "0000000000000000000000000000000000000000000000000000000000000000";

void graft_gguf__hash_padding(graft_sha256 *hash, uint64_t n, size_t alignment)
{
    static const uint8_t zeros[256];
    size_t missing = (size_t)((alignment - n % alignment) % alignment);
    while (missing > 0) {
        size_t part = missing < sizeof zeros ? missing : sizeof zeros;
        graft_sha256_update(hash, zeros, part);
        missing -= part;
    }
}

uint64_t graft_gguf_offset(const graft_gguf *file, const uint8_t *data, const char **part)
{
    const graft_gguf *of = file;
    for (size_t i = 0; i < file->n_later; i++) {
        const graft_mapped *m = &file->later[i]->mapped;
        if ((uintptr_t)data >= (uintptr_t)m->data &&
            (uintptr_t)data - (uintptr_t)m->data <= m->size) {
            of = file->later[i];
        }
    }
    if (part != NULL) {
        *part = of->path;
    }
    return (uintptr_t)data - (uintptr_t)of->mapped.data;
}

graft_status graft_gguf_check_seal(const graft_gguf *file, bool *sealed)
{
    const graft_gguf_kv *kv = graft_gguf_find(file, GRAFT_GGUF_SEAL_KEY);
    const graft_mapped *m = &file->mapped;
    graft_sha256 hash;
    uint8_t digest[32];
    char hex[65];
    *sealed = kv != NULL && file->n_later == 0;
    if (!*sealed) {
        return GRAFT_OK;
    }
    if (kv->type != GRAFT_GGUF_STRING || kv->n_bytes != 8 + GRAFT_GGUF_SEAL) {
        return graft_fail(GRAFT_E_MODEL, "%s: %s is no SHA-256", file->path, GRAFT_GGUF_SEAL_KEY);
    }
    size_t at = (size_t)graft_gguf_offset(file, kv->data, NULL) + 8;
    graft_sha256_init(&hash);
    graft_sha256_update(&hash, m->data, at);
    graft_sha256_update(&hash, graft_gguf__no_seal, GRAFT_GGUF_SEAL);
    graft_sha256_update(&hash, m->data + at + GRAFT_GGUF_SEAL, m->size - at - GRAFT_GGUF_SEAL);
    graft_sha256_final(&hash, digest);
    graft_sha256_hex(digest, hex);
    return memcmp(hex, kv->data + 8, GRAFT_GGUF_SEAL) == 0
               ? GRAFT_OK
               : graft_fail(GRAFT_E_MODEL, "%s: does not match the digest that it carries (%s): a "
                            "byte of it has changed", file->path, GRAFT_GGUF_SEAL_KEY);
}
