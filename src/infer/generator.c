#include "infer/generator.h"

#include <math.h>
#include <string.h>

#include "autograd/ops.h"
#include "core/memory.h"

/* A sequence being decoded. Its keys lie in rows [row, row + n_rows) of the cache. */
typedef struct sequence {
    size_t prompt; /* index */
    size_t row, n_rows;
    size_t n_done; /* tokens whose keys are in the cache */
    size_t n_now;  /* tokens of it in the pass at hand */
    size_t limit;  /* tokens the reply may have */
    const graft_reading *reading; /* NULL once it is read */
    const graft_reading *text;    /* what its prompt is known to begin, of itself or of its donor */
    size_t n_scored;              /* predictions of the text that are known */
} sequence;

/* A row of the pass at hand whose prediction is scored. */
typedef struct scored {
    sequence *of;
    size_t prediction;
} scored;

typedef struct generator {
    graft_model *model;
    graft_compute *compute;
    const graft_tokenizer *tokenizer;
    const graft_tokens *prompts;
    size_t n_prompts, next_prompt;
    graft_generate_options options;
    graft_reply *replies;
    graft_kv_cache cache;
    sequence *active;
    size_t n_active;
    sequence *ended; /* whose keys nothing has been written over yet; at most max_batch */
    size_t n_ended;
    graft_pass pass; /* its arrays are the next four */
    int32_t *ids;
    uint32_t *positions, *order;
    graft_span *spans;
    uint32_t *rows; /* that the last layer goes on with, ascending */
    size_t n_rows;
    uint32_t *logit_rows, *score_rows; /* which of them are for logits, and for predictions */
    size_t n_logits, n_scores;
    size_t *owner; /* [n_active]: which sequence row i of the logits belongs to */
    graft_prediction *predictions; /* [n_scores], and their results: */
    scored *scored;
    float *logprobs;
    int32_t *best;
} generator;

static const graft_reading *reading_of(const generator *g, size_t prompt)
{
    const graft_reading *all = g->options.readings;
    return all == NULL || all[prompt].n == 0 ? NULL : &all[prompt];
}

/* Tokens that a prompt and its reply may have together. */
static size_t context_of(const generator *g)
{
    size_t set = graft_model_context(g->model);
    return set < g->model->hparams.n_ctx ? set : g->model->hparams.n_ctx;
}

static size_t reply_limit(const generator *g, size_t prompt)
{
    size_t room = context_of(g) - g->prompts[prompt].n;
    return g->options.max_new_tokens < room ? g->options.max_new_tokens : room;
}

/* Rows of the cache that a prompt needs. */
static size_t length_of(const generator *g, size_t prompt)
{
    const graft_reading *reading = reading_of(g, prompt);
    size_t n = g->prompts[prompt].n + reply_limit(g, prompt);
    return reading != NULL && reading->n > n ? reading->n : n;
}

