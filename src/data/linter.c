#include "data/linter.h"

#include <string.h>

#include "core/memory.h"
#include "core/threads.h"
#include "data/edit.h"
#include "data/fingerprint.h"
#include "data/neighbours.h"

#define ELEMENT (UINT32_C(1) << 31)

/* What is known of a record when its turn comes. */
typedef struct slot {
    graft_status status; /* of looking at it */
    graft_findings findings;
    uint64_t exact;
    graft_signature signature;
    graft_script script;
    bool repaired[GRAFT_LINTS_MAX];
    graft_text fixed;    /* what is to be written instead of its text; empty: the text */
} slot;

/* What a thread needs for itself. */
typedef struct worker {
    graft_shingles shingles;
    graft_counter counter;
    graft_schema_scratch *scratch;
    graft_declared *declared;
} worker;

struct graft_linter {
    graft_linter_options options;
    slot *slots;
    worker *workers;
    size_t n_workers;
    graft_neighbours *seen, *known;
    const char **paths; /* of all files; the tag of an example is its file << 32 | its line, or
                         * ELEMENT | which element of an array it is */
    size_t n_paths, paths_capacity;
    graft_measure *measures; /* of the file that is read */
    size_t n_measures, measures_capacity;
    graft_findings late;     /* what comparing finds in one example */
    graft_linter_result result;
};

graft_status graft_linter_new(graft_linter **out, const graft_linter_options *options)
{
    graft_status status = GRAFT_OK;
    graft_linter *l = NULL;
    *out = NULL;
    GRAFT_TRY(graft_alloc(&l, 1, sizeof *l));
    l->options = *options;
    GRAFT_TRY(graft_alloc(&l->slots, GRAFT_BATCH_RECORDS, sizeof *l->slots));
    GRAFT_TRY(graft_alloc(&l->workers, (size_t)graft_threads(), sizeof *l->workers));
    l->n_workers = (size_t)graft_threads();
    for (size_t i = 0; i < l->n_workers; i++) {
        graft_counter_init(&l->workers[i].counter);
        GRAFT_TRY(graft_schema_scratch_new(&l->workers[i].scratch));
        GRAFT_TRY(graft_declared_new(&l->workers[i].declared));
    }
    GRAFT_TRY(graft_neighbours_new(&l->seen, options->near));
    GRAFT_TRY(graft_neighbours_new(&l->known, options->near));
    *out = l;
    l = NULL;
done:
    graft_linter_free(l);
    return status;
}

void graft_linter_free(graft_linter *l)
{
    if (!l) {
        return;
    }
    for (size_t i = 0; l->slots && i < GRAFT_BATCH_RECORDS; i++) {
        graft_findings_clear(&l->slots[i].findings);
        graft_text_clear(&l->slots[i].fixed);
    }
    for (size_t i = 0; i < l->n_workers; i++) {
        graft_shingles_clear(&l->workers[i].shingles);
        graft_counter_clear(&l->workers[i].counter);
        graft_schema_scratch_free(l->workers[i].scratch);
        graft_declared_free(l->workers[i].declared);
    }
    graft_findings_clear(&l->late);
    graft_neighbours_free(l->seen);
    graft_neighbours_free(l->known);
    graft_free(l->measures);
    graft_free(l->paths);
    graft_free(l->workers);
    graft_free(l->slots);
    graft_free(l);
}

/* --- looking at one example, on any thread --- */

/* Repairs the example; what then is to be written differs from its text. */
static graft_status repair(slot *s, graft_conversation *c)
{
    graft_status status = GRAFT_OK;
    for (size_t i = 0; graft_lints[i]; i++) {
        size_t n = 0;
        if (graft_lints[i]->fix) {
            GRAFT_TRY(graft_lints[i]->fix(c, &n));
        }
        s->repaired[i] = n > 0;
    }
done:
    return status;
}

static bool is_repaired(const slot *s)
{
    for (size_t i = 0; graft_lints[i]; i++) {
        if (s->repaired[i]) {
            return true;
        }
    }
    return false;
}

static graft_status examine(const graft_linter *l, slot *s, worker *w, graft_record *record)
{
    graft_status status = GRAFT_OK;
    graft_conversation *c = &record->conversation;
    s->findings.scratch = w->scratch;
    s->findings.declared = w->declared;
    s->findings.chat = l->options.chat;
    s->findings.tokenizer = l->options.tokenizer;
    s->findings.drops_reasoning = l->options.drops_reasoning;
    for (size_t i = 0; graft_lints[i]; i++) {
        if (graft_lints[i]->check) {
            GRAFT_TRY(graft_lints[i]->check(&s->findings, c));
        }
    }
    GRAFT_TRY(graft_counter_add(&w->counter, c));
    GRAFT_TRY(graft_fingerprints(&s->exact, l->options.near > 0 ? &s->signature : NULL,
                                 &w->shingles, c));
    s->script = graft_script_of(c);
    if (l->options.fixed) {
        GRAFT_TRY(repair(s, c));
        if (is_repaired(s) || strcmp(record->format, "openai") != 0) {
            GRAFT_TRY(graft_edit__write(&s->fixed, c));
        }
    }
done:
    return status;
}

