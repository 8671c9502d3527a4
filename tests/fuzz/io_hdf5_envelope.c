/* Any bytes as a checkpoint file, header and all: what is accepted has the magic, the version, the
 * length and the digest of what stands behind the header, computed here once more. */
#include <string.h>

#include "core/sha256.h"
#include "io/hdf5.h"
#include "support/envelope.h"
#include "support/fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static bool is_whole(const uint8_t *data, size_t n)
{
    graft_sha256 hash;
    uint8_t digest[32];
    uint64_t length = 0;
    if (n < ENVELOPE_BYTES || memcmp(data, "GRAFTCK1\1\0\0\0", ENVELOPE_LENGTH_AT) != 0) {
        return false;
    }
    for (unsigned i = 0; i < 8; i++) {
        length |= (uint64_t)data[ENVELOPE_LENGTH_AT + i] << (8 * i);
    }
    graft_sha256_init(&hash);
    graft_sha256_update(&hash, data + ENVELOPE_BYTES, n - ENVELOPE_BYTES);
    graft_sha256_final(&hash, digest);
    return length == n - ENVELOPE_BYTES && memcmp(digest, data + ENVELOPE_DIGEST_AT, sizeof digest) == 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    graft_h5 *image;
    graft_text list;
    graft_text_init(&list);
    graft_status status = graft_h5_read(&image, fuzz_file(data, n));
    if (status == GRAFT_OK) {
        fuzz_check(is_whole(data, n));
        (void)graft_h5_list(image, &list);
    } else {
        fuzz_check(status == GRAFT_E_CHECKPOINT && image == NULL);
        fuzz_check(graft_error_message()[0] != '\0');
    }
    graft_text_clear(&list);
    graft_h5_free(image);
    return 0;
}

#ifndef GRAFT_LIBFUZZER
int main(void)
{
    static const char *const words[] = {"GRAFTCK1", "\x89HDF\r\n\x1a\n", NULL};
    return fuzz_tests("io_hdf5_envelope", LLVMFuzzerTestOneInput, words);
}
#endif