static graft_status prepare(generator *g)
{
    graft_status status = GRAFT_OK;
    graft_generate_options *o = &g->options;
    size_t longest = 0, total = 0;
    o->max_batch = o->max_batch == 0 ? 16 : o->max_batch;
    o->cache_bytes = o->cache_bytes == 0 ? (size_t)256 << 20 : o->cache_bytes;
    o->max_pass_tokens = o->max_pass_tokens == 0 ? 1024 : o->max_pass_tokens;
    if (o->max_pass_tokens < o->max_batch) {
        o->max_pass_tokens = o->max_batch;
    }
    for (size_t i = 0; i < g->n_prompts; i++) {
        if (g->prompts[i].n == 0 || g->prompts[i].n >= context_of(g)) {
            return graft_fail(GRAFT_E_DATA,
                              "prompt %zu has %zu tokens; the model's context is %zu", i,
                              g->prompts[i].n, context_of(g));
        }
        size_t n = length_of(g, i);
        longest = n > longest ? n : longest;
        total += n;
    }
    const graft_hparams *h = &g->model->hparams;
    const graft_kernels *kernels = &g->compute->kernels;
    size_t n_rows = o->cache_bytes / graft_kv_row_bytes(g->model, kernels);
    size_t most = longest < total / o->max_batch ? longest * o->max_batch : total;
    n_rows = n_rows < most ? n_rows : most;
    n_rows = n_rows > longest ? n_rows : longest;
    GRAFT_TRY(graft_kv_cache_init(&g->cache, g->model, kernels, n_rows));
    GRAFT_TRY(graft_model_prepare(g->model, g->compute));
    GRAFT_TRY(graft_alloc(&g->active, o->max_batch, sizeof *g->active));
    GRAFT_TRY(graft_alloc(&g->ended, o->max_batch, sizeof *g->ended));
    GRAFT_TRY(graft_alloc(&g->owner, o->max_batch, sizeof *g->owner));
    GRAFT_TRY(graft_alloc(&g->spans, o->max_batch, sizeof *g->spans));
    GRAFT_TRY(graft_alloc(&g->ids, o->max_pass_tokens, sizeof *g->ids));
    GRAFT_TRY(graft_alloc(&g->positions, o->max_pass_tokens, sizeof *g->positions));
    GRAFT_TRY(graft_alloc(&g->rows, o->max_pass_tokens, sizeof *g->rows));
    GRAFT_TRY(graft_alloc(&g->logit_rows, o->max_batch, sizeof *g->logit_rows));
    GRAFT_TRY(graft_alloc(&g->score_rows, o->max_pass_tokens, sizeof *g->score_rows));
    GRAFT_TRY(graft_alloc(&g->predictions, o->max_pass_tokens, sizeof *g->predictions));
    GRAFT_TRY(graft_alloc(&g->scored, o->max_pass_tokens, sizeof *g->scored));
    GRAFT_TRY(graft_alloc(&g->logprobs, o->max_pass_tokens, sizeof *g->logprobs));
    GRAFT_TRY(graft_alloc(&g->best, o->max_pass_tokens, sizeof *g->best));
    GRAFT_TRY(graft_alloc(&g->order, h->n_vocab, sizeof *g->order));
done:
    return status;
}

static void clear(generator *g)
{
    graft_kv_cache_clear(&g->cache);
    graft_free(g->active);
    graft_free(g->ended);
    graft_free(g->owner);
    graft_free(g->spans);
    graft_free(g->ids);
    graft_free(g->rows);
    graft_free(g->logit_rows);
    graft_free(g->score_rows);
    graft_free(g->predictions);
    graft_free(g->scored);
    graft_free(g->logprobs);
    graft_free(g->best);
    graft_free(g->positions);
    graft_free(g->order);
}

/* First gap of n rows between the active sequences; n_rows of the cache if there is none. */
static size_t find_gap(const generator *g, size_t n)
{
    size_t at = 0;
    for (bool moved = true; moved;) {
        moved = false;
        for (size_t i = 0; i < g->n_active; i++) {
            const sequence *s = &g->active[i];
            if (at < s->row + s->n_rows && s->row < at + n) {
                at = s->row + s->n_rows;
                moved = true;
            }
        }
    }
    return at + n <= g->cache.n_rows ? at : g->cache.n_rows;
}

/* Tokens from the start on that two prompts have in common; the last one of `prompt` is always read,
 * for its logits, and so is what predicts. */
static size_t common_tokens(const generator *g, size_t prompt, size_t other)
{
    const graft_tokens *a = &g->prompts[prompt], *b = &g->prompts[other];
    const graft_reading *reading = reading_of(g, prompt);
    size_t n = a->n - 1 < b->n ? a->n - 1 : b->n, i = 0;
    if (reading != NULL && reading->n_predictions > 0 && reading->predictions[0].row < n) {
        n = reading->predictions[0].row;
    }
    while (i < n && a->ids[i] == b->ids[i]) {
        i++;
    }
    return i;
}

/* The sequence in the cache that begins most like the prompt, NULL if none does for long enough. */
static const sequence *find_donor(const generator *g, size_t prompt, size_t *n_common)
{
    enum { WORTH_COPYING = 16 };
    const sequence *donor = NULL;
    *n_common = 0;
    for (size_t i = 0; i < g->n_active + g->n_ended; i++) {
        const sequence *s = i < g->n_active ? &g->active[i] : &g->ended[i - g->n_active];
        size_t n = common_tokens(g, prompt, s->prompt);
        if (n >= WORTH_COPYING && n > *n_common) {
            donor = s;
            *n_common = n;
        }
    }
    return donor;
}

/* Rows [row, row + n) are about to be used. */
static void forget_ended(generator *g, size_t row, size_t n)
{
    size_t kept = 0;
    for (size_t i = 0; i < g->n_ended; i++) {
        const sequence *s = &g->ended[i];
        if (s->row + s->n_rows <= row || row + n <= s->row) {
            g->ended[kept++] = *s;
        }
    }
    g->n_ended = kept;
}

