#include "run/corpus.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "core/interrupt.h"
#include "core/log.h"
#include "core/memory.h"
#include "core/sha256.h"
#include "data/fit.h"

void graft_corpus__reset(graft_corpus *corpus)
{
    for (size_t i = 0; i < corpus->n_samples; i++) {
        graft_example_clear(&corpus->samples[i]);
    }
    graft_free(corpus->samples);
    graft_free(corpus->units);
    graft_free(corpus->lengths);
    *corpus = (graft_corpus){.dataset = corpus->dataset, .weighting = corpus->weighting};
}

void graft_corpus_clear(graft_corpus *corpus)
{
    graft_corpus__reset(corpus);
    graft_dataset_clear(&corpus->dataset);
    memset(corpus, 0, sizeof *corpus);
}

/* Numbers of examples per power of two of tokens, longest last. */
typedef struct length_table {
    size_t counts[32];
    size_t n_long, longest;
} length_table;

static void count_length(length_table *table, size_t n, size_t limit)
{
    size_t bin = 0;
    while (bin < 31 && ((size_t)1 << bin) < n) {
        bin++;
    }
    table->counts[bin]++;
    table->n_long += n > limit;
    table->longest = n > table->longest ? n : table->longest;
}

static graft_status fail_length(const length_table *table, size_t limit, const char *where)
{
    graft_status status = GRAFT_OK;
    graft_text text;
    graft_text_init(&text);
    for (size_t bin = 0; bin < 32; bin++) {
        if (table->counts[bin] > 0) {
            GRAFT_TRY(graft_text_appendf(&text, "%s%zu up to %zu", text.len > 0 ? ", " : "",
                                         table->counts[bin], (size_t)1 << bin));
        }
    }
    graft_log(GRAFT_LOG_WARN, "examples by tokens: %s", graft_text_z(&text));
    status = graft_fail(GRAFT_E_DATA,
                        "%zu examples are longer than %zu tokens (the longest has %zu, the first "
                        "is %s): raise max_seq_length, leave them out with truncation: drop, or "
                        "cut them between turns with truncation: turns",
                        table->n_long, limit, table->longest, where);
done:
    graft_text_clear(&text);
    return status;
}

/* Builds the samples of conversation `index`, or of its windows. */
static graft_status add_samples(graft_corpus *corpus, const graft_session *session, size_t index,
                                bool in_windows)
{
    graft_status status = GRAFT_OK;
    graft_example *samples = NULL;
    size_t n = 0;
    const graft_conversation *conversation = &corpus->dataset.conversations[index];
    status = in_windows
                 ? graft_examples_truncate(&samples, &n, &corpus->truncation, session->chat,
                                           session->tokenizer, conversation, (uint32_t)index,
                                           &corpus->weighting)
                 : graft_examples_build(&samples, &n, session->chat, session->tokenizer,
                                        conversation, (uint32_t)index, &corpus->weighting);
    if (status != GRAFT_OK) {
        return status;
    }
    GRAFT_TRY(graft_reserve(&corpus->samples, &corpus->samples_capacity, corpus->n_samples + n,
                            sizeof *corpus->samples));
    if (n) { /* no window fits: there is no array */
        memcpy(corpus->samples + corpus->n_samples, samples, n * sizeof *samples);
    }
    corpus->n_samples += n;
    corpus->units[index].n_samples = n;
    n = 0;
done:
    for (size_t i = 0; i < n; i++) {
        graft_example_clear(&samples[i]);
    }
    graft_free(samples);
    return status;
}

/* --- examples that do not fit the template --- */

static graft_status note_unfit(graft_corpus *corpus, size_t index, bool refused, const char *why)
{
    graft_status status = GRAFT_OK;
    const graft_conversation *c = &corpus->dataset.conversations[index];
    graft_text text;
    graft_text_init(&text);
    size_t *n = refused ? &corpus->n_refused : &corpus->n_lost;
    ++*n;
    if (*n == 1 && (refused || corpus->n_refused == 0)) {
        GRAFT_TRY(graft_text_appendf(&text, "%s:%zu: ", c->file, c->line));
        GRAFT_TRY(graft_text_append_escaped(&text, why, strlen(why), false));
        snprintf(corpus->first_unfit, sizeof corpus->first_unfit, "%s", graft_text_z(&text));
    }
done:
    graft_text_clear(&text);
    return status;
}

