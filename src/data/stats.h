/* data/stats.h - what a dataset is made of, in numbers. */
#ifndef GRAFT_DATA_STATS_H
#define GRAFT_DATA_STATS_H

#include "data/example.h"
#include "data/dataset.h"

/* Values of all examples, 4 bytes each. */
typedef struct graft_distribution {
    uint32_t *values;
    size_t n, capacity;
} graft_distribution;
void graft_distribution_clear(graft_distribution *d);
graft_status graft_distribution_add(graft_distribution *d, size_t value);
void graft_distribution_sort(graft_distribution *d);
/* Of a sorted one with n > 0: the smallest value that a share of all do not exceed. */
uint32_t graft_distribution_quantile(const graft_distribution *d, double share);
double graft_distribution_mean(const graft_distribution *d);
/* Numbers of values 0, 1, 2-3, 4-7, ...: counts[0] are the zeros, counts[b] those in
 * [2^(b-1), 2^b). */
enum { GRAFT_HISTOGRAM_BINS = 33 };
void graft_distribution_histogram(const graft_distribution *d, size_t counts[GRAFT_HISTOGRAM_BINS]);

typedef struct graft_tool_use {
    const char *name; /* kept by the statistics */
    size_t name_len, declared, calls; /* declared: by so many examples */
} graft_tool_use;

typedef struct graft_stats {
    const char *format; /* name of a reader */
    size_t bad;         /* lines left out */
    graft_counter counter;
    graft_distribution messages, calls, bytes; /* per example */
    graft_distribution tokens;                 /* of the longest sample of each example, if known */
    graft_token_shares shares;
    graft_map tool_places;
    graft_tool_use *tools;
    size_t n_tools, tools_capacity;
    graft_arena names;
} graft_stats;
void graft_stats_init(graft_stats *stats);
void graft_stats_clear(graft_stats *stats);

/* Counts one example of `bytes`; the order does not matter. */
graft_status graft_stats_add(graft_stats *stats, const graft_conversation *c, size_t bytes);
graft_status graft_stats_merge(graft_stats *stats, const graft_stats *other);
/* To be called after the last one: sorts distributions, and tools by calls, declarations, name. */
void graft_stats_finish(graft_stats *stats);

/* Reads a source on all threads. poll(context): see graft_record_visitor. */
graft_status graft_stats_read(graft_stats *stats, const graft_source *source, bool skip_bad,
                              graft_status (*poll)(void *context), void *context);

/* Tables and histograms for people, and the same for programs. */
graft_status graft_stats_format(graft_text *out, const graft_stats *stats);
graft_status graft_stats_json(graft_text *out, const graft_stats *stats);

/* The distributions that are known, with what they are called. */
typedef struct graft_stats_row {
    const char *name, *title; /* "bytes", "bytes per example" */
    const graft_distribution *values;
} graft_stats_row;
enum { GRAFT_STATS_ROWS = 4 };
size_t graft_stats_rows(graft_stats_row rows[GRAFT_STATS_ROWS], const graft_stats *stats);

#endif
