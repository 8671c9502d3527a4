/* Generation over a corpus and the verdicts on it. */
#include <math.h>
#include <string.h>

#include "core/clock.h"
#include "core/interrupt.h"
#include "core/log.h"
#include "core/memory.h"
#include "io/lines.h"
#include "run/readings.h"
#include "run/training.h"

#define LOSS_PASS 512 /* tokens per pass when only the loss is wanted */
#define LOOP 64       /* repeated tokens after which a reply is cut */
#define READ_PASS 1024 /* tokens per pass while prompts are read */
#define BATCH 32       /* replies side by side */
#define SPARE 32       /* of max_memory that part stays free: replies and whatever else is not counted */
#define CACHE_BYTES ((size_t)512 << 20) /* keys and values, where max_memory leaves them */

/* The assistant turns of a corpus that are to be answered. */
typedef struct item_list {
    struct {
        size_t conversation, turn;
    } *items;
    size_t n, capacity;
    size_t n_all; /* and those beyond eval_samples */
} item_list;

typedef struct scoring {
    graft_session *session;
    graft_corpus *corpus;
    const graft_hooks *hooks;
    const char *phase;
    item_list list;
    /* Prompts are answered with the last turn of a conversation first: earlier ones begin it. */
    size_t *order;          /* [list.n]: the item that a prompt belongs to */
    size_t *conversations;  /* [list.n]: and its conversation */
    graft_tokens *prompts;
    graft_reply *replies;
    graft_readings readings;
    graft_eval_report *report;
    size_t n_ended, n_tokens, n_turn_ends;
    double end_probability; /* sum over the ends of turns */
    double begin;
} scoring;

static bool has_later_reply(const graft_conversation *c, size_t turn)
{
    for (size_t k = turn + 1; k < c->n_turns; k++) {
        if (c->turns[k].role == GRAFT_ROLE_ASSISTANT && c->turns[k].weight > 0) {
            return true;
        }
    }
    return false;
}

/* Every turn with a loss weight (or the last one of each example), in order, up to eval_samples:
 * each is asked for with all that really stands before it. Examples without a reply of their own
 * are answered at their end. */
static graft_status list_items(scoring *s)
{
    graft_status status = GRAFT_OK;
    size_t limit = (size_t)s->session->config->eval_samples;
    bool only_last = s->session->config->eval_turns == GRAFT_EVAL_TURNS_LAST;
    const graft_dataset *dataset = &s->corpus->dataset;
    for (size_t i = 0; i < dataset->n; i++) {
        const graft_conversation *c = &dataset->conversations[i];
        bool found = graft_corpus_leaves_out(s->corpus, i);
        for (size_t k = 0; k <= c->n_turns; k++) {
            bool last = k == c->n_turns;
            bool reply = !last && c->turns[k].role == GRAFT_ROLE_ASSISTANT;
            found = found || reply;
            if ((last && found) || (!last && (!reply || c->turns[k].weight == 0 || k == 0)) ||
                (!last && only_last && has_later_reply(c, k))) {
                continue;
            }
            s->list.n_all++;
            if (limit != 0 && s->list.n == limit) {
                continue;
            }
            GRAFT_TRY(graft_reserve(&s->list.items, &s->list.capacity, s->list.n + 1,
                                    sizeof *s->list.items));
            s->list.items[s->list.n].conversation = i;
            s->list.items[s->list.n++].turn = k;
        }
    }
done:
    return status;
}

graft_status graft_score_count(size_t *n, size_t *n_all, graft_session *session,
                               graft_corpus *corpus)
{
    graft_status status = GRAFT_OK;
    scoring s = {.session = session, .corpus = corpus};
    status = list_items(&s);
    *n = s.list.n;
    *n_all = s.list.n_all;
    graft_free(s.list.items);
    return status;
}

graft_status graft_score_log_count(graft_session *session, graft_corpus *corpus)
{
    graft_status status = GRAFT_OK;
    size_t n, n_all;
    GRAFT_TRY(graft_score_count(&n, &n_all, session, corpus));
    if (n < n_all) {
        graft_log(GRAFT_LOG_INFO, "%zu of %zu turns are asked for, the first ones "
                  "(eval_samples); the loss is that of all", n, n_all);
    }
done:
    return status;
}