bool graft_reply_repeats(const graft_reply *reply, size_t least)
{
    for (size_t period = 1; period <= 64; period++) {
        size_t n = 4 * period > least ? 4 * period : least, k = 0;
        if (n + period > reply->n) {
            continue;
        }
        const int32_t *last = reply->ids + reply->n - n;
        while (k < n && last[k] == last[(ptrdiff_t)k - (ptrdiff_t)period]) {
            k++;
        }
        if (k == n) {
            return true;
        }
    }
    return false;
}

/* Appends a token to a reply; *ended when that was its last. */
static graft_status take_token(generator *g, sequence *s, int32_t id, bool *ended)
{
    graft_reply *reply = &g->replies[s->prompt];
    reply->ended = graft_tokenizer_is_eog(g->tokenizer, id);
    if (!reply->ended) {
        reply->ids[reply->n++] = id;
    }
    reply->looped = !reply->ended && g->options.loop_tokens > 0 &&
                    graft_reply_repeats(reply, g->options.loop_tokens);
    *ended = reply->ended || reply->looped || reply->n == s->limit;
    if (g->options.on_token != NULL) {
        int stop = reply->ended ? 0 : g->options.on_token(g->options.context, s->prompt, id);
        if (stop == 0 && *ended) {
            stop = g->options.on_token(g->options.context, s->prompt, -1);
        }
        if (stop != 0) {
            return graft_fail(GRAFT_E_INTERRUPTED, "generation was stopped");
        }
    }
    return GRAFT_OK;
}

/* A sequence that ends leaves after the pass. */
static void remember_ended(generator *g, sequence *s)
{
    if (g->n_ended == g->options.max_batch) {
        memmove(g->ended, g->ended + 1, --g->n_ended * sizeof *g->ended);
    }
    g->ended[g->n_ended++] = *s;
    s->n_rows = 0;
}

static void drop_ended(generator *g)
{
    size_t kept = 0;
    for (size_t i = 0; i < g->n_active; i++) {
        if (g->active[i].n_rows > 0) {
            g->active[kept++] = g->active[i];
        }
    }
    g->n_active = kept;
}

