/* io/hdf5.h - named arrays in HDF5 images: written through libhdf5, in memory, and read by ourselves.
 *
 * Images are built with libhdf5's core driver (no backing store, no filters but our own for packed arrays, time
 * stamps off, low version bound EARLIEST). On disk an image stands behind 512 bytes of our own: magic "GRAFTCK1", u32
 * version, u64 image length, SHA-256 of the image, zeros: HDF5's user block, so that any HDF5 tool opens the file.
 * Only images of that kind are read, and only if their digest matches. */
#ifndef GRAFT_IO_HDF5_H
#define GRAFT_IO_HDF5_H

#include <stddef.h>
#include <stdint.h>

#include "core/strings.h"

typedef struct graft_h5_writer graft_h5_writer; /* an image that is made */
typedef struct graft_h5 graft_h5;               /* one that is read */

graft_status graft_h5_new(graft_h5_writer **out); /* empty */
void graft_h5_writer_free(graft_h5_writer *image);
graft_status graft_h5_write(graft_h5_writer *image, const char *path); /* atomic; image stays usable */

/* Names may hold '/', groups are made. Arrays are 1-D. */
graft_status graft_h5_put_f32(graft_h5_writer *image, const char *name, const float *data, size_t n);
graft_status graft_h5_put_u64(graft_h5_writer *image, const char *name, const uint64_t *data, size_t n);
graft_status graft_h5_put_text(graft_h5_writer *image, const char *name, const char *bytes, size_t n); /* uint8 array */
/* Bytes in chunks packed by zstd, HDF5's registered filter 32015, padded to whole chunks behind
 * their length. At most 4 GiB. */
graft_status graft_h5_put_packed(graft_h5_writer *image, const char *name, const void *bytes, size_t n);

/* The whole image is looked through; its file stays mapped until _free. GRAFT_E_CHECKPOINT if it is damaged or none of
 * graft's, GRAFT_E_DISK. */
graft_status graft_h5_read(graft_h5 **out, const char *path);
void graft_h5_free(graft_h5 *image);

/* Fails (GRAFT_E_CHECKPOINT, naming file and array) if absent, of another type, or not of exactly n elements. */
graft_status graft_h5_get_f32(const graft_h5 *image, const char *name, float *out, size_t n);
graft_status graft_h5_get_u64(const graft_h5 *image, const char *name, uint64_t *out, size_t n);
graft_status graft_h5_get_text(const graft_h5 *image, const char *name, graft_text *out);
/* Sets *out to them; GRAFT_E_CHECKPOINT if they are absent or damaged. */
graft_status graft_h5_get_packed(const graft_h5 *image, const char *name, graft_text *out);
graft_status graft_h5_size(const graft_h5 *image, const char *name, size_t *n);
/* Appends one line per array, in the order of names: name, type, length. For `graft inspect`. */
graft_status graft_h5_list(const graft_h5 *image, graft_text *out);

#endif