/* Items of one conversation stand side by side, turn after turn. */
static void order_prompts(scoring *s)
{
    for (size_t i = 0; i < s->list.n;) {
        size_t end = i, conversation = s->list.items[i].conversation;
        while (end < s->list.n && s->list.items[end].conversation == conversation) {
            end++;
        }
        for (size_t k = 0; k < end - i; k++) {
            s->order[i + k] = end - 1 - k;
            s->conversations[i + k] = conversation;
        }
        i = end;
    }
}

static graft_status build_prompts(scoring *s)
{
    graft_status status = GRAFT_OK;
    GRAFT_TRY(graft_alloc(&s->order, s->list.n, sizeof *s->order));
    GRAFT_TRY(graft_alloc(&s->conversations, s->list.n, sizeof *s->conversations));
    GRAFT_TRY(graft_alloc(&s->prompts, s->list.n, sizeof *s->prompts));
    GRAFT_TRY(graft_alloc(&s->replies, s->list.n, sizeof *s->replies));
    if (s->list.n > 0) {
        memset(s->replies, 0, s->list.n * sizeof *s->replies);
    }
    order_prompts(s);
    for (size_t i = 0; i < s->list.n; i++) {
        const graft_conversation *c = &s->corpus->dataset.conversations[s->conversations[i]];
        GRAFT_TRY(graft_interrupt_check());
        status = graft_prompt_build(&s->prompts[i], s->session->chat, s->session->tokenizer, c,
                                    s->list.items[s->order[i]].turn);
        if (status == GRAFT_OK && s->prompts[i].n >= s->session->model->hparams.n_ctx) {
            status = graft_fail(GRAFT_E_DATA, "the prompt has %zu tokens; the model's context is "
                                "%zu", s->prompts[i].n, s->session->model->hparams.n_ctx);
        }
        if (status != GRAFT_OK) {
            return graft_fail_prefix("%s:%zu", c->file, c->line);
        }
    }
    GRAFT_TRY(graft_readings_plan(&s->readings, s->corpus, s->prompts, s->conversations,
                                  s->list.n));
done:
    return status;
}

static void show_progress(const scoring *s)
{
    double seconds = graft_clock_seconds() - s->begin;
    graft_progress progress = {
        .phase = s->phase,
        .done = s->n_ended,
        .total = s->list.n,
        .unit = "items",
        .tokens_per_second = s->n_tokens > 0 ? (double)s->n_tokens / seconds : 0,
        .seconds = seconds,
        .rss_bytes = graft_rss_bytes(),
    };
    if (s->n_ended > 0) {
        progress.seconds_left = seconds / (double)s->n_ended * (double)(s->list.n - s->n_ended);
    }
    graft_hooks_progress(s->hooks, &progress);
}

static int on_token(void *context, size_t prompt, int32_t id)
{
    scoring *s = context;
    (void)prompt;
    s->n_tokens++;
    s->n_ended += id < 0;
    show_progress(s);
    return graft_hooks_check(s->hooks) != GRAFT_OK;
}

static int on_pass(void *context)
{
    scoring *s = context;
    show_progress(s);
    return graft_hooks_check(s->hooks) != GRAFT_OK;
}

/* The reply to prompt i. */
static graft_status judge(scoring *s, size_t i)
{
    graft_status status = GRAFT_OK;
    const graft_conversation *c = &s->corpus->dataset.conversations[s->conversations[i]];
    graft_text output, content;
    graft_json *calls = NULL;
    size_t n_broken = 0;
    graft_text_init(&output);
    graft_text_init(&content);
    for (size_t k = 0; k < s->replies[i].n; k++) {
        size_t n = 0;
        const char *piece =
            graft_tokenizer_piece(s->session->tokenizer, s->replies[i].ids[k], &n);
        GRAFT_TRY(graft_text_append(&output, piece == NULL ? "" : piece, n));
    }
    const graft_dialect *dialect = graft_chat_dialect(s->session->chat);
    size_t turn = s->list.items[s->order[i]].turn;
    bool after_error = false;
    if (turn > 0 && c->turns[turn - 1].role == GRAFT_ROLE_TOOL) {
        GRAFT_TRY(graft_result_is_error(&after_error, graft_json_at(c->messages, turn - 1)));
    }
    GRAFT_TRY(graft_dialect_apply(dialect, c->tools, &calls, &content, &n_broken,
                                  graft_text_z(&output), output.len));
    graft_eval_reply reply = {
        .index = s->conversations[i],
        .turn = turn,
        .prompt_tokens = s->prompts[i].n,
        .output = graft_text_z(&output),
        .n_output = output.len,
        .calls = calls,
        .broken = n_broken,
        .ended = s->replies[i].ended,
        .looped = s->replies[i].looped,
        .after_error = after_error,
        .content = graft_text_z(&content),
        .n_content = content.len,
        .result_mark = dialect->result,
        .messages = c->messages,
        .message = graft_json_at(c->messages, turn),
        .alternatives = c->expected,
        .tools = c->tools,
    };
    GRAFT_TRY(graft_eval_report_add(s->report, &reply));
done:
    graft_json_free(calls);
    graft_text_clear(&output);
    graft_text_clear(&content);
    return status;
}

