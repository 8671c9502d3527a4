/* stats_show.c - statistics as tables, and as JSON. */
#include <string.h>

#include "data/show.h"
#include "data/stats.h"

enum { BAR = 40, TOOLS_SHOWN = 20, NAME_SHOWN = 40 };

static size_t lowest_of(size_t bin)
{
    return bin == 0 ? 0 : (size_t)1 << (bin - 1);
}

static size_t highest_of(size_t bin)
{
    return bin == 0 ? 0 : ((size_t)1 << bin) - 1;
}

/* --- for people --- */

static graft_status format_histogram(graft_text *out, const graft_distribution *d)
{
    static const char bar[BAR + 1] = "########################################";
    graft_status status = GRAFT_OK;
    size_t counts[GRAFT_HISTOGRAM_BINS], most = 1, first = GRAFT_HISTOGRAM_BINS, last = 0;
    graft_distribution_histogram(d, counts);
    for (size_t b = 0; b < GRAFT_HISTOGRAM_BINS; b++) {
        if (counts[b]) {
            most = counts[b] > most ? counts[b] : most;
            first = b < first ? b : first;
            last = b;
        }
    }
    for (size_t b = first; b <= last; b++) {
        size_t n = (counts[b] * BAR + most - 1) / most; /* one at least if there is any */
        GRAFT_TRY(graft_text_appendf(out, "  %10zu to %-10zu %9zu%s%.*s\n", lowest_of(b),
                                     highest_of(b), counts[b], n ? " " : "", (int)n, bar));
    }
done:
    return status;
}

static graft_status format_distribution(graft_text *out, const graft_stats_row *row)
{
    graft_status status = GRAFT_OK;
    const graft_distribution *d = row->values;
    GRAFT_TRY(graft_text_appendf(
        out, "\n%s: %u to %u, mean %.1f, median %u, 90 %% up to %u, 99 %% up to %u\n", row->title,
        d->values[0], d->values[d->n - 1], graft_distribution_mean(d),
        graft_distribution_quantile(d, 0.5), graft_distribution_quantile(d, 0.9),
        graft_distribution_quantile(d, 0.99)));
    GRAFT_TRY(format_histogram(out, d));
done:
    return status;
}

static graft_status format_tools(graft_text *out, const graft_stats *s)
{
    graft_status status = GRAFT_OK;
    GRAFT_TRY(graft_text_appendf(out, "\n%9s %9s  tool\n", "calls", "declared"));
    for (size_t i = 0; i < s->n_tools && i < TOOLS_SHOWN; i++) {
        const graft_tool_use *t = &s->tools[i];
        bool cut = t->name_len > NAME_SHOWN;
        GRAFT_TRY(graft_text_appendf(out, "%9zu %9zu  ", t->calls, t->declared));
        GRAFT_TRY(graft_text_append_escaped(out, t->name, cut ? NAME_SHOWN : t->name_len, false));
        GRAFT_TRY(graft_text_append_z(out, cut ? "...\n" : "\n"));
    }
    if (s->n_tools > TOOLS_SHOWN) {
        GRAFT_TRY(graft_text_appendf(out, "%9s %9s  and %zu more\n", "", "",
                                     s->n_tools - TOOLS_SHOWN));
    }
done:
    return status;
}

graft_status graft_stats_format(graft_text *out, const graft_stats *s)
{
    graft_status status = GRAFT_OK;
    graft_stats_row rows[GRAFT_STATS_ROWS];
    size_t n = graft_stats_rows(rows, s);
    if (s->format) {
        GRAFT_TRY(graft_text_appendf(out, "format: %s\n", s->format));
    }
    GRAFT_TRY(graft_dataset_counts_format(out, &s->counter.counts));
    if (s->bad) {
        GRAFT_TRY(graft_text_appendf(out, "bad lines: %zu (left out)\n", s->bad));
    }
    if (s->tokens.n) {
        GRAFT_TRY(graft_token_shares_format(out, &s->shares));
        GRAFT_TRY(graft_text_append_char(out, '\n'));
    }
    for (size_t i = 0; i < n; i++) {
        GRAFT_TRY(format_distribution(out, &rows[i]));
    }
    if (s->n_tools) {
        GRAFT_TRY(format_tools(out, s));
    }
done:
    return status;
}

/* --- for programs --- */

