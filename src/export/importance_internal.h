/* export/importance_internal.h - what importance.c and importance_dat.c share. */
#ifndef GRAFT_EXPORT_IMPORTANCE_INTERNAL_H
#define GRAFT_EXPORT_IMPORTANCE_INTERNAL_H

#include "core/arena.h"
#include "core/map.h"
#include "export/importance.h"

typedef struct graft_importance_row {
    const char *name;
    float *values; /* means */
    size_t n;
} graft_importance_row;

struct graft_importance {
    graft_arena arena; /* everything below but rows and names */
    graft_map names;   /* to indices of rows */
    graft_importance_row *rows;
    size_t n_rows, capacity;
    uint32_t chunks; /* 0: unknown */
    const char *path, *dataset;
};

/* A zero-terminated copy that lives as long as the importances. */
graft_status graft_importance__keep(graft_importance *importance, const char *text, size_t n,
                                    const char **out);

/* A row of n values for the caller to fill; GRAFT_E_MODEL if the name is there already. */
graft_status graft_importance__add(graft_importance *importance, const char *name, size_t name_len,
                                   size_t n, float **out);

graft_status graft_importance__check(const graft_importance *importance);

/* Fills it from the bytes of a .dat file. */
graft_status graft_importance__read_dat(graft_importance *importance, const uint8_t *data,
                                        size_t size);

#endif
