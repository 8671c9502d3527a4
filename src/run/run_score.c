#include <graft/eval.h>

#include "core/memory.h"
#include "run/corpus.h"

static graft_status score_json(graft_text *out, const graft_example *example,
                               const float *logprobs)
{
    graft_status status = GRAFT_OK;
    graft_json *o = graft_json_new_object(), *ids = graft_json_new_array();
    graft_json *weights = graft_json_new_array(), *values = graft_json_new_array();
    GRAFT_TRY(graft_json_set_int(o, "index", example->conversation));
    for (uint32_t i = 0; i < example->n; i++) {
        GRAFT_TRY(graft_json_push(ids, graft_json_new_int(example->ids[i])));
        GRAFT_TRY(graft_json_push(weights, graft_json_new_double((double)example->weights[i])));
        GRAFT_TRY(graft_json_push(values,
                                  i == 0 ? NULL : graft_json_new_double((double)logprobs[i])));
    }
    GRAFT_TRY(graft_json_set(o, "ids", graft_json_retain(ids)));
    GRAFT_TRY(graft_json_set(o, "weights", graft_json_retain(weights)));
    GRAFT_TRY(graft_json_set(o, "logprobs", graft_json_retain(values)));
    GRAFT_TRY(graft_json_write(out, o, GRAFT_JSON_COMPACT));
    GRAFT_TRY(graft_text_append_char(out, '\n'));
done:
    graft_json_free(ids);
    graft_json_free(weights);
    graft_json_free(values);
    graft_json_free(o);
    return status;
}

static graft_status score_table(graft_text *out, const graft_example *example,
                                const float *logprobs, const graft_tokenizer *tokenizer)
{
    graft_status status = GRAFT_OK;
    double loss = 0, weight = 0;
    for (uint32_t i = 0; i < example->n; i++) {
        size_t n = 0;
        const char *piece = graft_tokenizer_piece(tokenizer, example->ids[i], &n);
        GRAFT_TRY(graft_text_appendf(out, "%6u %7d %6.2f ", i, example->ids[i],
                                     (double)example->weights[i]));
        GRAFT_TRY(i == 0 ? graft_text_append_z(out, "        -  ")
                         : graft_text_appendf(out, "%9.4f  ", (double)logprobs[i]));
        GRAFT_TRY(graft_text_append_escaped(out, piece == NULL ? "" : piece, n, false));
        GRAFT_TRY(graft_text_append_char(out, '\n'));
        if (i > 0) {
            loss -= (double)logprobs[i] * (double)example->weights[i];
            weight += (double)example->weights[i];
        }
    }
    GRAFT_TRY(graft_text_appendf(out, "example %u: %u tokens, loss per trained token %.4f\n\n",
                                 example->conversation, example->n,
                                 weight != 0 ? loss / weight : 0.0));
done:
    return status;
}

static graft_status score_sample(graft_session *session, const graft_example *example,
                                 const graft_hooks *hooks, bool json)
{
    graft_status status = GRAFT_OK;
    float *logprobs = NULL;
    graft_text text;
    graft_text_init(&text);
    GRAFT_TRY(graft_hooks_check(hooks));
    GRAFT_TRY(graft_alloc(&logprobs, example->n, sizeof *logprobs));
    GRAFT_TRY(graft_example_logprobs(session->model, &session->compute, example, logprobs));
    GRAFT_TRY(json ? score_json(&text, example, logprobs)
                   : score_table(&text, example, logprobs, session->tokenizer));
    GRAFT_TRY(graft_hooks_emit(hooks, graft_text_z(&text), text.len));
done:
    graft_free(logprobs);
    graft_text_clear(&text);
    return status;
}

graft_status graft_score(graft_config *config, const graft_hooks *hooks, int json)
{
    graft_status status = GRAFT_OK;
    graft_session session = {0};
    graft_corpus corpus = {0};
    graft_hooks_begin(hooks);
    GRAFT_TRY(graft_config_check(config));
    if (config->dataset.n == 0) {
        status = graft_fail(GRAFT_E_CONFIG, "dataset is not set: name a JSONL file to score");
        goto done;
    }
    GRAFT_TRY(graft_session_read(&corpus.dataset, config, &config->dataset));
    GRAFT_TRY(graft_session_open(&session, config));
    GRAFT_TRY(graft_session_chat_tuned(&session, graft_dataset_has_tools(&corpus.dataset)));
    GRAFT_TRY(graft_session_load_adapter(&session));
    GRAFT_TRY(graft_corpus_build(&corpus, &session));
    graft_session_set_context(&session, graft_corpus_longest(&corpus));
    for (size_t i = 0; i < corpus.n_samples; i++) {
        GRAFT_TRY(score_sample(&session, &corpus.samples[i], hooks, json != 0));
    }
done:
    graft_hooks_end();
    graft_corpus_clear(&corpus);
    graft_session_close(&session);
    return status;
}
