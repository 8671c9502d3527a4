/* kernels/amx/tiles.h - the tile registers of AMX: sums 0-3 of 16 x 16 floats, 4 and 5 sixteen rows
 * of 32 numbers in bfloat16, 6 and 7 sixteen pairs of rows of 16 (Intel SDM vol. 2, TDPBF16PS).
 * They are configured for a block of at most 32 rows; 2, 3 and 5 hold those from the 17th on.
 *
 * With GRAFT_AMX_EMULATED the same operations in plain C, so that what is built on them can be
 * tested on a machine that has none. */
#ifndef GRAFT_KERNELS_AMX_TILES_H
#define GRAFT_KERNELS_AMX_TILES_H

#include <immintrin.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

enum { TILE_ROWS = 16, TILE_BYTES = 64, BLOCK = 32, PAIRS = 16 };

/* The operand of LDTILECFG. */
typedef struct tile_config {
    uint8_t palette, start_row, reserved[14];
    uint16_t bytes[16];
    uint8_t rows[16];
} tile_config;
_Static_assert(sizeof(tile_config) == 64, "as the instruction reads it");

static inline tile_config tiles_for(size_t n_rows)
{
    tile_config config = {.palette = 1};
    for (int t = 0; t < 8; t++) {
        bool low = t == 2 || t == 3 || t == 5;
        size_t rows = t > 5 ? TILE_ROWS : low ? (n_rows > TILE_ROWS ? n_rows - TILE_ROWS : 0) : n_rows;
        config.rows[t] = (uint8_t)(rows < TILE_ROWS ? rows : TILE_ROWS);
        config.bytes[t] = rows > 0 ? TILE_BYTES : 0;
    }
    return config;
}

#ifdef GRAFT_AMX_EMULATED

#include "core/half.h"

/* Like the real ones, of a thread. */
static _Thread_local uint8_t tile_registers[8][TILE_ROWS][TILE_BYTES];
static _Thread_local tile_config tile_state;

static inline void tiles_configure(size_t n_rows)
{
    tile_state = tiles_for(n_rows);
    memset(tile_registers, 0, sizeof tile_registers);
}
static inline void tiles_end(void)
{
    memset(&tile_state, 0, sizeof tile_state);
}

static inline void tile_emulate_load(int t, const void *p, size_t stride)
{
    for (size_t r = 0; r < tile_state.rows[t]; r++) {
        memcpy(tile_registers[t][r], (const uint8_t *)p + r * stride, TILE_BYTES);
    }
}

static inline void tile_emulate_store(int t, void *p, size_t stride)
{
    for (size_t r = 0; r < tile_state.rows[t]; r++) {
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
    for (int m = 0; m < tile_state.rows[c]; m++) {
        for (int n = 0; n < 16; n++) {
            float sum;
            memcpy(&sum, &tile_registers[c][m][4 * n], sizeof sum);
            for (int k = 0; k < PAIRS; k++) {
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

/* The registers belong to a thread; configuring them clears them. The compiler's own intrinsics do
 * not tell it what memory they read and write: the configuration is an operand here, and blocks are
 * between barriers. */
static inline void tiles_configure(size_t n_rows)
{
    tile_config config = tiles_for(n_rows);
    __asm__ volatile("ldtilecfg %0" : : "m"(config));
}
static inline void tiles_end(void)
{
    _tile_release();
}

#define tile_clear(t) _tile_zero(t)
#define tile_load(t, p, stride) _tile_loadd(t, p, (int)(stride))
#define tile_store(t, p, stride) _tile_stored(t, p, (int)(stride))
#define tile_dot(c, a, b) _tile_dpbf16ps(c, a, b)

#endif

/* --- a block of sums: at most 32 rows, as configured, and 16 or 32 columns --- */

typedef struct tile_shape {
    bool tall, wide; /* more than 16 rows, columns */
} tile_shape;

static inline void tile_barrier(void)
{
    __asm__ volatile("" : : : "memory");
}

static inline void block_clear(tile_shape shape)
{
    tile_clear(0);
    tile_clear(1);
    if (shape.tall) {
        tile_clear(2);
        tile_clear(3);
    }
}

static inline void block_load(tile_shape shape, const float *c, size_t ldc)
{
    tile_barrier();
    tile_load(0, c, ldc * sizeof *c);
    if (shape.wide) {
        tile_load(1, c + 16, ldc * sizeof *c);
    }
    if (shape.tall) {
        tile_load(2, c + 16 * ldc, ldc * sizeof *c);
    }
    if (shape.wide && shape.tall) {
        tile_load(3, c + 16 * ldc + 16, ldc * sizeof *c);
    }
}

static inline void block_store(tile_shape shape, float *c, size_t ldc)
{
    tile_store(0, c, ldc * sizeof *c);
    if (shape.wide) {
        tile_store(1, c + 16, ldc * sizeof *c);
    }
    if (shape.tall) {
        tile_store(2, c + 16 * ldc, ldc * sizeof *c);
    }
    if (shape.wide && shape.tall) {
        tile_store(3, c + 16 * ldc + 16, ldc * sizeof *c);
    }
    tile_barrier();
}

/* Adds a[rows, 32 n_steps] b, b being zipped pairs of rows, b_pair apart. Strides in elements. */
static inline void block_add(tile_shape shape, const uint16_t *a, size_t a_row, const uint16_t *b,
                             size_t b_pair, size_t n_steps)
{
    size_t a_stride = a_row * sizeof *a, b_stride = b_pair * sizeof *b;
    const uint16_t *low = a + TILE_ROWS * a_row;
    tile_barrier();
    if (shape.tall && shape.wide) {
        for (; n_steps > 0; n_steps--, a += 2 * PAIRS, low += 2 * PAIRS, b += PAIRS * b_pair) {
            tile_load(4, a, a_stride);
            tile_load(6, b, b_stride);
            tile_dot(0, 4, 6);
            tile_load(7, b + 32, b_stride);
            tile_dot(1, 4, 7);
            tile_load(5, low, a_stride);
            tile_dot(2, 5, 6);
            tile_dot(3, 5, 7);
        }
        return;
    }
    for (; n_steps > 0; n_steps--, a += 2 * PAIRS, low += 2 * PAIRS, b += PAIRS * b_pair) {
        tile_load(4, a, a_stride);
        tile_load(6, b, b_stride);
        tile_dot(0, 4, 6);
        if (shape.tall) {
            tile_load(5, low, a_stride);
            tile_dot(2, 5, 6);
        }
        if (shape.wide) {
            tile_load(7, b + 32, b_stride);
            tile_dot(1, 4, 7);
        }
    }
}

#endif
