/* rounding_scales.c - all scales and offsets of a row at once, its levels staying.
 *
 * A row is Q = sum over blocks of d u + m v, u and v known from the levels: linear in the d and m of all
 * blocks. Those that cost least are a least-squares problem, G x = g with G = B^T M B and g = B^T M e, B having a u
 * or v in each column. Sixteen rows are solved side by side. */
#include <math.h>
#include <string.h>

#include "export/rounding_internal.h"
#include "quant/bytes.h"

/* Columns of B are made sure to be independent by this share of their squares. */
#define RIDGE 1e-4f

enum { ROWS = GRAFT__ROWS, QUADS = ROWS / 4 };
typedef graft__quad quad;
typedef graft__column column;

static size_t per_block(const graft_levels *levels)
{
    return levels->offset_at < 0 ? 1 : 2;
}

size_t graft_rounding__n_scales(const graft_levels *levels, size_t n)
{
    return n / levels->format->block_elems * per_block(levels);
}

static size_t packed(size_t n)
{
    return n * (n + 1) / 2;
}

size_t graft_rounding__scales_scratch(const graft_levels *levels, size_t n)
{
    size_t n_scales = graft_rounding__n_scales(levels, n);
    return (3 * n + n_scales + packed(n_scales)) * (sizeof(column) / (sizeof(float)));
}

typedef struct problem {
    size_t n, n_scales;
    column *basis[2]; /* [n]: u and v */
    column *through;  /* [n]: M e */
    column *g;        /* [n_scales] */
    column *matrix;   /* G, its upper triangle row by row */
} problem;

static column *row_of(const problem *p, size_t k)
{
    return p->matrix + (k * p->n_scales - k * (k + 1) / 2); /* [k]: the diagonal */
}

/* What the values of a row are proportional to in each of its scales and offsets. */
static void read_basis(const graft_levels *l, const uint8_t *row, size_t i, const problem *p)
{
    float scale[GRAFT_LEVELS_BLOCK], offset[GRAFT_LEVELS_BLOCK], values[GRAFT_LEVELS_BLOCK];
    const size_t block = l->format->block_elems;
    for (size_t at = 0; at < p->n; at += block, row += l->format->block_bytes) {
        float d = graft_get_f16(row + l->scale_at);
        float m = l->offset_at < 0 ? 0 : graft_get_f16(row + l->offset_at);
        l->grid(row, scale, offset);
        l->format->decode(row, values, 1);
        for (size_t k = 0; k < block; k++) {
            graft__column_put(p->basis[0], at + k, i, d != 0 ? (values[k] - offset[k]) / d : 0);
            graft__column_put(p->basis[1], at + k, i, m != 0 ? offset[k] / m : 0);
        }
    }
}

/* through = (M + damping) e, from the upper triangle. */
static void multiply(const graft_rounding *r, const column *e, column *through)
{
    const size_t n = r->n;
    memset(through, 0, n * sizeof *through);
    for (size_t k = 0; k < n; k++) {
        const float *row = r->moments + k * n;
        const quad e0 = e[k][0], e1 = e[k][1], e2 = e[k][2], e3 = e[k][3];
        graft__columns_add(through[k], row, e, k + 1, n);
        for (size_t j = k + 1; j < n; j++) {
            through[j][0] += row[j] * e0;
            through[j][1] += row[j] * e1;
            through[j][2] += row[j] * e2;
            through[j][3] += row[j] * e3;
        }
        for (size_t q = 0; q < QUADS; q++) {
            through[k][q] += (row[k] + r->damping[k]) * e[k][q];
        }
    }
}

/* Adds to G what column c of M has for the block that begins at `at`: its values there times those of
 * column c. */
static void add_column(const graft_rounding *r, const problem *p, size_t kinds, size_t block, size_t at,
                       size_t c)
{
    for (size_t kind = 0; kind < kinds; kind++) {
        size_t k = at / block * kinds + kind;
        column sums = {{0}};
        const column *b = p->basis[kind] + at;
        for (size_t j = 0; j < block; j++) {
            /* the triangle is symmetric */
            float m = at + j <= c ? r->moments[(at + j) * r->n + c] : r->moments[c * r->n + at + j];
            m += at + j == c ? r->damping[c] : 0;
            for (size_t q = 0; q < QUADS; q++) {
                sums[q] += m * b[j][q];
            }
        }
        for (size_t other = 0; other < kinds; other++) {
            size_t to = c / block * kinds + other;
            for (size_t q = 0; to >= k && q < QUADS; q++) {
                row_of(p, k)[to][q] += sums[q] * p->basis[other][c][q];
            }
        }
    }
}

