#include "adapter/decompose.h"

#include <math.h>
#include <string.h>

#include "autograd/compute.h"
#include "core/memory.h"
#include "core/rng.h"

enum { ITERATIONS = 16, SWEEPS = 60, ANY_HEAD = 64 };

/* --- products with W --- */

static graft_status open_compute(graft_compute *compute)
{
    graft_status status = GRAFT_OK;
    graft_cpu_level level;
    GRAFT_TRY(graft_cpu_choose(&level));
    GRAFT_TRY(graft_compute_init(compute, level, false)); /* bfloat16 would be too coarse */
    GRAFT_TRY(graft_compute_prepare(compute, ANY_HEAD));
done:
    return status;
}

/* y [n, width] = x W^T or x W, row by row; x is copied where rows of activations must be wider. */
static graft_status multiply(graft_compute *compute, const graft_weight *w, bool backward,
                             graft_real *y, const graft_real *x, size_t n)
{
    graft_status status = GRAFT_OK;
    const graft_kernels *kernels = &compute->kernels;
    size_t n_x = backward ? w->n_out : w->n_in, n_y = backward ? w->n_in : w->n_out;
    size_t ld = graft_act_ld(kernels, n_x);
    graft_real *wide = NULL;
    GRAFT_TRY(graft_alloc(&wide, n * ld, sizeof *wide));
    for (size_t i = 0; i < n; i++) {
        memcpy(wide + i * ld, x + i * n_x, n_x * sizeof *wide);
    }
    graft_product_run(kernels, &compute->workspace, y, n_y, (const graft_act *)wide, ld, w,
                      backward, n, 1, false);
done:
    graft_free(wide);
    return status;
}

/* --- small dense algebra, in double precision --- */

static double dot(const graft_real *a, const graft_real *b, size_t n)
{
    double sum = 0;
    for (size_t i = 0; i < n; i++) {
        sum += (double)a[i] * (double)b[i];
    }
    return sum;
}

/* Makes rows orthonormal, each against those before it, twice over (Gram-Schmidt, as good as
 * Householder then). A row that depends on earlier ones becomes zero. GRAFT_E_NUMERICS if one is not
 * finite. */
static graft_status orthonormalise(graft_real *rows, size_t n, size_t width)
{
    for (size_t i = 0; i < n; i++) {
        graft_real *row = rows + i * width;
        double before = dot(row, row, width), norm = before;
        for (int pass = 0; pass < 2; pass++) {
            for (size_t k = 0; k < i; k++) {
                const graft_real *other = rows + k * width;
                double share = dot(row, other, width);
                for (size_t j = 0; j < width; j++) {
                    row[j] = (graft_real)((double)row[j] - share * (double)other[j]);
                }
            }
            norm = dot(row, row, width);
        }
        if (!isfinite(norm)) {
            return graft_fail(GRAFT_E_NUMERICS, "it holds numbers that are not finite");
        }
        double factor = norm > 1e-12 * before && norm > 0 ? 1 / sqrt(norm) : 0;
        for (size_t j = 0; j < width; j++) {
            row[j] = (graft_real)((double)row[j] * factor);
        }
    }
    return GRAFT_OK;
}

/* One rotation of Jacobi's method: makes g[p][q] zero; columns p and q of `vectors` follow. */
static void rotate(double *g, double *vectors, size_t n, size_t p, size_t q)
{
    double theta = (g[q * n + q] - g[p * n + p]) / (2 * g[p * n + q]);
    double t = (theta >= 0 ? 1 : -1) / (fabs(theta) + sqrt(theta * theta + 1));
    double c = 1 / sqrt(t * t + 1), s = t * c;
    for (size_t k = 0; k < n; k++) {
        double a = g[k * n + p], b = g[k * n + q];
        g[k * n + p] = c * a - s * b;
        g[k * n + q] = s * a + c * b;
    }
    for (size_t k = 0; k < n; k++) {
        double a = g[p * n + k], b = g[q * n + k];
        g[p * n + k] = c * a - s * b;
        g[q * n + k] = s * a + c * b;
        a = vectors[k * n + p], b = vectors[k * n + q];
        vectors[k * n + p] = c * a - s * b;
        vectors[k * n + q] = s * a + c * b;
    }
}

/* Eigenvectors of the symmetric g [n, n] as columns of `vectors`; g's diagonal becomes the values. */
static void diagonalise(double *g, double *vectors, size_t n)
{
    for (size_t i = 0; i < n * n; i++) {
        vectors[i] = i % (n + 1) == 0;
    }
    for (int sweep = 0; sweep < SWEEPS; sweep++) {
        bool done = true;
        for (size_t p = 0; p < n; p++) {
            for (size_t q = p + 1; q < n; q++) {
                double limit = 1e-15 * sqrt(fabs(g[p * n + p] * g[q * n + q]));
                if (fabs(g[p * n + q]) > limit && g[p * n + q] != 0) {
                    rotate(g, vectors, n, p, q);
                    done = false;
                }
            }
        }
        if (done) {
            return;
        }
    }
}

