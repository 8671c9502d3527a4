#include "train/journal.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "core/clock.h"
#include "core/log.h"
#include "core/memory.h"
#include "io/files.h"
#include "io/lines.h"

struct graft_journal {
    graft_appender *file;
    bool behind; /* and that was said */
    char *path;
    uint64_t rollbacks;
};

/* How far a run has come. */
typedef struct reached {
    uint64_t step, evaluated, rollbacks;
} reached;

static uint64_t rollbacks_of(const graft_json *record)
{
    return (uint64_t)graft_json_int(graft_json_get(record, "rollbacks"));
}

static uint64_t step_of(const graft_json *record)
{
    return (uint64_t)graft_json_int(graft_json_get(record, "step"));
}

/* Is it of something that was measured between steps, and not of a step? */
static bool is_measured(const char *event)
{
    static const char *const measured[] = {"eval", "replay", "perplexity", "best", "early_stop"};
    for (size_t i = 0; event != NULL && i < sizeof measured / sizeof *measured; i++) {
        if (strcmp(event, measured[i]) == 0) {
            return true;
        }
    }
    return false;
}

/* What becomes of a record when the file is written anew: *keep, and perhaps the record is changed. */
typedef graft_status sift(bool *keep, graft_json *record, const reached *now);

/* Does the record belong to the first `step` steps, or to what was measured up to step `evaluated`, or to
 * what was before the last rollback? */
static graft_status sift_resumed(bool *keep, graft_json *record, const reached *now)
{
    const char *event = graft_json_string(graft_json_get(record, "event"), NULL);
    const char *when = graft_json_string(graft_json_get(record, "when"), NULL);
    uint64_t last = is_measured(event) ? now->evaluated : now->step;
    *keep = rollbacks_of(record) < now->rollbacks ||
            (rollbacks_of(record) == now->rollbacks && step_of(record) <= last);
    *keep = *keep && (when == NULL || strcmp(when, "after") != 0);
    return GRAFT_OK;
}

/* Renames what was undone. */
static graft_status sift_rewound(bool *keep, graft_json *record, const reached *now)
{
    const char *event = graft_json_string(graft_json_get(record, "event"), NULL);
    char name[64];
    bool of_run = event != NULL && (is_measured(event) || strcmp(event, "step") == 0);
    *keep = true;
    if (!of_run || step_of(record) <= now->step) {
        return GRAFT_OK;
    }
    snprintf(name, sizeof name, "%s%s", GRAFT_JOURNAL_UNDONE, event);
    return graft_json_set_string(record, "event", name);
}

/* Appends the line, if it is kept. A torn last one is not. */
static graft_status sift_line(graft_text *out, const char *line, size_t n, sift *judge,
                              const reached *now)
{
    graft_status status = GRAFT_OK;
    graft_json *record = NULL;
    bool keep = false;
    status = graft_json_parse(&record, line, n);
    if (status != GRAFT_OK) {
        status = status == GRAFT_E_DATA ? GRAFT_OK : status; /* without memory nothing is known of it */
        goto done;
    }
    GRAFT_TRY(judge(&keep, record, now));
    if (keep) {
        GRAFT_TRY(graft_json_write(out, record, GRAFT_JSON_COMPACT));
        GRAFT_TRY(graft_text_append_char(out, '\n'));
    }
done:
    graft_json_free(record);
    return status;
}

static graft_status sift_file(const char *path, sift *judge, const reached *now)
{
    graft_status status = GRAFT_OK;
    graft_lines *lines = NULL;
    graft_text kept;
    const char *line = NULL;
    size_t n = 0;
    graft_text_init(&kept);
    if (!graft_path_exists(path)) {
        return GRAFT_OK;
    }
    GRAFT_TRY(graft_lines_open(&lines, path));
    for (;;) {
        GRAFT_TRY(graft_lines_next(lines, &line, &n));
        if (line == NULL) {
            break;
        }
        GRAFT_TRY(sift_line(&kept, line, n, judge, now));
    }
    GRAFT_TRY(graft_file_write(path, graft_text_z(&kept), kept.len));
done:
    graft_lines_close(lines);
    graft_text_clear(&kept);
    return status;
}

graft_status graft_journal_open(graft_journal **out, const char *folder, uint64_t step,
                                uint64_t evaluated, uint64_t rollbacks)
{
    graft_status status = GRAFT_OK;
    graft_journal *journal = NULL;
    reached now = {step, evaluated, rollbacks};
    *out = NULL;
    GRAFT_TRY(graft_alloc(&journal, 1, sizeof *journal));
    journal->rollbacks = rollbacks;
    GRAFT_TRY(graft_path_join(&journal->path, folder, "metrics.jsonl"));
    if (step > 0) {
        GRAFT_TRY(sift_file(journal->path, sift_resumed, &now));
    }
    GRAFT_TRY(graft_appender_open(&journal->file, journal->path, step == 0));
    *out = journal;
    journal = NULL;
done:
    graft_journal_close(journal);
    return status;
}

