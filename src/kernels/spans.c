#include "kernels/spans.h"

size_t graft_key_runs(const graft_attention *a, size_t span, size_t begin, size_t end,
                      graft_key_run *runs)
{
    size_t room = end - begin, first = room;
    for (int64_t i = (int64_t)span; i >= 0; i = a->spans[i].parent) {
        const graft_span *s = &a->spans[i];
        size_t from = s->depth > begin ? s->depth : begin;
        size_t to = (size_t)s->depth + s->n_key < end ? (size_t)s->depth + s->n_key : end;
        if (from < to) {
            first--;
            runs[first].begin = (uint32_t)(s->key_begin + (from - s->depth));
            runs[first].n = (uint32_t)(to - from);
        }
        if (s->depth <= begin) {
            break;
        }
    }
    for (size_t i = first; i < room; i++) {
        runs[i - first] = runs[i];
    }
    return room - first;
}

bool graft_span_within(const graft_attention *a, size_t span, size_t ancestor)
{
    int64_t i = (int64_t)span;
    while (i > (int64_t)ancestor) {
        i = a->spans[i].parent;
    }
    return i == (int64_t)ancestor;
}
