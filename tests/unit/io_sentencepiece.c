/* SentencePiece models: fields in any order, unknown ones skipped, defaults, and every way to be
 * cut. */
#include "support/test.h"

#include <string.h>

#include "core/memory.h"
#include "core/strings.h"
#include "io/sentencepiece.h"

/* unk, "a" with score -1.5, "<0x41>" as a byte; a trainer that merges pairs; no space in front. */
static const uint8_t small[] =
    "\x0a\x09\x0a\x05<unk>\x18\x02"
    "\x12\x05\x18\x02\xc8\x02\x01"
    "\x0a\x08\x15\x00\x00\xc0\xbf\x0a\x01" "a"
    "\x22\x02zz"
    "\x0a\x0a\x0a\x06<0x41>\x18\x06"
    "\x1a\x08\x0a\x04iden\x18\x00";
enum { SMALL = sizeof small - 1 };

static void test_pieces(void **state)
{
    (void)state;
    graft_sentencepiece model;
    assert_ok(graft_sentencepiece_parse(&model, small, SMALL));
    assert_int_equal(model.n, 3);
    assert_int_equal(model.kind, GRAFT_SENTENCEPIECE_BPE);
    assert_false(model.space_prefix);
    assert_int_equal(model.pieces[0].type, GRAFT_PIECE_UNKNOWN);
    assert_true(model.pieces[0].score == 0);
    assert_int_equal(model.pieces[1].type, GRAFT_PIECE_NORMAL);
    assert_true(model.pieces[1].score == -1.5f);
    assert_int_equal(model.pieces[1].n, 1);
    assert_memory_equal(model.pieces[1].text, "a", 1);
    assert_int_equal(model.pieces[2].type, GRAFT_PIECE_BYTE);
    graft_sentencepiece_clear(&model);
}

static void test_defaults(void **state)
{
    (void)state;
    static const uint8_t bytes[] = "\x0a\x03\x0a\x01x";
    graft_sentencepiece model;
    assert_ok(graft_sentencepiece_parse(&model, bytes, sizeof bytes - 1));
    assert_int_equal(model.kind, GRAFT_SENTENCEPIECE_UNIGRAM);
    assert_true(model.space_prefix);
    graft_sentencepiece_clear(&model);
}

/* A model that is cut anywhere but between its fields is refused, and says at which byte. */
static void test_cut_anywhere(void **state)
{
    (void)state;
    static const size_t borders[] = {11, 18, 28, 32, 44};
    for (size_t n = 0; n < SMALL; n++) {
        graft_sentencepiece model;
        uint8_t *copy; /* of exactly n bytes, so that a sanitizer sees reads beyond */
        bool border = false;
        for (size_t i = 0; i < sizeof borders / sizeof *borders; i++) {
            border = border || n == borders[i];
        }
        assert_ok(graft_alloc(&copy, n, 1));
        memcpy(copy, small, n);
        graft_status status = graft_sentencepiece_parse(&model, copy, n);
        if ((status == GRAFT_OK) != border) {
            fail_msg("%zu bytes: %s", n, status == GRAFT_OK ? "accepted" : graft_error_message());
        }
        if (status != GRAFT_OK) {
            assert_int_equal(status, GRAFT_E_DATA);
            assert_null(model.pieces);
        }
        graft_sentencepiece_clear(&model);
        graft_free(copy);
    }
}

static void test_refused(void **state)
{
    (void)state;
    static const struct {
        const char *bytes;
        size_t n;
        const char *message;
    } cases[] = {
        {"", 0, "not a SentencePiece model: 0 pieces"},
        {"hello", 5, "at byte"},
        {"\x0a\x02\x18\x01", 4, "a piece without text"},
        {"\x0a\x05\x0a\x01x\x18\x07", 7, "a piece of a type that there is not"},
        {"\x0a\x05\x0a\x01x\x18\x00", 7, "a piece of a type that there is not"},
        {"\x0a\x03\x0a\x01\xff", 5, "whose text is not UTF-8"},
        {"\x0a\x08\x0a\x01x\x15\x00\x00\x80\x7f", 10, "whose score is not finite"},
        {"\x0a\x03\x0a\x01x\x12\x02\x18\x05", 9, "a model of kind 5"},
        {"\x0a\x03\x0a\x09x", 5, "a field of 9 bytes, but only 1 are left"},
        {"\x02\x00", 2, "a field has no valid number"},
        {"\x0b", 1, "a field of a kind that there is not"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        graft_sentencepiece model;
        assert_fails(graft_sentencepiece_parse(&model, (const uint8_t *)cases[i].bytes, cases[i].n),
                     GRAFT_E_DATA, cases[i].message);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_pieces),
        cmocka_unit_test(test_defaults),
        cmocka_unit_test(test_cut_anywhere),
        cmocka_unit_test(test_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
