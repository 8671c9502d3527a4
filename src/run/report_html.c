#include "run/report_html.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "core/memory.h"
#include "eval/report.h"
#include "io/files.h"
#include "run/chart.h"
#include "run/html.h"
#include "run/watch_html.h"

/* Reads a file of the folder; absent gives empty text. */
static graft_status read_part(graft_text *out, const char *folder, const char *name)
{
    graft_status status = GRAFT_OK;
    char *path = NULL;
    GRAFT_TRY(graft_path_join(&path, folder, name));
    if (graft_path_exists(path)) {
        GRAFT_TRY(graft_file_read(out, path, GRAFT_EVAL_FILE_BYTES));
    }
done:
    graft_free(path);
    return status;
}

static graft_status read_json(graft_json **out, const char *folder, const char *name)
{
    graft_status status = GRAFT_OK;
    graft_text text;
    graft_text_init(&text);
    *out = NULL;
    GRAFT_TRY(read_part(&text, folder, name));
    if (text.len > 0 && graft_json_parse(out, text.data, text.len) != GRAFT_OK) {
        status = graft_fail_prefix("%s/%s", folder, name);
    }
done:
    graft_text_clear(&text);
    return status;
}

static graft_status append_chart(graft_text *out, const char *folder, const char *key,
                                 const char *title)
{
    graft_status status = GRAFT_OK;
    graft_series series = {0};
    GRAFT_TRY(graft_series_read(&series, folder, graft_series_named, key));
    GRAFT_TRY(graft_chart_append(out, title, &series, 1, NULL));
done:
    graft_series_clear(&series);
    return status;
}

/* --- scores --- */

/* The share in percent of the score that the context names. */
static bool pick_share(double *value, const graft_json *record, const void *context)
{
    const graft_json *score = graft_json_get(graft_json_get(record, "scores"), context);
    int64_t of = graft_json_int(graft_json_get(score, "of"));
    if (of > 0) {
        *value = 100 * (double)graft_json_int(graft_json_get(score, "hits")) / (double)of;
    }
    return of > 0 && !graft_json_has(record, "of_step");
}

static graft_status append_best(graft_text *out, const char *folder)
{
    graft_status status = GRAFT_OK;
    graft_series best = {0};
    GRAFT_TRY(graft_series_read(&best, folder, graft_series_named, "best_step"));
    if (best.n > 0) {
        GRAFT_TRY(graft_text_appendf(out, "<p>The best adapter is that of step %.0f.</p>\n",
                                     best.values[best.n - 1]));
    }
done:
    graft_series_clear(&best);
    return status;
}

/* The curves of the scores, unless there are only those before and after. */
static graft_status append_score_curves(graft_text *out, const char *folder)
{
    graft_status status = GRAFT_OK;
    graft_series lines[GRAFT_METRICS_MAX] = {{0}};
    const char *names[GRAFT_METRICS_MAX];
    bool between = false;
    for (size_t i = 0; i < graft_n_metrics; i++) {
        names[i] = graft_metrics[i]->name;
        GRAFT_TRY(graft_series_read(&lines[i], folder, pick_share, names[i]));
        between = between || lines[i].n > 2;
    }
    if (between) {
        GRAFT_TRY(graft_chart_append(out, "Scores in percent", lines, graft_n_metrics, names));
        GRAFT_TRY(append_chart(out, folder, "loss_per_token", "Loss on held-back examples"));
        GRAFT_TRY(append_best(out, folder));
    }
done:
    for (size_t i = 0; i < graft_n_metrics; i++) {
        graft_series_clear(&lines[i]);
    }
    return status;
}

static graft_status append_score(graft_text *out, const graft_json *score)
{
    if (!graft_json_is(score, GRAFT_JSON_OBJECT)) {
        return graft_text_append_z(out, "<td>-</td>");
    }
    return graft_text_appendf(out, "<td>%lld/%lld <span class=\"note\">%.0f-%.0f %%</span></td>",
                              (long long)graft_json_int(graft_json_get(score, "hits")),
                              (long long)graft_json_int(graft_json_get(score, "of")),
                              100 * graft_json_double(graft_json_get(score, "low")),
                              100 * graft_json_double(graft_json_get(score, "high")));
}

