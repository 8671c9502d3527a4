/* hdf5_layout.c - what libhdf5 takes at its word, looked at before it is: how many dimensions an array
 * and its chunks have (1.10.8 divides by sizes that are not there, H5D__chunk_set_info), and where the
 * names of a group lie (it reads there, H5F__accum_read). Source: HDF5 File Format Specification 3.0,
 * II.A (superblock), III.D (local heap), IV.A.1.a (object header), IV.A.2.b (dataspace), IV.A.2.i (data
 * layout), IV.A.2.r (symbol table). */
#include "io/hdf5_internal.h"

#include <string.h>

enum {
    SPACE = 1, LAYOUT = 8, CONTINUATION = 16, TABLE = 17, /* types of messages */
    SHARED = 2,               /* flag: the message is elsewhere */
    PREFIX = 16, MESSAGE = 8, /* bytes before the messages, and before each body */
    MOST_BLOCKS = 64,
    CONTIGUOUS = 1, CHUNKED = 2
};

/* Part of an object header: messages one after the other. */
typedef struct block {
    uint64_t at, n;
} block;

typedef struct header {
    const uint8_t *image;
    size_t n;
    block blocks[MOST_BLOCKS];
    size_t n_blocks, n_spaces, n_layouts, n_tables;
} header;

static bool is_inside(const header *h, uint64_t at, uint64_t n)
{
    return at <= h->n && n <= h->n - at;
}

static bool add_block(header *h, uint64_t at, uint64_t n)
{
    bool good = is_inside(h, at, n) && h->n_blocks < MOST_BLOCKS;
    if (good) {
        h->blocks[h->n_blocks++] = (block){at, n};
    }
    return good;
}

/* One dimension. */
static bool is_list(const uint8_t *body, size_t n)
{
    return n >= 2 && body[1] == 1;
}

/* Numbers side by side, or chunks of one dimension (and the bytes of a number, which counts as one
 * more), none of them empty. */
static bool is_plain(const uint8_t *body, size_t n)
{
    enum { VERSION = 3, DIMS_AT = 11 };
    if (n < 2 || body[0] != VERSION || body[1] != CHUNKED) {
        return n >= 2 && body[0] == VERSION && body[1] == CONTIGUOUS;
    }
    return n >= DIMS_AT + 8 && body[2] == 2 && graft_h5__load_u64(body + DIMS_AT, 4) > 0 &&
           graft_h5__load_u64(body + DIMS_AT + 4, 4) > 0;
}

/* A tree of links, and the heap of their names. */
static bool is_table(const header *h, const uint8_t *body, size_t n)
{
    enum { HEAP = 32, TREE = 24 };
    uint64_t tree = n < 16 ? UINT64_MAX : graft_h5__load_u64(body, 8);
    uint64_t heap = n < 16 ? UINT64_MAX : graft_h5__load_u64(body + 8, 8);
    return is_inside(h, tree, TREE) && is_inside(h, heap, HEAP) &&
           memcmp(h->image + heap, "HEAP", 5) == 0 &&
           is_inside(h, graft_h5__load_u64(h->image + heap + 24, 8),
                     graft_h5__load_u64(h->image + heap + 8, 8));
}

static bool take_message(header *h, unsigned type, unsigned flags, const uint8_t *body, size_t n)
{
    bool good = true;
    if (type == CONTINUATION) {
        good = n >= 16 && add_block(h, graft_h5__load_u64(body, 8), graft_h5__load_u64(body + 8, 8));
    } else if (type == SPACE) {
        h->n_spaces++;
        good = (flags & SHARED) == 0 && is_list(body, n);
    } else if (type == LAYOUT) {
        h->n_layouts++;
        good = (flags & SHARED) == 0 && is_plain(body, n);
    } else if (type == TABLE) {
        h->n_tables++;
        good = (flags & SHARED) == 0 && is_table(h, body, n);
    }
    return good;
}

/* The messages of the object whose header lies `at`. */
static bool take_header(header *h, uint64_t at)
{
    bool good = is_inside(h, at, PREFIX) && h->image[at] == 1 &&
                add_block(h, at + PREFIX, graft_h5__load_u64(h->image + at + 8, 4));
    for (size_t i = 0; good && i < h->n_blocks; i++) {
        block b = h->blocks[i];
        while (good && b.n >= MESSAGE) {
            const uint8_t *message = h->image + b.at;
            uint64_t size = graft_h5__load_u64(message + 2, 2);
            good = size <= b.n - MESSAGE &&
                   take_message(h, (unsigned)graft_h5__load_u64(message, 2), message[4],
                                message + MESSAGE, (size_t)size);
            b.at += MESSAGE + size;
            b.n -= good ? MESSAGE + size : b.n;
        }
    }
    return good;
}

bool graft_h5__is_plain_group(const uint8_t *image, size_t n, uint64_t at)
{
    header h = {.image = image, .n = n};
    return take_header(&h, at) && h.n_tables == 1 && h.n_spaces == 0 && h.n_layouts == 0;
}

bool graft_h5__is_plain_array(const uint8_t *image, size_t n, uint64_t at)
{
    header h = {.image = image, .n = n};
    return take_header(&h, at) && h.n_tables == 0 && h.n_spaces == 1 && h.n_layouts == 1;
}

bool graft_h5__is_plain_file(const uint8_t *image, size_t n)
{
    static const uint8_t start[9] = {0x89, 'H', 'D', 'F', '\r', '\n', 0x1a, '\n', 0};
    enum { SIZES_AT = 13, BASE_AT = 24, ROOT_AT = 64, LEAST = 96 };
    return n >= LEAST && memcmp(image, start, sizeof start) == 0 && image[SIZES_AT] == 8 &&
           image[SIZES_AT + 1] == 8 && graft_h5__load_u64(image + BASE_AT, 8) == 0 &&
           graft_h5__is_plain_group(image, n, graft_h5__load_u64(image + ROOT_AT, 8));
}
