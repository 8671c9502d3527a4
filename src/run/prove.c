/* prove.c - an exported model, read back, beside base and adapter on held-back data. */
#include "run/prove.h"

#include <math.h>
#include <string.h>

#include "core/memory.h"
#include "run/training.h"

enum { MOST_ROWS = 256 };

void graft_proof_init(graft_proof *proof)
{
    *proof = (graft_proof){0};
    graft_eval_report_init(&proof->base);
    graft_eval_report_init(&proof->tuned);
    graft_eval_report_init(&proof->merged);
}

void graft_proof_clear(graft_proof *proof)
{
    graft_eval_report_clear(&proof->base);
    graft_eval_report_clear(&proof->tuned);
    graft_eval_report_clear(&proof->merged);
    graft_proof_init(proof);
}

/* --- the two models --- */

typedef struct bench {
    graft_config *config; /* of the artefact; its own template */
    graft_session tuned, merged;
    graft_corpus of_tuned, of_merged;
} bench;

static void clear_bench(bench *b)
{
    graft_corpus_clear(&b->of_tuned);
    graft_corpus_clear(&b->of_merged);
    graft_session_close(&b->tuned);
    graft_session_close(&b->merged);
    graft_config_free(b->config);
}

static graft_status copy_config(graft_config **out, const graft_config *config, const char *model)
{
    graft_status status = GRAFT_OK;
    static const char *const names[] = {
        "tokenizer_pre", "threads", "compute", "cpu", "dataset", "eval_samples", "eval_turns",
        "eval_max_new_tokens", "tool_call_format", "max_seq_length", "truncation"};
    graft_config *from = (graft_config *)(uintptr_t)config; /* its scratch text changes */
    GRAFT_TRY(graft_config_new(out));
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        const char *value = graft_config_get(from, names[i]);
        if (value != NULL && value[0] != 0) {
            GRAFT_TRY(graft_config_set(*out, names[i], value));
        }
    }
    GRAFT_TRY(graft_config_set(*out, "base_model", model));
    GRAFT_TRY(graft_config_check(*out));
done:
    return status;
}

static graft_status read_corpus(graft_corpus *corpus, graft_session *session)
{
    graft_status status = GRAFT_OK;
    GRAFT_TRY(graft_corpus_build(corpus, session));
    graft_session_set_context(session, graft_corpus_longest(corpus));
done:
    return status;
}

static graft_status open_bench(bench *b, const graft_config *config,
                               const graft_export_serving *serving, const char *model)
{
    graft_status status = GRAFT_OK;
    const char *source = serving->chat_template;
    GRAFT_TRY(graft_session_read(&b->of_tuned.dataset, config, &config->dataset));
    GRAFT_TRY(graft_session_open(&b->tuned, config));
    bool tools = graft_dataset_has_tools(&b->of_tuned.dataset);
    GRAFT_TRY(graft_chat_new(&b->tuned.chat, source, source == NULL ? 0 : strlen(source),
                             "the exported chat template", serving->bos == NULL ? "" : serving->bos,
                             serving->eos == NULL ? "" : serving->eos, tools));
    GRAFT_TRY(graft_session_set_date(&b->tuned));
    GRAFT_TRY(read_corpus(&b->of_tuned, &b->tuned));
    GRAFT_TRY(copy_config(&b->config, config, model));
    GRAFT_TRY(graft_session_read(&b->of_merged.dataset, b->config, &b->config->dataset));
    GRAFT_TRY(graft_session_open(&b->merged, b->config));
    GRAFT_TRY(graft_session_chat(&b->merged, tools));
    graft_chat_set_time(b->merged.chat, graft_chat_time(b->tuned.chat)); /* midnight may be between them */
    GRAFT_TRY(read_corpus(&b->of_merged, &b->merged));
done:
    return status;
}

