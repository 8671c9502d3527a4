/* verify_numbers.c - does every block of a tensor decode to finite numbers? */
#include <inttypes.h>
#include <math.h>
#include <stdatomic.h>

#include "core/threads.h"
#include "run/verify.h"

enum { AT_ONCE = 2048, JOB_BLOCKS = 1 << 14 };

typedef struct search {
    const graft_format *format;
    const uint8_t *data;
    size_t n_blocks;
    _Atomic size_t first; /* index of the first bad number so far */
} search;

static void keep_smallest(_Atomic size_t *first, size_t index)
{
    size_t known = atomic_load(first);
    while (index < known && !atomic_compare_exchange_weak(first, &known, index)) {
    }
}

static void search_job(void *context, size_t job, int thread)
{
    search *s = context;
    float values[AT_ONCE];
    size_t elems = s->format->block_elems, step = AT_ONCE / elems;
    size_t begin = job * JOB_BLOCKS, end = begin + JOB_BLOCKS;
    end = end < s->n_blocks ? end : s->n_blocks;
    (void)thread;
    for (size_t b = begin; b < end; b += step) {
        size_t n = end - b < step ? end - b : step;
        s->format->decode(s->data + b * s->format->block_bytes, values, n);
        for (size_t i = 0; i < n * elems; i++) {
            if (!isfinite(values[i])) {
                keep_smallest(&s->first, b * elems + i);
                return;
            }
        }
    }
}

size_t graft_verify__nonfinite(const graft_format *format, const uint8_t *data, size_t n_blocks)
{
    search s = {.format = format, .data = data, .n_blocks = n_blocks};
    atomic_store(&s.first, SIZE_MAX);
    graft_parallel((n_blocks + JOB_BLOCKS - 1) / JOB_BLOCKS, search_job, &s);
    return atomic_load(&s.first);
}

graft_status graft_verify__tensor(graft_verify_object *object, const char *name,
                                  const graft_format *format, const uint8_t *data, size_t n_bytes,
                                  uint64_t row_length, uint64_t offset)
{
    size_t index = graft_verify__nonfinite(format, data, n_bytes / format->block_bytes);
    if (index == SIZE_MAX) {
        return GRAFT_OK;
    }
    uint64_t byte = offset + (uint64_t)(index / format->block_elems) * format->block_bytes;
    row_length = row_length > 0 ? row_length : 1;
    return graft_verify__problem(object, GRAFT_E_MODEL, "tensor \"%s\": number %" PRIu64 " of row %"
                                 PRIu64 " is not finite (%s at byte %" PRIu64 ")", name,
                                 (uint64_t)index % row_length, (uint64_t)index / row_length,
                                 format->block_elems == 1 ? format->name : "the block", byte);
}
