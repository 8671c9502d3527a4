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

#endif
