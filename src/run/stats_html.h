/* run/stats_html.h - statistics of a dataset as a self-contained page. */
#ifndef GRAFT_RUN_STATS_HTML_H
#define GRAFT_RUN_STATS_HTML_H

#include "data/stats.h"

graft_status graft_stats_html(graft_text *out, const graft_stats *stats);

#endif
