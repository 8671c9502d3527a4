/* run_data.c - graft_data_show. */
#include <graft/dataset.h>

#include "core/log.h"
#include "core/memory.h"
#include "data/fit.h"
#include "data/show.h"
#include "run/corpus.h"

static void free_examples(graft_example *examples, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        graft_example_clear(&examples[i]);
    }
    graft_free(examples);
}

/* The samples of a conversation, or with truncation: turns of its windows if one is too long. */
static graft_status build_samples(graft_example **out, size_t *n_out, const graft_session *session,
                                  const graft_conversation *conversation, uint32_t index,
                                  const graft_weighting *weighting)
{
    graft_status status = GRAFT_OK;
    graft_truncation cut = {.limit = graft_corpus__limit(session)};
    bool cuts = session->config->truncation == GRAFT_TRUNCATION_TURNS;
    GRAFT_TRY(graft_examples_build(out, n_out, session->chat, session->tokenizer, conversation,
                                   index, weighting));
    for (size_t i = 0; i < *n_out && cuts; i++) {
        if ((*out)[i].n > cut.limit) {
            free_examples(*out, *n_out);
            GRAFT_TRY(graft_examples_truncate(out, n_out, &cut, session->chat, session->tokenizer,
                                              conversation, index, weighting));
            break;
        }
    }
done:
    return status;
}

/* Says what the template does not show of a conversation; fails if it refuses it. */
static graft_status tell_fit(const graft_session *session, const graft_conversation *conversation)
{
    graft_status status = GRAFT_OK;
    graft_fit fit;
    graft_text why, shown;
    graft_text_init(&why);
    graft_text_init(&shown);
    GRAFT_TRY(graft_fit_find(&fit, &why, session->chat, conversation, true));
    GRAFT_TRY(graft_text_append_escaped(&shown, graft_text_z(&why), why.len, false));
    if (fit == GRAFT_FIT_LOSES) {
        graft_log(GRAFT_LOG_WARN, "%s:%zu: %s", conversation->file, conversation->line,
                  graft_text_z(&shown));
    } else if (fit == GRAFT_FIT_REFUSED) {
        status = graft_fail(GRAFT_E_DATA, "%s:%zu: %s", conversation->file, conversation->line,
                            graft_text_z(&shown));
    }
done:
    graft_text_clear(&shown);
    graft_text_clear(&why);
    return status;
}

static graft_status show_one(const graft_session *session, const graft_conversation *conversation,
                             uint32_t index, const graft_weighting *weighting,
                             const graft_hooks *hooks, int colour, int json)
{
    graft_status status = GRAFT_OK;
    graft_example *examples = NULL;
    size_t n = 0;
    graft_text text;
    graft_text_init(&text);
    GRAFT_TRY(tell_fit(session, conversation));
    GRAFT_TRY(build_samples(&examples, &n, session, conversation, index, weighting));
    for (size_t i = 0; i < n; i++) {
        if (json) {
            GRAFT_TRY(graft_example_show_json(&text, &examples[i], session->tokenizer));
        } else {
            GRAFT_TRY(graft_example_show(&text, &examples[i], session->tokenizer, conversation,
                                         colour != 0));
        }
    }
    if (text.len > 0) {
        GRAFT_TRY(graft_hooks_emit(hooks, text.data, text.len));
    }
done:
    free_examples(examples, n);
    graft_text_clear(&text);
    return status;
}

graft_status graft_data_show(graft_config *config, uint64_t first, uint64_t n,
                             const graft_hooks *hooks, int colour, int json)
{
    graft_status status = GRAFT_OK;
    graft_session session = {0};
    graft_dataset dataset;
    graft_weighting weighting;
    graft_dataset_init(&dataset);
    GRAFT_TRY(graft_config_check(config));
    GRAFT_TRY(graft_config_require(config, "dataset"));
    GRAFT_TRY(graft_session_open(&session, config));
    GRAFT_TRY(graft_session_read(&dataset, config, &config->dataset));
    if (first >= dataset.n) {
        status = graft_fail(GRAFT_E_CONFIG, "there is no example %llu: the dataset has %zu, counted "
                            "from 0", (unsigned long long)first, dataset.n);
        goto done;
    }
    GRAFT_TRY(graft_session_weigh(&weighting, &dataset, config, true));
    GRAFT_TRY(graft_session_chat(&session, graft_dataset_has_tools(&dataset)));
    n = n < dataset.n - first ? n : dataset.n - first;
    for (uint64_t i = first; i < first + n; i++) {
        GRAFT_TRY(graft_hooks_check(hooks));
        GRAFT_TRY(show_one(&session, &dataset.conversations[i], (uint32_t)i, &weighting, hooks,
                           colour, json));
    }
done:
    graft_dataset_clear(&dataset);
    graft_session_close(&session);
    return status;
}
