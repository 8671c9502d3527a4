/* run/chart.h - values of metrics.jsonl by step, as an SVG in a page. */
#ifndef GRAFT_RUN_CHART_H
#define GRAFT_RUN_CHART_H

#include "io/json.h"

typedef struct graft_series {
    double *steps, *values;
    size_t n, steps_capacity, values_capacity;
} graft_series;

void graft_series_clear(graft_series *series);

/* The value that a record of metrics.jsonl has; false: none. */
typedef bool graft_series_pick(double *value, const graft_json *record, const void *context);
/* Appends what `pick` finds in <folder>/metrics.jsonl; nothing if there is no such file. */
graft_status graft_series_read(graft_series *out, const char *folder, graft_series_pick *pick,
                               const void *context);
/* Picks a number of that name (context); not of records that say again what one of an earlier step said. */
graft_series_pick graft_series_named;

/* Appends a heading and one line per series, all on one scale. Names (NULL: none) label the lines; the
 * title and they are text of our own. Nothing if no series has two points. */
graft_status graft_chart_append(graft_text *out, const char *title, const graft_series *series,
                                size_t n, const char *const *names);

#endif
