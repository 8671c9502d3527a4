/* What a training job says at its end. */
#include <string.h>

#include "core/clock.h"
#include "core/memory.h"
#include "export/export.h"
#include "run/training.h"

static bool has_bfcl(const graft_config_sources *sources)
{
    for (size_t i = 0; i < sources->n; i++) {
        const char *format = sources->items[i].format;
        if (sources->items[i].answers != NULL ||
            (format != NULL && strcmp(format, "bfcl") == 0)) {
            return true;
        }
    }
    return false;
}

static graft_status append_files(const graft_training *t, graft_text *out)
{
    graft_status status = GRAFT_OK;
    const graft_config *c = t->config;
    GRAFT_TRY(graft_text_appendf(out, "\nIn %s:\n", c->output_dir));
    for (size_t i = 0; i < c->export.n; i++) {
        const graft_exporter *exporter;
        const char *type;
        GRAFT_TRY(graft_exporter_of_item(&exporter, &type, c->export.items[i]));
        bool missing = graft_json_has(t->unexported, c->export.items[i]);
        GRAFT_TRY(graft_text_appendf(out, "  %-26s %s\n", exporter->writes,
                                     missing ? "NOT WRITTEN (see below)" : exporter->help));
    }
    GRAFT_TRY(graft_text_append_z(
        out, "  chat_template.jinja        the template it was trained with\n"
             "  report.html                curves and scores\n"));
    if (t->after.n > 0) {
        GRAFT_TRY(graft_text_appendf(out, "  %-26s every item's verdict\n",
                                     t->scores_between ? "eval-*.json"
                                     : t->before.n > 0 ? "eval-before, -after.json"
                                                       : "eval-after.json"));
    }
    GRAFT_TRY(graft_text_append_z(
        out, "  metrics.jsonl, run.log     loss and speed of every step; what was said\n"
             "  config.yaml                the settings: feeding them back repeats the run\n"));
done:
    return status;
}

static graft_status append_serving(const graft_training *t, graft_text *out)
{
    graft_status status = GRAFT_OK;
    const char *folder = t->config->output_dir;
    for (size_t i = 0; i < t->config->export.n; i++) {
        if (strcmp(t->config->export.items[i], "adapter") == 0 &&
            !graft_json_has(t->unexported, "adapter")) {
            GRAFT_TRY(graft_text_append_z(out, "\nServe it with llama.cpp:\n  llama-server -m "));
            GRAFT_TRY(graft_text_append_word(out, t->base_path));
            GRAFT_TRY(graft_text_append_z(out, " --lora "));
            GRAFT_TRY(graft_text_append_word(out, folder));
            GRAFT_TRY(graft_text_append_z(out, "/adapter.gguf --jinja --chat-template-file "));
            GRAFT_TRY(graft_text_append_word(out, folder));
            GRAFT_TRY(graft_text_append_z(out, "/chat_template.jinja\n"));
        }
    }
    if (t->config->use_dora) {
        GRAFT_TRY(graft_text_append_z(out, "\nA DoRA is served merged into its base:\n  graft export --base "));
        GRAFT_TRY(graft_text_append_word(out, t->base_path));
        GRAFT_TRY(graft_text_append_z(out, " --adapter "));
        GRAFT_TRY(graft_text_append_word(out, folder));
        GRAFT_TRY(graft_text_append_z(out, " --to gguf --out merged.gguf\n"));
    }
    if (has_bfcl(&t->config->dataset) || has_bfcl(&t->config->replay)) {
        GRAFT_TRY(graft_text_append_z(
            out, "\nTrained on questions of the Berkeley Function Calling Leaderboard: a score of "
                 "this\nmodel there would mean nothing. Do not publish one.\n"));
    }
done:
    return status;
}

/* Fewer steps than asked for, if that was for the time there was. */
static graft_status append_pace(const graft_training *t, graft_text *out)
{
    return t->trainer.pace.planned && t->trainer.n_steps < t->trainer.n_asked
               ? graft_text_appendf(out, "There was time for %llu of %llu steps (finish_by, max_hours).\n",
                                    (unsigned long long)t->trainer.n_steps,
                                    (unsigned long long)t->trainer.n_asked)
               : GRAFT_OK;
}

