/* run_data_split.c - graft_data_split. */
#include <graft/dataset.h>

#include <math.h>
#include <string.h>

#include "core/log.h"
#include "core/memory.h"
#include "data/fingerprint.h"
#include "data/neighbours.h"
#include "data/split.h"
#include "run/data_files.h"

/* Both walks over the files: one to learn the tools, one to write the lines. */
typedef struct splitting {
    const graft_config *config;
    const graft_hooks *hooks;
    graft_tool_table table;
    uint64_t *prints;    /* per example: what is the same has the same one */
    size_t prints_capacity;
    unsigned char *side; /* per example */
    size_t at;           /* example of the second walk */
    size_t bad, counts[3];
    size_t n_shared;     /* examples held back that are trained, too */
    graft_writer *train, *eval;
    graft_text line;
} splitting;

static graft_status poll(void *context)
{
    const splitting *s = context;
    return graft_hooks_check(s->hooks);
}

static bool is_left_out(const splitting *s, const graft_record *record)
{
    return record->status == GRAFT_E_DATA && record->message && s->config->skip_bad;
}

static graft_status learn(void *context, graft_record *record)
{
    graft_status status = GRAFT_OK;
    splitting *s = context;
    size_t n = s->table.n_examples;
    if (is_left_out(s, record)) {
        s->bad++;
        return GRAFT_OK;
    }
    if (record->status != GRAFT_OK) {
        return graft_record_fail(record);
    }
    GRAFT_TRY(graft_reserve(&s->prints, &s->prints_capacity, n + 1, sizeof *s->prints));
    s->prints[n] = graft_fingerprint(&record->conversation);
    GRAFT_TRY(graft_tool_table_add(&s->table, &record->conversation));
done:
    return status;
}

static graft_status write_line(void *context, graft_record *record)
{
    graft_status status = GRAFT_OK;
    splitting *s = context;
    if (is_left_out(s, record)) {
        return GRAFT_OK;
    }
    if (record->status != GRAFT_OK || s->at == s->table.n_examples) {
        return graft_fail(GRAFT_E_DATA, "line %zu: the data changed while they were read",
                          record->line);
    }
    unsigned char side = s->side[s->at++];
    s->counts[side]++;
    if (side == GRAFT_DROPPED) {
        return GRAFT_OK;
    }
    s->line.len = 0;
    GRAFT_TRY(graft_record_line(&s->line, record));
    GRAFT_TRY(graft_writer_write(side == GRAFT_TO_EVAL ? s->eval : s->train, s->line.data,
                                 s->line.len));
done:
    return status;
}

static graft_status walk(splitting *s, graft_status (*take)(void *, graft_record *))
{
    graft_status status = GRAFT_OK;
    graft_record_visitor visitor = {s, NULL, take, poll};
    const char *format;
    for (size_t i = 0; i < s->config->dataset.n; i++) {
        graft_source source = graft_data_files_source(&s->config->dataset.items[i]);
        GRAFT_TRY(graft_source_read(&source, &visitor, &format));
    }
done:
    return status;
}

static graft_status choose(splitting *s)
{
    graft_status status = GRAFT_OK;
    const graft_config *c = s->config;
    size_t n = s->table.n_examples;
    double wanted = c->val_set_size < 1 ? ceil(c->val_set_size * (double)n) : c->val_set_size;
    GRAFT_TRY(graft_alloc(&s->side, n, sizeof *s->side));
    GRAFT_TRY(graft_split_choose(s->side, &s->table, (size_t)wanted,
                                 c->val_split == GRAFT_VAL_SPLIT_TOOL ? GRAFT_SPLIT_TOOL
                                                                      : GRAFT_SPLIT_RANDOM,
                                 c->seed));
done:
    return status;
}

/* Counts what is on both sides, because it stands in the data twice. */
static graft_status count_shared(splitting *s)
{
    graft_status status = GRAFT_OK;
    graft_neighbours *trained = NULL;
    graft_neighbour found;
    GRAFT_TRY(graft_neighbours_new(&trained, 0));
    for (size_t i = 0; i < s->table.n_examples; i++) {
        if (s->side[i] == GRAFT_TO_TRAIN) {
            GRAFT_TRY(graft_neighbours_add(trained, s->prints[i], NULL, i));
        }
    }
    for (size_t i = 0; i < s->table.n_examples; i++) {
        s->n_shared += s->side[i] == GRAFT_TO_EVAL &&
                       graft_neighbours_find(&found, trained, s->prints[i], NULL);
    }
    if (s->n_shared > 0) {
        graft_log(GRAFT_LOG_WARN, "%zu of the examples held back also stand in the training part: "
                  "graft data dedup before splitting avoids it", s->n_shared);
    }
done:
    graft_neighbours_free(trained);
    return status;
}