/* Predictions of a text in rows before this one. */
static size_t predictions_before(const graft_reading *text, size_t row)
{
    size_t low = 0, high = text->n_predictions;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (text->predictions[middle].row < row) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

/* What a greedy reply begins with, as far as the text tells: up to the first token that differs from it,
 * and that one too. */
static graft_status follow(generator *g, sequence *s, bool *ended)
{
    graft_status status = GRAFT_OK;
    const graft_reading *text = s->text;
    size_t row = g->prompts[s->prompt].n - 1;
    if (g->options.sampler.temperature > 0) {
        return GRAFT_OK;
    }
    for (size_t k = predictions_before(text, row);
         !*ended && k < s->n_scored && text->predictions[k].row == row; k++, row++) {
        GRAFT_TRY(take_token(g, s, text->best[k], ended));
        if (g->options.n_followed != NULL) {
            *g->options.n_followed += 1;
        }
        if (text->best[k] != text->predictions[k].target) {
            break;
        }
    }
done:
    return status;
}

/* Does s, that has all but its last token of a donor, begin the text which that one read or began? Then
 * its reply is known as far as that is read, and of the keys what stands in the donor's prompt. */
static graft_status follow_donor(generator *g, sequence *s, const sequence *donor, bool *ended)
{
    graft_status status = GRAFT_OK;
    const graft_tokens *prompt = &g->prompts[s->prompt];
    const graft_reading *text = donor->text;
    size_t last = prompt->n - 1, n_kept = g->prompts[donor->prompt].n;
    if (text == NULL || s->n_done != last || last >= text->n ||
        text->ids[last] != prompt->ids[last]) {
        return GRAFT_OK;
    }
    s->text = text;
    s->n_scored = donor->n_scored;
    GRAFT_TRY(follow(g, s, ended));
    s->n_done += g->replies[s->prompt].n;
    s->n_done = s->n_done < n_kept ? s->n_done : n_kept;
done:
    return status;
}

static graft_status admit(generator *g)
{
    graft_status status = GRAFT_OK;
    while (g->next_prompt < g->n_prompts && g->n_active < g->options.max_batch) {
        size_t prompt = g->next_prompt, n = length_of(g, prompt), row = find_gap(g, n), n_common;
        const sequence *donor = find_donor(g, prompt, &n_common);
        if (row == g->cache.n_rows || (donor != NULL && donor->n_done < n_common)) {
            break; /* room, or keys that are worth waiting for, will be there after the next pass */
        }
        size_t limit = reply_limit(g, prompt);
        GRAFT_TRY(graft_alloc(&g->replies[prompt].ids, limit, sizeof *g->replies[prompt].ids));
        if (g->options.n_taken_over != NULL) {
            *g->options.n_taken_over += n_common;
        }
        sequence s = {.prompt = prompt, .row = row, .n_rows = n, .n_done = n_common,
                      .limit = limit, .reading = reading_of(g, prompt)};
        bool ended = false;
        s.text = s.reading;
        if (donor != NULL && s.text == NULL) {
            GRAFT_TRY(follow_donor(g, &s, donor, &ended));
        }
        g->next_prompt++;
        if (ended) {
            continue;
        }
        if (donor != NULL) {
            graft_kv_cache_copy(&g->cache, g->model, row, donor->row, s.n_done);
        }
        forget_ended(g, row, n);
        g->active[g->n_active++] = s;
    }
done:
    return status;
}

static int32_t token_at(const generator *g, const sequence *s, size_t i)
{
    const graft_tokens *prompt = &g->prompts[s->prompt];
    if (s->reading != NULL) {
        return s->reading->ids[i];
    }
    return i < prompt->n ? prompt->ids[i] : g->replies[s->prompt].ids[i - prompt->n];
}

/* Rows of tokens [s->n_done, s->n_done + s->n_now), the first of which is row `first` of the pass. */
static void want_predictions(generator *g, sequence *s, size_t first)
{
    const graft_reading *r = s->reading;
    for (; s->n_scored < r->n_predictions; s->n_scored++) {
        const graft_prediction *p = &r->predictions[s->n_scored];
        if (p->row >= s->n_done + s->n_now) {
            break;
        }
        g->scored[g->n_scores] = (scored){s, s->n_scored};
        g->predictions[g->n_scores] = *p;
        g->score_rows[g->n_scores++] = (uint32_t)g->n_rows;
        g->rows[g->n_rows++] = (uint32_t)(first + p->row - s->n_done);
    }
}

/* Lays out the next pass: of each sequence what is not in the cache yet, as far as it fits.
 * Sequences that will have all their tokens get a row of logits. */
static void lay_out(generator *g)
{
    size_t n_tok = 0, n_spans = 0, waiting = g->n_active;
    g->n_rows = g->n_logits = g->n_scores = 0;
    for (size_t i = 0; i < g->n_active; i++, waiting--) {
        sequence *s = &g->active[i];
        size_t have = s->reading != NULL ? s->reading->n
                                         : g->prompts[s->prompt].n + g->replies[s->prompt].n;
        size_t n = have - s->n_done, room = g->options.max_pass_tokens - n_tok - (waiting - 1);
        s->n_now = n < room ? n : room;
        g->spans[n_spans++] = (graft_span){(uint32_t)n_tok, (uint32_t)s->n_now, (uint32_t)s->row,
                                           (uint32_t)(s->n_done + s->n_now), -1, 0};
        if (s->reading != NULL) {
            want_predictions(g, s, n_tok);
        }
        for (size_t k = 0; k < s->n_now; k++) {
            g->ids[n_tok] = token_at(g, s, s->n_done + k);
            g->positions[n_tok++] = (uint32_t)(s->n_done + k);
        }
        s->n_done += s->n_now;
        if (s->n_done == have && s->reading == NULL) {
            g->owner[g->n_logits] = i;
            g->logit_rows[g->n_logits++] = (uint32_t)g->n_rows;
            g->rows[g->n_rows++] = (uint32_t)(n_tok - 1);
        }
    }
    g->pass = (graft_pass){n_tok, g->ids, g->positions, g->spans, n_spans, NULL, 0};
}

static bool all_finite(const graft_real *row, size_t n)
{
    int good = 1;
    for (size_t i = 0; i < n; i++) { /* to the end: so it takes several at a time */
        good &= isfinite(row[i]) != 0;
    }
    return good;
}

static graft_status sample_rows(generator *g, graft_tensor *logits)
{
    graft_status status = GRAFT_OK;
    size_t n = logits->n_cols;
    for (size_t i = 0; i < logits->n_rows; i++) {
        sequence *s = &g->active[g->owner[i]];
        graft_reply *reply = &g->replies[s->prompt];
        graft_real *row = graft_tensor_reals(logits, i);
        bool ended = false;
        if (!all_finite(row, n)) {
            return graft_fail(GRAFT_E_NUMERICS, "prompt %zu: logits are not finite", s->prompt);
        }
        int32_t id = graft_sample(&g->options.sampler, row, n, g->order, (uint32_t)s->prompt,
                                  (uint32_t)reply->n);
        GRAFT_TRY(take_token(g, s, id, &ended));
        if (ended) {
            remember_ended(g, s);
        }
    }
done:
    return status;
}

/* The log-probabilities of what the pass predicts. */
static graft_status score_rows(generator *g, graft_tape *tape, graft_tensor *hidden)
{
    graft_status status = GRAFT_OK;
    double loss = 0;
    GRAFT_TRY(graft_op_gather(tape, &hidden, hidden, g->score_rows, g->n_scores));
    graft_head head = graft_model_head(g->model);
    GRAFT_TRY(graft_op_head_loss(tape, &loss, g->logprobs, g->best, hidden, &head,
                                 g->predictions, 1.0));
    for (size_t i = 0; i < g->n_scores; i++) {
        const scored *at = &g->scored[i];
        if (!isfinite(g->logprobs[i])) {
            return graft_fail(GRAFT_E_NUMERICS, "prompt %zu: logits are not finite",
                              at->of->prompt);
        }
        at->of->reading->logprobs[at->prediction] = g->logprobs[i];
        at->of->reading->best[at->prediction] = g->best[i];
    }
done:
    return status;
}

/* Texts that are read to their end are prompts now, with what is known of their replies. What stands
 * behind that in the cache is written over; the last token comes again, for its logits. */
static graft_status end_readings(generator *g)
{
    graft_status status = GRAFT_OK;
    for (size_t i = 0; i < g->n_active; i++) {
        sequence *s = &g->active[i];
        if (s->reading != NULL && s->n_done == s->reading->n) {
            bool ended = false;
            s->reading = NULL;
            GRAFT_TRY(follow(g, s, &ended));
            s->n_done = g->prompts[s->prompt].n + g->replies[s->prompt].n - 1;
            if (ended) {
                remember_ended(g, s);
            }
        }
    }
done:
    return status;
}

static graft_status run_pass(generator *g)
{
    graft_status status = GRAFT_OK;
    graft_tape tape;
    graft_tensor *hidden = NULL, *last = NULL, *logits = NULL;
    lay_out(g);
    graft_tape_begin(&tape, g->compute, false);
    graft_rows_wanted wanted = {g->rows, g->n_rows};
    GRAFT_TRY(graft_model_hidden(g->model, &tape, &g->pass, &g->cache, 0, &wanted, &hidden));
    if (g->n_scores > 0) {
        GRAFT_TRY(score_rows(g, &tape, hidden));
    }
    GRAFT_TRY(end_readings(g));
    if (g->n_logits > 0) {
        last = hidden;
        if (g->n_scores > 0) {
            GRAFT_TRY(graft_op_gather(&tape, &last, hidden, g->logit_rows, g->n_logits));
        }
        GRAFT_TRY(graft_model_logits(g->model, &tape, last, &logits));
        GRAFT_TRY(sample_rows(g, logits));
    }
    drop_ended(g);
    if (g->options.on_pass != NULL && g->options.on_pass(g->options.context) != 0) {
        return graft_fail(GRAFT_E_INTERRUPTED, "generation was stopped");
    }
done:
    return status;
}

graft_status graft_generate(graft_reply *replies, graft_model *model, graft_compute *compute,
                            const graft_tokenizer *tokenizer, const graft_tokens *prompts,
                            size_t n_prompts, const graft_generate_options *options)
{
    graft_status status = GRAFT_OK;
    generator g = {.model = model, .compute = compute, .tokenizer = tokenizer,
                   .prompts = prompts, .n_prompts = n_prompts, .options = *options,
                   .replies = replies};
    memset(replies, 0, n_prompts * sizeof *replies);
    GRAFT_TRY(prepare(&g));
    while (g.next_prompt < n_prompts || g.n_active > 0) {
        GRAFT_TRY(admit(&g));
        if (g.n_active > 0) { /* all replies may have been known */
            GRAFT_TRY(run_pass(&g));
        }
    }
done:
    clear(&g);
    if (status != GRAFT_OK) {
        graft_replies_free(replies, n_prompts);
    }
    return status;
}

void graft_replies_free(graft_reply *replies, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        graft_free(replies[i].ids);
        replies[i] = (graft_reply){0};
    }
}