/* The same texts must have become the same tokens. */
static graft_status compare_corpora(const bench *b)
{
    const graft_corpus *x = &b->of_tuned, *y = &b->of_merged;
    bool same = x->n_samples == y->n_samples;
    for (size_t i = 0; same && i < x->n_samples; i++) {
        same = x->samples[i].n == y->samples[i].n &&
               memcmp(x->samples[i].ids, y->samples[i].ids,
                      x->samples[i].n * sizeof *x->samples[i].ids) == 0;
    }
    return same ? GRAFT_OK
                : graft_fail(GRAFT_E_FAILED, "the exported model turns the examples into other tokens "
                             "than base and adapter do: its chat template is another");
}

/* --- distributions --- */

/* Logits at the rows, in the memory of the session's arena: valid until it computes again. */
static graft_status logits_at(graft_session *session, const graft_example *example,
                              const uint32_t *positions, const graft_rows_wanted *rows,
                              graft_tensor **out)
{
    graft_status status = GRAFT_OK;
    graft_tape tape;
    graft_tensor *hidden = NULL;
    graft_span span = {0, example->n, 0, example->n, -1, 0};
    graft_pass pass = {example->n, example->ids, positions, &span, 1, NULL, 0};
    GRAFT_TRY(graft_model_prepare(session->model, &session->compute));
    graft_tape_begin(&tape, &session->compute, false);
    GRAFT_TRY(graft_model_hidden(session->model, &tape, &pass, NULL, 0, rows, &hidden));
    GRAFT_TRY(graft_model_logits(session->model, &tape, hidden, out));
done:
    return status;
}

static double log_sum(const graft_real *x, size_t n, size_t *best)
{
    double sum = 0;
    *best = 0;
    for (size_t i = 1; i < n; i++) {
        *best = x[i] > x[*best] ? i : *best;
    }
    for (size_t i = 0; i < n; i++) {
        sum += exp((double)x[i] - (double)x[*best]);
    }
    return (double)x[*best] + log(sum);
}

/* KL(p || q) in nats of the distributions that two rows of logits mean. */
static double divergence(const graft_real *p, const graft_real *q, size_t n, bool *agree)
{
    size_t best_p, best_q;
    double of_p = log_sum(p, n, &best_p), of_q = log_sum(q, n, &best_q), sum = 0;
    for (size_t i = 0; i < n; i++) {
        double log_p = (double)p[i] - of_p;
        sum += exp(log_p) * (log_p - ((double)q[i] - of_q));
    }
    *agree = best_p == best_q;
    return sum;
}

typedef struct distances {
    double kl;
    size_t n, agreeing;
} distances;

static graft_status compare_example(bench *b, const graft_example *example, distances *d)
{
    graft_status status = GRAFT_OK;
    uint32_t rows[MOST_ROWS], *positions = NULL;
    graft_rows_wanted wanted = {rows, 0};
    graft_tensor *p = NULL, *q = NULL;
    for (uint32_t i = 1; i < example->n && wanted.n < MOST_ROWS; i++) {
        if (example->weights[i] > 0) {
            rows[wanted.n++] = i - 1;
        }
    }
    if (wanted.n == 0) {
        return GRAFT_OK;
    }
    GRAFT_TRY(graft_alloc(&positions, example->n, sizeof *positions));
    for (uint32_t i = 0; i < example->n; i++) {
        positions[i] = i;
    }
    GRAFT_TRY(logits_at(&b->tuned, example, positions, &wanted, &p));
    GRAFT_TRY(logits_at(&b->merged, example, positions, &wanted, &q));
    for (size_t i = 0; i < wanted.n; i++) {
        bool agree;
        d->kl += divergence(graft_tensor_reals(p, i), graft_tensor_reals(q, i), p->n_cols, &agree);
        d->agreeing += agree;
        d->n++;
    }
done:
    graft_free(positions);
    return status;
}

