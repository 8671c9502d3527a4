/* kernels/vector/unpackers.h - a function for each format of W that writes a part of a panel, and lists
 * of them. Included after a level's vec.h. */
#ifndef GRAFT_KERNELS_VECTOR_UNPACKERS_H
#define GRAFT_KERNELS_VECTOR_UNPACKERS_H

#include "kernels/gemm.h"
#include "kernels/vector/expand_grid.h"

/* As graft_gemm.unpack. */
typedef void unpack_function(const graft_weight *w, bool backward, size_t c0, size_t k0,
                             size_t n_k, const graft_panel *panel, size_t k_at);

/* Defines an unpack_function. What decodes the format (...) is compiled into what writes a panel of each
 * direction: both are called by name, since of (backward ? f : g)(decode, ...) gcc makes one function
 * for all formats that calls them through a pointer for every 32 numbers. */
#define UNPACKER(name, to_forward, to_backward, ...)                                          \
    static void name(const graft_weight *w, bool backward, size_t c0, size_t k0, size_t n_k,  \
                     const graft_panel *panel, size_t k_at)                                   \
    {                                                                                         \
        if (backward) {                                                                       \
            to_backward(__VA_ARGS__, w, c0, k0, n_k, panel, k_at);                            \
        } else {                                                                              \
            to_forward(__VA_ARGS__, w, c0, k0, n_k, panel, k_at);                             \
        }                                                                                     \
    }

typedef struct unpacker {
    const graft_format *format; /* NULL: as f32 */
    unpack_function *unpack;
} unpacker;

/* What a list begins with; GRAFT_EXPANDED has the rest. */
#define PLAIN_UNPACKERS(prefix)                                                               \
    {NULL, prefix##_f32}, {&graft_format_f32, prefix##_f32}, {&graft_format_f16, prefix##_f16}, \
    {&graft_format_bf16, prefix##_bf16},

/* NULL where no unpacker of the list knows the format. */
VEC_INLINE unpack_function *find_unpacker(const unpacker *list, size_t n,
                                          const graft_format *format)
{
    for (size_t i = 0; i < n; i++) {
        if (list[i].format == format) {
            return list[i].unpack;
        }
    }
    return NULL;
}
#define FIND_UNPACKER(list, format) find_unpacker(list, sizeof(list) / sizeof *(list), format)

#endif