/* How probable is it that a turn ends where it does? */
static void visit_end(void *context, const graft_prediction *prediction, size_t times,
                      float logprob)
{
    scoring *s = context;
    if (graft_tokenizer_is_eog(s->session->tokenizer, prediction->target)) {
        s->end_probability += (double)times * exp((double)logprob);
        s->n_turn_ends += times;
    }
}

/* The loss on all examples: those read with a prompt are added up, the others are read now. */
static graft_status add_loss(scoring *s)
{
    graft_status status = GRAFT_OK;
    const graft_example **examples = NULL;
    double loss = 0, weight = 0;
    size_t n_tokens = 0, n = 0;
    GRAFT_TRY(graft_alloc(&examples, s->corpus->n_samples, sizeof *examples));
    for (size_t i = 0; i < s->corpus->n_samples; i++) {
        const graft_example *sample = &s->corpus->samples[i];
        for (uint32_t k = 1; k < sample->n; k++) {
            n_tokens += sample->weights[k] != 0;
        }
        if (!s->readings.covered[i]) {
            examples[n++] = sample;
        }
    }
    if (n > 0) {
        GRAFT_TRY(graft_examples_visit(s->session->model, &s->session->compute, examples, n,
                                       LOSS_PASS, &loss, &weight, visit_end, s));
    }
    graft_readings_sum(&s->readings, &loss, &weight, visit_end, s);
    if (s->n_turn_ends > 0) {
        s->report->end_probability = s->end_probability / (double)s->n_turn_ends;
        s->report->n_turn_ends = s->n_turn_ends;
    }
    if (weight > 0) {
        s->report->loss_per_token = loss / weight;
        s->report->tokens = n_tokens;
    }
done:
    graft_free(examples);
    return status;
}

/* What a pass of the generator takes: of reading, and logits for each reply. */
static size_t pass_bytes(const graft_session *session)
{
    const graft_model *model = session->model;
    size_t logits = BATCH * model->hparams.n_vocab * sizeof(graft_real);
    return logits + graft_plan_reading_bytes(model, &session->compute.kernels, READ_PASS);
}

/* The most that keys and values may take. The more replies stand side by side, the fewer passes read the weights; what they
 * say is the same. */
static size_t cache_bytes(const graft_session *session)
{
    size_t limit = (size_t)session->config->max_memory << 20;
    size_t taken = graft_rss_private_bytes() + (size_t)graft_gguf_size(session->model->file) +
                   pass_bytes(session) + limit / SPARE;
    size_t most = session->reply_bytes > CACHE_BYTES ? session->reply_bytes : CACHE_BYTES;
    size_t room = limit == 0 ? most : limit > taken ? limit - taken : 1;
    return room < most ? room : most;
}

/* With an arena of one piece: passes differ, and what one leaves of its pieces may not be enough for
 * the next. The cache may have what passes of other shapes had. */
static graft_status generate(scoring *s, graft_generate_options *options)
{
    graft_arena *arena = &s->session->compute.arena;
    size_t chunk_bytes = arena->chunk_bytes;
    graft_arena_clear(arena);
    options->cache_bytes = cache_bytes(s->session);
    arena->chunk_bytes = pass_bytes(s->session);
    graft_status status =
        graft_generate(s->replies, s->session->model, &s->session->compute,
                       s->session->tokenizer, s->prompts, s->list.n, options);
    graft_arena_clear(arena);
    arena->chunk_bytes = chunk_bytes;
    return status;
}

