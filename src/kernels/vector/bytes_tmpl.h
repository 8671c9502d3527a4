/* kernels/vector/bytes_tmpl.h - products of 8-bit integers: rows of X, formats of W, tiles of 6 rows.
 *
 * Included at the end of a level's bytes.c, which brings the instructions:
 *   dot_bytes(sum, a, b)  sum + a0 b0 + ... + a3 b3 in every lane, a unsigned and b signed
 *   run_to_bytes          the groups of a run of X, and bytes_forward, bytes_backward and load_NAME
 *                         for panels of W
 *   add_numbers           a slice that is not bytes: tile += x panel; returns its room along k
 *   tile_out              with UNROLL_TILE, tile_out_at, ask_for_tile and store_tile
 *   BYTE_CHAINS           independent dot_bytes that keep the units busy
 *
 * W is stored raised to be unsigned; the sums of a group begin with what that adds
 * (graft_byte_group.centre). They are whole numbers in registers of their own; then they are scaled
 * as W is and added to those of the run, and these scaled as X is to those of the tile, whose chain
 * is that of k. A part of a panel that is bytes is, per strip and group,
 * [GRAFT_QUADS][width][4] bytes and [width] scales; strips are at most two vectors wide. */

enum { BYTE_ROWS = 6, BYTE_WIDE_ROWS = 12, BYTE_TILE = 12 };
enum { VEC_BYTES = 4 * VEC_N };

/* --- rows of X --- */

VEC_INLINE void rows_to_bytes(const graft_bytes *out, const graft_act *x, size_t ldx, size_t n_rows,
                              size_t n, bool turned)
{
    for (size_t r = 0; r < n_rows; r++) {
        const act *row = (const act *)x + r * ldx;
        graft_byte_group *groups = out->groups + r * out->n_groups;
        int8_t *q = out->q + r * out->ld;
        for (size_t g = 0; g < out->n_groups; g += GRAFT_RUN_GROUPS) {
            size_t k = g * GRAFT_GROUP;
            if (out->n_groups - g >= GRAFT_RUN_GROUPS) {
                run_to_bytes(q + k, groups + g, row + k, n - k, GRAFT_RUN_GROUPS, turned);
            } else {
                run_to_bytes(q + k, groups + g, row + k, n - k, out->n_groups - g, turned);
            }
        }
    }
}

static void to_bytes(const graft_bytes *out, const graft_act *x, size_t ldx, size_t n_rows,
                     size_t n, bool backward)
{
    if (backward) {
        rows_to_bytes(out, x, ldx, n_rows, n, false);
    } else {
        rows_to_bytes(out, x, ldx, n_rows, n, true);
    }
}

/* --- formats of W --- */

#define UNPACK_BYTES(name) UNPACKER(bytes_##name, bytes_forward, bytes_backward, load_##name)
GRAFT_EXPANDED(UNPACK_BYTES)
UNPACK_BYTES(f32)
UNPACK_BYTES(f16)
UNPACK_BYTES(bf16)

#define BYTES_ROW(name) {&graft_format_##name, bytes_##name},
static const unpacker byte_unpackers[] = {PLAIN_UNPACKERS(bytes) GRAFT_EXPANDED(BYTES_ROW)};

static void unpack_bytes(const graft_weight *w, bool backward, size_t c0, size_t k0, size_t n_k,
                         const graft_panel *panel, size_t k_at)
{
    FIND_UNPACKER(byte_unpackers, w->format)(w, backward, c0, k0, n_k, panel, k_at);
}

/* --- tiles --- */

VEC_INLINE vec_int set_quad(const int8_t *p)
{
    int32_t quad;
    memcpy(&quad, p, sizeof quad);
    return vec_set_int(quad);
}

VEC_INLINE void clear_sums(vec *sums, int n)
{
    UNROLL_TILE
    for (int i = 0; i < n; i++) {
        sums[i] = vec_zero();
    }
}

/* acc += a group of bytes, scaled as W is. Returns where the next one lies. */
VEC_INLINE const uint8_t *group_sum(vec *acc, int n_rows, int n_vec, const graft_slice *s,
                                    const int8_t *x, const graft_byte_group *group,
                                    const uint8_t *b)
{
    vec_int sum[BYTE_TILE];
    UNROLL_TILE
    for (int i = 0; i < n_rows; i++) {
        vec_int centre = vec_set_int(group[(size_t)i * s->group_step].centre);
        for (int j = 0; j < n_vec; j++) {
            sum[i * n_vec + j] = centre;
        }
    }
    _Pragma("GCC unroll 16")
    for (int q = 0; q < GRAFT_QUADS; q++, x += 4, b += VEC_BYTES * n_vec) {
        vec_int right[2];
        for (int j = 0; j < n_vec; j++) {
            right[j] = vec_load_int(b + VEC_BYTES * j);
        }
        UNROLL_TILE
        for (int i = 0; i < n_rows; i++) {
            vec_int left = set_quad(x + (size_t)i * s->row_step);
            for (int j = 0; j < n_vec; j++) {
                sum[i * n_vec + j] = dot_bytes(sum[i * n_vec + j], right[j], left);
            }
        }
    }
    UNROLL_TILE
    for (int i = 0; i < n_rows * n_vec; i++) {
        vec scale = vec_load((const float *)(const void *)(b + VEC_BYTES * (i % n_vec)));
        acc[i] = vec_fma(vec_from_int(sum[i]), scale, acc[i]);
    }
    return b + VEC_BYTES * n_vec;
}

