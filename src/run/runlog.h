/* run/runlog.h - run.log: what was said, skipped, cut and refused, with the time of day. */
#ifndef GRAFT_RUN_RUNLOG_H
#define GRAFT_RUN_RUNLOG_H

#include "core/status.h"

typedef struct graft_runlog graft_runlog;

/* Appends to <folder>/run.log everything that is logged until it is closed. */
graft_status graft_runlog_open(graft_runlog **out, const char *folder);
/* Warns, once, if lines could not be written (they are kept and written when there is room). To be called now and
 * then: who is told of lines cannot say any. Accepts NULL. */
void graft_runlog_check(graft_runlog *log);
void graft_runlog_close(graft_runlog *log);

#endif
