#include "run/chart.h"

#include <math.h>

#include "core/memory.h"
#include "io/files.h"
#include "io/lines.h"
#include "train/journal.h"

#define WIDTH 720
#define HEIGHT 240
#define MARGIN 48

void graft_series_clear(graft_series *series)
{
    graft_free(series->steps);
    graft_free(series->values);
    *series = (graft_series){0};
}

bool graft_series_named(double *value, const graft_json *record, const void *context)
{
    *value = graft_json_double(graft_json_get(record, context));
    return graft_json_has(record, context) && !graft_json_has(record, "of_step");
}

static graft_status add_point(graft_series *out, double step, double value)
{
    graft_status status = GRAFT_OK;
    GRAFT_TRY(graft_reserve(&out->steps, &out->steps_capacity, out->n + 1, sizeof(double)));
    GRAFT_TRY(graft_reserve(&out->values, &out->values_capacity, out->n + 1, sizeof(double)));
    out->steps[out->n] = step;
    out->values[out->n++] = value;
done:
    return status;
}

graft_status graft_series_read(graft_series *out, const char *folder, graft_series_pick *pick,
                               const void *context)
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
        double value;
        GRAFT_TRY(graft_lines_next(lines, &line, &n));
        if (line == NULL) {
            break;
        }
        GRAFT_TRY(graft_json_parse(&record, line, n));
        const char *event = graft_json_string(graft_json_get(record, "event"), NULL);
        bool undone = event != NULL && graft_str_starts_with(event, GRAFT_JOURNAL_UNDONE);
        if (!undone && pick(&value, record, context)) {
            status = add_point(out, graft_json_double(graft_json_get(record, "step")), value);
        }
        graft_json_free(record);
        GRAFT_TRY(status);
    }
done:
    graft_lines_close(lines);
    graft_free(path);
    return status;
}

/* What all lines of a chart have in common. */
typedef struct scale {
    double low, high, first, last;
} scale;

static scale scale_of(const graft_series *series, size_t n)
{
    scale s = {INFINITY, -INFINITY, INFINITY, -INFINITY};
    for (size_t i = 0; i < n; i++) {
        for (size_t k = 0; k < series[i].n; k++) {
            s.low = fmin(s.low, series[i].values[k]);
            s.high = fmax(s.high, series[i].values[k]);
            s.first = fmin(s.first, series[i].steps[k]);
            s.last = fmax(s.last, series[i].steps[k]);
        }
    }
    return s;
}

/* Colours after Okabe and Ito, which people with colour blindness can tell apart. */
static const char *const colours[] = {"#1f6f5c", "#d55e00", "#0072b2", "#cc79a7",
                                      "#e69f00", "#56b4e9", "#000000", "#8a8a00"};
enum { N_COLOURS = sizeof colours / sizeof colours[0] };

/* Lines beyond the colours are dashed ones. */
static bool is_dashed(size_t i)
{
    return i >= N_COLOURS;
}

static graft_status append_line(graft_text *out, const scale *s, const graft_series *line, size_t i)
{
    graft_status status = GRAFT_OK;
    double span = s->high > s->low ? s->high - s->low : 1;
    double steps = s->last > s->first ? s->last - s->first : 1;
    GRAFT_TRY(graft_text_appendf(out, "<polyline fill=\"none\" stroke=\"%s\" stroke-width=\"2\"%s "
                                 "points=\"", colours[i % N_COLOURS],
                                 is_dashed(i) ? " stroke-dasharray=\"6 4\"" : ""));
    for (size_t k = 0; k < line->n; k++) {
        double x = MARGIN + (line->steps[k] - s->first) / steps * (WIDTH - MARGIN - 4);
        double y = 10 + (s->high - line->values[k]) / span * (HEIGHT - 38);
        GRAFT_TRY(graft_text_appendf(out, "%.1f,%.1f ", x, y));
    }
    GRAFT_TRY(graft_text_append_z(out, "\"/>\n"));
done:
    return status;
}

static graft_status append_names(graft_text *out, const graft_series *series, size_t n,
                                 const char *const *names)
{
    graft_status status = GRAFT_OK;
    GRAFT_TRY(graft_text_append_z(out, "<p class=\"note\">"));
    for (size_t i = 0; i < n; i++) {
        if (series[i].n > 1) {
            GRAFT_TRY(graft_text_appendf(out, "<span style=\"color:%s\">%s</span> %s ",
                                         colours[i % N_COLOURS],
                                         is_dashed(i) ? "- -" : "&#9644;", names[i]));
        }
    }
    GRAFT_TRY(graft_text_append_z(out, "</p>\n"));
done:
    return status;
}

graft_status graft_chart_append(graft_text *out, const char *title, const graft_series *series,
                                size_t n, const char *const *names)
{
    graft_status status = GRAFT_OK;
    scale s = scale_of(series, n);
    size_t n_lines = 0;
    for (size_t i = 0; i < n; i++) {
        n_lines += series[i].n > 1;
    }
    if (n_lines == 0) {
        return GRAFT_OK;
    }
    GRAFT_TRY(graft_text_appendf(out, "<h2>%s</h2>\n<svg viewBox=\"0 0 %d %d\" role=\"img\" "
                                      "aria-label=\"%s by step\">\n", title, WIDTH, HEIGHT, title));
    GRAFT_TRY(graft_text_appendf(
        out, "<g stroke=\"#ccc\"><path d=\"M%d 10V%dH%d\" fill=\"none\"/></g><g font-size=\"12\" "
        "fill=\"#666\"><text x=\"4\" y=\"16\">%.4g</text><text x=\"4\" y=\"%d\">%.4g</text>"
        "<text x=\"%d\" y=\"%d\">step %.0f</text><text x=\"%d\" y=\"%d\" text-anchor=\"end\">%.0f"
        "</text></g>\n",
        MARGIN, HEIGHT - 24, WIDTH, s.high, HEIGHT - 26, s.low, MARGIN, HEIGHT - 6, s.first, WIDTH,
        HEIGHT - 6, s.last));
    for (size_t i = 0; i < n; i++) {
        if (series[i].n > 1) {
            GRAFT_TRY(append_line(out, &s, &series[i], i));
        }
    }
    GRAFT_TRY(graft_text_append_z(out, "</svg>\n"));
    if (names != NULL) {
        GRAFT_TRY(append_names(out, series, n, names));
    }
done:
    return status;
}
