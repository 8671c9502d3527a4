/* io/hdf5_layout.c: an image made by hand, and every way in which one of its bytes makes it another one. */
#include "support/test.h"

#include <string.h>

#include "io/hdf5_internal.h"

/* A superblock; a group with the tree and the heap of its names; an array whose layout stands in a second block. */
enum {
    GROUP = 96, TREE = 136, HEAP = 160, NAMES = 192, ARRAY = 224, MORE = 288, BYTES = 320,
    SPACE_BODY = ARRAY + 24, MORE_BODY = ARRAY + 48, LAYOUT_BODY = MORE + 8
};
static uint8_t image[BYTES];

static void message(size_t at, unsigned type, unsigned n)
{
    graft_h5__store_u64(image + at, type, 2);
    graft_h5__store_u64(image + at + 2, n, 2);
}

static void make_image(void)
{
    static const uint8_t layout[] = {3, 2, 2, 0, 0, 0, 0, 0, 0, 0, 0, 16, 0, 0, 0, 1, 0, 0, 0};
    memset(image, 0, sizeof image);
    memcpy(image, "\x89HDF\r\n\x1a\n", 8);
    image[13] = image[14] = 8;
    graft_h5__store_u64(image + 64, GROUP, 8);
    image[GROUP] = 1;
    graft_h5__store_u64(image + GROUP + 8, 24, 4);
    message(GROUP + 16, 17, 16);
    graft_h5__store_u64(image + GROUP + 24, TREE, 8);
    graft_h5__store_u64(image + GROUP + 32, HEAP, 8);
    memcpy(image + HEAP, "HEAP", 4);
    graft_h5__store_u64(image + HEAP + 8, ARRAY - NAMES, 8);
    graft_h5__store_u64(image + HEAP + 24, NAMES, 8);
    image[ARRAY] = 1;
    graft_h5__store_u64(image + ARRAY + 8, 48, 4);
    message(ARRAY + 16, 1, 16);
    image[SPACE_BODY] = image[SPACE_BODY + 1] = 1;
    message(ARRAY + 40, 16, 16);
    graft_h5__store_u64(image + MORE_BODY, MORE, 8);
    graft_h5__store_u64(image + MORE_BODY + 8, BYTES - MORE, 8);
    message(MORE, 8, 24);
    memcpy(image + LAYOUT_BODY, layout, sizeof layout);
}

static bool is_file(void)
{
    return graft_h5__is_plain_file(image, BYTES);
}

static bool is_array(void)
{
    return graft_h5__is_plain_array(image, BYTES, ARRAY);
}

typedef struct patch {
    size_t at;
    uint8_t value;
    const char *what;
} patch;

static void each_is_refused(const patch *patches, size_t n, bool (*accepts)(void))
{
    for (size_t i = 0; i < n; i++) {
        make_image();
        assert_true(accepts());
        assert_int_not_equal(image[patches[i].at], patches[i].value);
        image[patches[i].at] = patches[i].value;
        if (accepts()) {
            fail_msg("accepted: %s", patches[i].what);
        }
    }
}

static void an_image_of_another_kind_is_refused(void **state)
{
    (void)state;
    static const patch patches[] = {
        {0, 0, "no signature"}, {8, 2, "another superblock"}, {13, 4, "short addresses"},
        {14, 4, "short lengths"}, {24, 1, "addresses from elsewhere"}, {71, 1, "root outside"},
        {65, 1, "root at the end"}, {GROUP, 2, "another object header"},
        {GROUP + 9, 1, "header beyond the end"}, {GROUP + 16, 0, "no table"},
        {GROUP + 16, 1, "a space instead"}, {GROUP + 18, 17, "message beyond its block"},
        {GROUP + 18, 8, "half a table"}, {GROUP + 20, 2, "a shared table"},
        {GROUP + 31, 1, "tree outside"}, {GROUP + 25, 1, "tree at the end"},
        {GROUP + 39, 1, "heap outside"}, {GROUP + 33, 1, "heap at the end"}, {HEAP, 'X', "no heap"},
        {HEAP + 4, 1, "another heap"}, {HEAP + 9, 1, "names beyond the end"},
        {HEAP + 15, 255, "names of a wrapping length"}, {HEAP + 31, 255, "names outside"},
    };
    each_is_refused(patches, sizeof patches / sizeof *patches, is_file);
    make_image();
    assert_false(graft_h5__is_plain_file(image, GROUP - 1));
    assert_false(graft_h5__is_plain_file(image, 0));
    assert_false(graft_h5__is_plain_group(image, BYTES, ARRAY));
}

static void an_array_that_is_no_list_is_refused(void **state)
{
    (void)state;
    static const patch patches[] = {
        {ARRAY, 2, "another object header"}, {ARRAY + 9, 1, "header beyond the end"},
        {ARRAY + 16, 0, "no space"}, {ARRAY + 16, 8, "a second layout"},
        {ARRAY + 18, 255, "message beyond its block"}, {ARRAY + 20, 2, "a shared space"},
        {SPACE_BODY + 1, 0, "no dimension"}, {SPACE_BODY + 1, 2, "two dimensions"},
        {ARRAY + 40, 0, "no second block"}, {ARRAY + 42, 8, "half a continuation"},
        {MORE_BODY + 7, 1, "block outside"}, {MORE_BODY + 1, 2, "block beyond the end"},
        {MORE_BODY + 15, 1, "block too long"}, {MORE, 0, "no layout"}, {MORE, 17, "a table"},
        {MORE, 1, "a second space"}, {MORE + 2, 16, "half a layout"}, {MORE + 4, 2, "a shared layout"},
        {LAYOUT_BODY, 1, "an older layout"}, {LAYOUT_BODY, 4, "a newer layout"},
        {LAYOUT_BODY + 1, 0, "numbers in the header"}, {LAYOUT_BODY + 1, 3, "a virtual array"},
        {LAYOUT_BODY + 2, 0, "chunks without dimensions"}, {LAYOUT_BODY + 2, 1, "chunks of one byte"},
        {LAYOUT_BODY + 2, 3, "chunks of two dimensions"}, {LAYOUT_BODY + 11, 0, "empty chunks"},
        {LAYOUT_BODY + 15, 0, "numbers of no bytes"},
    };
    each_is_refused(patches, sizeof patches / sizeof *patches, is_array);
    make_image();
    image[LAYOUT_BODY + 1] = 1; /* numbers side by side */
    assert_true(is_array());
    assert_false(graft_h5__is_plain_array(image, BYTES, BYTES));
    assert_false(graft_h5__is_plain_array(image, BYTES, UINT64_MAX));
    assert_false(graft_h5__is_plain_array(image, BYTES, GROUP));
}

static void blocks_that_go_in_a_circle_come_to_an_end(void **state)
{
    (void)state;
    make_image();
    graft_h5__store_u64(image + MORE_BODY, ARRAY + 40, 8);
    graft_h5__store_u64(image + MORE_BODY + 8, 24, 8);
    assert_false(is_array());
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_image_of_another_kind_is_refused),
        cmocka_unit_test(an_array_that_is_no_list_is_refused),
        cmocka_unit_test(blocks_that_go_in_a_circle_come_to_an_end),
    };
    return cmocka_run_group_tests_name("io_hdf5_layout", tests, NULL, NULL);
}
