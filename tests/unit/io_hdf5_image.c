/* io/hdf5_read.c, hdf5_object.c, hdf5_tree.c: an image made by hand, and every way in which one of its bytes makes it
 * another one. */
#include "support/test.h"

#include <string.h>

#include "io/hdf5_internal.h"
#include "io/zst.h"

/* A superblock; the root group, whose links lie in a group "g" with an array of f32 (its layout stands in a second
 * block) and in the root an array "p" that is packed. */
enum {
    ROOT = 96, ROOT_TREE = 136, ROOT_HEAP = 176, ROOT_NAMES = 208, ROOT_LINKS = 224,
    GROUP = 312, TREE = 352, HEAP = 392, NAMES = 424, LINKS = 440,
    ARRAY = 488, MORE = 592, NUMBERS = 624,
    PACKED = 640, CHUNKS = 768, CHUNK = 848, ROOM = 2048,
    ENTRY = 8, SECOND = 48 /* within links */
};
static uint8_t image[ROOM];
static size_t n_image;

static uint8_t *message(uint8_t *at, unsigned type, unsigned n)
{
    graft_h5__store_u64(at, type, 2);
    graft_h5__store_u64(at + 2, n, 2);
    return at + 8;
}

static void make_group(size_t at, size_t tree, size_t heap, size_t names, size_t links)
{
    image[at] = 1;
    graft_h5__store_u64(image + at + 8, 24, 4);
    uint8_t *table = message(image + at + 16, 17, 16);
    graft_h5__store_u64(table, tree, 8);
    graft_h5__store_u64(table + 8, heap, 8);
    memcpy(image + tree, "TREE\0\0\1\0", 8);
    graft_h5__store_u64(image + tree + 32, links, 8);
    memcpy(image + heap, "HEAP", 4);
    graft_h5__store_u64(image + heap + 8, 16, 8);
    graft_h5__store_u64(image + heap + 24, names, 8);
    memcpy(image + links, "SNOD\1", 5);
}

static void make_link(size_t links, unsigned i, unsigned name, size_t object)
{
    uint8_t *entry = image + links + ENTRY + i * (size_t)40;
    graft_h5__store_u64(entry, name, 8);
    graft_h5__store_u64(entry + 8, object, 8);
    image[links + 6] = (uint8_t)(i + 1);
}

static uint8_t *make_array(size_t at, unsigned n_header, uint64_t n, const void *type, unsigned n_type)
{
    image[at] = 1;
    graft_h5__store_u64(image + at + 8, n_header, 4);
    uint8_t *space = message(image + at + 16, 1, 16);
    space[0] = space[1] = 1;
    graft_h5__store_u64(space + 8, n, 8);
    memcpy(message(space + 16, 3, n_type), type, n_type);
    return space + 24 + n_type;
}

static void make_image(void)
{
    static const uint8_t f32[24] = {0x11, 0x20, 31, 0, 4, 0, 0, 0, 0, 0, 32, 0, 23, 8, 0, 23, 127};
    static const uint8_t u8[16] = {0x10, 0, 0, 0, 1, 0, 0, 0, 0, 0, 8};
    static const uint8_t filters[24] = {1, 1, 0, 0, 0, 0, 0, 0, 0x0f, 0x7d, 8, 0, 0, 0, 0, 0, 'z', 's', 't', 'd'};
    static const float numbers[4] = {1, 2, 3, 4};
    static uint8_t plain[GRAFT_H5_CHUNK] = {3, 0, 0, 0, 0, 0, 0, 0, 'a', 'b', 'c'};
    memset(image, 0, sizeof image);
    memcpy(image, "\x89HDF\r\n\x1a\n", 8);
    image[13] = image[14] = 8;
    graft_h5__store_u64(image + 64, ROOT, 8);
    make_group(ROOT, ROOT_TREE, ROOT_HEAP, ROOT_NAMES, ROOT_LINKS);
    memcpy(image + ROOT_NAMES, "\0g\0p", 5);
    make_link(ROOT_LINKS, 0, 1, GROUP);
    make_link(ROOT_LINKS, 1, 3, PACKED);
    make_group(GROUP, TREE, HEAP, NAMES, LINKS);
    memcpy(image + NAMES, "\0aa", 4);
    make_link(LINKS, 0, 1, ARRAY);
    uint8_t *more = message(make_array(ARRAY, 24 + 32 + 24, 4, f32, sizeof f32), 16, 16);
    graft_h5__store_u64(more, MORE, 8);
    graft_h5__store_u64(more + 8, 32, 8);
    uint8_t *layout = message(image + MORE, 8, 24);
    layout[0] = 3;
    layout[1] = 1;
    graft_h5__store_u64(layout + 2, NUMBERS, 8);
    graft_h5__store_u64(layout + 10, sizeof numbers, 8);
    memcpy(image + NUMBERS, numbers, sizeof numbers);
    layout = message(make_array(PACKED, 24 + 24 + 32 + 32, GRAFT_H5_CHUNK, u8, sizeof u8), 8, 24);
    layout[0] = 3;
    layout[1] = layout[2] = 2;
    graft_h5__store_u64(layout + 3, CHUNKS, 8);
    graft_h5__store_u64(layout + 11, GRAFT_H5_CHUNK, 4);
    layout[15] = 1;
    memcpy(message(layout + 24, 11, 24), filters, sizeof filters);
    size_t n_chunk = graft_zst_pack(image + CHUNK, ROOM - CHUNK, plain, sizeof plain);
    memcpy(image + CHUNKS, "TREE\1\0\1\0", 8);
    graft_h5__store_u64(image + CHUNKS + 24, n_chunk, 4);
    graft_h5__store_u64(image + CHUNKS + 48, CHUNK, 8);
    n_image = CHUNK + n_chunk;
    graft_h5__store_u64(image + 40, n_image, 8);
}

