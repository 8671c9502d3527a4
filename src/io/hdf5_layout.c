/* hdf5_layout.c - what libhdf5 takes at its word when it opens an array: how many dimensions its
 * space and its chunks have. It divides by sizes of chunks that a file need not give (in 1.10.8,
 * H5D__chunk_set_info), so the object header is looked through before. Source: HDF5 File Format
 * Specification 3.0, IV.A.1.a (object header), IV.A.2.b (dataspace), IV.A.2.i (data layout). */
#include "io/hdf5_internal.h"

#include <string.h>

enum {
    SPACE = 1, LAYOUT = 8, CONTINUATION = 16, /* types of messages */
    SHARED = 2,                               /* flag: the message is elsewhere */
    PREFIX = 16, MESSAGE = 8,                 /* bytes before the messages, and before each body */
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
    size_t n_blocks, n_spaces, n_layouts;
} header;

static bool add_block(header *h, uint64_t at, uint64_t n)
{
    bool inside = at <= h->n && n <= h->n - at && h->n_blocks < MOST_BLOCKS;
    if (inside) {
        h->blocks[h->n_blocks++] = (block){at, n};
    }
    return inside;
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
    }
    return good;
}

bool graft_h5__is_plain_file(const uint8_t *image, size_t n)
{
    static const uint8_t start[9] = {0x89, 'H', 'D', 'F', '\r', '\n', 0x1a, '\n', 0};
    enum { SIZES_AT = 13, BASE_AT = 24, LEAST = 96 };
    return n >= LEAST && memcmp(image, start, sizeof start) == 0 && image[SIZES_AT] == 8 &&
           image[SIZES_AT + 1] == 8 && graft_h5__load_u64(image + BASE_AT, 8) == 0;
}

bool graft_h5__is_plain_array(const uint8_t *image, size_t n, uint64_t at)
{
    header h = {.image = image, .n = n};
    bool good = at <= n && n - at >= PREFIX && image[at] == 1 &&
                add_block(&h, at + PREFIX, graft_h5__load_u64(image + at + 8, 4));
    for (size_t i = 0; good && i < h.n_blocks; i++) {
        block b = h.blocks[i];
        while (good && b.n >= MESSAGE) {
            const uint8_t *message = image + b.at;
            uint64_t size = graft_h5__load_u64(message + 2, 2);
            good = size <= b.n - MESSAGE &&
                   take_message(&h, (unsigned)graft_h5__load_u64(message, 2), message[4],
                                message + MESSAGE, (size_t)size);
            b.at += MESSAGE + size;
            b.n -= good ? MESSAGE + size : b.n;
        }
    }
    return good && h.n_spaces == 1 && h.n_layouts == 1;
}
