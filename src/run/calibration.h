/* run/calibration.h - what weights are rounded for: what goes into linear maps when base and adapter read
 * the examples that a fine-tune learnt from.
 *
 * Nothing is read until something is to be rounded to blocks. Where the examples are not at hand weights
 * are rounded to the nearest, and that is said. */
#ifndef GRAFT_RUN_CALIBRATION_H
#define GRAFT_RUN_CALIBRATION_H

#include "run/artefact.h"
#include "run/corpus.h"
#include "train/input_moments.h"

typedef struct graft_calibration_wish {
    const char *rounding;  /* "aware", "nearest"; NULL: aware if there are examples */
    const char *data;      /* examples, as setting `dataset`; NULL: those of the adapters' runs */
    uint64_t n_tokens;     /* how many are read; 0: GRAFT_CALIBRATION_TOKENS */
    const char *const *runs; /* config.yaml of the runs that made the adapters */
    size_t n_runs;
} graft_calibration_wish;

enum { GRAFT_CALIBRATION_TOKENS = 8192 };

typedef struct graft_calibration {
    graft_rounding_source source;
    graft_calibration_wish wish;
    const graft_config *settings; /* of the job */
    const graft_export_adapter *adapter;
    const graft_export_serving *serving;
    const graft_hooks *hooks;
    graft_config *config;         /* of what is read */
    graft_session session;
    graft_corpus corpus;
    size_t *chosen, n_chosen;     /* samples of the corpus that are read */
    graft_input_moments moments;
    graft_rounding rounding;
    size_t owner;                 /* slot that `rounding` is of */
    bool has_rounding;
    graft_text note;
} graft_calibration;

/* GRAFT_E_CONFIG for another word than those two, or for data without rounding by it. */
graft_status graft_calibration_check(const char *rounding, const char *data);

/* Bytes of moments at a time: as many layers as fit, one at least. 4 GiB, or a quarter of max_memory or, without
 * that, of what is free, if it is less. */
size_t graft_calibration_limit(const graft_config *settings);

/* Everything is borrowed; wishes were checked. */
void graft_calibration_init(graft_calibration *c, const graft_calibration_wish *wish,
                            const graft_config *settings, const graft_export_adapter *adapter,
                            const graft_export_serving *serving, const graft_hooks *hooks);
void graft_calibration_clear(graft_calibration *c);

#endif
