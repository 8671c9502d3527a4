/* export/load.h - room-internal: what the readers of adapters share.
 *
 * A reader announces what it finds, factor by factor; here everything is checked against the base
 * and collected. */
#ifndef GRAFT_EXPORT_LOAD_H
#define GRAFT_EXPORT_LOAD_H

#include "core/map.h"
#include "export/export.h"
#include "io/json.h"
#include "io/safetensors.h"

typedef struct graft_export__loading {
    const char *path;
    const graft_gguf *base;
    const char *arch;   /* of the base; owned */
    size_t n_head, n_kv;
    graft_loaded_adapter *out;
    size_t capacity;
    graft_map index;    /* base tensor name -> map */
} graft_export__loading;

typedef enum graft_export__factor { GRAFT_EXPORT_A, GRAFT_EXPORT_B } graft_export__factor;

/* The factor of the base tensor `name`: rows x row numbers of the format at `data`. Fails if the
 * base has no such matrix or it is another shape, if the factor is there already, or if a value is
 * not finite. Rows of B are taken as they stand. */
graft_status graft_export__take(graft_export__loading *loading, const char *name,
                                graft_export__factor factor, uint64_t rows, uint64_t row,
                                const graft_format *format, const void *data);

/* The magnitudes of the base tensor `name`, n numbers; fails likewise. */
graft_status graft_export__take_magnitudes(graft_export__loading *loading, const char *name,
                                           uint64_t n, const graft_format *format,
                                           const void *data);

/* The same for a file that has the factor transposed: A is row x rows, B likewise. */
graft_status graft_export__take_transposed(graft_export__loading *loading, const char *name,
                                           graft_export__factor factor, uint64_t rows, uint64_t row,
                                           const graft_format *format, const void *data);

/* Readers: fill loading->out's maps (without scales) through _take, then the scales and alpha. Of
 * folders `weights` is the safetensors file. */
graft_status graft_export__load_gguf(graft_export__loading *loading);
graft_status graft_export__load_peft(graft_export__loading *loading, const char *weights);
graft_status graft_export__load_mlx(graft_export__loading *loading, const char *weights);

/* Every map has both factors of one rank, and all have magnitudes or none; to be called before the scales
 * are set. */
graft_status graft_export__check_pairs(const graft_export__loading *loading);

/* --- folders --- */

/* The JSON object in adapter_config.json of the folder; *path is its path, freed by the caller even
 * where this fails. */
graft_status graft_export__read_config(graft_json **out, char **path, const char *folder);

/* What graft wrote of how the adapter was made. */
graft_status graft_export__take_origin(const graft_safetensors *file, graft_loaded_adapter *out);

/* Puts rows of B, and magnitudes, from Hugging Face's order into the base's. */
graft_status graft_export__reorder_rows(const graft_export__loading *loading,
                                        graft_export_map *map);

#endif
