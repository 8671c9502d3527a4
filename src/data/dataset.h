/* data/dataset.h - files of examples: one reader per layout, detection, lint, splitting. */
#ifndef GRAFT_DATA_DATASET_H
#define GRAFT_DATA_DATASET_H

#include "chat/conversation.h"
#include "core/arena.h"
#include "core/map.h"

/* One source of examples, as the configuration names it. */
typedef struct graft_source {
    const char *path;
    const char *format;  /* a reader's name, or NULL: detect from the first lines */
    const char *answers; /* bfcl: the possible-answer file; NULL otherwise */
} graft_source;

typedef struct graft_reader graft_reader; /* data/reader.h */

typedef struct graft_dataset {
    graft_conversation *conversations;
    size_t n, capacity;
    size_t n_skipped;   /* bad lines left out (skip_bad) */
    const char *format; /* name of the reader of the source read last; static, NULL before */
} graft_dataset;
void graft_dataset_init(graft_dataset *dataset);
void graft_dataset_clear(graft_dataset *dataset);
/* Appends the examples of `from`, which has none afterwards. */
graft_status graft_dataset_take(graft_dataset *to, graft_dataset *from);

/* Appends the examples of a source. The first bad line fails with "file:line: what"
 * (GRAFT_E_DATA); with skip_bad each is logged as a warning, counted and left out. An empty file is
 * GRAFT_E_DATA. */
graft_status graft_dataset_read(graft_dataset *dataset, const graft_source *source, bool skip_bad);

/* The same with skip_bad, telling `bad` of each bad line ("file:line: what") instead of the log. */
typedef void graft_bad_line(void *context, const char *message);
graft_status graft_dataset_read_each(graft_dataset *dataset, const graft_source *source,
                                     graft_bad_line *bad, void *context);

/* --- record by record ---
 *
 * One thread reads; a batch of records is converted on all threads and then handed over in the
 * order of the file. So nothing depends on the number of threads, and memory does not grow with the
 * file (an array file is held as a whole). */

enum { GRAFT_BATCH_RECORDS = 4096 };

typedef struct graft_record {
    const char *text;    /* as it stands in the file, without white space around it; borrowed */
    size_t n, line;
    size_t number;       /* which record of the file, from 1 */
    size_t element;      /* the same if the file is an array, of which a line may hold many; else 0 */
    size_t part;         /* where a record of the file holds several examples: which, from 1; else 0 */
    const char *format;  /* name of the reader; NULL if no record was usable so far */
    const char *late;    /* a layout whose marks it has where detection no longer looked; or NULL */
    size_t slot;         /* place in its batch, below GRAFT_BATCH_RECORDS */
    graft_status status; /* of the conversion; GRAFT_E_DATA: the record is bad */
    char *message;       /* "file:line: what", if it failed (NULL: not even memory for that) */
    graft_conversation conversation; /* if it did not; may be moved out */
} graft_record;

typedef struct graft_record_visitor {
    void *context;
    /* Called for every record on some thread in some order. NULL: not called. */
    void (*look)(void *context, graft_record *record, int thread);
    /* Then called for every record in the order of the file. A failure ends the reading. */
    graft_status (*take)(void *context, graft_record *record);
    /* Called before each batch; a failure ends the reading. NULL: not called. */
    graft_status (*poll)(void *context);
} graft_record_visitor;

/* Walks over the records of a source, bad ones included. *format: the reader's name. GRAFT_E_DATA
 * if there is no record at all. */
graft_status graft_source_read(const graft_source *source, const graft_record_visitor *visitor,
                               const char **format);

/* Fails as the record did. */
graft_status graft_record_fail(const graft_record *record);

/* Appends the text of a record as one line with its newline: line breaks between JSON tokens, which
 * elements of an array file may have, become blanks. */
graft_status graft_record_one_line(graft_text *out, const graft_record *record);

/* Is the text of a good record none that a file of its layout could hold? It is written in the
 * canonical layout then. */
bool graft_record_is_made(const graft_record *record);
/* Appends a good record as a line: as graft_record_one_line does, or canonical. The latter may
 * change its conversation. */
graft_status graft_record_line(graft_text *out, graft_record *record);

/* One conversation from {"messages": [...], "tools": [...]} (OpenAI layout) that is to be
 * continued: no reply need be there. GRAFT_E_DATA without file and line. */
graft_status graft_conversation_read(graft_conversation *out, const graft_json *record);

/* train_on: last - only the last assistant message of each conversation keeps its weight. */
void graft_dataset_train_last(graft_dataset *dataset);

/* Does a message of role tool report an error?
 * - its text begins with the word error, exception or traceback (in any case, also behind "["), or
 *   with an exception's name and a colon ("ValueError: ...", "json.JSONDecodeError: ...")
 * - it, or its text read as JSON, is an object in which error, errors, exception, traceback,
 *   is_error or isError holds anything but null, false, 0 or emptiness; success or ok is false;
 *   status, status_code or statusCode is "error", "failed", "failure", "exception" or 400 to 599 */
graft_status graft_result_is_error(bool *out, const graft_json *message);
/* mask_errors - an assistant message of which a call was answered by an error loses its weight.
 * Counts such results, and messages that lost a weight. */
graft_status graft_dataset_mask_errors(graft_dataset *dataset, size_t *n_errors, size_t *n_masked);

/* reasoning: drop - takes the thoughts (see data/turns.h) out of assistant messages and counts
 * those. One that then says nothing loses its weight. */
graft_status graft_dataset_drop_reasoning(graft_dataset *dataset, size_t *n_dropped);
/* The same of one conversation; adds to *n_dropped. */
graft_status graft_conversation_drop_reasoning(graft_conversation *conversation, size_t *n_dropped);

/* What a dataset holds. */
typedef struct graft_dataset_counts {
    size_t examples, messages[GRAFT_N_ROLES];
    size_t trained;            /* assistant messages with a loss weight */
    size_t calls;              /* tool calls of assistants */
    size_t calls_undeclared;   /* ... of functions that the example does not declare */
    size_t without_calls;      /* examples in which nothing is called */
    size_t tools;              /* different function names declared */
    size_t evaluation_only;    /* examples without an assistant message */
} graft_dataset_counts;
graft_status graft_dataset_count(graft_dataset_counts *out, const graft_dataset *dataset);

/* The same for examples that come one by one. The order does not matter. */
typedef struct graft_counter {
    graft_dataset_counts counts;
    graft_map names;   /* of declared tools */
    graft_arena keys;  /* that holds them */
    graft_map declared; /* by the example that is counted */
} graft_counter;
void graft_counter_init(graft_counter *counter);
void graft_counter_clear(graft_counter *counter);
graft_status graft_counter_add(graft_counter *counter, const graft_conversation *conversation);
graft_status graft_counter_merge(graft_counter *counter, const graft_counter *other);

typedef enum graft_split_kind { GRAFT_SPLIT_RANDOM, GRAFT_SPLIT_TOOL } graft_split_kind;
/* Moves about n_eval examples (a seeded choice) into *eval, an empty dataset; both keep their
 * order. GRAFT_E_CONFIG unless 0 < n_eval < examples. By tool: no tool that an evaluation example
 * declares or calls appears in any example left in *train; examples that stand between are dropped
 * and counted in *n_dropped (may be NULL). */
graft_status graft_dataset_split(graft_dataset *train, graft_dataset *eval, size_t n_eval,
                                 graft_split_kind kind, uint64_t seed, size_t *n_dropped);

#endif
