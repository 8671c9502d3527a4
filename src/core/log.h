/* core/log.h - remarks from inside the library (the sink is set through <graft/log.h>). */
#ifndef GRAFT_CORE_LOG_H
#define GRAFT_CORE_LOG_H

#include <graft/log.h>

void graft_log(graft_log_level level, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

#endif