/* total += a slice of bytes. */
VEC_INLINE void byte_sum(vec *total, int n_rows, int n_vec, const graft_slice *s, size_t r,
                         const uint8_t *b)
{
    const int8_t *x = (const int8_t *)s->x + r * s->row_step;
    const graft_byte_group *group = s->groups + r * s->group_step;
    size_t n_groups = (s->n_k + GRAFT_GROUP - 1) / GRAFT_GROUP;
    for (size_t g = 0; g < n_groups;) {
        vec acc[BYTE_TILE];
        const graft_byte_group *first = group;
        size_t end = g + GRAFT_RUN_GROUPS < n_groups ? g + GRAFT_RUN_GROUPS : n_groups;
        clear_sums(acc, n_rows * n_vec);
        for (; g < end; g++, x += GRAFT_GROUP, group++) {
            b = group_sum(acc, n_rows, n_vec, s, x, group, b);
        }
        UNROLL_TILE
        for (int i = 0; i < n_rows * n_vec; i++) {
            vec scale = vec_set(first[(size_t)(i / n_vec) * s->group_step].scale);
            total[i] = vec_fma(acc[i], scale, total[i]);
        }
    }
}

/* Rows [r, r + n_rows) times the strip at column c. */
VEC_INLINE void byte_tile(int n_rows, int n_vec, const graft_multiply *m, size_t r, size_t c)
{
    vec acc[BYTE_TILE];
    const panel_number *b = (const panel_number *)m->panel.data + c * m->panel.n_k;
    tile_out out = tile_out_at(m, r, c);
    ask_for_tile(&out, n_rows, n_vec);
    clear_sums(acc, n_rows * n_vec);
    for (size_t s = 0; s < m->n_slices; s++) {
        const graft_slice *slice = &m->slices[s];
        size_t n_k = (slice->n_k + GRAFT_GROUP - 1) / GRAFT_GROUP * GRAFT_GROUP;
        if (slice->groups != NULL) {
            byte_sum(acc, n_rows, n_vec, slice, r, (const uint8_t *)b);
        } else {
            n_k = add_numbers(acc, n_rows, n_vec, slice, r, b);
        }
        b += n_k * (size_t)n_vec * VEC_N;
    }
    store_tile(&out, acc, n_rows, n_vec);
}

typedef void byte_tile_kernel(const graft_multiply *m, size_t r, size_t c);

#define BYTE_TILE_KERNEL(name, n_rows, n_vec)                          \
    static void name(const graft_multiply *m, size_t r, size_t c)      \
    {                                                                  \
        byte_tile(n_rows, n_vec, m, r, c);                             \
    }
#define BYTE_TILE_KERNELS(name, n_vec)    \
    BYTE_TILE_KERNEL(name##_1, 1, n_vec)  \
    BYTE_TILE_KERNEL(name##_2, 2, n_vec)  \
    BYTE_TILE_KERNEL(name##_3, 3, n_vec)  \
    BYTE_TILE_KERNEL(name##_4, 4, n_vec)  \
    BYTE_TILE_KERNEL(name##_5, 5, n_vec)  \
    BYTE_TILE_KERNEL(name##_6, 6, n_vec)
BYTE_TILE_KERNELS(narrow, 1)
BYTE_TILE_KERNELS(full, 2)
BYTE_TILE_KERNEL(narrow_12, 12, 1) /* enough sums in flight */

static byte_tile_kernel *const byte_tiles[2][BYTE_ROWS] = {
    {narrow_1, narrow_2, narrow_3, narrow_4, narrow_5, narrow_6},
    {full_1, full_2, full_3, full_4, full_5, full_6},
};

static void multiply(const graft_multiply *m, bool backward)
{
    (void)backward; /* panels of both directions look the same */
    for (size_t c = 0; c < m->panel.n_cols; c += STRIP) {
        bool narrow = strip_width(m->panel.n_cols - c) == VEC_N;
        for (size_t r = 0, rows; r < m->n_rows; r += rows) {
            size_t left = m->n_rows - r;
            if (narrow && left >= BYTE_WIDE_ROWS) {
                rows = BYTE_WIDE_ROWS;
                narrow_12(m, r, c);
            } else {
                rows = left < BYTE_ROWS ? left : BYTE_ROWS;
                byte_tiles[narrow ? 0 : 1][rows - 1](m, r, c);
            }
        }
    }
}

enum { SPIN_FLOPS = 2 * 4 * BYTE_CHAINS * VEC_N };

static float spin(size_t rounds, void *scratch)
{
    vec_int acc[BYTE_CHAINS], sum = vec_set_int(0), factor = vec_set_int(0x01010101);
    UNROLL_TILE
    for (int i = 0; i < BYTE_CHAINS; i++) {
        acc[i] = vec_set_int(i);
    }
    for (size_t k = 0; k < rounds; k++) {
        UNROLL_TILE
        for (int i = 0; i < BYTE_CHAINS; i++) {
            acc[i] = dot_bytes(acc[i], factor, factor);
        }
    }
    UNROLL_TILE
    for (int i = 0; i < BYTE_CHAINS; i++) {
        sum = vec_add_int(sum, acc[i]);
    }
    vec_store_int(scratch, sum);
    return (float)*(const int32_t *)scratch;
}