static void set_up(const graft_rounding *r, const problem *p, size_t kinds, size_t block)
{
    memset(p->matrix, 0, packed(p->n_scales) * sizeof *p->matrix);
    memset(p->g, 0, p->n_scales * sizeof *p->g);
    for (size_t at = 0; at < p->n; at += block) {
        for (size_t c = at; c < p->n; c++) {
            add_column(r, p, kinds, block, at, c);
        }
        for (size_t k = at; k < at + block; k++) {
            for (size_t kind = 0; kind < kinds; kind++) {
                for (size_t q = 0; q < QUADS; q++) {
                    p->g[at / block * kinds + kind][q] += p->basis[kind][k][q] * p->through[k][q];
                }
            }
        }
    }
}

static quad inverse_root(quad x)
{
    quad y;
    for (size_t i = 0; i < 4; i++) {
        y[i] = x[i] > 0 ? 1 / sqrtf(x[i]) : 0; /* a column of zeros stays one */
    }
    return y;
}

/* g becomes x. A pivot that is not positive leaves its scale as it is. */
static void solve(const problem *p)
{
    const size_t n = p->n_scales;
    for (size_t k = 0; k < n; k++) {
        column *row = row_of(p, k), inverse;
        for (size_t q = 0; q < QUADS; q++) {
            inverse[q] = inverse_root(row[k][q] * (1 + RIDGE));
        }
        for (size_t q = 0; q < QUADS; q++) {
            p->g[k][q] *= inverse[q];
            row[k][q] = inverse[q];
        }
        for (size_t j = k + 1; j < n; j++) {
            for (size_t q = 0; q < QUADS; q++) {
                row[j][q] *= inverse[q];
            }
        }
        for (size_t i = k + 1; i < n; i++) {
            column *below = row_of(p, i);
            const quad f0 = row[i][0], f1 = row[i][1], f2 = row[i][2], f3 = row[i][3];
            for (size_t j = i; j < n; j++) {
                below[j][0] -= f0 * row[j][0];
                below[j][1] -= f1 * row[j][1];
                below[j][2] -= f2 * row[j][2];
                below[j][3] -= f3 * row[j][3];
            }
            for (size_t q = 0; q < QUADS; q++) {
                p->g[i][q] -= row[i][q] * p->g[k][q];
            }
        }
    }
    for (size_t k = n; k-- > 0;) {
        const column *row = row_of(p, k);
        for (size_t q = 0; q < QUADS; q++) {
            quad sum = p->g[k][q];
            for (size_t j = k + 1; j < n; j++) {
                sum -= row[j][q] * p->g[j][q];
            }
            p->g[k][q] = sum * row[k][q];
        }
    }
}

static void change(uint8_t *at, float by)
{
    float value = graft_f16_to_f32(graft_f32_to_f16(graft_get_f16(at) + by));
    if (isfinite(value)) {
        graft_put_u16(at, graft_f32_to_f16(value));
    }
}

void graft_rounding__solve_scales(const graft_rounding *r, const graft_rounding_rows *rows,
                                  uint8_t *blocks, const column *e, float *scratch)
{
    const graft_levels *l = rows->levels;
    const size_t kinds = per_block(l), n_blocks = r->n / l->format->block_elems;
    problem p = {.n = r->n, .n_scales = graft_rounding__n_scales(l, r->n)};
    p.basis[0] = (column *)scratch;
    p.basis[1] = p.basis[0] + p.n;
    p.through = p.basis[1] + p.n;
    p.g = p.through + p.n;
    p.matrix = p.g + p.n_scales;
    memset(p.basis[0], 0, 2 * p.n * sizeof(column));
    for (size_t i = 0; i < rows->n_rows; i++) {
        read_basis(l, blocks + i * rows->row_bytes, i, &p);
    }
    multiply(r, e, p.through);
    set_up(r, &p, kinds, l->format->block_elems);
    solve(&p);
    for (size_t i = 0; i < rows->n_rows; i++) {
        for (size_t b = 0; b < n_blocks; b++) {
            uint8_t *block = blocks + i * rows->row_bytes + b * l->format->block_bytes;
            change(block + l->scale_at, graft__column_get(p.g, b * kinds, i));
            if (kinds == 2) {
                change(block + l->offset_at, graft__column_get(p.g, b * kinds + 1, i));
            }
        }
    }
}