graft_status graft_journal_rewind(graft_journal *journal, uint64_t step, uint64_t rollbacks)
{
    reached now = {step, step, rollbacks};
    graft_status status = graft_appender_flush(journal->file);
    journal->rollbacks = rollbacks;
    if (status == GRAFT_OK) {
        graft_appender_close(journal->file);
        journal->file = NULL;
        status = sift_file(journal->path, sift_rewound, &now);
    }
    if (status == GRAFT_E_DISK) {
        graft_log(GRAFT_LOG_WARN, "%s; what the rollback undid is not marked", graft_error_message());
        status = GRAFT_OK;
    }
    if (journal->file == NULL && status == GRAFT_OK) {
        status = graft_appender_open(&journal->file, journal->path, false);
    }
    return status;
}

graft_status graft_journal_finish(graft_journal *journal)
{
    if (graft_appender_flush(journal->file) != GRAFT_OK) {
        return graft_fail(GRAFT_E_DISK, "%s (%zu records are missing)", graft_error_message(),
                          graft_appender_missing(journal->file));
    }
    return GRAFT_OK;
}

void graft_journal_close(graft_journal *journal)
{
    if (journal != NULL) {
        graft_appender_close(journal->file);
        graft_free(journal->path);
        graft_free(journal);
    }
}

graft_status graft_journal_sync(graft_journal *journal)
{
    return journal->file == NULL ? GRAFT_OK : graft_appender_sync(journal->file);
}

graft_status graft_journal_record(graft_journal *journal, graft_json *record)
{
    graft_status status = GRAFT_OK;
    graft_text text;
    graft_text_init(&text);
    if (journal->rollbacks > 0) {
        GRAFT_TRY(graft_json_set_int(record, "rollbacks", (int64_t)journal->rollbacks));
    }
    GRAFT_TRY(graft_json_write(&text, record, GRAFT_JSON_COMPACT));
    status = graft_appender_line(journal->file, graft_text_z(&text), text.len);
    if (status == GRAFT_E_DISK) {
        if (!journal->behind) {
            graft_log(GRAFT_LOG_WARN, "%s; the run goes on, and the records are written when that is "
                      "possible again", graft_error_message());
        }
        journal->behind = true;
        status = GRAFT_OK;
    } else if (status == GRAFT_OK && journal->behind) {
        graft_log(GRAFT_LOG_INFO, "metrics.jsonl can be written again");
        journal->behind = false;
    }
done:
    graft_text_clear(&text);
    return status;
}

/* What is known of it. */
static graft_status set_heat(graft_json *o, const graft_step_report *r)
{
    graft_status status = GRAFT_OK;
    if (r->heat.celsius > 0) {
        GRAFT_TRY(graft_json_set_double(o, "celsius", r->heat.celsius));
    }
    if (r->heat.mhz > 0) {
        GRAFT_TRY(graft_json_set_double(o, "mhz", r->heat.mhz));
    }
    if (r->heat.counts_throttling) {
        GRAFT_TRY(graft_json_set_int(o, "throttled", (int64_t)r->heat.throttled));
    }
    if (r->paused_seconds > 0) {
        GRAFT_TRY(graft_json_set_double(o, "paused_seconds", r->paused_seconds));
    }
done:
    return status;
}

graft_status graft_journal_step(graft_journal *journal, const graft_step_report *r)
{
    graft_status status = GRAFT_OK;
    graft_json *o = graft_json_new_object();
    GRAFT_TRY(graft_json_set_string(o, "event", "step"));
    GRAFT_TRY(graft_json_set_int(o, "step", (int64_t)r->step));
    GRAFT_TRY(graft_json_set_double(o, "epoch", r->epoch));
    GRAFT_TRY(graft_json_set_double(o, "loss", r->loss));
    GRAFT_TRY(graft_json_set_double(o, "grad_norm", r->grad_norm));
    GRAFT_TRY(graft_json_set_double(o, "learning_rate", r->learning_rate));
    if (r->factor < 1) {
        GRAFT_TRY(graft_json_set_double(o, "learning_rate_factor", r->factor));
    }
    GRAFT_TRY(graft_json_set_int(o, "tokens", (int64_t)r->tokens));
    GRAFT_TRY(graft_json_set_int(o, "trained_tokens", (int64_t)r->trained_tokens));
    GRAFT_TRY(graft_json_set_int(o, "saved_tokens", (int64_t)r->saved_tokens));
    GRAFT_TRY(graft_json_set_double(o, "seconds", r->seconds));
    GRAFT_TRY(graft_json_set_double(o, "tokens_per_second",
                                    r->seconds > 0 ? (double)r->tokens / r->seconds : 0));
    GRAFT_TRY(graft_json_set_int(o, "rss_bytes", (int64_t)graft_rss_bytes()));
    GRAFT_TRY(set_heat(o, r));
    GRAFT_TRY(graft_journal_record(journal, o));
done:
    graft_json_free(o);
    return status;
}