static void look(void *context, graft_record *record, int thread)
{
    graft_linter *l = context;
    slot *s = &l->slots[record->slot];
    graft_findings_clear(&s->findings);
    s->fixed.len = 0;
    s->status = GRAFT_OK;
    if (record->status == GRAFT_OK) {
        s->status = examine(l, s, &l->workers[thread], record);
        graft_conversation_clear(&record->conversation);
    }
}

/* --- then all examples in order --- */

/* element: see graft_record; 0 if the message names it, or there is none. */
static graft_status tell(graft_linter *l, const graft_lint *lint, size_t line, size_t element,
                         const char *message, size_t more)
{
    graft_status status = GRAFT_OK;
    graft_linter_result *r = &l->result;
    const char *file = l->paths[l->n_paths - 1];
    graft_text text;
    graft_text_init(&text);
    r->examples[graft_lints_index(lint)]++;
    *(lint->error ? &r->errors : &r->warnings) += 1;
    if (element) {
        GRAFT_TRY(graft_text_appendf(&text, "element %zu: ", element));
    }
    GRAFT_TRY(graft_text_append_z(&text, message));
    if (more) {
        GRAFT_TRY(graft_text_appendf(&text, " (and %zu more in this example)", more));
    }
    message = graft_text_z(&text);
    GRAFT_TRY(l->options.found(l->options.context, lint, file, line, message));
done:
    graft_text_clear(&text);
    return status;
}

static graft_status tell_all(graft_linter *l, const graft_findings *f, size_t line, size_t element)
{
    graft_status status = GRAFT_OK;
    for (size_t i = 0; i < f->n; i++) {
        GRAFT_TRY(tell(l, f->items[i].lint, line, element, f->items[i].message, f->items[i].more));
    }
done:
    return status;
}

static graft_status tell_bad_line(graft_linter *l, const graft_record *record)
{
    const char *message = record->message;
    size_t n = strlen(l->paths[l->n_paths - 1]);
    /* "file:line: what" */
    if (strncmp(message, l->paths[l->n_paths - 1], n) == 0 && message[n] == ':') {
        message += n + 1;
        message += strspn(message, "0123456789");
        message += strspn(message, ": ");
    }
    l->result.fixed[graft_lints_index(&graft_lint_bad_line)] += l->options.fixed != NULL;
    return tell(l, &graft_lint_bad_line, record->line, 0, message, 0);
}

/* Which example of which file it is. */
static uint64_t tag_of(const graft_linter *l, const graft_record *record)
{
    uint32_t place = record->element ? ELEMENT | (uint32_t)record->element : (uint32_t)record->line;
    return (uint64_t)(l->n_paths - 1) << 32 | place;
}

/* Adds how alike an example is to one of an earlier file and line. */
static graft_status find_copy(graft_linter *l, const graft_neighbour *like, bool known)
{
    const char *file = l->paths[like->tag >> 32];
    unsigned line = (unsigned)like->tag & ~ELEMENT;
    const char *element = (unsigned)like->tag & ELEMENT ? " element " : "";
    const graft_lint *lint = known ? &graft_lint_leak
                             : like->exact ? &graft_lint_duplicate : &graft_lint_near_duplicate;
    const char *advice = known ? "take it out of one of them"
                         : like->exact ? "keep one (graft data dedup, or --fix)"
                                       : "keep one (graft data dedup --near)";
    return like->exact ? graft_findings_add(&l->late, lint, "the same example as %s:%s%u: %s", file,
                                            element, line, advice)
                       : graft_findings_add(&l->late, lint, "%.0f %% like %s:%s%u: %s",
                                            100 * like->similarity, file, element, line, advice);
}

static graft_status compare(graft_linter *l, const slot *s, const graft_record *record,
                            bool *duplicate)
{
    graft_status status = GRAFT_OK;
    graft_neighbour like;
    graft_findings_clear(&l->late);
    *duplicate = false;
    if (graft_neighbours_find(&like, l->known, s->exact, &s->signature)) {
        GRAFT_TRY(find_copy(l, &like, true));
    }
    if (graft_neighbours_find(&like, l->seen, s->exact, &s->signature)) {
        *duplicate = like.exact;
        GRAFT_TRY(find_copy(l, &like, false));
    } else {
        GRAFT_TRY(graft_neighbours_add(l->seen, s->exact, &s->signature, tag_of(l, record)));
    }
    GRAFT_TRY(tell_all(l, &l->late, record->line, record->element));
done:
    return status;
}

static graft_status write_fixed(graft_linter *l, slot *s, const graft_record *record)
{
    graft_status status = GRAFT_OK;
    for (size_t i = 0; graft_lints[i]; i++) {
        l->result.fixed[i] += s->repaired[i];
    }
    if (s->fixed.len == 0) {
        GRAFT_TRY(graft_record_one_line(&s->fixed, record));
    } else {
        GRAFT_TRY(graft_text_append_char(&s->fixed, '\n'));
    }
    GRAFT_TRY(graft_writer_write(l->options.fixed, s->fixed.data, s->fixed.len));
    l->result.written++;
done:
    return status;
}

