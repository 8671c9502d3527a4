/* io/hdf5_internal.h - what writing and reading of images share, and the parts of images for those who read. */
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

/* Types an array may have, as they lie in the image. */
typedef enum graft_h5__type {
    GRAFT_H5_F32, GRAFT_H5_U64, GRAFT_H5_TEXT, GRAFT_H5_PACKED, GRAFT_H5_N_TYPES
} graft_h5__type;

extern const char *const graft_h5__type_names[GRAFT_H5_N_TYPES];
extern const unsigned graft_h5__type_bytes[GRAFT_H5_N_TYPES]; /* of an element */

/* Bytes in a chunk of a packed array, which has whole chunks only; the filter that packs them. Bytes in the name of
 * an array, and groups around it. */
enum { GRAFT_H5_CHUNK = 1 << 20, GRAFT_H5_ZSTD = 32015, GRAFT_H5_MAX_NAME = 1024, GRAFT_H5_MAX_DEPTH = 16 };
#define GRAFT_H5_MAX_PACKED ((uint64_t)1 << 32)

graft_status graft_h5__put(graft_h5_writer *image, const char *name, graft_h5__type type, const void *data,
                           size_t n);

/* --- reading --- */

/* GRAFT_E_CHECKPOINT unless the array has this type and n elements. */
graft_status graft_h5__get(const graft_h5 *image, const char *name, graft_h5__type wanted,
                           void *out, size_t n);
/* The file that the image was read from, for messages. */
const char *graft_h5__path(const graft_h5 *image);

/* The bytes of an image. Each may be taken once: what goes in a circle, or would be counted twice, comes to an end. */
typedef struct graft_h5__parts {
    const uint8_t *bytes;
    uint64_t n, left; /* of bytes, and of those that are not taken */
} graft_h5__parts;

/* n bytes from `at` on, which lie within the image; NULL if they do not, or if too many were taken before. */
const uint8_t *graft_h5__take(graft_h5__parts *image, uint64_t at, uint64_t n);

typedef enum graft_h5__kind { GRAFT_H5_NEITHER, GRAFT_H5_GROUP, GRAFT_H5_ARRAY } graft_h5__kind;

/* A group or an array, as its header tells; the rest holds if it is plain. */
typedef struct graft_h5__object {
    graft_h5__kind kind;
    bool is_plain; /* as graft writes them */
    /* a group: its names, zero-terminated, in any order, and the tree of its links */
    const uint8_t *names;
    uint64_t n_names;
    /* an array: what its n elements are, and where (NULL: there are none); packed: the tree of its chunks */
    graft_h5__type type;
    uint64_t n;
    const uint8_t *bytes;
    uint64_t tree;
} graft_h5__object;

/* Reads the header that lies `at`. */
void graft_h5__read_object(graft_h5__object *out, graft_h5__parts *image, uint64_t at);

typedef enum graft_h5__tree { GRAFT_H5_LINKS, GRAFT_H5_CHUNKS } graft_h5__tree;
/* Takes the key and the address of a child; false ends the walk. A key is the number of bytes, a mask of filters that
 * were skipped (u32 each), and the number of the first element and of its first byte (u64 each) for chunks. */
typedef bool graft_h5__visit(void *context, const uint8_t *key, uint64_t at);
/* Visits what hangs on the leaves of the tree, in order. false if it is none of that kind, or if a visit was. */
bool graft_h5__walk_tree(graft_h5__parts *image, uint64_t at, graft_h5__tree tree, graft_h5__visit *visit,
                         void *context);

#endif
