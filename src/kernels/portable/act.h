/* kernels/portable/act.h - activations one at a time. Each kernel is written once over `half`, a
 * constant where it is inlined, and has two names. */
#ifndef GRAFT_KERNELS_PORTABLE_ACT_H
#define GRAFT_KERNELS_PORTABLE_ACT_H

#include "core/half.h"
#include "kernels/kernels.h"

#define ACT_INLINE static inline __attribute__((always_inline))

ACT_INLINE graft_real act_get(const graft_act *x, size_t i, bool half)
{
    return half ? (graft_real)graft_bf16_to_f32(((const uint16_t *)x)[i])
                : ((const graft_real *)x)[i];
}

ACT_INLINE void act_put(graft_act *x, size_t i, graft_real value, bool half)
{
    if (half) {
        ((uint16_t *)x)[i] = graft_f32_to_bf16((float)value);
    } else {
        ((graft_real *)x)[i] = value;
    }
}

/* The address of element i. */
ACT_INLINE const graft_act *act_at(const graft_act *x, size_t i, bool half)
{
    return half ? (const graft_act *)((const uint16_t *)x + i)
                : (const graft_act *)((const graft_real *)x + i);
}

ACT_INLINE graft_act *act_to(graft_act *x, size_t i, bool half)
{
    return half ? (graft_act *)((uint16_t *)x + i) : (graft_act *)((graft_real *)x + i);
}

#endif