static graft_status read_image(graft_h5 **out)
{
    static uint8_t file[GRAFT_H5_HEADER + ROOM];
    graft_h5__make_header(file, image, n_image);
    memcpy(file + GRAFT_H5_HEADER, image, n_image);
    return graft_h5_read(out, test_temp_file("image.h5", file, GRAFT_H5_HEADER + n_image));
}

static void the_image_is_sound(void **state)
{
    (void)state;
    graft_h5 *read;
    graft_text text;
    float numbers[4];
    graft_text_init(&text);
    make_image();
    assert_ok(read_image(&read));
    assert_ok(graft_h5_list(read, &text));
    assert_string_equal(text.data, "g/aa f32 4\np packed 1048576\n");
    assert_ok(graft_h5_get_f32(read, "g/aa", numbers, 4));
    assert_true(numbers[0] == 1 && numbers[3] == 4);
    assert_ok(graft_h5_get_packed(read, "p", &text));
    assert_int_equal(text.len, 3);
    assert_memory_equal(text.data, "abc", 3);
    graft_text_clear(&text);
    graft_h5_free(read);
}

typedef struct patch {
    size_t at;
    uint8_t value;
    const char *what;
} patch;

static void each_is_refused(const patch *patches, size_t n, const char *message)
{
    for (size_t i = 0; i < n; i++) {
        graft_h5 *read;
        make_image();
        assert_int_not_equal(image[patches[i].at], patches[i].value);
        image[patches[i].at] = patches[i].value;
        graft_status status = read_image(&read);
        if (status == GRAFT_OK || read != NULL || strstr(graft_error_message(), message) == NULL) {
            fail_msg("%s: %s", patches[i].what, status == GRAFT_OK ? "accepted" : graft_error_message());
        }
        assert_int_equal(status, GRAFT_E_CHECKPOINT);
    }
}

#define EACH_IS_REFUSED(patches, message) each_is_refused(patches, sizeof patches / sizeof *patches, message)

static void an_image_of_another_kind_is_refused(void **state)
{
    (void)state;
    static const patch patches[] = {
        {0, 0, "no signature"}, {8, 2, "another superblock"}, {13, 4, "short addresses"},
        {14, 4, "short lengths"}, {24, 1, "addresses from elsewhere"}, {41, 1, "another end"},
        {71, 1, "root outside"}, {65, 4, "root at the end"}, {ROOT, 2, "another object header"},
        {ROOT + 9, 9, "header beyond the end"}, {ROOT + 16, 0, "no table"}, {ROOT + 16, 1, "a space instead"},
        {ROOT + 18, 17, "message beyond its block"}, {ROOT + 18, 8, "half a table"},
        {ROOT + 20, 2, "a shared table"}, {ROOT + 39, 1, "heap outside"}, {ROOT + 33, 5, "heap at the end"},
        {ROOT_HEAP, 'X', "no heap"}, {ROOT_HEAP + 4, 1, "another heap"},
        {ROOT_HEAP + 9, 9, "names beyond the end"}, {ROOT_HEAP + 15, 255, "names of a wrapping length"},
        {ROOT_HEAP + 31, 255, "names outside"},
    };
    EACH_IS_REFUSED(patches, "what it holds is no HDF5 image of graft's kind");
}

