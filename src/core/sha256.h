/* core/sha256.h - SHA-256 (FIPS 180-4), for identities of files and checkpoint digests. */
#ifndef GRAFT_CORE_SHA256_H
#define GRAFT_CORE_SHA256_H

#include <stddef.h>
#include <stdint.h>

typedef struct graft_sha256 {
    uint32_t state[8];
    uint64_t n_bytes;
    uint8_t block[64];
} graft_sha256;

void graft_sha256_init(graft_sha256 *hash);
void graft_sha256_update(graft_sha256 *hash, const void *bytes, size_t n);
void graft_sha256_final(graft_sha256 *hash, uint8_t digest[32]);
void graft_sha256_hex(const uint8_t digest[32], char out[65]);

#endif
