/* run/watch_html.h - bad steps, spikes, rollbacks and the like, as a part of a run's page. */
#ifndef GRAFT_RUN_WATCH_HTML_H
#define GRAFT_RUN_WATCH_HTML_H

#include "core/strings.h"

/* Appends a table of what <folder>/metrics.jsonl has of them; nothing if there were none. */
graft_status graft_watch_html_append(graft_text *out, const char *folder);

#endif
