#include <graft/eval.h>

#include <string.h>

#include "core/clock.h"
#include "eval/gates.h"
#include "run/training.h"

/* The perplexity of general text, if some is named. */
static graft_status measure_general(graft_eval_report *report, graft_session *session,
                                    const graft_corpus *general)
{
    graft_status status = GRAFT_OK;
    const graft_config_sources *sources = &session->config->perplexity_dataset;
    if (general->n_samples > 0) {
        if (graft_corpus_longest(general) > graft_model_context(session->model)) {
            graft_session_set_context(session, graft_corpus_longest(general));
        }
        GRAFT_TRY(graft_general_loss(&report->general_loss, &report->general_tokens, session,
                                     general, sources->items[0].path));
    }
done:
    return status;
}

static graft_status describe(const graft_eval_report *report, bool json, graft_text *out)
{
    graft_status status = GRAFT_OK;
    graft_json *o = NULL;
    if (!json) {
        return graft_eval_report_table(out, report);
    }
    GRAFT_TRY(graft_eval_report_json(&o, report));
    GRAFT_TRY(graft_json_write(out, o, GRAFT_JSON_COMPACT));
    GRAFT_TRY(graft_text_append_char(out, '\n'));
done:
    graft_json_free(o);
    return status;
}

/* Everything up to the first reply. */
static graft_status prepare(graft_config *config, graft_session *session, graft_corpus *corpus)
{
    graft_status status = GRAFT_OK;
    GRAFT_TRY(graft_config_check(config));
    if (config->dataset.n == 0) {
        status = graft_fail(GRAFT_E_CONFIG, "dataset is not set: name a JSONL file to score on");
        goto done;
    }
    GRAFT_TRY(graft_session_read(&corpus->dataset, config, &config->dataset));
    GRAFT_TRY(graft_session_open(session, config));
    GRAFT_TRY(graft_session_chat_tuned(session, graft_dataset_has_tools(&corpus->dataset)));
    GRAFT_TRY(graft_session_load_adapter(session));
    GRAFT_TRY(graft_corpus_build(corpus, session));
    graft_session_set_context(session, graft_corpus_longest(corpus));
    GRAFT_TRY(graft_score_log_count(session, corpus));
done:
    return status;
}

/* `replies`: a file of them, or NULL: the model's. */
static graft_status evaluate(graft_config *config, const char *replies, const graft_hooks *hooks,
                             bool json, char **out)
{
    graft_status status = GRAFT_OK;
    graft_session session = {0};
    graft_corpus corpus = {0}, general = {0};
    graft_eval_report report;
    graft_gates gates;
    graft_text text;
    graft_text_init(&text);
    graft_eval_report_init(&report);
    *out = NULL;
    graft_hooks_begin(hooks);
    GRAFT_TRY(graft_gates_read(&gates, (const char *const *)config->require.items,
                               config->require.n));
    GRAFT_TRY(prepare(config, &session, &corpus));
    if (replies != NULL) {
        GRAFT_TRY(graft_score_replies(&report, &session, &corpus, replies));
    } else {
        GRAFT_TRY(graft_general_read(&general, &session)); /* or is refused, before any reply */
        session.reply_bytes = graft_memory_available() / 4;
        GRAFT_TRY(graft_score_corpus(&report, &session, &corpus, hooks, "evaluating"));
        GRAFT_TRY(measure_general(&report, &session, &general));
    }
    GRAFT_TRY(graft_base_check(&(graft_base){.file = session.model->file}));
    GRAFT_TRY(describe(&report, json, &text));
    GRAFT_TRY(graft_text_take(&text, out));
    GRAFT_TRY(graft_gates_check(&gates, &report)); /* the result is there all the same */
done:
    graft_hooks_end();
    graft_eval_report_clear(&report);
    graft_corpus_clear(&general);
    graft_corpus_clear(&corpus);
    graft_session_close(&session);
    graft_text_clear(&text);
    return status;
}

graft_status graft_eval(graft_config *config, const graft_hooks *hooks, int json, char **out)
{
    return evaluate(config, NULL, hooks, json != 0, out);
}

graft_status graft_eval_replies(graft_config *config, const char *path, const graft_hooks *hooks,
                                int json, char **out)
{
    return evaluate(config, path, hooks, json != 0, out);
}

graft_status graft_eval_prompts(graft_config *config, const graft_hooks *hooks)
{
    graft_status status = GRAFT_OK;
    graft_session session = {0};
    graft_corpus corpus = {0};
    graft_hooks_begin(hooks);
    GRAFT_TRY(prepare(config, &session, &corpus));
    status = graft_score_prompts(&session, &corpus, hooks);
done:
    graft_hooks_end();
    graft_corpus_clear(&corpus);
    graft_session_close(&session);
    return status;
}