static graft_status append_scores(graft_text *out, const char *folder)
{
    graft_status status = GRAFT_OK;
    graft_json *before = NULL, *after = NULL;
    GRAFT_TRY(read_json(&before, folder, "eval-before.json"));
    GRAFT_TRY(read_json(&after, folder, "eval-after.json"));
    graft_json *shown = after != NULL ? after : before;
    if (shown == NULL) {
        goto done;
    }
    GRAFT_TRY(graft_text_append_z(
        out, "<h2>Scores on held-back examples</h2>\n<table><tr><th></th><th>before</th>"
             "<th>after</th></tr>\n"));
    graft_json *names = graft_json_get(shown, "scores");
    for (graft_json_iter it = graft_json_iter_begin(names); graft_json_iter_next(&it);) {
        GRAFT_TRY(graft_text_append_z(out, "<tr><td>"));
        GRAFT_TRY(graft_html_append(out, it.key, strlen(it.key)));
        GRAFT_TRY(graft_text_append_z(out, "</td>"));
        GRAFT_TRY(append_score(out, graft_json_get(graft_json_get(before, "scores"), it.key)));
        GRAFT_TRY(append_score(out, graft_json_get(graft_json_get(after, "scores"), it.key)));
        GRAFT_TRY(graft_text_append_z(out, "</tr>\n"));
    }
    GRAFT_TRY(graft_text_append_z(out, "<tr><td>loss per trained token</td>"));
    for (int i = 0; i < 2; i++) {
        graft_json *loss = graft_json_get(i == 0 ? before : after, "loss_per_token");
        GRAFT_TRY(loss == NULL ? graft_text_append_z(out, "<td>-</td>")
                               : graft_text_appendf(out, "<td>%.4f</td>", graft_json_double(loss)));
    }
    GRAFT_TRY(graft_text_append_z(out, "</tr></table>\n<p class=\"note\">Counts with 95 % Wilson "
                                       "intervals; every item's verdict is in the eval-*.json "
                                       "files.</p>\n"));
    int64_t n = graft_json_int(graft_json_get(shown, "n"));
    int64_t n_all = graft_json_int(graft_json_get(shown, "turns"));
    if (n < n_all) {
        GRAFT_TRY(graft_text_appendf(out, "<p class=\"note\">%lld of %lld turns were asked for, the "
                                     "first ones (eval_samples); the loss is that of all.</p>\n",
                                     (long long)n, (long long)n_all));
    }
done:
    graft_json_free(before);
    graft_json_free(after);
    return status;
}

/* Which text the latest loss of that name is of. */
typedef struct measured {
    const char *key;
    char *digest; /* [65] */
} measured;

static const char *digest_of(const graft_json *record)
{
    const char *digest = graft_json_string(graft_json_get(record, "text_sha256"), NULL);
    return digest != NULL ? digest : "";
}

static bool pick_any(double *value, const graft_json *record, const void *context)
{
    const measured *m = context;
    *value = graft_json_double(graft_json_get(record, m->key));
    bool found = graft_json_has(record, m->key);
    if (found) {
        snprintf(m->digest, 65, "%s", digest_of(record));
    }
    return found;
}

/* Only of the base, and of the text that was measured last. */
static bool pick_first(double *value, const graft_json *record, const void *context)
{
    const measured *m = context;
    *value = graft_json_double(graft_json_get(record, m->key));
    return graft_json_has(record, m->key) && graft_json_int(graft_json_get(record, "step")) == 0 &&
           strcmp(digest_of(record), m->digest) == 0;
}

/* What was forgotten: the loss on examples that are not trained, as a curve and first and last. */
static graft_status append_forgotten(graft_text *out, const char *folder, const char *key,
                                     const char *title)
{
    graft_status status = GRAFT_OK;
    graft_series all = {0}, first = {0};
    char digest[65] = "";
    const measured m = {key, digest};
    GRAFT_TRY(append_chart(out, folder, key, title));
    GRAFT_TRY(graft_series_read(&all, folder, pick_any, &m));
    GRAFT_TRY(graft_series_read(&first, folder, pick_first, &m));
    if (all.n > 0 && first.n > 0) {
        double before = first.values[0], after = all.values[all.n - 1];
        GRAFT_TRY(graft_text_appendf(out, "<p>%s: %.4f before, %.4f after; perplexity %.3f and "
                                     "%.3f.</p>\n", title, before, after, exp(before), exp(after)));
    } else if (all.n > 0) {
        double after = all.values[all.n - 1];
        GRAFT_TRY(graft_text_appendf(out, "<p>%s: %.4f after; perplexity %.3f.</p>\n", title, after,
                                     exp(after)));
    }
done:
    graft_series_clear(&first);
    graft_series_clear(&all);
    return status;
}

graft_status graft_report_html(const char *folder)
{
    graft_status status = GRAFT_OK;
    graft_text out, config;
    char *path = NULL;
    graft_text_init(&out);
    graft_text_init(&config);
    GRAFT_TRY(graft_html_begin(&out, "graft run"));
    GRAFT_TRY(graft_text_append_z(&out, "<h1>Training run</h1>\n"));
    GRAFT_TRY(append_scores(&out, folder));
    GRAFT_TRY(graft_watch_html_append(&out, folder));
    GRAFT_TRY(append_chart(&out, folder, "loss", "Loss per trained token"));
    GRAFT_TRY(append_score_curves(&out, folder));
    GRAFT_TRY(append_forgotten(&out, folder, "replay_loss",
                               "Loss on held-back examples of replay (what is forgotten)"));
    GRAFT_TRY(append_forgotten(&out, folder, "perplexity_loss",
                               "Loss on general text (what is forgotten)"));
    GRAFT_TRY(append_chart(&out, folder, "grad_norm", "Gradient norm"));
    GRAFT_TRY(append_chart(&out, folder, "learning_rate", "Learning rate"));
    GRAFT_TRY(append_chart(&out, folder, "tokens_per_second", "Tokens per second"));
    GRAFT_TRY(read_part(&config, folder, "config.yaml"));
    GRAFT_TRY(graft_text_append_z(&out, "<h2>Configuration</h2>\n<pre>"));
    GRAFT_TRY(graft_html_append(&out, graft_text_z(&config), config.len));
    GRAFT_TRY(graft_text_append_z(&out, "</pre>\n</body></html>\n"));
    GRAFT_TRY(graft_path_join(&path, folder, "report.html"));
    GRAFT_TRY(graft_file_write(path, out.data, out.len));
done:
    graft_free(path);
    graft_text_clear(&out);
    graft_text_clear(&config);
    return status;
}
