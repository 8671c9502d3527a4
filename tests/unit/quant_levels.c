/* quant/levels.h: grids and levels are what blocks mean. */
#include "support/test.h"

#include <math.h>
#include <string.h>

#include "quant/levels.h"

enum { MOST_BYTES = 320 };

static void fill(float *x, size_t n, uint64_t seed)
{
    for (size_t i = 0; i < n; i++) {
        x[i] = sinf((float)(i * 37 + seed * 101)) + 0.3f * cosf((float)(i * i + seed));
    }
}

/* Levels that are put are decoded as scale * level + offset, bit for bit, and the header stays. */
static void decoding_gives_what_was_put(void **state)
{
    (void)state;
    for (const graft_levels *const *l = graft_levels_all; *l != NULL; l++) {
        const graft_format *f = (*l)->format;
        float x[GRAFT_LEVELS_BLOCK], scale[GRAFT_LEVELS_BLOCK], offset[GRAFT_LEVELS_BLOCK];
        float again[GRAFT_LEVELS_BLOCK], decoded[GRAFT_LEVELS_BLOCK];
        uint8_t block[MOST_BYTES];
        int8_t levels[GRAFT_LEVELS_BLOCK];
        int span = (*l)->high - (*l)->low + 1;
        for (uint64_t seed = 0; seed < 20; seed++) {
            fill(x, f->block_elems, seed);
            f->encode(x, block, 1, NULL);
            (*l)->grid(block, scale, offset);
            for (size_t k = 0; k < f->block_elems; k++) {
                levels[k] = (int8_t)((*l)->low + (int)((k * 7 + seed) % (size_t)span));
            }
            (*l)->put(block, levels);
            (*l)->grid(block, again, offset);
            assert_memory_equal(again, scale, f->block_elems * sizeof *scale);
            f->decode(block, decoded, 1);
            for (size_t k = 0; k < f->block_elems; k++) {
                assert_true(decoded[k] == scale[k] * (float)levels[k] + offset[k]);
            }
        }
    }
}

/* What an encoder chose, put again, is the same block. */
static void levels_of_an_encoder_are_the_same_block(void **state)
{
    (void)state;
    for (const graft_levels *const *l = graft_levels_all; *l != NULL; l++) {
        const graft_format *f = (*l)->format;
        float x[GRAFT_LEVELS_BLOCK], scale[GRAFT_LEVELS_BLOCK], offset[GRAFT_LEVELS_BLOCK];
        uint8_t block[MOST_BYTES], again[MOST_BYTES];
        int8_t levels[GRAFT_LEVELS_BLOCK];
        fill(x, f->block_elems, 7);
        f->encode(x, block, 1, NULL);
        (*l)->grid(block, scale, offset);
        f->decode(block, x, 1);
        for (size_t k = 0; k < f->block_elems; k++) {
            assert_true(scale[k] != 0);
            levels[k] = (int8_t)lrintf((x[k] - offset[k]) / scale[k]);
        }
        memcpy(again, block, f->block_bytes);
        (*l)->put(again, levels);
        assert_memory_equal(again, block, f->block_bytes);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(decoding_gives_what_was_put),
        cmocka_unit_test(levels_of_an_encoder_are_the_same_block),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
