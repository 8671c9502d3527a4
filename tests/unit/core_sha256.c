/* core/sha256.h: the examples of FIPS 180-4 and of NIST's test vectors. */
#include "support/test.h"

#include <string.h>

#include "core/sha256.h"

static void check(const void *bytes, size_t n, size_t piece, const char *expected)
{
    graft_sha256 hash;
    graft_sha256_init(&hash);
    for (size_t at = 0; at < n; at += piece) {
        graft_sha256_update(&hash, (const char *)bytes + at, n - at < piece ? n - at : piece);
    }
    uint8_t digest[32];
    char hex[65];
    graft_sha256_final(&hash, digest);
    graft_sha256_hex(digest, hex);
    assert_string_equal(hex, expected);
}

static void known_digests(void **state)
{
    (void)state;
    check("", 0, 1, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
    check("abc", 3, 3, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    const char *two_blocks = "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq";
    check(two_blocks, 56, 56, "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1");
    const char *longer = "abcdefghbcdefghicdefghijdefghijkefghijklfghijklmghijklmn"
                         "hijklmnoijklmnopjklmnopqklmnopqrlmnopqrsmnopqrstnopqrstu";
    check(longer, 112, 112, "cf5b16a778af8380036ce59e7b0492370b249b11e8f07a51afac45037afee9d1");
}

static void a_million_letters_in_any_pieces(void **state)
{
    (void)state;
    static char letters[1000000];
    memset(letters, 'a', sizeof letters);
    const size_t pieces[] = {1000000, 1, 55, 63, 64, 65, 4097};
    for (size_t i = 0; i < sizeof pieces / sizeof *pieces; i++) {
        check(letters, sizeof letters, pieces[i],
              "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(known_digests),
        cmocka_unit_test(a_million_letters_in_any_pieces),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