/* Notes a conversation that does not fit. *left_out: it is not to be built. */
static graft_status check_fit(graft_corpus *corpus, const graft_session *session, size_t index,
                              bool prompts, bool *left_out)
{
    graft_status status = GRAFT_OK;
    graft_fit fit;
    graft_text why;
    graft_text_init(&why);
    GRAFT_TRY(graft_fit_find(&fit, &why, session->chat, &corpus->dataset.conversations[index],
                             prompts));
    *left_out = fit == GRAFT_FIT_REFUSED || (fit == GRAFT_FIT_LOSES &&
                                             session->config->template_loss !=
                                                 GRAFT_TEMPLATE_LOSS_ACCEPT);
    if (fit != GRAFT_FIT_WHOLE) {
        GRAFT_TRY(note_unfit(corpus, index, fit == GRAFT_FIT_REFUSED, graft_text_z(&why)));
    }
done:
    graft_text_clear(&why);
    return status;
}

/* A conversation whose building failed with GRAFT_E_DATA: its prompts are refused, or the template
 * changes what stands before a reply. n_lost: how many others are shown in part. */
static graft_status note_refused(graft_corpus *corpus, const graft_session *session, size_t index,
                                 size_t n_lost)
{
    graft_status status = GRAFT_OK;
    bool left_out;
    size_t n_refused = corpus->n_refused;
    graft_text why;
    graft_text_init(&why);
    GRAFT_TRY(graft_text_append_z(&why, graft_error_message()));
    GRAFT_TRY(check_fit(corpus, session, index, true, &left_out));
    corpus->n_lost = n_lost; /* it counts as refused */
    if (corpus->n_refused == n_refused) {
        GRAFT_TRY(note_unfit(corpus, index, true, graft_text_z(&why)));
    }
done:
    graft_text_clear(&why);
    return status;
}

static graft_status fail_unfit(const graft_corpus *corpus)
{
    return graft_fail(GRAFT_E_DATA, "%zu of %zu examples do not fit the chat template: it refuses "
                      "%zu and shows %zu only in part (graft data check names all); the first is %s",
                      corpus->n_refused + corpus->n_lost, corpus->dataset.n, corpus->n_refused,
                      corpus->n_lost, corpus->first_unfit);
}

bool graft_corpus_leaves_out(const graft_corpus *corpus, size_t i)
{
    return i < corpus->n_lengths && corpus->lengths[i] == 0;
}

/* Without weights their turns are not evaluated. */
static void settle_unfit(graft_corpus *corpus)
{
    size_t n = 0;
    for (size_t i = 0; i < corpus->dataset.n; i++) {
        const graft_conversation *conversation = &corpus->dataset.conversations[i];
        for (size_t k = 0; graft_corpus_leaves_out(corpus, i) && k < conversation->n_turns; k++) {
            conversation->turns[k].weight = 0;
        }
        n += graft_corpus_leaves_out(corpus, i);
    }
    if (corpus->n_refused + corpus->n_lost > 0) {
        graft_log(GRAFT_LOG_WARN, "the chat template refuses %zu examples and shows %zu only in "
                  "part: %zu are left out, %zu trained as they are shown%s%s", corpus->n_refused,
                  corpus->n_lost, n, corpus->n_refused + corpus->n_lost - n,
                  corpus->first_unfit[0] != '\0' ? "; the first is " : "", corpus->first_unfit);
    }
}

/* --- lengths --- */

/* Takes the samples of unit `index` away again. */
static void drop_last(graft_corpus *corpus, size_t index)
{
    for (size_t k = 0; k < corpus->units[index].n_samples; k++) {
        graft_example_clear(&corpus->samples[--corpus->n_samples]);
    }
    corpus->units[index].n_samples = 0;
}

/* Does with a conversation that is too long what `truncation` says. */
static graft_status shorten(graft_corpus *corpus, const graft_session *session, size_t index)
{
    graft_status status = GRAFT_OK;
    drop_last(corpus, index);
    if (session->config->truncation == GRAFT_TRUNCATION_TURNS) {
        GRAFT_TRY(add_samples(corpus, session, index, true));
    }
done:
    return status;
}