static void clear(scoring *s)
{
    if (s->replies != NULL) {
        graft_replies_free(s->replies, s->list.n);
    }
    for (size_t i = 0; s->prompts != NULL && i < s->list.n; i++) {
        graft_tokens_clear(&s->prompts[i]);
    }
    graft_readings_clear(&s->readings);
    graft_free(s->list.items);
    graft_free(s->order);
    graft_free(s->conversations);
    graft_free(s->prompts);
    graft_free(s->replies);
}

/* Replies in the order of the items. */
static graft_status judge_all(scoring *s)
{
    graft_status status = GRAFT_OK;
    for (size_t i = 0; i < s->list.n;) {
        size_t end = i;
        while (end < s->list.n && s->conversations[end] == s->conversations[i]) {
            end++;
        }
        GRAFT_TRY(graft_interrupt_check());
        for (size_t k = end; k-- > i;) {
            GRAFT_TRY(judge(s, k));
        }
        i = end;
    }
done:
    return status;
}

/* --- replies of others --- */

/* The token ids of a line as the generator would have kept them: up to the end of a turn, the limit, or
 * where the reply would have been cut for repeating itself. */
static graft_status take_ids(scoring *s, graft_reply *reply, const graft_json *ids)
{
    graft_status status = GRAFT_OK;
    size_t n = graft_json_length(ids), limit = (size_t)s->session->config->eval_max_new_tokens;
    size_t n_vocab = graft_tokenizer_n_vocab(s->session->tokenizer);
    n = n < limit + 1 ? n : limit + 1;
    GRAFT_TRY(graft_alloc(&reply->ids, n, sizeof *reply->ids));
    for (size_t i = 0; i < n && !reply->ended && !reply->looped; i++) {
        const graft_json *value = graft_json_at(ids, i);
        int64_t id = graft_json_int(value);
        if (!graft_json_is(value, GRAFT_JSON_INT) || id < 0 || id >= (int64_t)n_vocab) {
            return graft_fail(GRAFT_E_DATA, "ids[%zu] is no token of the vocabulary", i);
        }
        reply->ended = graft_tokenizer_is_eog(s->session->tokenizer, (int32_t)id);
        if (!reply->ended && reply->n == limit) {
            break;
        }
        if (!reply->ended) {
            reply->ids[reply->n++] = (int32_t)id;
            reply->looped = graft_reply_repeats(reply, LOOP);
        }
    }
done:
    return status;
}

static graft_status take_line(scoring *s, const graft_json *line)
{
    const graft_json *index = graft_json_get(line, "index"), *turn = graft_json_get(line, "turn");
    const graft_json *ids = graft_json_get(line, "ids");
    if (!graft_json_is(index, GRAFT_JSON_INT) || !graft_json_is(turn, GRAFT_JSON_INT) ||
        !graft_json_is(ids, GRAFT_JSON_ARRAY)) {
        return graft_fail(GRAFT_E_DATA, "is not {\"index\", \"turn\", \"ids\": [...]}");
    }
    for (size_t i = 0; i < s->list.n; i++) {
        bool same = (int64_t)s->conversations[i] == graft_json_int(index) &&
                    (int64_t)s->list.items[s->order[i]].turn == graft_json_int(turn);
        if (same && s->replies[i].ids != NULL) {
            break;
        }
        if (same) {
            return take_ids(s, &s->replies[i], ids);
        }
    }
    return graft_fail(GRAFT_E_DATA, "index %lld, turn %lld: there is no such item, or two replies to it",
                      (long long)graft_json_int(index), (long long)graft_json_int(turn));
}

static graft_status read_replies(scoring *s, const char *path)
{
    graft_status status = GRAFT_OK;
    graft_lines *lines = NULL;
    const char *text;
    size_t n;
    GRAFT_TRY(graft_lines_open(&lines, path));
    for (;;) {
        graft_json *line = NULL;
        GRAFT_TRY(graft_lines_next(lines, &text, &n));
        if (text == NULL) {
            break;
        }
        status = graft_json_parse(&line, text, n);
        status = status == GRAFT_OK ? take_line(s, line) : status;
        graft_json_free(line);
        if (status != GRAFT_OK) {
            status = graft_fail_prefix("%s:%zu", path, graft_lines_number(lines));
            goto done;
        }
    }
    for (size_t i = 0; i < s->list.n; i++) {
        if (s->replies[i].ids == NULL) {
            status = graft_fail(GRAFT_E_DATA, "%s: no reply to index %zu, turn %zu", path,
                                s->conversations[i], s->list.items[s->order[i]].turn);
            goto done;
        }
    }
done:
    graft_lines_close(lines);
    return status;
}

