/* run/export_inputs.h - what `graft export` starts from: a base, and adapters with weights. */
#ifndef GRAFT_RUN_EXPORT_INPUTS_H
#define GRAFT_RUN_EXPORT_INPUTS_H

#include "run/artefact.h"

typedef struct graft_export_part {
    char *path;
    double weight;
    graft_loaded_adapter adapter;
} graft_export_part;

typedef struct graft_export_inputs {
    graft_gguf *base;
    char base_hash[65];
    graft_export_part *parts;
    size_t n;
    graft_loaded_adapter sum;         /* of the parts */
    graft_export_adapter description; /* borrows from all of this */
    graft_text arch, recipe, notes, label, base_name;
    char **runs;                      /* config.yaml beside adapters: of the runs that made them */
    size_t n_runs;
} graft_export_inputs;

void graft_export_inputs_init(graft_export_inputs *inputs);
void graft_export_inputs_clear(graft_export_inputs *inputs);

/* Opens the base and reads the adapters, "PATH" or "PATH:WEIGHT" each. An adapter that was trained on
 * another file is GRAFT_E_MODEL, which names both; with `force` that is only warned of. */
graft_status graft_export_inputs_open(graft_export_inputs *inputs, const char *base,
                                      const char *const *adapters, size_t n, bool force);

/* The chat template that the adapters were trained with, from the file that training leaves beside them.
 * Empty if there is none; GRAFT_E_CONFIG if they differ. *path, NULL before, is that file (the first of
 * several), which the caller frees. */
graft_status graft_export_inputs_template(const graft_export_inputs *inputs, graft_text *out, char **path);

#endif
