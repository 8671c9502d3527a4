/* io/hdf5.h - the door to libhdf5: named arrays and attributes in an image held in memory.
 *
 * libhdf5 touches no disk: images are built with the core driver (no backing store, no filters but
 * our own for packed arrays, time stamps off, low version bound EARLIEST) and parsed only after their digest matched. On
 * disk an image stands behind 512 bytes of our own: magic "GRAFTCK1", u32 version, u64 image
 * length, SHA-256 of the image, zeros: HDF5's user block, so that any HDF5 tool opens the file. */
#ifndef GRAFT_IO_HDF5_H
#define GRAFT_IO_HDF5_H

#include <stddef.h>
#include <stdint.h>

#include "core/strings.h"

typedef struct graft_h5 graft_h5;

graft_status graft_h5_new(graft_h5 **out);                       /* an empty image, for writing */
graft_status graft_h5_read(graft_h5 **out, const char *path);    /* GRAFT_E_CHECKPOINT / _DISK */
void graft_h5_free(graft_h5 *image);
graft_status graft_h5_write(graft_h5 *image, const char *path);  /* atomic; image stays usable */

/* Names may hold '/', groups are made. Arrays are 1-D. */
graft_status graft_h5_put_f32(graft_h5 *image, const char *name, const float *data, size_t n);
graft_status graft_h5_put_u64(graft_h5 *image, const char *name, const uint64_t *data, size_t n);
graft_status graft_h5_put_text(graft_h5 *image, const char *name, const char *bytes, size_t n); /* uint8 array */

/* Bytes in chunks packed by zstd, HDF5's registered filter 32015, padded to whole chunks behind
 * their length. At most 4 GiB. */
graft_status graft_h5_put_packed(graft_h5 *image, const char *name, const void *bytes, size_t n);
/* Sets *out to them; GRAFT_E_CHECKPOINT if they are absent or damaged. */
graft_status graft_h5_get_packed(const graft_h5 *image, const char *name, graft_text *out);

/* Fails (GRAFT_E_CHECKPOINT, naming file and array) if absent, of another type, or not of exactly n elements. */
graft_status graft_h5_get_f32(const graft_h5 *image, const char *name, float *out, size_t n);
graft_status graft_h5_get_u64(const graft_h5 *image, const char *name, uint64_t *out, size_t n);
graft_status graft_h5_get_text(const graft_h5 *image, const char *name, graft_text *out);
graft_status graft_h5_size(const graft_h5 *image, const char *name, size_t *n);
/* Appends one line per array: name, type, length. For `graft inspect`. */
graft_status graft_h5_list(const graft_h5 *image, graft_text *out);

#endif
