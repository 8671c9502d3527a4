/* The first half of a training job: everything that can go wrong before the first step. */
#include <string.h>

#include "core/daytime.h"
#include "core/log.h"
#include "core/memory.h"
#include "export/export.h"
#include "run/training.h"

void graft_training_init(graft_training *t, graft_config *config, const graft_hooks *hooks)
{
    memset(t, 0, sizeof *t);
    t->config = config;
    t->hooks = hooks;
    graft_text_init(&t->identity);
    graft_eval_report_init(&t->before);
    graft_eval_report_init(&t->after);
    graft_best_init(&t->best);
}

void graft_training_close(graft_training *t)
{
    graft_eval_report_clear(&t->before);
    graft_eval_report_clear(&t->after);
    graft_journal_close(t->journal);
    graft_trainer_clear(&t->trainer);
    graft_base_watch_clear(&t->base_watch);
    graft_session_close(&t->session);
    graft_free(t->pacing.first_epoch);
    graft_sensors_close(t->warmth.sensors);
    graft_corpus_clear(&t->train);
    graft_corpus_clear(&t->eval);
    graft_corpus_clear(&t->replay.corpus);
    graft_corpus_clear(&t->general.corpus);
    graft_best_clear(&t->best);
    graft_unwritten_clear(&t->unwritten);
    graft_json_free(t->unexported);
    graft_text_clear(&t->identity);
    graft_free(t->base_path);
    graft_free(t->checkpoints);
    graft_free(t->begun_from);
    graft_runlog_close(t->log);
    graft_lock_free(t->lock);
}

static graft_status read_data(graft_training *t)
{
    graft_status status = GRAFT_OK;
    const graft_config *c = t->config;
    if (c->dataset.n == 0) {
        return graft_fail(GRAFT_E_CONFIG, "dataset is not set: name a JSONL file to train on");
    }
    GRAFT_TRY(graft_session_read(&t->train.dataset, c, &c->dataset));
    GRAFT_TRY(c->eval_dataset.n > 0
                  ? graft_session_read(&t->eval.dataset, c, &c->eval_dataset)
                  : graft_session_hold_back(&t->train.dataset, &t->eval.dataset, c));
    GRAFT_TRY(graft_training_check_metric(t));
    GRAFT_TRY(graft_training_read_replay(t));
done:
    return status;
}

/* A template that tells the date tells one all through the run, however long it takes and wherever it is continued:
 * that of the run to be continued, else today's. To the day, so that the next run of today finds its tokens in
 * the cache. */
static graft_status fix_date(graft_training *t)
{
    graft_status status = GRAFT_OK;
    const int64_t today = graft_daytime_calendar(graft_training_wall(t)) / 86400 * 86400;
    char begun[32];
    graft_text date;
    graft_text_init(&date);
    if (graft_chat_time(t->session.chat) < 0) {
        return GRAFT_OK;
    }
    if (t->config->chat_template_date == NULL) {
        GRAFT_TRY(graft_training_recall_date(t, &date));
        graft_daytime_format_calendar(begun, today);
        GRAFT_TRY(graft_config_set(t->config, "chat_template_date",
                                   date.len > 0 ? graft_text_z(&date) : begun));
        GRAFT_TRY(graft_session_set_date(&t->session));
    }
    graft_log(GRAFT_LOG_INFO, "chat template: it tells the date, all through the run %s "
              "(chat_template_date)", t->config->chat_template_date);
done:
    graft_text_clear(&date);
    return status;
}

static graft_status tokenise(graft_training *t)
{
    graft_status status = GRAFT_OK;
    graft_corpus *untrained[] = {&t->eval, &t->replay.corpus};
    static const char *const names[] = {"eval", "replay"};
    GRAFT_TRY(graft_session_chat(&t->session, graft_dataset_has_tools(&t->train.dataset) ||
                                                  graft_dataset_has_tools(&t->eval.dataset)));
    GRAFT_TRY(fix_date(t));
    GRAFT_TRY(graft_session_compare_template(&t->session));
    if (t->config->token_cache != NULL) {
        GRAFT_TRY(graft_cache_open_folder(t->config->token_cache));
    }
    GRAFT_TRY(graft_corpus_weigh(&t->train, &t->session, true));
    GRAFT_TRY(graft_corpus_build_cached(&t->train, &t->session, t->base_hash, "train"));
    GRAFT_TRY(graft_corpus_show_shares(&t->train, "training"));
    graft_corpus_drop_untrained(&t->train);
    for (size_t i = 0; i < 2; i++) {
        if (untrained[i]->dataset.n > 0) {
            GRAFT_TRY(graft_corpus_weigh(untrained[i], &t->session, false));
            GRAFT_TRY(graft_corpus_build_cached(untrained[i], &t->session, t->base_hash,
                                                names[i]));
        }
    }
    GRAFT_TRY(graft_general_read(&t->general.corpus, &t->session));
done:
    return status;
}

/* For everything that a run reads; replies of its evaluations end where that context does. */
static void set_context(graft_training *t)
{
    const graft_corpus *const corpora[] = {&t->train, &t->eval, &t->replay.corpus,
                                           &t->general.corpus};
    size_t longest = 0;
    for (size_t i = 0; i < sizeof corpora / sizeof *corpora; i++) {
        size_t n = graft_corpus_longest(corpora[i]);
        longest = n > longest ? n : longest;
    }
    graft_session_set_context(&t->session, longest);
}

