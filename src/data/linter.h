/* data/linter.h - all lints over files of any size, in memory that grows by some 250 bytes per
 * example (data/neighbours.h), or 50 without near duplicates. */
#ifndef GRAFT_DATA_LINTER_H
#define GRAFT_DATA_LINTER_H

#include "data/lint.h"
#include "io/files.h"

typedef struct graft_linter graft_linter;

typedef struct graft_linter_options {
    double near; /* similarity of near duplicates, [0.5, 1]; 0: not looked for */
    /* Told of every finding: by file, and within a file by line; outliers at the end of each file,
     * because only then is known what is usual. */
    graft_status (*found)(void *context, const graft_lint *lint, const char *file, size_t line,
                          const char *message);
    graft_status (*poll)(void *context); /* asked now and then whether to go on; NULL: never */
    void *context;
    /* NULL: nothing is repaired. Otherwise all usable examples are written here, one per line:
     * without bad lines and exact duplicates, repaired where a lint knows how, and otherwise as
     * they stand, unless the file is not in the canonical layout: then all are brought into it. */
    graft_writer *fixed;
    /* What examples are rendered and tokenised with, to find those that do not fit; or NULL. */
    const graft_chat *chat;
    const graft_tokenizer *tokenizer;
    bool drops_reasoning; /* thoughts are left out before that */
} graft_linter_options;

graft_status graft_linter_new(graft_linter **out, const graft_linter_options *options);
void graft_linter_free(graft_linter *linter);

/* Reads evaluation data, which the examples read later are compared with. */
graft_status graft_linter_know(graft_linter *linter, const graft_source *source);
/* Lints a file. Bad lines are findings, not failures. */
graft_status graft_linter_read(graft_linter *linter, const graft_source *source);

/* What was found so far. `examples[i]` belongs to graft_lints[i]. */
typedef struct graft_linter_result {
    size_t examples[GRAFT_LINTS_MAX]; /* with this finding */
    size_t errors, warnings;          /* sums of these */
    size_t fixed[GRAFT_LINTS_MAX];    /* examples that were repaired or left out for it */
    size_t written;
    const char *format;               /* of the file read last; NULL if none was usable */
    size_t bytes_compared;            /* memory for duplicates */
    graft_dataset_counts counts;
} graft_linter_result;
graft_status graft_linter_result_take(graft_linter_result *out, const graft_linter *linter);

#endif