static graft_status set_distribution(graft_json *object, const graft_stats_row *row)
{
    graft_status status = GRAFT_OK;
    const graft_distribution *d = row->values;
    size_t counts[GRAFT_HISTOGRAM_BINS];
    graft_json *o = graft_json_new_object(), *list = graft_json_new_array(), *bin = NULL, *taken;
    GRAFT_TRY(graft_json_set_int(o, "min", d->values[0]));
    GRAFT_TRY(graft_json_set_int(o, "median", graft_distribution_quantile(d, 0.5)));
    GRAFT_TRY(graft_json_set_int(o, "p90", graft_distribution_quantile(d, 0.9)));
    GRAFT_TRY(graft_json_set_int(o, "p99", graft_distribution_quantile(d, 0.99)));
    GRAFT_TRY(graft_json_set_int(o, "max", d->values[d->n - 1]));
    GRAFT_TRY(graft_json_set_double(o, "mean", graft_distribution_mean(d)));
    graft_distribution_histogram(d, counts);
    for (size_t b = 0; b < GRAFT_HISTOGRAM_BINS; b++) {
        if (counts[b]) {
            bin = graft_json_new_object();
            GRAFT_TRY(graft_json_set_int(bin, "from", (int64_t)lowest_of(b)));
            GRAFT_TRY(graft_json_set_int(bin, "to", (int64_t)highest_of(b)));
            GRAFT_TRY(graft_json_set_int(bin, "examples", (int64_t)counts[b]));
            taken = bin;
            bin = NULL;
            GRAFT_TRY(graft_json_push(list, taken));
        }
    }
    GRAFT_TRY(graft_json_set(o, "histogram", graft_json_retain(list)));
    GRAFT_TRY(graft_json_set(object, row->name, graft_json_retain(o)));
done:
    graft_json_free(bin);
    graft_json_free(list);
    graft_json_free(o);
    return status;
}

static graft_status set_shares(graft_json *object, const graft_token_shares *shares)
{
    graft_status status = GRAFT_OK;
    graft_json *roles = graft_json_new_object(), *one = NULL, *taken;
    for (int r = 0; r < GRAFT_TOKEN_N_ROLES; r++) {
        one = graft_json_new_object();
        GRAFT_TRY(graft_json_set_int(one, "tokens", (int64_t)shares->n[r]));
        GRAFT_TRY(graft_json_set_int(one, "trained", (int64_t)shares->trained[r]));
        taken = one;
        one = NULL;
        GRAFT_TRY(graft_json_set(roles, graft_token_role_name((graft_token_role)r), taken));
    }
    GRAFT_TRY(graft_json_set(object, "tokens", graft_json_retain(roles)));
done:
    graft_json_free(one);
    graft_json_free(roles);
    return status;
}

static graft_status set_tools(graft_json *object, const graft_stats *s)
{
    graft_status status = GRAFT_OK;
    graft_json *list = graft_json_new_array(), *one = NULL, *taken;
    for (size_t i = 0; i < s->n_tools; i++) {
        const graft_tool_use *t = &s->tools[i];
        one = graft_json_new_object();
        GRAFT_TRY(graft_json_set(one, "name", graft_json_new_string(t->name, t->name_len)));
        GRAFT_TRY(graft_json_set_int(one, "calls", (int64_t)t->calls));
        GRAFT_TRY(graft_json_set_int(one, "declared", (int64_t)t->declared));
        taken = one;
        one = NULL;
        GRAFT_TRY(graft_json_push(list, taken));
    }
    GRAFT_TRY(graft_json_set(object, "tool_use", graft_json_retain(list)));
done:
    graft_json_free(one);
    graft_json_free(list);
    return status;
}

graft_status graft_stats_json(graft_text *out, const graft_stats *s)
{
    graft_status status = GRAFT_OK;
    graft_stats_row rows[GRAFT_STATS_ROWS];
    size_t n = graft_stats_rows(rows, s);
    graft_json *o = graft_json_new_object();
    if (s->format) {
        GRAFT_TRY(graft_json_set_string(o, "format", s->format));
    }
    GRAFT_TRY(graft_dataset_counts_json(o, &s->counter.counts));
    GRAFT_TRY(graft_json_set_int(o, "bad_lines", (int64_t)s->bad));
    for (size_t i = 0; i < n; i++) {
        GRAFT_TRY(set_distribution(o, &rows[i]));
    }
    if (s->tokens.n) {
        GRAFT_TRY(set_shares(o, &s->shares));
    }
    GRAFT_TRY(set_tools(o, s));
    GRAFT_TRY(graft_json_write(out, o, GRAFT_JSON_PYTHON));
    GRAFT_TRY(graft_text_append_char(out, '\n'));
done:
    graft_json_free(o);
    return status;
}