static void log_plan(const graft_training *t)
{
    const graft_trainer *r = &t->trainer;
    const graft_plan *plan = &r->plan;
    const graft_kernels *kernels = &r->compute->kernels;
    graft_log(GRAFT_LOG_INFO,
              "adapter: rank %zu, scale %.4g, on %zu of %zu linear maps, %zu parameters",
              t->session.adapter->rank, t->session.adapter->scale, t->session.adapter->n_maps,
              t->session.model->n_slots, t->session.adapter->n_params);
    graft_log(GRAFT_LOG_INFO,
              "%llu steps of %llu examples (%llu per epoch); passes of about %zu tokens with %zu of "
              "%zu layers recomputed, at most %zu with %zu; about %zu MiB of activations",
              (unsigned long long)r->n_steps, (unsigned long long)t->config->batch_size,
              (unsigned long long)r->steps_per_epoch, plan->usual_tokens,
              graft_plan_recomputed(plan, r->model, kernels, plan->usual_tokens),
              r->model->hparams.n_layer, plan->max_tokens_per_pass,
              graft_plan_recomputed(plan, r->model, kernels, plan->max_tokens_per_pass),
              plan->pass_bytes >> 20);
}

/* Merged models are made of an adapter that lies in the run folder (finish.c). */
static graft_status add_adapter(graft_config *c)
{
    graft_status status = GRAFT_OK;
    const char *wanted = c->use_dora ? "peft" : "adapter";
    graft_text items;
    graft_text_init(&items);
    GRAFT_TRY(graft_config_value(c, "export", &items));
    GRAFT_TRY(graft_text_appendf(&items, ",%s", wanted));
    GRAFT_TRY(graft_config_set(c, "export", graft_text_z(&items)));
    graft_log(GRAFT_LOG_INFO, "export: %s too, for merged models are made of it", wanted);
done:
    graft_text_clear(&items);
    return status;
}

/* The second one would be written over the first. */
static graft_status check_repeat(const graft_config *c, size_t i, const graft_exporter *exporter)
{
    graft_status status = GRAFT_OK;
    const graft_exporter *earlier;
    const char *type;
    for (size_t k = 0; k < i; k++) {
        GRAFT_TRY(graft_exporter_of_item(&earlier, &type, c->export.items[k]));
        if (earlier == exporter) {
            status = graft_fail(GRAFT_E_CONFIG, "export: %s and %s would both be %s: name one, and "
                                "make the other with graft export after the run",
                                c->export.items[k], c->export.items[i], exporter->writes);
            goto done;
        }
    }
done:
    return status;
}

/* Said now and not after the last step. */
static graft_status check_exports(graft_config *c)
{
    graft_status status = GRAFT_OK;
    const graft_exporter *exporter;
    const char *type;
    bool merges = false, has_adapter = false;
    for (size_t i = 0; i < c->export.n; i++) {
        GRAFT_TRY(graft_exporter_of_item(&exporter, &type, c->export.items[i]));
        GRAFT_TRY(check_repeat(c, i, exporter));
        if (c->use_dora && graft_exporter_check_dora(exporter, type) != GRAFT_OK) {
            status = graft_fail(GRAFT_E_CONFIG, "use_dora: export: %s", graft_error_message());
            goto done;
        }
        merges = merges || exporter->merges;
        has_adapter = has_adapter || graft_training_is_merged_from(exporter);
    }
    if (merges && !has_adapter) {
        GRAFT_TRY(add_adapter(c));
    }
done:
    return status;
}

static graft_status identify(graft_training *t)
{
    graft_sha256 hash;
    uint8_t digest[32];
    char data[65], eval_data[65], chat_template[65], date[32];
    const int64_t told = graft_chat_time(t->session.chat);
    const char *source = graft_chat_source(t->session.chat);
    graft_corpus_hash(&t->train, data);
    graft_corpus_hash(&t->eval, eval_data);
    graft_sha256_init(&hash);
    graft_sha256_update(&hash, source, strlen(source));
    graft_sha256_final(&hash, digest);
    graft_sha256_hex(digest, chat_template);
    graft_daytime_format_calendar(date, told);
    graft_run_files files = {t->base_hash, chat_template, data,
                             t->eval.n_units > 0 ? eval_data : NULL, told >= 0 ? date : NULL};
    return graft_run_identity(&t->identity, &t->trainer, &files);
}

graft_status graft_training_prepare(graft_training *t)
{
    graft_status status = GRAFT_OK;
    GRAFT_TRY(check_exports(t->config));
    GRAFT_TRY(read_data(t));
    GRAFT_TRY(graft_session_open(&t->session, t->config));
    GRAFT_TRY(graft_gguf_sha256(t->session.model->file, t->base_hash));
    GRAFT_TRY(graft_strdup(&t->base_path, graft_gguf_path(t->session.model->file)));
    t->base = (graft_base){.file = t->session.model->file, .sha256 = t->base_hash};
    GRAFT_TRY(tokenise(t));
    set_context(t);
    GRAFT_TRY(graft_session_new_adapter(&t->session));
    GRAFT_TRY(graft_trainer_init(&t->trainer, t->config, t->session.model, t->session.adapter,
                                 &t->session.compute, t->train.units, t->train.n_units));
    t->session.reply_bytes = t->trainer.plan.pass_bytes; /* training takes as much in its turn */
    t->n_examples = t->train.n_units;
    log_plan(t);
    graft_training_log_mixture(t);
    GRAFT_TRY(identify(t));
    GRAFT_TRY(graft_score_log_count(&t->session, &t->eval));
    GRAFT_TRY(graft_training_plan_evaluations(t));
done:
    return status;
}