static void a_group_that_is_none_is_refused(void **state)
{
    (void)state;
    static const patch root[] = {
        {ROOT + 31, 1, "tree outside"}, {ROOT + 25, 9, "tree at the end"}, {ROOT_TREE, 'X', "no tree"},
        {ROOT_TREE + 4, 1, "a tree of chunks"}, {ROOT_TREE + 5, 1, "a leaf that is a node"},
        {ROOT_TREE + 5, 9, "too many levels"}, {ROOT_TREE + 7, 1, "links beyond the end"},
        {ROOT_TREE + 39, 1, "leaf outside"}, {ROOT_LINKS, 'X', "no leaf"}, {ROOT_LINKS + 4, 2, "another leaf"},
        {ROOT_LINKS + 6, 60, "more links than fit"}, {ROOT_TREE + 6, 2, "one leaf more"},
    };
    static const patch names[] = {
        {ROOT_LINKS + ENTRY, 0, "no name"}, {ROOT_LINKS + ENTRY, 16, "name outside"},
        {ROOT_LINKS + ENTRY + 7, 1, "name far outside"}, {ROOT_NAMES + 1, '/', "name with a slash"},
        {ROOT_NAMES + 1, '.', "here"}, {ROOT_NAMES + 1, 'p', "a name twice"}, {ROOT_NAMES + 1, 'q', "order"},
        {ROOT_LINKS + SECOND, 1, "one name for two"},
    };
    static const patch neither[] = {
        {ROOT_LINKS + ENTRY + 16, 2, "a soft link"}, {ROOT_LINKS + ENTRY + 15, 1, "object outside"},
        {GROUP, 2, "another object header"},
    };
    static const patch inner[] = {
        {GROUP + 18, 8, "half a table"}, {TREE, 'X', "no tree"}, {TREE + 4, 1, "a tree of chunks"},
        {HEAP, 'X', "no heap"}, {LINKS, 'X', "no links"},
    };
    EACH_IS_REFUSED(root, "group \"/\" is not a plain group");
    EACH_IS_REFUSED(names, "group \"/\" holds a link without a name, or one out of order");
    EACH_IS_REFUSED(neither, "\"g\" is neither a group nor an array");
    EACH_IS_REFUSED(inner, "group \"g\" is not a plain group");
    make_image();
    memset(image + ROOT_NAMES + 3, 'x', 13); /* without a zero */
    graft_h5 *read;
    assert_fails(read_image(&read), GRAFT_E_CHECKPOINT, "group \"/\" holds a link without a name");
}

