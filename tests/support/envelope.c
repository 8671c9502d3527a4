/* support/envelope.c */
#include "support/envelope.h"

#include <string.h>

#include "core/memory.h"
#include "core/sha256.h"
#include "support/fuzz.h"

const char *envelope_file(const uint8_t *image, size_t n)
{
    uint8_t *file;
    graft_sha256 hash;
    fuzz_check(graft_alloc(&file, ENVELOPE_BYTES + n, 1) == GRAFT_OK);
    memcpy(file, "GRAFTCK1\1", 9);
    for (unsigned i = 0; i < 8; i++) {
        file[ENVELOPE_LENGTH_AT + i] = (uint8_t)((uint64_t)n >> (8 * i));
    }
    memcpy(file + ENVELOPE_BYTES, image, n);
    graft_sha256_init(&hash);
    graft_sha256_update(&hash, image, n);
    graft_sha256_final(&hash, file + ENVELOPE_DIGEST_AT);
    const char *path = fuzz_file(file, ENVELOPE_BYTES + n);
    graft_free(file);
    return path;
}
