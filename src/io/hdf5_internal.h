/* io/hdf5_internal.h - the header of images, and their arrays, apart from libhdf5. */
#ifndef GRAFT_IO_HDF5_INTERNAL_H
#define GRAFT_IO_HDF5_INTERNAL_H

#include <stdbool.h>

#include "io/files.h"
#include "io/hdf5.h"

enum { GRAFT_H5_HEADER = 512 };

/* Little-endian numbers of n_bytes. */
void graft_h5__store_u64(uint8_t *out, uint64_t value, unsigned n_bytes);
uint64_t graft_h5__load_u64(const uint8_t *bytes, unsigned n_bytes);

/* Magic, version, length, digest, zeros. */
void graft_h5__make_header(uint8_t header[GRAFT_H5_HEADER], const uint8_t *image, size_t n);
/* GRAFT_E_CHECKPOINT unless the file is a header and the image it describes. */
graft_status graft_h5__check_header(const graft_mapped *file, const char *path);

/* For images of n bytes, before libhdf5 looks at the same, as it does not survive all that may be there.
 * Begins it as those of graft do (superblock 0, addresses from its first byte, a plain group)? */
bool graft_h5__is_plain_file(const uint8_t *image, size_t n);
/* Lie the names of the group, whose object header lies `at`, within the image? */
bool graft_h5__is_plain_group(const uint8_t *image, size_t n, uint64_t at);
/* Has the array whose object header lies `at` one dimension, and one size of chunks if any? */
bool graft_h5__is_plain_array(const uint8_t *image, size_t n, uint64_t at);

/* Types an array may have, as they lie in the image. */
typedef enum graft_h5__type {
    GRAFT_H5_F32, GRAFT_H5_U64, GRAFT_H5_TEXT, GRAFT_H5_PACKED, GRAFT_H5_N_TYPES
} graft_h5__type;

/* Bytes in a chunk of a packed array, which has whole chunks only. */
enum { GRAFT_H5_CHUNK = 1 << 20 };
#define GRAFT_H5_MAX_PACKED ((uint64_t)1 << 32)

/* The file that the image was read from, for messages. */
const char *graft_h5__path(const graft_h5 *image);
graft_status graft_h5__put(graft_h5 *image, const char *name, graft_h5__type type, const void *data,
                           size_t n);
/* GRAFT_E_CHECKPOINT unless the array has this type and n elements. */
graft_status graft_h5__get(const graft_h5 *image, const char *name, graft_h5__type wanted,
                           void *out, size_t n);

#endif