static graft_status compare_distributions(bench *b, graft_proof *proof, const graft_hooks *hooks)
{
    graft_status status = GRAFT_OK;
    distances d = {0};
    for (size_t i = 0; i < b->of_tuned.n_samples; i++) {
        const graft_progress progress = {.phase = "comparing", .unit = "examples", .done = i,
                                         .total = b->of_tuned.n_samples};
        graft_hooks_progress(hooks, &progress);
        GRAFT_TRY(graft_hooks_check(hooks));
        GRAFT_TRY(compare_example(b, &b->of_tuned.samples[i], &d));
    }
    proof->n_tokens = d.n;
    proof->kl = d.n > 0 ? d.kl / (double)d.n : 0;
    proof->agreeing = d.n > 0 ? (double)d.agreeing / (double)d.n : 1;
    if (!isfinite(proof->kl)) {
        status = graft_fail(GRAFT_E_NUMERICS, "the exported model's logits are not finite");
    }
done:
    return status;
}

graft_status graft_prove(graft_proof *proof, const graft_config *config,
                         const graft_export_inputs *inputs, const graft_export_serving *serving,
                         const char *model, const graft_hooks *hooks)
{
    graft_status status = GRAFT_OK;
    bench b = {0};
    GRAFT_TRY(open_bench(&b, config, serving, model));
    GRAFT_TRY(compare_corpora(&b));
    GRAFT_TRY(graft_score_log_count(&b.tuned, &b.of_tuned));
    GRAFT_TRY(graft_score_corpus(&proof->base, &b.tuned, &b.of_tuned, hooks, "proving: the base"));
    GRAFT_TRY(graft_session_attach(&b.tuned, &inputs->sum, inputs->parts[0].path));
    GRAFT_TRY(compare_distributions(&b, proof, hooks));
    GRAFT_TRY(graft_score_corpus(&proof->tuned, &b.tuned, &b.of_tuned, hooks,
                                 "proving: base and adapter"));
    GRAFT_TRY(graft_score_corpus(&proof->merged, &b.merged, &b.of_merged, hooks,
                                 "proving: the artefact"));
done:
    clear_bench(&b);
    return status;
}

/* --- what is said of it --- */

graft_status graft_proof_table(const graft_proof *proof, graft_text *out)
{
    graft_status status = GRAFT_OK;
    GRAFT_TRY(graft_text_appendf(out, "proof     KL to base and adapter %.4g nats per token, the same "
                                 "most probable token at %.1f %% of %zu\n", proof->kl,
                                 100 * proof->agreeing, proof->n_tokens));
    GRAFT_TRY(graft_text_append_z(out, "\nBase, then base and adapter:\n"));
    GRAFT_TRY(graft_eval_report_compare(out, &proof->base, &proof->tuned));
    GRAFT_TRY(graft_text_append_z(out, "\nBase and adapter, then the exported model:\n"));
    GRAFT_TRY(graft_eval_report_compare(out, &proof->tuned, &proof->merged));
    GRAFT_TRY(graft_text_append_char(out, '\n'));
done:
    return status;
}

graft_status graft_proof_json(const graft_proof *proof, graft_json **out)
{
    graft_status status = GRAFT_OK;
    graft_json *o = graft_json_new_object(), *adapter = NULL, *merged = NULL;
    *out = NULL;
    GRAFT_TRY(graft_json_set_double(o, "kl", proof->kl));
    GRAFT_TRY(graft_json_set_double(o, "agreeing", proof->agreeing));
    GRAFT_TRY(graft_json_set_int(o, "tokens", (int64_t)proof->n_tokens));
    GRAFT_TRY(graft_eval_report_compare_json(&adapter, &proof->base, &proof->tuned));
    GRAFT_TRY(graft_json_set(o, "adapter", graft_json_retain(adapter)));
    GRAFT_TRY(graft_eval_report_compare_json(&merged, &proof->tuned, &proof->merged));
    GRAFT_TRY(graft_json_set(o, "merged", graft_json_retain(merged)));
    *out = graft_json_retain(o);
done:
    graft_json_free(adapter);
    graft_json_free(merged);
    graft_json_free(o);
    return status;
}