static graft_status set_place(graft_json *o, const char *event, const graft_journal_place *place)
{
    graft_status status = GRAFT_OK;
    GRAFT_TRY(graft_json_set_string(o, "event", event));
    GRAFT_TRY(graft_json_set_int(o, "step", (int64_t)place->step));
    GRAFT_TRY(graft_json_set_double(o, "epoch", place->epoch));
    GRAFT_TRY(graft_json_set_string(o, "when", place->when));
    if (place->of_step != 0) {
        GRAFT_TRY(graft_json_set_int(o, "of_step", (int64_t)place->of_step));
    }
done:
    return status;
}

graft_status graft_journal_eval(graft_journal *journal, const graft_journal_place *place,
                                graft_json *scores, double loss)
{
    graft_status status = GRAFT_OK;
    graft_json *o = graft_json_new_object();
    GRAFT_TRY(set_place(o, "eval", place));
    GRAFT_TRY(graft_json_set(o, "scores", graft_json_retain(scores)));
    if (isfinite(loss)) {
        GRAFT_TRY(graft_json_set_double(o, "loss_per_token", loss));
    }
    GRAFT_TRY(graft_journal_record(journal, o));
done:
    graft_json_free(o);
    return status;
}

graft_status graft_journal_loss(graft_journal *journal, const graft_journal_place *place,
                                const char *event, double loss, size_t n_tokens,
                                const char *digest)
{
    graft_status status = GRAFT_OK;
    char key[32];
    graft_json *o = graft_json_new_object();
    snprintf(key, sizeof key, "%s_loss", event);
    GRAFT_TRY(set_place(o, event, place));
    GRAFT_TRY(graft_json_set_double(o, key, loss));
    GRAFT_TRY(graft_json_set_double(o, "perplexity", exp(loss)));
    GRAFT_TRY(graft_json_set_int(o, "tokens", (int64_t)n_tokens));
    GRAFT_TRY(graft_json_set_string(o, "text_sha256", digest));
    GRAFT_TRY(graft_journal_record(journal, o));
done:
    graft_json_free(o);
    return status;
}

graft_status graft_journal_best(graft_journal *journal, const graft_journal_place *place,
                                const char *event, const char *metric, uint64_t best_step,
                                double value)
{
    graft_status status = GRAFT_OK;
    graft_json *o = graft_json_new_object();
    GRAFT_TRY(set_place(o, event, place));
    GRAFT_TRY(graft_json_set_string(o, "metric", metric));
    GRAFT_TRY(graft_json_set_int(o, "best_step", (int64_t)best_step));
    GRAFT_TRY(graft_json_set_double(o, "best", value));
    GRAFT_TRY(graft_journal_record(journal, o));
done:
    graft_json_free(o);
    return status;
}

graft_status graft_journal_unexported(graft_journal *journal, const graft_journal_place *place,
                                      const char *artefact, const char *message)
{
    graft_status status = GRAFT_OK;
    graft_json *o = graft_json_new_object();
    GRAFT_TRY(set_place(o, "unexported", place));
    GRAFT_TRY(graft_json_set_string(o, "artefact", artefact));
    GRAFT_TRY(graft_json_set_string(o, "message", message));
    GRAFT_TRY(graft_journal_record(journal, o));
done:
    graft_json_free(o);
    return status;
}

static graft_status set_moment(graft_json *o, const char *key, double moment)
{
    char text[32];
    graft_clock_iso8601_of(text, moment);
    return graft_json_set_string(o, key, text);
}

graft_status graft_journal_plan(graft_journal *journal, const graft_journal_place *place,
                                const graft_journal_pace *pace)
{
    graft_status status = GRAFT_OK;
    graft_json *o = graft_json_new_object();
    GRAFT_TRY(set_place(o, "plan", place));
    GRAFT_TRY(graft_json_set_int(o, "steps", (int64_t)pace->steps));
    GRAFT_TRY(graft_json_set_int(o, "of_steps", (int64_t)pace->of));
    GRAFT_TRY(graft_json_set_double(o, "tokens_per_second", pace->tokens_per_second));
    GRAFT_TRY(graft_json_set_double(o, "evaluation_seconds", pace->evaluation_seconds));
    GRAFT_TRY(graft_json_set_double(o, "seconds_left", pace->seconds_left));
    GRAFT_TRY(set_moment(o, "finishes_at", pace->finishes_at));
    GRAFT_TRY(graft_journal_record(journal, o));
done:
    graft_json_free(o);
    return status;
}
