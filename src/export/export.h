/* export/export.h - adapters as files: what is written for runtimes, and what can be started from.
 *
 * A plain description stands between the trainer's layout and the files: one map per adapted base
 * tensor. Files follow contract.md: the adapter GGUF that llama.cpp loads, and the PEFT folder
 * (adapter_config.json, adapter_model.safetensors). */
#ifndef GRAFT_EXPORT_EXPORT_H
#define GRAFT_EXPORT_EXPORT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/status.h"
#include "io/gguf.h"

typedef struct graft_export_map {
    const char *name;  /* base tensor in GGUF naming, "blk.0.attn_q.weight" */
    const float *a;    /* [rank, n_in] */
    const float *b;    /* [n_out, rank], rows in the GGUF file's order */
    size_t rank, n_in, n_out;
    double scale;      /* what the map is multiplied by: W + scale * B A */
} graft_export_map;

typedef struct graft_export_adapter {
    const graft_export_map *maps;
    size_t n_maps;
    double alpha;             /* nominal, > 0; scales that differ from alpha / rank are folded into B */
    const char *arch;         /* "llama" */
    size_t n_head, n_kv;      /* for the row order of q and k */
    const char *base_name;    /* base_model_name_or_path of PEFT; also graft.base_model */
    const char *base_hash;    /* SHA-256 of the base file, hex: graft.base_sha256 */
    uint64_t base_bytes;      /* its size: graft.base_bytes; 0: unknown */
    const char *recipe;       /* effective settings as text: graft.recipe */
} graft_export_adapter;

/* An exporter is one file and one row of exporters.c; names are values of the setting `export`.
 * base_name, base_hash and recipe may be NULL. */
typedef struct graft_exporter {
    const char *name;   /* "adapter", "peft" */
    const char *writes; /* the main file, for people: "adapter.gguf" */
    /* Writes into the folder, which exists, atomically per file. GRAFT_E_NUMERICS if a value is not
     * finite; GRAFT_E_FAILED if the adapter cannot be expressed in the format. */
    graft_status (*write)(const graft_export_adapter *adapter, const char *folder);
} graft_exporter;
extern const graft_exporter *const graft_exporters[]; /* NULL-terminated */
const graft_exporter *graft_exporter_find(const char *name); /* NULL if unknown */

/* A loaded adapter. maps[i].name and the arrays belong to it. */
typedef struct graft_loaded_adapter {
    graft_export_map *maps;
    size_t n_maps;
    double alpha;
} graft_loaded_adapter;

/* Loads an adapter GGUF file or a PEFT folder for a base (its shapes are checked against the file's
 * tensors, row orders undone, alpha, rank patterns and rsLoRA folded into `scale`). Refused with
 * the reason (GRAFT_E_MODEL): DoRA magnitudes, biases, modules_to_save, embeddings, names the base
 * lacks, ranks or shapes that do not fit, non-finite values, pickled weights, another architecture.
 * An adapter of another base file (size, or digest of bases up to 1 GiB) is only warned of. */
graft_status graft_adapter_load(graft_loaded_adapter *out, const char *path, const graft_gguf *base);
void graft_loaded_adapter_clear(graft_loaded_adapter *adapter);

/* Do an adapter GGUF and an adapter_model.safetensors that were exported together hold the same
 * numbers? Rows that lie in another order (peft_names.h) are compared as a set, since without the base
 * the order is not known. GRAFT_E_MODEL names the tensor and row that differ. */
graft_status graft_adapter_compare(const char *gguf_path, const char *safetensors_path);

#endif
