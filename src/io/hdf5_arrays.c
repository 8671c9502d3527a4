/* io/hdf5_arrays.c - what arrays of each type hold, on top of those who
 * write and read them (hdf5_write.c, hdf5_read.c): numbers and texts
 * as they are, packed bytes behind their count and filled up to whole chunks. */
#include <string.h>

#include "core/memory.h"
#include "io/hdf5.h"
#include "io/hdf5_internal.h"

const char *const graft_h5__type_names[GRAFT_H5_N_TYPES] = {"f32", "u64", "text", "packed"};
const unsigned graft_h5__type_bytes[GRAFT_H5_N_TYPES] = {4, 8, 1, 1};

graft_status graft_h5_put_f32(graft_h5_writer *image, const char *name, const float *data, size_t n)
{
    return graft_h5__put(image, name, GRAFT_H5_F32, data, n);
}

graft_status graft_h5_put_u64(graft_h5_writer *image, const char *name, const uint64_t *data, size_t n)
{
    return graft_h5__put(image, name, GRAFT_H5_U64, data, n);
}

graft_status graft_h5_put_text(graft_h5_writer *image, const char *name, const char *bytes, size_t n)
{
    return graft_h5__put(image, name, GRAFT_H5_TEXT, bytes, n);
}

graft_status graft_h5_put_packed(graft_h5_writer *image, const char *name, const void *bytes, size_t n)
{
    graft_status status = GRAFT_OK;
    uint8_t *padded = NULL;
    if (n > GRAFT_H5_MAX_PACKED - GRAFT_H5_CHUNK) {
        return graft_fail(GRAFT_E_MEMORY, "array \"%s\" would have more than 4 GiB", name);
    }
    size_t size = (n + 8 + GRAFT_H5_CHUNK - 1) / GRAFT_H5_CHUNK * GRAFT_H5_CHUNK;
    GRAFT_TRY(graft_alloc(&padded, size, 1));
    graft_h5__store_u64(padded, n, 8);
    if (n > 0) { /* an empty text has no bytes to copy from */
        memcpy(padded + 8, bytes, n);
    }
    GRAFT_TRY(graft_h5__put(image, name, GRAFT_H5_PACKED, padded, size));
done:
    graft_free(padded);
    return status;
}

graft_status graft_h5_get_f32(const graft_h5 *image, const char *name, float *out, size_t n)
{
    return graft_h5__get(image, name, GRAFT_H5_F32, out, n);
}

graft_status graft_h5_get_u64(const graft_h5 *image, const char *name, uint64_t *out, size_t n)
{
    return graft_h5__get(image, name, GRAFT_H5_U64, out, n);
}

graft_status graft_h5_get_text(const graft_h5 *image, const char *name, graft_text *out)
{
    graft_status status = GRAFT_OK;
    char *bytes = NULL;
    size_t n;
    graft_text_clear(out);
    GRAFT_TRY(graft_h5_size(image, name, &n));
    GRAFT_TRY(graft_alloc(&bytes, n, 1));
    GRAFT_TRY(graft_h5__get(image, name, GRAFT_H5_TEXT, bytes, n));
    GRAFT_TRY(graft_text_append(out, bytes, n));
done:
    graft_free(bytes);
    return status;
}

graft_status graft_h5_get_packed(const graft_h5 *image, const char *name, graft_text *out)
{
    graft_status status = GRAFT_OK;
    uint8_t *bytes = NULL;
    size_t size;
    uint64_t n = 0;
    graft_text_clear(out);
    GRAFT_TRY(graft_h5_size(image, name, &size));
    GRAFT_TRY(graft_alloc(&bytes, size, 1));
    GRAFT_TRY(graft_h5__get(image, name, GRAFT_H5_PACKED, bytes, size));
    n = graft_h5__load_u64(bytes, 8);
    if (n > size - 8) {
        status = graft_fail(GRAFT_E_CHECKPOINT, "%s: array \"%s\" is shorter than it says",
                            graft_h5__path(image), name);
        goto done;
    }
    GRAFT_TRY(graft_text_append(out, (const char *)bytes + 8, (size_t)n));
done:
    graft_free(bytes);
    return status;
}
