#include "io/held.h"

#include <stdatomic.h>
#include <stdint.h>
#include <unistd.h>

enum { N_MAPPINGS = 4096, N_TEMPORARIES = 64 };

/* Free while `path` is NULL and `taken` is not set; valid while `path` is set. */
typedef struct mapping {
    atomic_flag taken;
    const char *_Atomic path;
    _Atomic uintptr_t begin, end;
} mapping;

static mapping mappings[N_MAPPINGS];
static const char *_Atomic temporaries[N_TEMPORARIES];

static _Thread_local const char *_Atomic foreign;

void graft_held__enter(const char *library)
{
    atomic_store(&foreign, library);
}

void graft_held__leave(void)
{
    atomic_store(&foreign, NULL);
}

const char *graft_held_foreign(void)
{
    return atomic_load(&foreign);
}

void graft_held__add_mapping(const void *begin, size_t n, const char *path)
{
    for (size_t i = 0; i < N_MAPPINGS; i++) {
        mapping *m = &mappings[i];
        if (atomic_load(&m->path) == NULL && !atomic_flag_test_and_set(&m->taken)) {
            atomic_store(&m->begin, (uintptr_t)begin);
            atomic_store(&m->end, (uintptr_t)begin + n);
            atomic_store(&m->path, path);
            return;
        }
    }
}

void graft_held__drop_mapping(const void *begin)
{
    for (size_t i = 0; i < N_MAPPINGS; i++) {
        mapping *m = &mappings[i];
        if (atomic_load(&m->path) != NULL && atomic_load(&m->begin) == (uintptr_t)begin) {
            atomic_store(&m->path, NULL);
            atomic_flag_clear(&m->taken);
            return;
        }
    }
}

const char *graft_held_mapping(const void *address, uint64_t *offset)
{
    uintptr_t at = (uintptr_t)address;
    for (size_t i = 0; i < N_MAPPINGS; i++) {
        const mapping *m = &mappings[i];
        const char *path = atomic_load(&m->path);
        uintptr_t begin = atomic_load(&m->begin);
        if (path != NULL && at >= begin && at < atomic_load(&m->end)) {
            *offset = at - begin;
            return path;
        }
    }
    return NULL;
}

void graft_held__add_temporary(const char *path)
{
    for (size_t i = 0; i < N_TEMPORARIES; i++) {
        const char *none = NULL;
        if (atomic_compare_exchange_strong(&temporaries[i], &none, path)) {
            return;
        }
    }
}

void graft_held__drop_temporary(const char *path)
{
    for (size_t i = 0; i < N_TEMPORARIES; i++) {
        const char *mine = path;
        if (atomic_compare_exchange_strong(&temporaries[i], &mine, NULL)) {
            return;
        }
    }
}

void graft_held_remove_temporaries(void)
{
    for (size_t i = 0; i < N_TEMPORARIES; i++) {
        const char *path = atomic_load(&temporaries[i]);
        if (path != NULL) {
            (void)unlink(path);
        }
    }
}
