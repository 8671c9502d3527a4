/* hdf5_object.c - object headers of an HDF5 image: what a group or an array says of itself. Only what graft
 * writes is understood. Source: HDF5 File Format Specification 3.0, IV.A.1.a (version 1 headers), IV.A.2.b
 * (dataspace), .d (datatype), .i (data layout), .l (filter pipeline), .r (symbol table), III.D (local heap). */
#include "io/hdf5_internal.h"

#include <string.h>

enum {
    NIL = 0, SPACE = 1, TYPE = 3, OLD_FILL = 4, FILL = 5, LAYOUT = 8, FILTERS = 11, CONTINUATION = 16, TABLE = 17,
    SHARED = 2,               /* flag: the message is elsewhere */
    PREFIX = 16, MESSAGE = 8, /* bytes before the messages, and before each body */
    MOST_BLOCKS = 64,
    CONTIGUOUS = 1, CHUNKED = 2 /* classes of layouts */
};

/* An object header: blocks of messages, and which of them were there. */
typedef struct header {
    graft_h5__parts *image;
    struct block {
        const uint8_t *bytes;
        uint64_t n;
    } blocks[MOST_BLOCKS];
    size_t n_blocks;
    unsigned seen[TABLE + 1];
    uint64_t length, chunk; /* of the array, and of what it is stored in, in elements; chunk 0: it is in one piece */
    uint64_t at, bytes;     /* where the elements lie: the tree of chunks, or so many bytes */
    uint64_t chunk_element; /* bytes of an element, by the layout of chunks */
    const uint8_t *names;
    uint64_t n_names, tree;
    graft_h5__type type;
    bool is_zstd;
} header;

const uint8_t *graft_h5__take(graft_h5__parts *image, uint64_t at, uint64_t n)
{
    if (at > image->n || n > image->n - at || n > image->left) {
        return NULL;
    }
    image->left -= n;
    return image->bytes + at;
}

static bool add_block(header *h, uint64_t at, uint64_t n)
{
    const uint8_t *bytes = graft_h5__take(h->image, at, n);
    bool good = bytes != NULL && h->n_blocks < MOST_BLOCKS;
    if (good) {
        h->blocks[h->n_blocks].bytes = bytes;
        h->blocks[h->n_blocks++].n = n;
    }
    return good;
}

/* One dimension. What it may grow to does not matter. */
static bool take_space(header *h, const uint8_t *body, size_t n)
{
    enum { VERSION = 1, HAS_MOST = 1 };
    bool good = n >= 16 && body[0] == VERSION && body[1] == 1 && (body[2] & ~HAS_MOST) == 0;
    h->length = good ? graft_h5__load_u64(body + 8, 8) : 0;
    return good;
}

/* IEEE 754 single precision, and unsigned integers of 8 and 1 bytes, little-endian. */
static bool take_type(header *h, const uint8_t *body, size_t n)
{
    static const uint8_t f32[] = {0x11, 0x20, 31, 0, 4, 0, 0, 0, 0, 0, 32, 0, 23, 8, 0, 23, 127, 0, 0, 0};
    static const uint8_t u64[] = {0x10, 0, 0, 0, 8, 0, 0, 0, 0, 0, 64, 0};
    static const uint8_t u8[] = {0x10, 0, 0, 0, 1, 0, 0, 0, 0, 0, 8, 0};
    h->type = n >= sizeof f32 && memcmp(body, f32, sizeof f32) == 0   ? GRAFT_H5_F32
              : n >= sizeof u64 && memcmp(body, u64, sizeof u64) == 0 ? GRAFT_H5_U64
              : n >= sizeof u8 && memcmp(body, u8, sizeof u8) == 0    ? GRAFT_H5_TEXT
                                                                      : GRAFT_H5_N_TYPES;
    return h->type != GRAFT_H5_N_TYPES;
}

/* Elements side by side, or in chunks of one dimension (and the bytes of an element, which counts as one more). */
static bool take_layout(header *h, const uint8_t *body, size_t n)
{
    enum { VERSION = 3, ADDRESS = 2, BYTES = 10, TREE = 3, DIMS = 11 };
    if (n >= BYTES + 8 && body[0] == VERSION && body[1] == CONTIGUOUS) {
        h->at = graft_h5__load_u64(body + ADDRESS, 8);
        h->bytes = graft_h5__load_u64(body + BYTES, 8);
        return true;
    }
    bool good = n >= DIMS + 8 && body[0] == VERSION && body[1] == CHUNKED && body[2] == 2;
    if (good) {
        h->at = graft_h5__load_u64(body + TREE, 8);
        h->chunk = graft_h5__load_u64(body + DIMS, 4);
        h->chunk_element = graft_h5__load_u64(body + DIMS + 4, 4);
        good = h->chunk > 0;
    }
    return good;
}