/* --- singular values --- */

/* The largest eigenvalue of g's diagonal that was not taken; marks it as taken. */
static size_t take_largest(const double *g, bool *taken, size_t n)
{
    size_t best = n;
    for (size_t i = 0; i < n; i++) {
        if (!taken[i] && (best == n || g[i * n + i] > g[best * n + best])) {
            best = i;
        }
    }
    taken[best] = true;
    return best;
}

/* out [width] = sum over i of weights[i * step] * rows[i], scaled. */
static void combine(graft_real *out, const graft_real *rows, const double *weights, size_t step,
                    size_t n, size_t width, double scale)
{
    for (size_t j = 0; j < width; j++) {
        double sum = 0;
        for (size_t i = 0; i < n; i++) {
            sum += weights[i * step] * (double)rows[i * width + j];
        }
        out[j] = (graft_real)(sum * scale);
    }
}

/* From q [k, n_out], orthonormal, and z = q W [k, n_in]: the n largest of z's singular values are those
 * of W as far as q spans it. */
static graft_status take_leading(const graft_weight *w, size_t n, size_t k, const graft_real *q,
                                 const graft_real *z, graft_real *u, graft_real *sigma,
                                 graft_real *v)
{
    graft_status status = GRAFT_OK;
    double *g = NULL, *vectors = NULL;
    bool *taken = NULL;
    GRAFT_TRY(graft_alloc(&g, k * k, sizeof *g));
    GRAFT_TRY(graft_alloc(&vectors, k * k, sizeof *vectors));
    GRAFT_TRY(graft_alloc(&taken, k, sizeof *taken));
    for (size_t i = 0; i < k; i++) {
        for (size_t j = 0; j <= i; j++) {
            g[i * k + j] = g[j * k + i] = dot(z + i * w->n_in, z + j * w->n_in, w->n_in);
        }
    }
    diagonalise(g, vectors, k);
    for (size_t i = 0; i < n; i++) {
        size_t at = take_largest(g, taken, k);
        double value = g[at * k + at] > 0 ? sqrt(g[at * k + at]) : 0;
        sigma[i] = (graft_real)value;
        combine(u + i * w->n_out, q, vectors + at, k, k, w->n_out, 1);
        combine(v + i * w->n_in, z, vectors + at, k, k, w->n_in, value > 0 ? 1 / value : 0);
    }
done:
    graft_free(g);
    graft_free(vectors);
    graft_free(taken);
    return status;
}

static size_t smaller(size_t a, size_t b)
{
    return a < b ? a : b;
}

graft_status graft_leading_svd(const graft_weight *w, size_t n, uint64_t seed, uint32_t stream,
                               graft_real *u, graft_real *sigma, graft_real *v)
{
    graft_status status = GRAFT_OK;
    size_t k = smaller(2 * n + 16, smaller(w->n_out, w->n_in));
    graft_real *q = NULL, *z = NULL;
    graft_compute compute = {0};
    graft_rng rng;
    GRAFT_TRY(open_compute(&compute));
    GRAFT_TRY(graft_alloc(&q, k * w->n_out, sizeof *q));
    GRAFT_TRY(graft_alloc(&z, k * w->n_in, sizeof *z));
    graft_rng_init(&rng, seed, GRAFT_RNG_INIT, stream);
    for (size_t i = 0; i < k * w->n_in; i++) {
        z[i] = (float)graft_rng_normal(&rng);
    }
    for (int i = 0; i < ITERATIONS; i++) {
        GRAFT_TRY(orthonormalise(z, k, w->n_in));
        GRAFT_TRY(multiply(&compute, w, false, q, z, k));
        GRAFT_TRY(orthonormalise(q, k, w->n_out));
        GRAFT_TRY(multiply(&compute, w, true, z, q, k));
    }
    GRAFT_TRY(take_leading(w, n, k, q, z, u, sigma, v));
done:
    graft_free(q);
    graft_free(z);
    graft_compute_clear(&compute);
    return status;
}

graft_status graft_leading_qr(const graft_weight *w, size_t n, graft_real *q, graft_real *r)
{
    graft_status status = GRAFT_OK;
    graft_compute compute = {0};
    graft_real *units = NULL;
    GRAFT_TRY(open_compute(&compute));
    GRAFT_TRY(graft_alloc(&units, n * w->n_in, sizeof *units));
    for (size_t k = 0; k < n; k++) {
        units[k * w->n_in + k] = 1;
    }
    GRAFT_TRY(multiply(&compute, w, false, q, units, n)); /* the first columns of W */
    GRAFT_TRY(orthonormalise(q, n, w->n_out));
    GRAFT_TRY(multiply(&compute, w, true, r, q, n));
done:
    graft_free(units);
    graft_compute_clear(&compute);
    return status;
}
