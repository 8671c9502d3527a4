/* kernels/amx/tiles.h - the tile registers of AMX, all of 16 rows of 64 bytes: sums 0-3 of 16 x 16
 * floats, operands 4-7 of bfloat16 pairs (Intel SDM vol. 2, TDPBF16PS).
 *
 * With GRAFT_AMX_EMULATED the same operations in plain C, so that what is built on them can be
 * tested on a machine that has none. */
#ifndef GRAFT_KERNELS_AMX_TILES_H
#define GRAFT_KERNELS_AMX_TILES_H

#include <immintrin.h>
#include <stdint.h>
#include <string.h>

enum { TILE_ROWS = 16, TILE_BYTES = 64 };

#ifdef GRAFT_AMX_EMULATED

#include "core/half.h"

static uint8_t tile_registers[8][TILE_ROWS][TILE_BYTES];

static inline void tiles_begin(void) { memset(tile_registers, 0, sizeof tile_registers); }
static inline void tiles_end(void) {}

static inline void tile_emulate_load(int t, const void *p, size_t stride)
{
    for (size_t r = 0; r < TILE_ROWS; r++) {
        memcpy(tile_registers[t][r], (const uint8_t *)p + r * stride, TILE_BYTES);
    }
}

static inline void tile_emulate_store(int t, void *p, size_t stride)
{
    for (size_t r = 0; r < TILE_ROWS; r++) {
        memcpy((uint8_t *)p + r * stride, tile_registers[t][r], TILE_BYTES);
    }
}

static inline float tile_emulate_operand(int t, int row, int i)
{
    uint16_t bits;
    memcpy(&bits, &tile_registers[t][row][2 * i], sizeof bits);
    return graft_bf16_to_f32(bits);
}

static inline void tile_emulate_dot(int c, int a, int b)
{
    for (int m = 0; m < TILE_ROWS; m++) {
        for (int n = 0; n < 16; n++) {
            float sum;
            memcpy(&sum, &tile_registers[c][m][4 * n], sizeof sum);
            for (int k = 0; k < 16; k++) {
                sum += tile_emulate_operand(a, m, 2 * k) * tile_emulate_operand(b, k, 2 * n);
                sum += tile_emulate_operand(a, m, 2 * k + 1) *
                       tile_emulate_operand(b, k, 2 * n + 1);
            }
            memcpy(&tile_registers[c][m][4 * n], &sum, sizeof sum);
        }
    }
}

#define tile_clear(t) memset(tile_registers[t], 0, sizeof tile_registers[t])
#define tile_load(t, p, stride) tile_emulate_load(t, p, stride)
#define tile_store(t, p, stride) tile_emulate_store(t, p, stride)
#define tile_dot(c, a, b) tile_emulate_dot(c, a, b)

#else

/* The registers belong to a thread; configuring them clears them. */
static inline void tiles_begin(void)
{
    struct {
        uint8_t palette, start_row, reserved[14];
        uint16_t bytes[16];
        uint8_t rows[16];
    } config = {.palette = 1};
    _Static_assert(sizeof config == 64, "the operand of LDTILECFG");
    for (int t = 0; t < 8; t++) {
        config.bytes[t] = TILE_BYTES;
        config.rows[t] = TILE_ROWS;
    }
    _tile_loadconfig(&config);
}
static inline void tiles_end(void) { _tile_release(); }

#define tile_clear(t) _tile_zero(t)
#define tile_load(t, p, stride) _tile_loadd(t, p, (int)(stride))
#define tile_store(t, p, stride) _tile_stored(t, p, (int)(stride))
#define tile_dot(c, a, b) _tile_dpbf16ps(c, a, b)

#endif
#endif
