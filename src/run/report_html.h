/* run/report_html.h - report.html of a run folder: curves and before/after, in one file. */
#ifndef GRAFT_RUN_REPORT_HTML_H
#define GRAFT_RUN_REPORT_HTML_H

#include "core/status.h"

/* Writes <folder>/report.html from metrics.jsonl, eval-before.json, eval-after.json and
 * config.yaml as they lie there; what is absent is left out. No scripts, nothing from outside. */
graft_status graft_report_html(const char *folder);

#endif