/* Counts what became of the conversations that were too long. Without weights their turns are not
 * evaluated. */
static void settle_shortened(graft_corpus *corpus)
{
    for (size_t i = 0; i < corpus->dataset.n; i++) {
        const graft_conversation *conversation = &corpus->dataset.conversations[i];
        if (corpus->lengths[i] > corpus->limit) {
            corpus->n_cut += corpus->units[i].n_samples > 0;
            corpus->n_dropped += corpus->units[i].n_samples == 0;
            for (size_t k = 0; k < conversation->n_turns; k++) {
                conversation->turns[k].weight = 0;
            }
        }
    }
}

static void log_shortened(const graft_corpus *corpus)
{
    if (corpus->n_cut > 0) {
        graft_log(GRAFT_LOG_WARN, "cut %zu examples longer than %zu tokens between turns into %zu "
                  "windows, which keep system messages, tools and the latest turns",
                  corpus->n_cut, corpus->limit, corpus->truncation.n_windows);
    }
    if (corpus->truncation.n_lost > 0) {
        graft_log(GRAFT_LOG_WARN, "left out %zu trained turns that do not fit into %zu tokens "
                  "even alone", corpus->truncation.n_lost, corpus->limit);
    }
    if (corpus->n_dropped > 0) {
        graft_log(GRAFT_LOG_WARN, "left out %zu examples longer than %zu tokens",
                  corpus->n_dropped, corpus->limit);
    }
}

/* Units without samples go; the samples have their final place. */
static void place_samples(graft_corpus *corpus)
{
    size_t at = 0, kept = 0, n_several = 0, n_samples = 0;
    for (size_t i = 0; i < corpus->dataset.n; i++) {
        graft_unit unit = {corpus->n_samples > 0 ? corpus->samples + at : NULL,
                           corpus->units[i].n_samples, corpus->dataset.conversations[i].source};
        at += unit.n_samples;
        if (unit.n_samples > 1 && corpus->lengths[i] <= corpus->limit) {
            n_several++;
            n_samples += unit.n_samples;
        }
        if (unit.n_samples > 0) {
            corpus->units[kept++] = unit;
        }
    }
    corpus->n_units = kept;
    if (n_several > 0) {
        graft_log(GRAFT_LOG_INFO, "the template changes earlier turns: %zu examples become %zu "
                  "samples, one per trained turn where needed", n_several, n_samples);
    }
}

graft_status graft_corpus_weigh(graft_corpus *corpus, const graft_session *session, bool trained)
{
    return graft_session_weigh(&corpus->weighting, &corpus->dataset, session->config, trained);
}

size_t graft_corpus_longest(const graft_corpus *corpus)
{
    size_t longest = 0;
    for (size_t i = 0; i < corpus->n_samples; i++) {
        longest = corpus->samples[i].n > longest ? corpus->samples[i].n : longest;
    }
    return longest;
}

size_t graft_corpus__limit(const graft_session *session)
{
    size_t set = (size_t)session->config->max_seq_length;
    return set == 0 ? session->model->hparams.n_ctx : set;
}

void graft_corpus__finish(graft_corpus *corpus)
{
    settle_unfit(corpus);
    settle_shortened(corpus);
    log_shortened(corpus);
    place_samples(corpus);
}

/* Builds conversation `index`; *length = tokens of its longest sample, 0: it does not fit the
 * template. */
static graft_status build_one(graft_corpus *corpus, const graft_session *session, size_t index,
                              size_t *length)
{
    graft_status status = GRAFT_OK;
    size_t before = corpus->n_samples, n_lost = corpus->n_lost;
    bool left_out, refuses = session->config->template_loss == GRAFT_TEMPLATE_LOSS_ERROR;
    *length = 0;
    GRAFT_TRY(check_fit(corpus, session, index, false, &left_out));
    if (left_out || (refuses && corpus->n_refused + corpus->n_lost > 0)) {
        goto done; /* once one does not fit, the others are only looked at */
    }
    status = add_samples(corpus, session, index, false);
    for (size_t k = before; k < corpus->n_samples; k++) {
        *length = corpus->samples[k].n > *length ? corpus->samples[k].n : *length;
    }
    if (status == GRAFT_OK && *length > corpus->limit) {
        status = shorten(corpus, session, index);
    }
    if (status == GRAFT_E_DATA) {
        *length = 0;
        status = note_refused(corpus, session, index, n_lost);
    }
done:
    return status == GRAFT_OK ? status
                              : graft_fail_prefix("%s:%zu",
                                                  corpus->dataset.conversations[index].file,
                                                  corpus->dataset.conversations[index].line);
}