static graft_status summary_text(const graft_training *t, graft_text *out)
{
    graft_status status = GRAFT_OK;
    uint64_t n = t->trainer.step - t->begin_step;
    GRAFT_TRY(graft_text_appendf(out, "Trained %llu steps on %zu examples",
                                 (unsigned long long)t->trainer.step, t->n_examples));
    if (n > 0) {
        GRAFT_TRY(graft_text_appendf(out, ", the last one with loss %.4f, in %.0f s", t->last_loss,
                                     t->seconds));
    }
    if (t->tokens > 0 && t->config->prefix_sharing) {
        GRAFT_TRY(graft_text_append_z(out, "; "));
        GRAFT_TRY(graft_training_format_saved(t, out));
    }
    GRAFT_TRY(graft_text_appendf(out, "; at most %zu MiB of memory.\n",
                                 graft_rss_peak_bytes() >> 20));
    GRAFT_TRY(append_pace(t, out));
    GRAFT_TRY(graft_training_format_rest(t, out));
    GRAFT_TRY(graft_training_format_watch(t, out));
    GRAFT_TRY(graft_training_format_best(t, out));
    GRAFT_TRY(graft_training_format_held(t, out));
    if (t->before.n > 0 && t->after.n > 0) {
        GRAFT_TRY(graft_text_append_char(out, '\n'));
        GRAFT_TRY(graft_eval_report_compare(out, &t->before, &t->after));
    } else if (t->before.n > 0 || t->after.n > 0) {
        GRAFT_TRY(graft_text_append_char(out, '\n'));
        GRAFT_TRY(graft_eval_report_table(out, t->after.n > 0 ? &t->after : &t->before));
    }
    GRAFT_TRY(append_files(t, out));
    GRAFT_TRY(append_serving(t, out));
done:
    return status;
}

/* The report without its items, which lie in the eval files. */
static graft_status set_scores(graft_json *o, const char *key, const graft_eval_report *report)
{
    graft_status status = GRAFT_OK;
    graft_json *json = NULL, *scores = NULL;
    if (report->n == 0) {
        return GRAFT_OK;
    }
    GRAFT_TRY(graft_eval_report_json(&json, report));
    scores = graft_json_new_object();
    for (graft_json_iter it = graft_json_iter_begin(json); graft_json_iter_next(&it);) {
        if (strcmp(it.key, "items") != 0) {
            GRAFT_TRY(graft_json_set(scores, it.key, graft_json_retain(it.value)));
        }
    }
    GRAFT_TRY(graft_json_set(o, key, graft_json_retain(scores)));
done:
    graft_json_free(json);
    graft_json_free(scores);
    return status;
}

static graft_status summary_json(const graft_training *t, graft_text *out)
{
    graft_status status = GRAFT_OK;
    bool stepped = t->trainer.step > t->begin_step; /* else there is no loss and no time of one */
    graft_json *o = graft_json_new_object();
    GRAFT_TRY(graft_json_set_string(o, "output_dir", t->config->output_dir));
    GRAFT_TRY(graft_json_set_int(o, "steps", (int64_t)t->trainer.step));
    GRAFT_TRY(graft_json_set_int(o, "examples", (int64_t)t->n_examples));
    GRAFT_TRY(stepped ? graft_json_set_double(o, "loss", t->last_loss)
                      : graft_json_set(o, "loss", NULL));
    GRAFT_TRY(stepped ? graft_json_set_double(o, "seconds", t->seconds)
                      : graft_json_set(o, "seconds", NULL));
    GRAFT_TRY(graft_json_set_int(o, "tokens", (int64_t)t->tokens));
    GRAFT_TRY(graft_json_set_int(o, "saved_tokens", (int64_t)t->saved_tokens));
    GRAFT_TRY(graft_json_set_int(o, "of_steps", (int64_t)t->trainer.n_asked));
    GRAFT_TRY(graft_json_set_double(o, "rested_seconds", t->warmth.rested));
    GRAFT_TRY(graft_json_set_int(o, "peak_rss_bytes", (int64_t)graft_rss_peak_bytes()));
    GRAFT_TRY(graft_training_set_watch(t, o));
    GRAFT_TRY(graft_training_set_held(t, o));
    GRAFT_TRY(graft_training_set_best(t, o));
    if (t->unexported != NULL) {
        GRAFT_TRY(graft_json_set(o, "unexported", graft_json_retain(t->unexported)));
    }
    GRAFT_TRY(set_scores(o, "before", &t->before));
    GRAFT_TRY(set_scores(o, "after", &t->after));
    GRAFT_TRY(graft_json_write(out, o, GRAFT_JSON_COMPACT));
    GRAFT_TRY(graft_text_append_char(out, '\n'));
done:
    graft_json_free(o);
    return status;
}

graft_status graft_training_summary(graft_training *t, bool json, graft_text *out)
{
    return json ? summary_json(t, out) : summary_text(t, out);
}
