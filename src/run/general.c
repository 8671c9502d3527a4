#include "run/general.h"

#include <math.h>
#include <string.h>

#include "core/log.h"
#include "core/memory.h"
#include "io/files.h"

enum { WINDOW = 512 };            /* tokens */
enum { LONGEST_TOKEN = 16 };      /* bytes, on average: more of a file is not looked at */
#define LOSS_PASS 512             /* tokens of a pass */
#define PLAIN "plain"

typedef struct reading {
    const graft_session *session;
    graft_corpus *corpus;
    size_t left; /* tokens that may still be read */
    size_t n_left_out;
} reading;

static bool is_plain(const graft_config_source *source)
{
    return source->format != NULL ? strcmp(source->format, PLAIN) == 0
                                  : graft_str_ends_with(source->path, ".txt") ||
                                        graft_str_ends_with(source->path, ".md");
}

/* Moves an example into the corpus; on failure it is cleared. */
static graft_status keep_sample(reading *r, graft_example *example)
{
    graft_status status = GRAFT_OK;
    graft_corpus *c = r->corpus;
    GRAFT_TRY(graft_reserve(&c->samples, &c->samples_capacity, c->n_samples + 1,
                            sizeof *c->samples));
    c->samples[c->n_samples++] = *example;
    r->left -= example->n < r->left ? example->n : r->left;
    *example = (graft_example){0};
done:
    graft_example_clear(example);
    return status;
}

static graft_status add_window(reading *r, const int32_t *ids, size_t n)
{
    graft_status status = GRAFT_OK;
    const graft_tokenizer *tokenizer = r->session->tokenizer;
    int32_t bos = graft_tokenizer_bos(tokenizer);
    size_t head = graft_tokenizer_add_bos(tokenizer) && bos >= 0 ? 1 : 0;
    graft_example example = {.n = (uint32_t)(n + head)};
    GRAFT_TRY(graft_alloc(&example.ids, n + head, sizeof *example.ids));
    GRAFT_TRY(graft_alloc(&example.weights, n + head, sizeof *example.weights));
    GRAFT_TRY(graft_alloc(&example.roles, n + head, sizeof *example.roles));
    example.ids[0] = bos;
    memcpy(example.ids + head, ids, n * sizeof *ids);
    for (size_t i = 1; i < n + head; i++) {
        example.weights[i] = 1;
    }
    GRAFT_TRY(keep_sample(r, &example));
done:
    graft_example_clear(&example);
    return status;
}

static graft_status add_text(reading *r, const char *text, size_t n)
{
    graft_status status = GRAFT_OK;
    graft_tokens tokens;
    size_t most = 0;
    graft_tokens_init(&tokens);
    if (graft_size_mul(r->left, LONGEST_TOKEN, &most) && n > most) {
        n = most;
    }
    GRAFT_TRY(graft_tokenizer_encode(r->session->tokenizer, &tokens, text, n, NULL));
    for (size_t at = 0; at + 1 < tokens.n && r->left > 0;) {
        size_t size = tokens.n - at < WINDOW ? tokens.n - at : WINDOW;
        size = size < r->left ? size : r->left;
        if (size > 1) {
            GRAFT_TRY(add_window(r, tokens.ids + at, size));
        } else {
            r->left = 0;
        }
        at += size;
    }
done:
    graft_tokens_clear(&tokens);
    return status;
}

static graft_status read_plain(reading *r, const char *path)
{
    graft_status status = GRAFT_OK;
    graft_mapped file = {0};
    GRAFT_TRY(graft_mapped_open(&file, path));
    GRAFT_TRY(add_text(r, (const char *)file.data, file.size));
done:
    graft_mapped_close(&file);
    return status;
}

/* The words of a conversation that is one message of the assistant; NULL otherwise. */
static const char *lone_text(const graft_conversation *c, size_t *n)
{
    return c->n_turns == 1 && c->turns[0].role == GRAFT_ROLE_ASSISTANT && c->tools == NULL
               ? graft_json_string(graft_json_get(graft_json_at(c->messages, 0), "content"), n)
               : NULL;
}

