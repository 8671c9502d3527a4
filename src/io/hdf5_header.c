/* hdf5_header.c - the 512 bytes before an image: whether it is whole is known before libhdf5 sees it. */
#include <inttypes.h>
#include <string.h>

#include "core/sha256.h"
#include "io/hdf5_internal.h"

enum { VERSION = 1 };
static const char magic[8] = {'G', 'R', 'A', 'F', 'T', 'C', 'K', '1'};

void graft_h5__store_u64(uint8_t *out, uint64_t value, unsigned n_bytes)
{
    for (unsigned i = 0; i < n_bytes; i++) {
        out[i] = (uint8_t)(value >> (8 * i));
    }
}

uint64_t graft_h5__load_u64(const uint8_t *bytes, unsigned n_bytes)
{
    uint64_t value = 0;
    for (unsigned i = 0; i < n_bytes; i++) {
        value |= (uint64_t)bytes[i] << (8 * i);
    }
    return value;
}

void graft_h5__make_header(uint8_t header[GRAFT_H5_HEADER], const uint8_t *image, size_t n)
{
    graft_sha256 hash;
    memset(header, 0, GRAFT_H5_HEADER);
    memcpy(header, magic, sizeof magic);
    graft_h5__store_u64(header + 8, VERSION, 4);
    graft_h5__store_u64(header + 12, n, 8);
    graft_sha256_init(&hash);
    graft_sha256_update(&hash, image, n);
    graft_sha256_final(&hash, header + 20);
}

graft_status graft_h5__check_header(const graft_mapped *file, const char *path)
{
    uint8_t expected[GRAFT_H5_HEADER];
    uint64_t version, n;
    if (file->size < GRAFT_H5_HEADER || memcmp(file->data, magic, sizeof magic) != 0) {
        return graft_fail(GRAFT_E_CHECKPOINT, "%s: not a graft checkpoint", path);
    }
    version = graft_h5__load_u64(file->data + 8, 4);
    if (version != VERSION) {
        return graft_fail(GRAFT_E_CHECKPOINT, "%s: checkpoint version %" PRIu64 "; only %d is "
                          "supported", path, version, VERSION);
    }
    n = graft_h5__load_u64(file->data + 12, 8);
    if (n != file->size - GRAFT_H5_HEADER) {
        return graft_fail(GRAFT_E_CHECKPOINT, "%s: holds %zu bytes of state instead of %" PRIu64,
                          path, file->size - GRAFT_H5_HEADER, n);
    }
    graft_h5__make_header(expected, file->data + GRAFT_H5_HEADER, (size_t)n);
    if (memcmp(expected, file->data, GRAFT_H5_HEADER) != 0) {
        return graft_fail(GRAFT_E_CHECKPOINT, "%s: its digest does not match: the file is damaged",
                          path);
    }
    return GRAFT_OK;
}
