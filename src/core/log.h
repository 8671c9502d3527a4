/* core/log.h - remarks from inside the library (the sink is set through <graft/log.h>). */
#ifndef GRAFT_CORE_LOG_H
#define GRAFT_CORE_LOG_H

#include <graft/log.h>

void graft_log(graft_log_level level, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* A second sink beside the user's: the run folder's own log. NULL removes it. */
void graft_log_set_tee(graft_log_sink *sink, void *context);

#endif