static graft_status add_conversation(reading *r, const graft_conversation *c, size_t index)
{
    graft_status status = GRAFT_OK;
    graft_example *samples = NULL;
    size_t n = 0, n_text;
    const char *text = lone_text(c, &n_text);
    if (text != NULL) {
        return add_text(r, text, n_text);
    }
    status = graft_examples_build(&samples, &n, r->session->chat, r->session->tokenizer, c,
                                  (uint32_t)index, NULL);
    if (status != GRAFT_OK) {
        return graft_fail_prefix("%s:%zu", c->file, c->line);
    }
    for (size_t i = 0; i < n; i++) {
        if (samples[i].n > r->session->model->hparams.n_ctx) {
            r->n_left_out++;
        } else if (r->left > 0) {
            GRAFT_TRY(keep_sample(r, &samples[i]));
        }
    }
done:
    for (size_t i = 0; i < n; i++) {
        graft_example_clear(&samples[i]);
    }
    graft_free(samples);
    return status;
}

graft_status graft_general_read(graft_corpus *out, const graft_session *session)
{
    graft_status status = GRAFT_OK;
    const graft_config *c = session->config;
    size_t limit = c->perplexity_tokens > 0 ? (size_t)c->perplexity_tokens : SIZE_MAX, n_tokens = 0;
    reading r = {.session = session, .corpus = out, .left = limit};
    if (c->perplexity_dataset.n == 0) {
        return GRAFT_OK;
    }
    for (size_t i = 0; i < c->perplexity_dataset.n && r.left > 0; i++) {
        graft_config_sources one = {&c->perplexity_dataset.items[i], 1};
        size_t k = out->dataset.n;
        if (is_plain(one.items)) {
            GRAFT_TRY(read_plain(&r, one.items->path));
            continue;
        }
        GRAFT_TRY(graft_session_read(&out->dataset, c, &one));
        for (; k < out->dataset.n && r.left > 0; k++) {
            GRAFT_TRY(add_conversation(&r, &out->dataset.conversations[k], k));
        }
    }
    for (size_t i = 0; i < out->n_samples; i++) {
        n_tokens += out->samples[i].n;
    }
    if (r.n_left_out > 0) {
        graft_log(GRAFT_LOG_WARN, "perplexity: left out %zu examples longer than the base's context",
                  r.n_left_out);
    }
    graft_log(GRAFT_LOG_INFO, "perplexity: on %zu tokens of general text in %zu pieces", n_tokens,
              out->n_samples);
    if (out->n_samples == 0) {
        status = graft_fail(GRAFT_E_DATA, "%s: holds no text to measure the perplexity of",
                            c->perplexity_dataset.items[0].path);
    }
done:
    return status;
}

graft_status graft_general_loss(double *loss, size_t *n_tokens, graft_session *session,
                                const graft_corpus *corpus, const char *path)
{
    graft_status status = GRAFT_OK;
    const graft_example **examples = NULL;
    double sum = 0, weight = 0;
    *n_tokens = 0;
    GRAFT_TRY(graft_alloc(&examples, corpus->n_samples, sizeof *examples));
    for (size_t i = 0; i < corpus->n_samples; i++) {
        examples[i] = &corpus->samples[i];
        for (uint32_t k = 1; k < examples[i]->n; k++) {
            *n_tokens += fabsf(examples[i]->weights[k]) > 0;
        }
    }
    GRAFT_TRY(graft_examples_loss(session->model, &session->compute, examples, corpus->n_samples,
                                  LOSS_PASS, &sum, &weight));
    if (!(weight > 0)) {
        status = graft_fail(GRAFT_E_DATA, "%s: nothing of what the loss is to be measured on has a "
                            "loss weight", path);
        goto done;
    }
    *loss = sum / weight;
done:
    graft_free(examples);
    return status;
}
