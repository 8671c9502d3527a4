/* io/hdf5_internal.h - the header of images, apart from libhdf5. */
#ifndef GRAFT_IO_HDF5_INTERNAL_H
#define GRAFT_IO_HDF5_INTERNAL_H

#include "io/files.h"

enum { GRAFT_H5_HEADER = 512 };

/* Little-endian numbers of n_bytes. */
void graft_h5__store_u64(uint8_t *out, uint64_t value, unsigned n_bytes);
uint64_t graft_h5__load_u64(const uint8_t *bytes, unsigned n_bytes);

/* Magic, version, length, digest, zeros. */
void graft_h5__make_header(uint8_t header[GRAFT_H5_HEADER], const uint8_t *image, size_t n);
/* GRAFT_E_CHECKPOINT unless the file is a header and the image it describes. */
graft_status graft_h5__check_header(const graft_mapped *file, const char *path);

#endif
