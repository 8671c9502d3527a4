/* run/exporting.h - adapters with weights on their way to artefacts: what `graft export` and the end of a run
 * share, so that both write the same bytes. */
#ifndef GRAFT_RUN_EXPORTING_H
#define GRAFT_RUN_EXPORTING_H

#include <graft/export.h>

#include "run/base_file.h"
#include "run/calibration.h"
#include "run/export_inputs.h"

typedef struct graft_exporting {
    graft_export_inputs inputs;
    graft_serving serving;
    graft_calibration calibration;
    graft_survival survival; /* of the artefact that is written */
    graft_base base;
    const graft_hooks *hooks;
    double begun;            /* clock, of it */
} graft_exporting;

void graft_exporting_init(graft_exporting *e);
void graft_exporting_close(graft_exporting *e);

/* Opens the base and the adapters of the wish, and finds out what servers are told. Without adapters and without
 * an artefact (wish->to) there is only the base. Everything is borrowed. */
graft_status graft_exporting_open(graft_exporting *e, const graft_config *config,
                                  const graft_export_wish *wish, const graft_hooks *hooks);

/* A job for the next artefact; what was read for its rounding serves the one after it too. */
graft_export_job graft_exporting_begin(graft_exporting *e, const char *type);

#endif
