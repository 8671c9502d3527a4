#include "run/stats_html.h"

#include "run/html.h"

enum { TOOLS_SHOWN = 200 };

static graft_status append_counts(graft_text *out, const graft_stats *s)
{
    const graft_dataset_counts *c = &s->counter.counts;
    const struct {
        const char *name;
        size_t value;
    } rows[] = {{"examples", c->examples},
                {"of them without a reply, for evaluation only", c->evaluation_only},
                {"of them without a call", c->without_calls},
                {"bad lines left out", s->bad},
                {"system messages", c->messages[GRAFT_ROLE_SYSTEM]},
                {"user messages", c->messages[GRAFT_ROLE_USER]},
                {"assistant messages", c->messages[GRAFT_ROLE_ASSISTANT]},
                {"of them trained", c->trained},
                {"tool messages", c->messages[GRAFT_ROLE_TOOL]},
                {"calls", c->calls},
                {"of them of undeclared tools", c->calls_undeclared},
                {"declared tools, by name", c->tools}};
    graft_status status = GRAFT_OK;
    GRAFT_TRY(graft_text_append_z(out, "<table>\n"));
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        GRAFT_TRY(graft_text_appendf(out, "<tr><td>%s</td><td>%zu</td></tr>\n", rows[i].name,
                                     rows[i].value));
    }
    GRAFT_TRY(graft_text_append_z(out, "</table>\n"));
done:
    return status;
}

static graft_status append_shares(graft_text *out, const graft_token_shares *shares)
{
    graft_status status = GRAFT_OK;
    GRAFT_TRY(graft_text_append_z(out, "<h2>Tokens by role</h2>\n<table><tr><th>role</th>"
                                       "<th>tokens</th><th>trained</th></tr>\n"));
    for (int r = 0; r < GRAFT_TOKEN_N_ROLES; r++) {
        GRAFT_TRY(graft_text_appendf(out, "<tr><td>%s</td><td>%zu</td><td>%zu</td></tr>\n",
                                     graft_token_role_name((graft_token_role)r), shares->n[r],
                                     shares->trained[r]));
    }
    GRAFT_TRY(graft_text_append_z(out, "</table>\n"));
done:
    return status;
}

static graft_status append_distribution(graft_text *out, const graft_stats_row *row)
{
    graft_status status = GRAFT_OK;
    const graft_distribution *d = row->values;
    size_t counts[GRAFT_HISTOGRAM_BINS], most = 1;
    graft_distribution_histogram(d, counts);
    for (size_t b = 0; b < GRAFT_HISTOGRAM_BINS; b++) {
        most = counts[b] > most ? counts[b] : most;
    }
    GRAFT_TRY(graft_text_appendf(
        out, "<h2>%s</h2>\n<p>%u to %u, mean %.1f, median %u, 90 %% up to %u, 99 %% up to %u</p>\n"
        "<table><tr><th>up to</th><th>examples</th><th></th></tr>\n", row->title, d->values[0],
        d->values[d->n - 1], graft_distribution_mean(d), graft_distribution_quantile(d, 0.5),
        graft_distribution_quantile(d, 0.9), graft_distribution_quantile(d, 0.99)));
    for (size_t b = 0; b < GRAFT_HISTOGRAM_BINS; b++) {
        if (counts[b]) {
            GRAFT_TRY(graft_text_appendf(
                out, "<tr><td>%zu</td><td>%zu</td><td style=\"width:20rem\"><div class=\"bar\" "
                "style=\"width:%.1f%%\"></div></td></tr>\n", ((size_t)1 << b) - 1, counts[b],
                100.0 * (double)counts[b] / (double)most));
        }
    }
    GRAFT_TRY(graft_text_append_z(out, "</table>\n"));
done:
    return status;
}

static graft_status append_tools(graft_text *out, const graft_stats *s)
{
    graft_status status = GRAFT_OK;
    GRAFT_TRY(graft_text_append_z(out, "<h2>Tools</h2>\n<table><tr><th>tool</th><th>calls</th>"
                                       "<th>declared by</th></tr>\n"));
    for (size_t i = 0; i < s->n_tools && i < TOOLS_SHOWN; i++) {
        GRAFT_TRY(graft_text_append_z(out, "<tr><td>"));
        GRAFT_TRY(graft_html_append(out, s->tools[i].name, s->tools[i].name_len));
        GRAFT_TRY(graft_text_appendf(out, "</td><td>%zu</td><td>%zu</td></tr>\n",
                                     s->tools[i].calls, s->tools[i].declared));
    }
    GRAFT_TRY(graft_text_append_z(out, "</table>\n"));
    if (s->n_tools > TOOLS_SHOWN) {
        GRAFT_TRY(graft_text_appendf(out, "<p class=\"note\">and %zu more</p>\n",
                                     s->n_tools - TOOLS_SHOWN));
    }
done:
    return status;
}

graft_status graft_stats_html(graft_text *out, const graft_stats *s)
{
    graft_status status = GRAFT_OK;
    graft_stats_row rows[GRAFT_STATS_ROWS];
    size_t n = graft_stats_rows(rows, s);
    GRAFT_TRY(graft_html_begin(out, "graft data"));
    GRAFT_TRY(graft_text_append_z(out, "<h1>Dataset</h1>\n"));
    GRAFT_TRY(append_counts(out, s));
    if (s->tokens.n) {
        GRAFT_TRY(append_shares(out, &s->shares));
    }
    for (size_t i = 0; i < n; i++) {
        GRAFT_TRY(append_distribution(out, &rows[i]));
    }
    if (s->n_tools) {
        GRAFT_TRY(append_tools(out, s));
    }
    GRAFT_TRY(graft_text_append_z(out, "</body></html>\n"));
done:
    return status;
}