static graft_status take(void *context, graft_record *record)
{
    graft_status status = GRAFT_OK;
    graft_linter *l = context;
    slot *s = &l->slots[record->slot];
    bool duplicate = false;
    if (record->status != GRAFT_OK) {
        return record->status == GRAFT_E_DATA && record->message ? tell_bad_line(l, record)
                                                                 : graft_record_fail(record);
    }
    if (s->status != GRAFT_OK) {
        return graft_fail(s->status, "%s:%zu: cannot be looked at: %s", l->paths[l->n_paths - 1],
                          record->line, graft_status_name(s->status));
    }
    GRAFT_TRY(tell_all(l, &s->findings, record->line, record->element));
    GRAFT_TRY(compare(l, s, record, &duplicate));
    GRAFT_TRY(graft_reserve(&l->measures, &l->measures_capacity, l->n_measures + 1,
                            sizeof *l->measures));
    l->measures[l->n_measures++] = (graft_measure){
        (uint32_t)record->line, (uint32_t)record->element, record->n < UINT32_MAX ? (uint32_t)record->n : UINT32_MAX,
        s->script};
    if (duplicate) {
        l->result.fixed[graft_lints_index(&graft_lint_duplicate)] += l->options.fixed != NULL;
    } else if (l->options.fixed) {
        GRAFT_TRY(write_fixed(l, s, record));
    }
done:
    return status;
}

static graft_status tell_outliers(graft_linter *l)
{
    graft_status status = GRAFT_OK;
    graft_norms norms;
    GRAFT_TRY(graft_norms_take(&norms, l->measures, l->n_measures));
    for (size_t i = 0; i < l->n_measures; i++) {
        graft_findings_clear(&l->late);
        GRAFT_TRY(graft_norms_check(&l->late, &norms, &l->measures[i]));
        GRAFT_TRY(tell_all(l, &l->late, l->measures[i].line, l->measures[i].element));
    }
done:
    return status;
}

static graft_status add_path(graft_linter *l, const char *path)
{
    graft_status status = GRAFT_OK;
    GRAFT_TRY(graft_reserve(&l->paths, &l->paths_capacity, l->n_paths + 1, sizeof *l->paths));
    l->paths[l->n_paths++] = path;
done:
    return status;
}

static graft_status poll(void *context)
{
    const graft_linter *l = context;
    return l->options.poll ? l->options.poll(l->options.context) : GRAFT_OK;
}

graft_status graft_linter_read(graft_linter *l, const graft_source *source)
{
    graft_status status = GRAFT_OK;
    graft_record_visitor visitor = {l, look, take, poll};
    const char *format = NULL;
    GRAFT_TRY(add_path(l, source->path));
    l->n_measures = 0;
    GRAFT_TRY(graft_source_read(source, &visitor, &format));
    l->result.format = format ? format : l->result.format;
    GRAFT_TRY(tell_outliers(l));
done:
    return status;
}

/* --- evaluation data --- */

static void look_known(void *context, graft_record *record, int thread)
{
    graft_linter *l = context;
    slot *s = &l->slots[record->slot];
    if (record->status == GRAFT_OK) {
        s->status = graft_fingerprints(&s->exact, l->options.near > 0 ? &s->signature : NULL,
                                       &l->workers[thread].shingles, &record->conversation);
        graft_conversation_clear(&record->conversation);
    }
}

static graft_status take_known(void *context, graft_record *record)
{
    graft_linter *l = context;
    const slot *s = &l->slots[record->slot];
    if (record->status != GRAFT_OK) {
        return graft_record_fail(record);
    }
    return s->status != GRAFT_OK
               ? graft_fail(s->status, "%s:%zu: cannot be looked at: %s", l->paths[l->n_paths - 1],
                            record->line, graft_status_name(s->status))
               : graft_neighbours_add(l->known, s->exact, &s->signature, tag_of(l, record));
}

graft_status graft_linter_know(graft_linter *l, const graft_source *source)
{
    graft_status status = GRAFT_OK;
    graft_record_visitor visitor = {l, look_known, take_known, poll};
    const char *format;
    GRAFT_TRY(add_path(l, source->path));
    GRAFT_TRY(graft_source_read(source, &visitor, &format));
done:
    return status;
}

graft_status graft_linter_result_take(graft_linter_result *out, const graft_linter *l)
{
    graft_status status = GRAFT_OK;
    graft_counter all;
    graft_counter_init(&all);
    for (size_t i = 0; i < l->n_workers; i++) {
        GRAFT_TRY(graft_counter_merge(&all, &l->workers[i].counter));
    }
    *out = l->result;
    out->counts = all.counts;
    out->bytes_compared = graft_neighbours_bytes(l->seen) + graft_neighbours_bytes(l->known);
done:
    graft_counter_clear(&all);
    return status;
}

const graft_lint graft_lint_bad_line = {
    .name = "bad_line",
    .what = "cannot be read as an example",
    .error = true,
};
