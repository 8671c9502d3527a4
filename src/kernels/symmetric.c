/* kernels/symmetric.c - sums of x x^T and their factor, in blocks of four rows and eight columns. */
#include "kernels/symmetric.h"

#include <math.h>

#include "core/threads.h"

/* Columns of a strip; rows of a block; rows of a panel of the factor. */
enum { STRIP = 8, BLOCK = 4, PANEL = 64 };

/* Four columns: what every machine has in a register. */
typedef float quad __attribute__((vector_size(16)));

void graft_symmetric_pack(float *packed, const float *x, size_t ldx, size_t n, size_t m)
{
    for (size_t strip = 0; strip * STRIP < n; strip++) {
        size_t at = strip * STRIP, width = n - at < STRIP ? n - at : STRIP;
        float *to = packed + at * m;
        for (size_t t = 0; t < m; t++) {
            for (size_t i = 0; i < STRIP; i++) {
                to[t * STRIP + i] = i < width ? x[t * ldx + at + i] : 0;
            }
        }
    }
}

typedef struct addition {
    float *a;
    size_t lda, n, m;
    const float *packed;
    float sign;
} addition;

/* Adds to rows row .. row + 4 and the columns of a strip, where they lie in the triangle. */
static void add_block(const addition *s, size_t row, size_t strip)
{
    const float *left = s->packed + row / STRIP * STRIP * s->m + row % STRIP;
    const quad *right = (const quad *)(s->packed + strip * STRIP * s->m);
    quad sums[BLOCK][2] = {{{0}}};
    for (size_t t = 0; t < s->m; t++) {
        quad low = right[2 * t], high = right[2 * t + 1];
        for (size_t i = 0; i < BLOCK; i++) {
            sums[i][0] += left[t * STRIP + i] * low;
            sums[i][1] += left[t * STRIP + i] * high;
        }
    }
    for (size_t i = 0; i < BLOCK && row + i < s->n; i++) {
        float *to = s->a + (row + i) * s->lda;
        for (size_t c = strip * STRIP; c < (strip + 1) * STRIP && c < s->n; c++) {
            to[c] += c >= row + i ? s->sign * sums[i][c % STRIP / 4][c % 4] : 0;
        }
    }
}

static void add_rows(void *context, size_t job, int thread)
{
    const addition *s = context;
    (void)thread;
    for (size_t strip = job; strip * STRIP < s->n; strip++) {
        add_block(s, job * STRIP, strip);
        add_block(s, job * STRIP + BLOCK, strip);
    }
}

void graft_symmetric_add(float *a, size_t lda, size_t n, const float *packed, size_t m, float sign)
{
    addition s = {a, lda, n, m, packed, sign};
    graft_parallel((n + STRIP - 1) / STRIP, add_rows, &s);
}

/* Rows [begin, end) of R, from what the rows above left. */
static bool factor_panel(float *a, size_t n, size_t begin, size_t end)
{
    for (size_t k = begin; k < end; k++) {
        float *row = a + k * n;
        for (size_t i = begin; i < k; i++) {
            const float *above = a + i * n;
            float factor = above[k];
            for (size_t c = k; c < n; c++) {
                row[c] -= factor * above[c];
            }
        }
        if (!(row[k] > 0) || !isfinite(row[k])) {
            return false;
        }
        float inverse = 1 / sqrtf(row[k]);
        for (size_t c = k; c < n; c++) {
            row[c] *= inverse;
        }
    }
    return true;
}

bool graft_symmetric_factor(float *a, size_t n, float *scratch)
{
    for (size_t begin = 0; begin < n; begin += PANEL) {
        size_t end = begin + PANEL < n ? begin + PANEL : n;
        if (!factor_panel(a, n, begin, end)) {
            return false;
        }
        graft_symmetric_pack(scratch, a + begin * n + end, n, n - end, end - begin);
        graft_symmetric_add(a + end * n + end, n, n - end, scratch, end - begin, -1);
    }
    return true;
}
