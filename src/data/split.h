/* data/split.h - choosing what is held back for evaluation, given the tools of each example. */
#ifndef GRAFT_DATA_SPLIT_H
#define GRAFT_DATA_SPLIT_H

#include "data/dataset.h"

/* Which tools each example declares or calls; tools are numbered in order of appearance. */
typedef struct graft_tool_table {
    graft_map ids;
    graft_arena names; /* the keys of ids */
    uint32_t *tools;   /* of all examples, one behind the other */
    size_t n, capacity;
    size_t *begin;     /* [n_examples + 1] */
    size_t n_examples, begin_capacity;
} graft_tool_table;
void graft_tool_table_init(graft_tool_table *table);
void graft_tool_table_clear(graft_tool_table *table);
graft_status graft_tool_table_add(graft_tool_table *table, const graft_conversation *conversation);

enum { GRAFT_TO_TRAIN, GRAFT_TO_EVAL, GRAFT_DROPPED };

/* side[0..n_examples) = where each example goes, as graft_dataset_split says. */
graft_status graft_split_choose(unsigned char *side, const graft_tool_table *table, size_t n_eval,
                                graft_split_kind kind, uint64_t seed);

/* --- inside the room --- */

/* A choice by tool on its way. */
typedef struct graft_split_cut {
    const graft_tool_table *table;
    unsigned char *side;   /* per example; no tool of those on the evaluation side is elsewhere */
    const uint32_t *order; /* seeded order of examples */
    size_t n_eval, wanted;
} graft_split_cut;

/* Moves examples to the evaluation side with all examples that then have no tool in training, until
 * enough are there or no move is small enough; drops what stands between. */
graft_status graft_split__cut(graft_split_cut *job);

#endif
