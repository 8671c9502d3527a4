/* forgetting.c - the loss on examples that are not trained: what is held back of replay, and general text. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "core/log.h"
#include "core/memory.h"
#include "io/lines.h"
#include "run/training.h"

typedef struct held_kind {
    const char *event; /* in the journal; EVENT_loss is the loss there */
    const char *said;  /* "LABEL: loss 1.2345 on ..." */
    const char *path;  /* the data, for messages */
} held_kind;

enum { N_HELD = 2 };

static graft_held *held_at(graft_training *t, int i, held_kind *kind)
{
    static const held_kind kinds[] = {{"replay", "what is held back", ""},
                                      {"perplexity", "general text", ""}};
    const graft_config_sources *sources = i == 0 ? &t->config->replay
                                                 : &t->config->perplexity_dataset;
    *kind = kinds[i];
    kind->path = sources->n > 0 ? sources->items[0].path : "";
    return i == 0 ? &t->replay : &t->general;
}

graft_status graft_training_measure_held(graft_training *t, const graft_journal_place *place)
{
    graft_status status = GRAFT_OK;
    for (int i = 0; i < N_HELD; i++) {
        held_kind kind;
        graft_held *held = held_at(t, i, &kind);
        if (held->corpus.n_samples == 0) {
            continue;
        }
        if (!(held->last > 0 && held->last_step == place->step && place->of_step == 0)) {
            GRAFT_TRY(graft_hooks_check(t->hooks));
            GRAFT_TRY(graft_general_loss(&held->last, &held->n_tokens, &t->session,
                                         &held->corpus, kind.path));
            held->last_step = place->step;
            graft_log(GRAFT_LOG_INFO, "%s: loss %.4f on %s (%s), perplexity %.3f", kind.event,
                      held->last, kind.said, place->when, exp(held->last));
        }
        GRAFT_TRY(graft_journal_loss(t->journal, place, kind.event, held->last, held->n_tokens,
                                     held->digest));
    }
done:
    return status;
}

/* Is the line the record of step 0? Then *held is told what it says, if it is of the same text. */
static bool is_first(const char *line, size_t n, const char *key, graft_held *held)
{
    graft_json *record = NULL;
    bool found = graft_json_parse(&record, line, n) == GRAFT_OK && graft_json_has(record, key) &&
                 graft_json_int(graft_json_get(record, "step")) == 0;
    const char *digest = graft_json_string(graft_json_get(record, "text_sha256"), NULL);
    if (found && digest != NULL && strcmp(digest, held->digest) == 0) {
        held->before = graft_json_double(graft_json_get(record, key));
        held->n_tokens = (size_t)graft_json_int(graft_json_get(record, "tokens"));
    }
    graft_json_free(record);
    return found;
}

/* Reads what an earlier process of this run measured before the first step, if it did on that text. */
static graft_status read_first(graft_training *t, const char *event, graft_held *held)
{
    graft_status status = GRAFT_OK;
    graft_lines *lines = NULL;
    char *path = NULL, key[32];
    const char *line = NULL;
    size_t n = 0;
    snprintf(key, sizeof key, "%s_loss", event);
    GRAFT_TRY(graft_path_join(&path, t->config->output_dir, "metrics.jsonl"));
    GRAFT_TRY(graft_lines_open(&lines, path));
    do {
        GRAFT_TRY(graft_lines_next(lines, &line, &n));
    } while (line != NULL && !is_first(line, n, key, held));
done:
    graft_lines_close(lines);
    graft_free(path);
    return status;
}

/* In a run that continues. */
static graft_status recall_first(graft_training *t, const held_kind *kind, graft_held *held)
{
    graft_status status = GRAFT_OK;
    GRAFT_TRY(read_first(t, kind->event, held));
    if (!(held->before > 0)) {
        graft_log(GRAFT_LOG_WARN, "%s: %s is not what was measured before the first step (%s): the loss "
                  "there was then is not known", kind->event, kind->said, kind->path);
    }
done:
    return status;
}

graft_status graft_training_begin_held(graft_training *t)
{
    graft_status status = GRAFT_OK;
    graft_journal_place place = {.when = "before"};
    graft_corpus_hash(&t->replay.corpus, t->replay.digest);
    graft_corpus_hash(&t->general.corpus, t->general.digest);
    if (t->trainer.step == 0) {
        GRAFT_TRY(graft_training_measure_held(t, &place));
    }
    for (int i = 0; i < N_HELD; i++) {
        held_kind kind;
        graft_held *held = held_at(t, i, &kind);
        if (held->corpus.n_samples > 0 && t->trainer.step > 0) {
            GRAFT_TRY(recall_first(t, &kind, held));
        } else {
            held->before = held->last;
        }
    }
done:
    return status;
}

static bool is_known(const graft_held *held)
{
    return held->before > 0 && held->after > 0;
}

graft_status graft_training_format_held(const graft_training *t, graft_text *out)
{
    graft_status status = GRAFT_OK;
    if (is_known(&t->replay)) {
        GRAFT_TRY(graft_text_appendf(out, "Loss on %zu held-back examples of replay: %.4f before, "
                                     "%.4f after.\n", t->replay.corpus.dataset.n, t->replay.before,
                                     t->replay.after));
    }
    bool in_table = t->before.n > 0 && t->after.n > 0; /* it stands there */
    if (is_known(&t->general) && !in_table) {
        GRAFT_TRY(graft_text_appendf(out, "Perplexity of general text (%zu tokens): %.3f before, "
                                     "%.3f after.\n", t->general.n_tokens, exp(t->general.before),
                                     exp(t->general.after)));
    }
done:
    return status;
}

graft_status graft_training_set_held(const graft_training *t, graft_json *o)
{
    graft_status status = GRAFT_OK;
    if (is_known(&t->replay)) {
        GRAFT_TRY(graft_json_set_double(o, "replay_loss_before", t->replay.before));
    }
    if (t->replay.after > 0) {
        GRAFT_TRY(graft_json_set_double(o, "replay_loss_after", t->replay.after));
    }
    if (is_known(&t->general)) {
        GRAFT_TRY(graft_json_set_double(o, "perplexity_before", exp(t->general.before)));
    }
    if (t->general.after > 0) {
        GRAFT_TRY(graft_json_set_double(o, "perplexity_after", exp(t->general.after)));
    }
done:
    return status;
}
