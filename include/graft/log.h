/* log.h - what the library has to say while it works.
 *
 * The library never prints. Whoever wants to see or keep its remarks installs a sink; without
 * one they are dropped. A remark is one line without a newline. */
#ifndef GRAFT_LOG_H
#define GRAFT_LOG_H

#include <graft/status.h>

typedef enum graft_log_level { GRAFT_LOG_DEBUG, GRAFT_LOG_INFO, GRAFT_LOG_WARN } graft_log_level;

typedef void graft_log_sink(void *context, graft_log_level level, const char *line);

/* Installs the one sink of the process (NULL removes it). Not to be called while other graft
 * functions run. The sink may be called from any thread, one call at a time. */
GRAFT_API void graft_log_set_sink(graft_log_sink *sink, void *context);

#endif