graft_status graft_score_replies(graft_eval_report *out, graft_session *session,
                                 graft_corpus *corpus, const char *path)
{
    graft_status status = GRAFT_OK;
    scoring s = {.session = session, .corpus = corpus, .report = out};
    graft_eval_report_init(out);
    GRAFT_TRY(list_items(&s));
    out->n_turns = s.list.n_all;
    GRAFT_TRY(build_prompts(&s));
    GRAFT_TRY(read_replies(&s, path));
    GRAFT_TRY(judge_all(&s));
done:
    if (status != GRAFT_OK) {
        graft_eval_report_clear(out);
    }
    clear(&s);
    return status;
}

static graft_status emit_prompt(const scoring *s, size_t i, const graft_hooks *hooks)
{
    graft_status status = GRAFT_OK;
    graft_text line;
    graft_text_init(&line);
    GRAFT_TRY(graft_text_appendf(&line, "{\"index\":%zu,\"turn\":%zu,\"max_new_tokens\":%llu,"
                                 "\"prompt\":[", s->conversations[i],
                                 s->list.items[s->order[i]].turn,
                                 (unsigned long long)s->session->config->eval_max_new_tokens));
    for (size_t k = 0; k < s->prompts[i].n; k++) {
        GRAFT_TRY(graft_text_appendf(&line, "%s%d", k > 0 ? "," : "", (int)s->prompts[i].ids[k]));
    }
    GRAFT_TRY(graft_text_append_z(&line, "]}\n"));
    status = graft_hooks_emit(hooks, line.data, line.len);
done:
    graft_text_clear(&line);
    return status;
}

graft_status graft_score_prompts(graft_session *session, graft_corpus *corpus,
                                 const graft_hooks *hooks)
{
    graft_status status = GRAFT_OK;
    scoring s = {.session = session, .corpus = corpus};
    GRAFT_TRY(list_items(&s));
    GRAFT_TRY(build_prompts(&s));
    for (size_t i = 0; i < s.list.n; i++) {
        GRAFT_TRY(emit_prompt(&s, i, hooks));
    }
done:
    clear(&s);
    return status;
}

graft_status graft_score_look(graft_session *session, graft_corpus *corpus, graft_visit_item *visit,
                              void *context)
{
    graft_status status = GRAFT_OK;
    scoring s = {.session = session, .corpus = corpus};
    GRAFT_TRY(list_items(&s));
    GRAFT_TRY(build_prompts(&s));
    for (size_t i = 0; i < s.list.n; i++) {
        const graft_conversation *c = &corpus->dataset.conversations[s.list.items[i].conversation];
        GRAFT_TRY(visit(context, c, s.list.items[i].turn));
    }
done:
    clear(&s);
    return status;
}

graft_status graft_score_corpus(graft_eval_report *out, graft_session *session,
                                graft_corpus *corpus, const graft_hooks *hooks, const char *phase)
{
    graft_status status = GRAFT_OK;
    scoring s = {.session = session, .corpus = corpus, .hooks = hooks, .phase = phase,
                 .report = out};
    graft_generate_options options = {
        .max_new_tokens = (size_t)session->config->eval_max_new_tokens,
        .max_batch = BATCH,
        .max_pass_tokens = READ_PASS,
        .loop_tokens = LOOP,
        .on_token = on_token,
        .on_pass = on_pass,
        .context = &s,
    };
    graft_eval_report_init(out);
    s.begin = graft_clock_seconds();
    GRAFT_TRY(list_items(&s));
    out->n_turns = s.list.n_all;
    show_progress(&s);
    GRAFT_TRY(build_prompts(&s));
    options.readings = s.readings.of;
    GRAFT_TRY(generate(&s, &options));
    GRAFT_TRY(add_loss(&s));
    GRAFT_TRY(graft_hooks_check(hooks));
    GRAFT_TRY(judge_all(&s));
done:
    if (status != GRAFT_OK) {
        graft_eval_report_clear(out);
    }
    clear(&s);
    return status;
}