/* Of files that need not be there yet: one name in one folder. */
static graft_status are_one_file(bool *same, const char *a, const char *b)
{
    graft_status status = GRAFT_OK;
    char *folder_of_a = NULL, *folder_of_b = NULL;
    const char *slash_a = strrchr(a, '/'), *slash_b = strrchr(b, '/');
    GRAFT_TRY(graft_path_beside(&folder_of_a, a, "."));
    GRAFT_TRY(graft_path_beside(&folder_of_b, b, "."));
    *same = graft_path_same(a, b) || (strcmp(slash_a != NULL ? slash_a + 1 : a, slash_b != NULL ? slash_b + 1 : b) == 0 &&
                                      graft_path_same(folder_of_a, folder_of_b));
done:
    graft_free(folder_of_a);
    graft_free(folder_of_b);
    return status;
}

static graft_status open_outputs(splitting *s, const char *train, const char *eval)
{
    graft_status status = GRAFT_OK;
    bool same = false;
    if (!(s->config->val_set_size > 0)) {
        return graft_fail(GRAFT_E_CONFIG, "size is not set: how many examples, or which share of "
                          "them, to hold back");
    }
    GRAFT_TRY(graft_data_files_open(&s->train, train, "train_out", &s->config->dataset));
    GRAFT_TRY(graft_data_files_open(&s->eval, eval, "eval_out", &s->config->dataset));
    GRAFT_TRY(are_one_file(&same, train, eval));
    if (same) {
        status = graft_fail(GRAFT_E_CONFIG, "train_out and eval_out are the same file %s", train);
    }
done:
    return status;
}

static graft_status describe(graft_text *out, const splitting *s, const char *train,
                             const char *eval)
{
    graft_status status = GRAFT_OK;
    GRAFT_TRY(graft_text_appendf(out, "examples: %zu\n", s->table.n_examples));
    if (s->bad) {
        GRAFT_TRY(graft_text_appendf(out, "bad lines left out: %zu\n", s->bad));
    }
    if (s->config->val_split == GRAFT_VAL_SPLIT_TOOL) {
        GRAFT_TRY(graft_text_appendf(out, "left out, because their tools are on both sides: %zu\n",
                                     s->counts[GRAFT_DROPPED]));
    }
    GRAFT_TRY(graft_text_appendf(out, "written: %zu examples to %s, %zu to %s\n",
                                 s->counts[GRAFT_TO_TRAIN], train, s->counts[GRAFT_TO_EVAL], eval));
done:
    return status;
}

static graft_status describe_json(graft_text *out, const splitting *s)
{
    graft_status status = GRAFT_OK;
    graft_json *o = graft_json_new_object();
    GRAFT_TRY(graft_json_set_int(o, "examples", (int64_t)s->table.n_examples));
    GRAFT_TRY(graft_json_set_int(o, "bad_lines", (int64_t)s->bad));
    GRAFT_TRY(graft_json_set_int(o, "train", (int64_t)s->counts[GRAFT_TO_TRAIN]));
    GRAFT_TRY(graft_json_set_int(o, "eval", (int64_t)s->counts[GRAFT_TO_EVAL]));
    GRAFT_TRY(graft_json_set_int(o, "on_both_sides", (int64_t)s->n_shared));
    GRAFT_TRY(graft_json_set_int(o, "left_out", (int64_t)s->counts[GRAFT_DROPPED]));
    GRAFT_TRY(graft_json_write(out, o, GRAFT_JSON_PYTHON));
    GRAFT_TRY(graft_text_append_char(out, '\n'));
done:
    graft_json_free(o);
    return status;
}

graft_status graft_data_split(graft_config *config, const char *train, const char *eval,
                              const graft_hooks *hooks, int json, char **out)
{
    graft_status status = GRAFT_OK;
    splitting s = {.config = config, .hooks = hooks};
    graft_text text;
    graft_text_init(&text);
    graft_tool_table_init(&s.table);
    *out = NULL;
    GRAFT_TRY(graft_data_files_prepare(config));
    GRAFT_TRY(graft_data_files_check_reread(&config->dataset));
    GRAFT_TRY(open_outputs(&s, train, eval));
    GRAFT_TRY(walk(&s, learn));
    GRAFT_TRY(choose(&s));
    GRAFT_TRY(count_shared(&s));
    GRAFT_TRY(walk(&s, write_line));
    GRAFT_TRY(graft_writer_commit(&s.eval));
    GRAFT_TRY(graft_writer_commit(&s.train));
    GRAFT_TRY(json ? describe_json(&text, &s) : describe(&text, &s, train, eval));
    GRAFT_TRY(graft_text_take(&text, out));
done:
    graft_writer_discard(&s.eval);
    graft_writer_discard(&s.train);
    graft_tool_table_clear(&s.table);
    graft_free(s.side);
    graft_free(s.prints);
    graft_text_clear(&s.line);
    graft_text_clear(&text);
    return status;
}
