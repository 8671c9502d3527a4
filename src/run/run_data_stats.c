/* run_data_stats.c - graft_data_stats. */
#include <graft/dataset.h>

#include "core/memory.h"
#include "data/stats.h"
#include "run/data_files.h"
#include "run/stats_html.h"

typedef struct measuring {
    graft_stats *stats;
    const graft_session *session;
    const graft_hooks *hooks;
    uint32_t n; /* examples so far */
} measuring;

/* Renders and tokenises one example as training would. */
static graft_status measure(void *context, graft_record *record)
{
    graft_status status = GRAFT_OK;
    measuring *m = context;
    graft_example *samples = NULL;
    size_t n = 0, longest = 0;
    if (record->status != GRAFT_OK) {
        return record->status == GRAFT_E_DATA && m->session->config->skip_bad
                   ? GRAFT_OK : graft_record_fail(record);
    }
    status = graft_examples_build(&samples, &n, m->session->chat, m->session->tokenizer,
                                  &record->conversation, m->n++, NULL);
    if (status != GRAFT_OK) {
        return graft_fail_prefix("%s:%zu", record->conversation.file, record->line);
    }
    for (size_t i = 0; i < n; i++) {
        longest = samples[i].n > longest ? samples[i].n : longest;
    }
    graft_token_shares_add(&m->stats->shares, samples, n);
    GRAFT_TRY(graft_distribution_add(&m->stats->tokens, longest));
done:
    for (size_t i = 0; i < n; i++) {
        graft_example_clear(&samples[i]);
    }
    graft_free(samples);
    return status;
}

static graft_status poll(void *context)
{
    const measuring *m = context;
    return graft_hooks_check(m->hooks);
}

static graft_status measure_tokens(graft_stats *stats, graft_session *session,
                                   const graft_hooks *hooks)
{
    graft_status status = GRAFT_OK;
    measuring m = {.stats = stats, .session = session, .hooks = hooks};
    graft_record_visitor visitor = {&m, NULL, measure, poll};
    const graft_config *config = session->config;
    const char *format;
    GRAFT_TRY(graft_session_chat(session, stats->counter.counts.tools > 0));
    for (size_t i = 0; i < config->dataset.n; i++) {
        graft_source source = graft_data_files_source(&config->dataset.items[i]);
        GRAFT_TRY(graft_source_read(&source, &visitor, &format));
    }
done:
    return status;
}

static graft_status write_html(const graft_stats *stats, const char *path)
{
    graft_status status = GRAFT_OK;
    graft_text page;
    graft_text_init(&page);
    GRAFT_TRY(graft_stats_html(&page, stats));
    GRAFT_TRY(graft_file_write(path, page.data, page.len));
done:
    graft_text_clear(&page);
    return status;
}

graft_status graft_data_stats(graft_config *config, const char *html, const graft_hooks *hooks,
                              int json, char **out)
{
    graft_status status = GRAFT_OK;
    graft_session session = {0};
    graft_stats stats;
    graft_text text;
    graft_stats_init(&stats);
    graft_text_init(&text);
    *out = NULL;
    GRAFT_TRY(graft_data_files_prepare(config));
    GRAFT_TRY(html ? graft_data_files_check_output(html, &config->dataset) : GRAFT_OK);
    GRAFT_TRY(html ? graft_path_check_output(html, config->chat_template) : GRAFT_OK);
    if (config->base_model) {
        GRAFT_TRY(graft_data_files_check_reread(&config->dataset));
        GRAFT_TRY(graft_session_open(&session, config));
        GRAFT_TRY(html ? graft_gguf_check_output(session.model->file, html) : GRAFT_OK);
    }
    for (size_t i = 0; i < config->dataset.n; i++) {
        graft_source source = graft_data_files_source(&config->dataset.items[i]);
        GRAFT_TRY(graft_stats_read(&stats, &source, config->skip_bad, graft_data_files_poll,
                                   (void *)(uintptr_t)hooks));
    }
    if (config->base_model) {
        GRAFT_TRY(measure_tokens(&stats, &session, hooks));
    }
    graft_stats_finish(&stats);
    if (html) {
        GRAFT_TRY(write_html(&stats, html));
    }
    GRAFT_TRY(json ? graft_stats_json(&text, &stats) : graft_stats_format(&text, &stats));
    GRAFT_TRY(graft_text_take(&text, out));
done:
    graft_session_close(&session);
    graft_stats_clear(&stats);
    graft_text_clear(&text);
    return status;
}