/* Ours and no other. */
static bool take_filters(header *h, const uint8_t *body, size_t n)
{
    enum { VERSION = 1, FIRST = 8 };
    h->is_zstd = n >= FIRST + 8 && body[0] == VERSION && body[1] == 1 &&
                 graft_h5__load_u64(body + FIRST, 2) == GRAFT_H5_ZSTD;
    return h->is_zstd;
}

/* A tree of links, and the heap of their names. */
static bool take_table(header *h, const uint8_t *body, size_t n)
{
    enum { HEAP = 32 };
    const uint8_t *heap = n < 16 ? NULL : graft_h5__take(h->image, graft_h5__load_u64(body + 8, 8), HEAP);
    if (heap == NULL || memcmp(heap, "HEAP", 5) != 0) {
        return false;
    }
    h->tree = graft_h5__load_u64(body, 8);
    h->n_names = graft_h5__load_u64(heap + 8, 8);
    h->names = graft_h5__take(h->image, graft_h5__load_u64(heap + 24, 8), h->n_names);
    return h->names != NULL;
}

static bool take_message(header *h, unsigned type, unsigned flags, const uint8_t *body, size_t n)
{
    bool known = type <= TABLE && (flags & SHARED) == 0;
    if (known) {
        h->seen[type]++;
    }
    switch (known ? type : UINT16_MAX) {
    case NIL:
    case OLD_FILL:
    case FILL: return true; /* what stands where nothing was written: nowhere */
    case SPACE: return take_space(h, body, n);
    case TYPE: return take_type(h, body, n);
    case LAYOUT: return take_layout(h, body, n);
    case FILTERS: return take_filters(h, body, n);
    case CONTINUATION:
        return n >= 16 && add_block(h, graft_h5__load_u64(body, 8), graft_h5__load_u64(body + 8, 8));
    case TABLE: return take_table(h, body, n);
    default: return false;
    }
}

/* The messages of the object whose header lies `at`. */
static bool take_header(header *h, uint64_t at)
{
    const uint8_t *prefix = graft_h5__take(h->image, at, PREFIX);
    bool good = prefix != NULL && prefix[0] == 1 &&
                add_block(h, at + PREFIX, graft_h5__load_u64(prefix + 8, 4));
    for (size_t i = 0; good && i < h->n_blocks; i++) {
        const uint8_t *message = h->blocks[i].bytes;
        uint64_t left = h->blocks[i].n;
        while (good && left >= MESSAGE) {
            uint64_t size = graft_h5__load_u64(message + 2, 2);
            good = size <= left - MESSAGE &&
                   take_message(h, (unsigned)graft_h5__load_u64(message, 2), message[4], message + MESSAGE,
                                (size_t)size);
            left -= good ? MESSAGE + size : left;
            message += MESSAGE + size;
        }
    }
    return good;
}

static bool is_group(const header *h)
{
    return h->seen[TABLE] == 1 && h->seen[SPACE] + h->seen[TYPE] + h->seen[LAYOUT] + h->seen[FILTERS] == 0;
}

/* Elements in one piece of as many bytes as they have, or bytes in whole chunks packed by zstd. */
static bool is_array(const header *h)
{
    bool one = h->seen[SPACE] == 1 && h->seen[TYPE] == 1 && h->seen[LAYOUT] == 1 && h->seen[TABLE] == 0;
    if (!one) {
        return false;
    }
    if (h->chunk == 0) {
        unsigned size = graft_h5__type_bytes[h->type];
        return h->seen[FILTERS] == 0 && h->bytes % size == 0 && h->length == h->bytes / size;
    }
    return h->seen[FILTERS] == 1 && h->is_zstd && h->type == GRAFT_H5_TEXT && h->chunk == GRAFT_H5_CHUNK &&
           h->chunk_element == 1 && h->length > 0 && h->length % GRAFT_H5_CHUNK == 0 &&
           h->length <= GRAFT_H5_MAX_PACKED;
}

void graft_h5__read_object(graft_h5__object *out, graft_h5__parts *image, uint64_t at)
{
    header h = {.image = image, .type = GRAFT_H5_N_TYPES};
    bool whole = take_header(&h, at);
    *out = (graft_h5__object){
        .kind = h.seen[TABLE] > 0                    ? GRAFT_H5_GROUP
                : h.seen[SPACE] + h.seen[LAYOUT] > 0 ? GRAFT_H5_ARRAY
                                                     : GRAFT_H5_NEITHER,
        .is_plain = whole && (is_group(&h) || is_array(&h)),
    };
    if (out->is_plain && out->kind == GRAFT_H5_ARRAY && h.chunk == 0 && h.length > 0) {
        out->bytes = graft_h5__take(image, h.at, h.bytes);
        out->is_plain = out->bytes != NULL;
    }
    out->type = h.chunk == 0 ? h.type : GRAFT_H5_PACKED;
    out->n = h.length;
    out->names = h.names;
    out->n_names = h.n_names;
    out->tree = out->kind == GRAFT_H5_GROUP ? h.tree : h.at;
}
