#include "run/report_html.h"

#include <math.h>
#include <string.h>

#include "core/memory.h"
#include "io/files.h"
#include "io/json.h"
#include "io/lines.h"
#include "run/html.h"

#define FILE_LIMIT ((size_t)256 << 20)
#define WIDTH 720
#define HEIGHT 240
#define MARGIN 48

typedef struct series {
    double *steps, *values;
    size_t n, steps_capacity, values_capacity;
} series;

/* Reads a file of the folder; absent gives empty text. */
static graft_status read_part(graft_text *out, const char *folder, const char *name)
{
    graft_status status = GRAFT_OK;
    char *path = NULL;
    GRAFT_TRY(graft_path_join(&path, folder, name));
    if (graft_path_exists(path)) {
        GRAFT_TRY(graft_file_read(out, path, FILE_LIMIT));
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

static graft_status read_series(series *out, const char *folder, const char *key)
{
    graft_status status = GRAFT_OK;
    graft_lines *lines = NULL;
    char *path = NULL;
    const char *line = NULL;
    size_t n = 0;
    GRAFT_TRY(graft_path_join(&path, folder, "metrics.jsonl"));
    if (!graft_path_exists(path)) {
        goto done;
    }
    GRAFT_TRY(graft_lines_open(&lines, path));
    for (;;) {
        graft_json *record = NULL;
        GRAFT_TRY(graft_lines_next(lines, &line, &n));
        if (line == NULL) {
            break;
        }
        GRAFT_TRY(graft_json_parse(&record, line, n));
        if (graft_json_has(record, key)) {
            status = graft_reserve(&out->steps, &out->steps_capacity, out->n + 1, sizeof(double));
            if (status == GRAFT_OK) {
                status = graft_reserve(&out->values, &out->values_capacity, out->n + 1,
                                       sizeof(double));
            }
            if (status == GRAFT_OK) {
                out->steps[out->n] = graft_json_double(graft_json_get(record, "step"));
                out->values[out->n++] = graft_json_double(graft_json_get(record, key));
            }
        }
        graft_json_free(record);
        GRAFT_TRY(status);
    }
done:
    graft_lines_close(lines);
    graft_free(path);
    return status;
}

static graft_status append_chart(graft_text *out, const char *folder, const char *key,
                                 const char *title)
{
    graft_status status = GRAFT_OK;
    series s = {0};
    double low = INFINITY, high = -INFINITY;
    GRAFT_TRY(read_series(&s, folder, key));
    for (size_t i = 0; i < s.n; i++) {
        low = fmin(low, s.values[i]);
        high = fmax(high, s.values[i]);
    }
    if (s.n < 2) {
        goto done;
    }
    double span = high > low ? high - low : 1, steps = s.steps[s.n - 1] - s.steps[0];
    GRAFT_TRY(graft_text_appendf(out, "<h2>%s</h2>\n<svg viewBox=\"0 0 %d %d\" role=\"img\" "
                                      "aria-label=\"%s by step\">\n", title, WIDTH, HEIGHT, title));
    GRAFT_TRY(graft_text_appendf(
        out, "<g stroke=\"#ccc\"><path d=\"M%d 10V%dH%d\" fill=\"none\"/></g><g font-size=\"12\" "
        "fill=\"#666\"><text x=\"4\" y=\"16\">%.4g</text><text x=\"4\" y=\"%d\">%.4g</text>"
        "<text x=\"%d\" y=\"%d\">step %.0f</text><text x=\"%d\" y=\"%d\" text-anchor=\"end\">%.0f"
        "</text></g>\n<polyline fill=\"none\" stroke=\"#1f6f5c\" stroke-width=\"2\" points=\"",
        MARGIN, HEIGHT - 24, WIDTH, high, HEIGHT - 26, low, MARGIN, HEIGHT - 6, s.steps[0], WIDTH,
        HEIGHT - 6, s.steps[s.n - 1]));
    for (size_t i = 0; i < s.n; i++) {
        double x = MARGIN + (s.steps[i] - s.steps[0]) / (steps > 0 ? steps : 1) * (WIDTH - MARGIN - 4);
        double y = 10 + (high - s.values[i]) / span * (HEIGHT - 38);
        GRAFT_TRY(graft_text_appendf(out, "%.1f,%.1f ", x, y));
    }
    GRAFT_TRY(graft_text_append_z(out, "\"/>\n</svg>\n"));
done:
    graft_free(s.steps);
    graft_free(s.values);
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
done:
    graft_json_free(before);
    graft_json_free(after);
    return status;
}

/* What was forgotten: the loss on held-back examples of replay, first and last. */
static graft_status append_replay(graft_text *out, const char *folder)
{
    graft_status status = GRAFT_OK;
    series s = {0};
    GRAFT_TRY(append_chart(out, folder, "replay_loss",
                           "Loss on held-back examples of replay (what is forgotten)"));
    GRAFT_TRY(read_series(&s, folder, "replay_loss"));
    if (s.n > 0) {
        GRAFT_TRY(graft_text_appendf(out, "<p>Loss on held-back examples of replay: %.4f before, "
                                     "%.4f after.</p>\n", s.values[0], s.values[s.n - 1]));
    }
done:
    graft_free(s.steps);
    graft_free(s.values);
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
    GRAFT_TRY(append_chart(&out, folder, "loss", "Loss per trained token"));
    GRAFT_TRY(append_replay(&out, folder));
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
