#include "train/base_watch.h"

#include <string.h>

#include "core/map.h"
#include "core/memory.h"
#include "core/threads.h"

/* Chunks [begin, ...) of a watch, as jobs. */
typedef struct chunk_jobs {
    graft_base_chunk *chunks;
    uint64_t changed; /* index of the first whose digest is another; UINT64_MAX: none */
} chunk_jobs;

static uint64_t digest_of(const graft_base_chunk *chunk)
{
    return graft_hash_bytes(chunk->data, chunk->n);
}

static void note(void *context, size_t job, int thread)
{
    chunk_jobs *jobs = context;
    (void)thread;
    jobs->chunks[job].digest = digest_of(&jobs->chunks[job]);
}

static void compare(void *context, size_t job, int thread)
{
    chunk_jobs *jobs = context;
    (void)thread;
    if (digest_of(&jobs->chunks[job]) == jobs->chunks[job].digest) {
        return;
    }
    uint64_t seen = __atomic_load_n(&jobs->changed, __ATOMIC_RELAXED);
    while (job < seen && !__atomic_compare_exchange_n(&jobs->changed, &seen, job, false,
                                                      __ATOMIC_RELAXED, __ATOMIC_RELAXED)) {
    }
}

graft_status graft_base_watch_init(graft_base_watch *w, const graft_gguf *file, uint64_t steps)
{
    graft_status status = GRAFT_OK;
    size_t capacity = 0;
    *w = (graft_base_watch){.file = file};
    for (size_t part = 0; steps > 0 && part < graft_gguf_n_parts(file); part++) {
        size_t size = 0;
        const uint8_t *data = graft_gguf_bytes(file, part, &size);
        for (size_t at = 0; at < size; at += GRAFT_BASE_CHUNK) {
            size_t n = size - at < GRAFT_BASE_CHUNK ? size - at : GRAFT_BASE_CHUNK;
            GRAFT_TRY(graft_reserve(&w->chunks, &capacity, w->n_chunks + 1, sizeof *w->chunks));
            w->chunks[w->n_chunks++] = (graft_base_chunk){data + at, n, part, at, 0};
        }
    }
    if (w->n_chunks > 0) {
        chunk_jobs jobs = {w->chunks, UINT64_MAX};
        w->per_step = steps < w->n_chunks ? (w->n_chunks + (size_t)steps - 1) / (size_t)steps : 1;
        graft_parallel(w->n_chunks, note, &jobs);
    }
done:
    if (status != GRAFT_OK) {
        graft_base_watch_clear(w);
    }
    return status;
}

void graft_base_watch_clear(graft_base_watch *w)
{
    graft_free(w->chunks);
    *w = (graft_base_watch){0};
}

/* The tensors that lie in the chunk, as ", which hold tensor "a"" and how many more. */
static graft_status append_tensors(graft_text *out, const graft_base_watch *w,
                                   const graft_base_chunk *chunk)
{
    graft_status status = GRAFT_OK;
    size_t found = 0;
    for (size_t i = 0; i < graft_gguf_n_tensors(w->file); i++) {
        const graft_gguf_tensor *t = graft_gguf_tensor_at(w->file, i);
        if (t->data < chunk->data + chunk->n && t->data + t->n_bytes > chunk->data && found++ == 0) {
            GRAFT_TRY(graft_text_appendf(out, "tensor \"%s\"", t->name));
        }
    }
    if (found == 0) {
        GRAFT_TRY(graft_text_append_z(out, "the header"));
    } else if (found > 1) {
        GRAFT_TRY(graft_text_appendf(out, " and %zu more", found - 1));
    }
done:
    return status;
}

static graft_status fail(const graft_base_watch *w, const graft_base_chunk *chunk)
{
    graft_status status = GRAFT_OK;
    graft_text where;
    uint64_t size;
    graft_text_init(&where);
    GRAFT_TRY(append_tensors(&where, w, chunk));
    status = graft_fail(GRAFT_E_MODEL, "%s: bytes %llu to %llu (%s) are not what they were when the "
                        "run began: the file was written to, or this machine's memory or disk "
                        "is faulty; the last checkpoint stays",
                        graft_gguf_part(w->file, chunk->part, &size),
                        (unsigned long long)chunk->offset,
                        (unsigned long long)(chunk->offset + chunk->n - 1), graft_text_z(&where));
done:
    graft_text_clear(&where);
    return status;
}

static graft_status compare_range(graft_base_watch *w, size_t begin, size_t n)
{
    chunk_jobs jobs = {w->chunks + begin, UINT64_MAX};
    graft_parallel(n, compare, &jobs);
    return jobs.changed == UINT64_MAX ? GRAFT_OK : fail(w, &w->chunks[begin + jobs.changed]);
}

graft_status graft_base_watch_step(graft_base_watch *w)
{
    graft_status status = GRAFT_OK;
    size_t begin = w->next, n = w->n_chunks - begin;
    if (w->n_chunks == 0) {
        return GRAFT_OK;
    }
    n = n < w->per_step ? n : w->per_step;
    GRAFT_TRY(compare_range(w, begin, n));
    w->next = (begin + n) % w->n_chunks;
done:
    return status;
}

graft_status graft_base_watch_all(graft_base_watch *w)
{
    return w->n_chunks == 0 ? GRAFT_OK : compare_range(w, 0, w->n_chunks);
}