static void an_array_that_is_no_list_is_refused(void **state)
{
    (void)state;
    enum { SPACE = ARRAY + 24, TYPE = ARRAY + 48, NEXT = ARRAY + 80, LAYOUT = MORE + 8, };
    enum { P_LAYOUT = PACKED + 72, P_FILTERS = PACKED + 104 };
    static const patch plain[] = {
        {ARRAY + 42, 255, "message beyond its block"},
        {SPACE, 2, "another space"}, {SPACE + 1, 0, "no dimension"}, {SPACE + 1, 2, "two dimensions"},
        {SPACE + 2, 2, "permuted"}, {SPACE + 8, 3, "fewer numbers"}, {SPACE + 8, 5, "more numbers"},
        {SPACE + 15, 0x40, "a wrapping length"}, {ARRAY + 40, 4, "no type"}, {ARRAY + 40, 1, "a second space"},
        {TYPE, 0x31, "another type"}, {TYPE + 1, 0x21, "big endian"}, {TYPE + 4, 8, "double"},
        {TYPE + 16, 128, "another bias"}, {NEXT - 8, 0, "no second block"}, {NEXT - 6, 8, "half a continuation"},
        {NEXT + 7, 1, "block outside"}, {NEXT + 1, 9, "block beyond the end"}, {NEXT + 15, 1, "block too long"},
        {MORE, 0, "no layout"}, {MORE, 7, "numbers in other files"},
        {MORE, 12, "an attribute"}, {MORE, 255, "an unknown message"}, {MORE + 1, 1, "a message beyond all"},
        {MORE + 2, 8, "half a layout"}, {MORE + 4, 2, "a shared layout"}, {LAYOUT, 1, "an older layout"},
        {LAYOUT, 4, "a newer layout"}, {LAYOUT + 1, 0, "numbers in the header"}, {LAYOUT + 1, 3, "a virtual array"},
        {LAYOUT + 9, 1, "numbers outside"}, {LAYOUT + 3, 9, "numbers beyond the end"},
        {LAYOUT + 10, 15, "bytes that are no numbers"}, {LAYOUT + 17, 1, "more bytes than there are"},
    };
    static const patch packed[] = {
        {PACKED + 48, 0x11, "chunks of something else"}, {PACKED + 32, 1, "not in whole chunks"},
        {PACKED + 37, 1, "too many"}, {P_LAYOUT + 2, 0, "chunks without dimensions"},
        {P_LAYOUT + 2, 1, "chunks of one byte"}, {P_LAYOUT + 2, 3, "chunks of two dimensions"},
        {P_LAYOUT + 13, 0, "empty chunks"}, {P_LAYOUT + 13, 8, "smaller chunks"},
        {P_LAYOUT + 15, 0, "numbers of no bytes"}, {P_LAYOUT + 15, 2, "numbers of two bytes"},
        {P_FILTERS - 8, 0, "no filter"}, {P_FILTERS - 6, 8, "half a filter"}, {P_FILTERS, 2, "newer filters"},
        {P_FILTERS + 1, 0, "not one filter"}, {P_FILTERS + 1, 2, "two filters"}, {P_FILTERS + 8, 1, "another filter"},
    };
    static const patch chunks[] = {
        {P_LAYOUT + 10, 1, "tree outside"}, {CHUNKS, 'X', "no tree"}, {CHUNKS + 4, 0, "a tree of links"},
        {CHUNKS + 5, 1, "a leaf that is a node"}, {CHUNKS + 6, 0, "no chunk"}, {CHUNKS + 6, 2, "another chunk"},
        {CHUNKS + 25, 9, "chunk beyond the end"}, {CHUNKS + 28, 1, "not packed"}, {CHUNKS + 34, 16, "the second chunk"},
        {CHUNKS + 40, 1, "the second byte"}, {CHUNKS + 55, 1, "chunk outside"}, {PACKED + 34, 32, "one chunk of two"},
    };
    static const patch others[] = {
        {ARRAY + 18, 255, "message beyond its block"}, {ARRAY + 20, 2, "a shared space"}, {ARRAY, 2, "another header"},
    };
    static const patch groups[] = {{MORE, 17, "a table"}};
    EACH_IS_REFUSED(others, "\"g/aa\" is neither a group nor an array");
    EACH_IS_REFUSED(groups, "group \"g/aa\" is not a plain group");
    EACH_IS_REFUSED(plain, "array \"g/aa\" is not a plain list of f32, u64 or bytes");
    EACH_IS_REFUSED(packed, "array \"p\" is not a plain list of f32, u64 or bytes");
    EACH_IS_REFUSED(chunks, "array \"p\" cannot be read: a chunk of it is missing or is not packed");
    make_image();
    image[CHUNK]++; /* no frame of zstd */
    graft_h5 *read;
    graft_text text;
    graft_text_init(&text);
    assert_ok(read_image(&read));
    assert_fails(graft_h5_get_packed(read, "p", &text), GRAFT_E_CHECKPOINT, "array \"p\" cannot be read");
    graft_h5_free(read);
}

/* What is used twice, or contains itself, comes to an end: all parts of an image together are no larger than it is. */
static void parts_that_go_in_a_circle_come_to_an_end(void **state)
{
    (void)state;
    graft_h5 *read;
    make_image();
    graft_h5__store_u64(image + ARRAY + 80, ARRAY + 72, 8); /* a second block that is its own */
    graft_h5__store_u64(image + ARRAY + 88, 24, 8);
    assert_fails(read_image(&read), GRAFT_E_CHECKPOINT, "array \"g/aa\" is not a plain list");
    make_image();
    make_link(LINKS, 0, 1, GROUP);
    make_link(ROOT_LINKS, 1, 3, ROOT);
    assert_fails(read_image(&read), GRAFT_E_CHECKPOINT, "is ");
    make_image();
    make_link(ROOT_LINKS, 1, 3, ARRAY); /* one array under two names, as long as that fits: it is read like a copy */
    assert_ok(read_image(&read));
    graft_h5_free(read);
    make_image();
    graft_h5__store_u64(image + TREE + 32, TREE, 8);
    image[TREE + 5] = 3; /* a node that is its own child */
    assert_fails(read_image(&read), GRAFT_E_CHECKPOINT, "group \"g\" is not a plain group");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_image_is_sound),
        cmocka_unit_test(an_image_of_another_kind_is_refused),
        cmocka_unit_test(a_group_that_is_none_is_refused),
        cmocka_unit_test(an_array_that_is_no_list_is_refused),
        cmocka_unit_test(parts_that_go_in_a_circle_come_to_an_end),
    };
    return cmocka_run_group_tests_name("io_hdf5_image", tests, NULL, NULL);
}
