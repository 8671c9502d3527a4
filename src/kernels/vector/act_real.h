/* kernels/vector/act_real.h - activations are floats. Included after a level's vec.h; a level whose
 * activations are narrower has its own. */
#ifndef GRAFT_KERNELS_VECTOR_ACT_REAL_H
#define GRAFT_KERNELS_VECTOR_ACT_REAL_H

typedef float act;

/* The portable kernel for such activations. */
#define PORTABLE(name) graft_portable_##name

VEC_INLINE vec act_load(const act *p) { return vec_load(p); }
VEC_INLINE void act_store(act *p, vec a) { vec_store(p, a); }
VEC_INLINE vec act_load_part(const act *p, size_t n) { return vec_load_part(p, n); }
VEC_INLINE void act_store_part(act *p, vec a, size_t n) { vec_store_part(p, a, n); }
VEC_INLINE float act_one(const act *p) { return *p; }

/* A matrix as floats: where it lies. */
VEC_INLINE const float *act_rows(float *room, const act *x, size_t ldx, size_t n_rows, size_t n,
                                 size_t *ld)
{
    (void)room;
    (void)n_rows;
    (void)n;
    *ld = ldx;
    return x;
}

/* Where the floats of a result are summed up: where they belong. */
VEC_INLINE float *act_sums(float *room, act *y, size_t ldy, size_t n, size_t *ld)
{
    (void)room;
    (void)n;
    *ld = ldy;
    return y;
}
VEC_INLINE void act_put_sums(act *y, size_t ldy, const float *sums, size_t ld, size_t n_rows,
                             size_t n)
{
    (void)y;
    (void)ldy;
    (void)sums;
    (void)ld;
    (void)n_rows;
    (void)n;
}

#endif