graft_status graft_corpus_build(graft_corpus *corpus, const graft_session *session)
{
    graft_status status = GRAFT_OK;
    size_t n = corpus->dataset.n, limit = graft_corpus__limit(session);
    length_table table = {{0}, 0, 0};
    char where[512] = "";
    corpus->limit = corpus->truncation.limit = limit;
    GRAFT_TRY(graft_alloc(&corpus->units, n, sizeof *corpus->units));
    GRAFT_TRY(graft_alloc(&corpus->lengths, n, sizeof *corpus->lengths));
    for (size_t i = 0; i < n; i++) {
        const graft_conversation *conversation = &corpus->dataset.conversations[i];
        size_t length;
        GRAFT_TRY(graft_interrupt_check());
        GRAFT_TRY(build_one(corpus, session, i, &length));
        corpus->lengths[corpus->n_lengths++] = (uint32_t)length;
        if (length > 0) {
            count_length(&table, length, limit);
        }
        if (length > limit && table.n_long == 1) {
            snprintf(where, sizeof where, "%s:%zu", conversation->file, conversation->line);
        }
    }
    if (corpus->n_refused + corpus->n_lost > 0 &&
        session->config->template_loss == GRAFT_TEMPLATE_LOSS_ERROR) {
        corpus->n_lengths = 0; /* not all are known */
        status = fail_unfit(corpus);
        goto done;
    }
    if (table.n_long > 0 && session->config->truncation == GRAFT_TRUNCATION_ERROR) {
        status = fail_length(&table, limit, where);
        goto done;
    }
    graft_corpus__finish(corpus);
done:
    return status;
}

static bool is_trained(const graft_unit *unit)
{
    for (size_t i = 0; i < unit->n_samples; i++) {
        for (uint32_t k = 1; k < unit->samples[i].n; k++) {
            if (fabsf(unit->samples[i].weights[k]) > 0) {
                return true;
            }
        }
    }
    return false;
}

void graft_corpus_drop_untrained(graft_corpus *corpus)
{
    size_t kept = 0, n = corpus->n_units;
    for (size_t i = 0; i < n; i++) {
        if (is_trained(&corpus->units[i])) {
            corpus->units[kept++] = corpus->units[i];
        }
    }
    corpus->n_units = kept;
    if (kept < n) {
        graft_log(GRAFT_LOG_WARN, "left out %zu of %zu examples in which nothing is trained",
                  n - kept, n);
    }
}

graft_status graft_corpus_show_shares(const graft_corpus *corpus, const char *what)
{
    graft_status status = GRAFT_OK;
    graft_token_shares shares = {0};
    graft_text line;
    graft_text_init(&line);
    graft_token_shares_add(&shares, corpus->samples, corpus->n_samples);
    GRAFT_TRY(graft_token_shares_format(&line, &shares));
    graft_log(GRAFT_LOG_INFO, "%s: %zu examples; %s", what, corpus->n_units, graft_text_z(&line));
    status = graft_token_shares_check(&shares);
done:
    graft_text_clear(&line);
    return status;
}

void graft_corpus_hash(const graft_corpus *corpus, char out[65])
{
    graft_sha256 hash;
    uint8_t digest[32];
    graft_sha256_init(&hash);
    for (size_t i = 0; i < corpus->n_samples; i++) {
        const graft_example *e = &corpus->samples[i];
        graft_sha256_update(&hash, &e->n, sizeof e->n);
        graft_sha256_update(&hash, e->ids, e->n * sizeof *e->ids);
        graft_sha256_update(&hash, e->weights, e->n * sizeof *e->weights);
    }
    graft_sha256_final(&hash, digest);
    graft_sha256_hex(digest, out);
}
