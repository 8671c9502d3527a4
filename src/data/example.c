/* example.c - conversations as token ids with loss weights.
 *
 * Where an assistant's turn begins and ends is found by rendering, not by looking for markers: the
 * conversation is rendered up to the turn with the generation prompt (what the model is given) and
 * up to the turn's end (what it should have said). Bytes and their origin are compared, so that
 * data which looks like a marker is not taken for one. */
#include "data/example.h"

#include <math.h>
#include <string.h>

#include "core/memory.h"

/* A trained turn, rendered on its own. */
typedef struct turn_text {
    size_t message;
    float weight;
    graft_rendered text; /* the conversation up to and with the turn */
    size_t begin, end;   /* the turn within it */
    bool done;           /* belongs to an example already */
} turn_text;

typedef struct builder {
    const graft_chat *chat;
    const graft_tokenizer *tokenizer;
    const graft_conversation *conversation;
    turn_text *turns;
    size_t n_turns;
    graft_tokens tokens; /* scratch */
    graft_rendered scratch;
} builder;

void graft_example_clear(graft_example *example)
{
    graft_free(example->ids);
    graft_free(example->weights);
    graft_free(example->roles);
    *example = (graft_example){0};
}

/* Bytes that both begin with, of the same origin. */
static size_t common_prefix(const graft_rendered *a, const graft_rendered *b)
{
    size_t n = a->text.len < b->text.len ? a->text.len : b->text.len, i = 0;
    while (i < n && a->text.data[i] == b->text.data[i] && a->origin.data[i] == b->origin.data[i]) {
        i++;
    }
    return i;
}

static graft_status encode(builder *b, const graft_rendered *text, size_t begin, size_t end)
{
    return begin == end ? GRAFT_OK
                        : graft_tokenizer_encode(b->tokenizer, &b->tokens, text->text.data + begin,
                                                 end - begin,
                                                 (const uint8_t *)text->origin.data + begin);
}

/* The last token boundary of text at or before `limit`. */
static graft_status boundary_before(builder *b, const graft_rendered *text, size_t limit,
                                    size_t *out)
{
    graft_status status = GRAFT_OK;
    b->tokens.n = 0;
    *out = 0;
    GRAFT_TRY(encode(b, text, 0, text->text.len));
    for (size_t i = 0; i < b->tokens.n && b->tokens.ends[i] <= limit; i++) {
        *out = b->tokens.ends[i];
    }
done:
    return status;
}

/* Does `text` go on at byte `at` with what `mark` holds from byte `from` on? */
static bool stands_at(const graft_rendered *text, size_t at, const graft_rendered *mark,
                      size_t from)
{
    size_t n = mark->text.len - from;
    return text->text.len - at >= n &&
           memcmp(text->text.data + at, mark->text.data + from, n) == 0 &&
           memcmp(text->origin.data + at, mark->origin.data + from, n) == 0;
}

/* Replaces the first `begin` bytes of a turn by the prompt. */
static graft_status put_prompt(turn_text *turn, size_t begin, const graft_rendered *prompt)
{
    graft_status status = GRAFT_OK;
    graft_rendered joined;
    graft_rendered_init(&joined);
    GRAFT_TRY(graft_text_append(&joined.text, prompt->text.data, prompt->text.len));
    GRAFT_TRY(graft_text_append(&joined.origin, prompt->origin.data, prompt->origin.len));
    GRAFT_TRY(graft_text_append(&joined.text, turn->text.text.data + begin,
                                turn->text.text.len - begin));
    GRAFT_TRY(graft_text_append(&joined.origin, turn->text.origin.data + begin,
                                turn->text.origin.len - begin));
    graft_rendered_clear(&turn->text);
    turn->text = joined;
    turn->begin = prompt->text.len;
    return GRAFT_OK;
done:
    graft_rendered_clear(&joined);
    return status;
}

/* The prompt is not what the turn begins with; `same` bytes agree. `before` is the conversation
 * before the turn, without the generation prompt.
 *
 * If the generation prompt holds more than the turn will (an open thought), the turn begins at the
 * last border between tokens before the difference. If something before it looks another way once
 * the reply is there (a line break behind a tool result), the reply is put behind the prompt as
 * it would be served: it begins in the rendered turn behind as many generation prompts as stand in
 * the prompt itself from the difference on. */
static graft_status join_prompt(builder *b, turn_text *turn, const graft_rendered *prompt,
                                const graft_rendered *before, size_t same)
{
    size_t marks = 0, from = common_prefix(before, prompt), n = prompt->text.len - from;
    size_t at = same < n ? 0 : same - n; /* the difference may lie inside of one */
    if (from == before->text.len && same >= from) {
        return boundary_before(b, &turn->text, same, &turn->begin);
    }
    for (size_t i = at; n > 0 && i + n <= prompt->text.len; i++) {
        marks += stands_at(prompt, i, prompt, from);
    }
    for (; marks > 0 && at + n <= turn->text.text.len; at++) {
        if (stands_at(&turn->text, at, prompt, from) && --marks == 0) {
            return put_prompt(turn, at + n, prompt);
        }
    }
    return graft_fail(GRAFT_E_DATA, "message %zu: %s changes what stands before this reply, so "
                      "that the reply cannot be told from it", turn->message + 1,
                      graft_chat_name(b->chat));
}

static bool is_space(char c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

/* Renders the turn of a message and finds where it begins and ends. */
static graft_status render_turn(builder *b, turn_text *turn)
{
    graft_status status = GRAFT_OK;
    graft_rendered *prompt = &b->scratch, before;
    graft_rendered_init(&before);
    GRAFT_TRY(graft_chat_render(b->chat, prompt, b->conversation, turn->message, true));
    GRAFT_TRY(graft_chat_render(b->chat, &turn->text, b->conversation, turn->message + 1, false));
    turn->begin = common_prefix(prompt, &turn->text);
    if (turn->begin < prompt->text.len) {
        GRAFT_TRY(graft_chat_render(b->chat, &before, b->conversation, turn->message, false));
        GRAFT_TRY(join_prompt(b, turn, prompt, &before, turn->begin));
    }
    turn->end = turn->text.text.len;
    while (turn->end > turn->begin && turn->text.origin.data[turn->end - 1] &&
           is_space(turn->text.text.data[turn->end - 1])) {
        turn->end--;
    }
done:
    graft_rendered_clear(&before);
    return status;
}

/* Does the text of a later turn repeat this one as it stands? */
static bool fits(const turn_text *turn, const graft_rendered *whole)
{
    return common_prefix(&turn->text, whole) >= turn->end;
}

/* --- roles --- */

/* Renders into the scratch. A template may refuse a beginning of a conversation (*refused), which
 * says nothing about the whole of it. */
static graft_status try_render(builder *b, const graft_conversation *c, size_t n, bool *refused)
{
    graft_status status = graft_chat_render(b->chat, &b->scratch, c, n, false);
    *refused = status == GRAFT_E_DATA;
    return *refused ? GRAFT_OK : status;
}

/* Where the first message, which ends at `end`, begins: the template may have put a system prompt
 * and the tools before it. What the same message adds when it stands a second time is its own. */
static graft_status first_message_begin(builder *b, const graft_rendered *whole, size_t end,
                                        size_t *begin)
{
    graft_status status = GRAFT_OK;
    const graft_conversation *c = b->conversation;
    graft_conversation twice = *c;
    graft_turn turns[2] = {c->turns[0], c->turns[0]};
    bool refused;
    *begin = 0;
    if (c->turns[0].role == GRAFT_ROLE_SYSTEM) {
        return GRAFT_OK;
    }
    twice.messages = graft_json_new_array();
    twice.turns = turns;
    twice.n_turns = 2;
    for (int i = 0; i < 2; i++) {
        GRAFT_TRY(graft_json_push(twice.messages,
                                  graft_json_retain(graft_json_at(c->messages, 0))));
    }
    GRAFT_TRY(try_render(b, &twice, 2, &refused));
    if (!refused && b->scratch.text.len > end && common_prefix(&b->scratch, whole) >= end) {
        size_t added = b->scratch.text.len - end;
        if (added < end && memcmp(whole->text.data + end - added, b->scratch.text.data + end,
                                  added) == 0) {
            *begin = end - added;
        }
    }
done:
    graft_json_free(twice.messages);
    return status;
}

/* ends[k] = byte at which message k of the first n ends in `whole`; ends[n] is where message 0
 * begins. */
static graft_status message_ends(builder *b, const graft_rendered *whole, size_t n, size_t *ends)
{
    graft_status status = GRAFT_OK;
    size_t before = 0;
    bool refused;
    for (size_t k = 0; k + 1 < n; k++) {
        GRAFT_TRY(try_render(b, b->conversation, k + 1, &refused));
        if (!refused) {
            size_t end = common_prefix(&b->scratch, whole);
            before = end > before ? end : before;
        }
        ends[k] = before;
    }
    ends[n - 1] = whole->text.len;
    GRAFT_TRY(first_message_begin(b, whole, ends[0], &ends[n]));
done:
    return status;
}

static void fill_roles(const builder *b, graft_example *example, const size_t *ends, size_t n,
                       const uint32_t *token_begins)
{
    size_t k = 0;
    for (size_t i = 0; i < example->n; i++) {
        while (k < n && token_begins[i] >= ends[k]) {
            k++;
        }
        if (k == 0 && token_begins[i] < ends[n]) {
            example->roles[i] = GRAFT_TOKEN_SYSTEM;
        } else {
            example->roles[i] = (uint8_t)(k < n ? (int)b->conversation->turns[k].role
                                                : (int)GRAFT_TOKEN_TEMPLATE);
        }
    }
}

/* --- one example --- */

/* Encodes `whole`, cut at the begin of each turn in `parts`; *begins (owned by the caller) gets the
 * byte at which each token begins. */
static graft_status encode_parts(builder *b, const graft_rendered *whole, turn_text *const *parts,
                                 size_t n_parts, graft_example *example, uint32_t **begins)
{
    graft_status status = GRAFT_OK;
    size_t at = 0, n_before = 0, bos = 0;
    b->tokens.n = 0;
    *begins = NULL;
    for (size_t p = 0; p <= n_parts; p++) {
        size_t end = p < n_parts ? parts[p]->begin : whole->text.len;
        GRAFT_TRY(encode(b, whole, at, end));
        for (; n_before < b->tokens.n; n_before++) {
            b->tokens.ends[n_before] += (uint32_t)at;
        }
        at = end;
    }
    int32_t first = b->tokens.n ? b->tokens.ids[0] : -1;
    bos = graft_tokenizer_add_bos(b->tokenizer) && first != graft_tokenizer_bos(b->tokenizer);
    example->n = (uint32_t)(b->tokens.n + bos);
    GRAFT_TRY(graft_alloc(&example->ids, example->n, sizeof *example->ids));
    GRAFT_TRY(graft_alloc(&example->weights, example->n, sizeof *example->weights));
    GRAFT_TRY(graft_alloc(&example->roles, example->n, sizeof *example->roles));
    GRAFT_TRY(graft_alloc(begins, example->n, sizeof **begins));
    if (bos) {
        example->ids[0] = graft_tokenizer_bos(b->tokenizer);
    }
    for (size_t i = 0; i < b->tokens.n; i++) {
        example->ids[i + bos] = b->tokens.ids[i];
        (*begins)[i + bos] = i ? b->tokens.ends[i - 1] : 0;
    }
done:
    return status;
}

/* Builds the example of `whole`, the first n messages, in which `parts` are trained. */
static graft_status build_one(builder *b, graft_example *out, const graft_rendered *whole, size_t n,
                              turn_text *const *parts, size_t n_parts)
{
    graft_status status = GRAFT_OK;
    uint32_t *begins = NULL;
    size_t *ends = NULL, p = 0;
    GRAFT_TRY(encode_parts(b, whole, parts, n_parts, out, &begins));
    GRAFT_TRY(graft_alloc(&ends, n + 1, sizeof *ends));
    GRAFT_TRY(message_ends(b, whole, n, ends));
    fill_roles(b, out, ends, n, begins);
    for (size_t i = 1; i < out->n; i++) { /* nothing stands before the first token */
        while (p < n_parts && begins[i] >= parts[p]->end) {
            p++;
        }
        if (p < n_parts && begins[i] >= parts[p]->begin) {
            out->weights[i] = parts[p]->weight;
            out->roles[i] = GRAFT_TOKEN_ASSISTANT;
        }
    }
    if (graft_tokenizer_add_bos(b->tokenizer) && out->n &&
        out->ids[0] == graft_tokenizer_bos(b->tokenizer)) {
        out->roles[0] = GRAFT_TOKEN_TEMPLATE;
    }
done:
    graft_free(ends);
    graft_free(begins);
    return status;
}

/* --- all examples of a conversation --- */

static graft_status render_turns(builder *b)
{
    graft_status status = GRAFT_OK;
    const graft_conversation *c = b->conversation;
    GRAFT_TRY(graft_alloc(&b->turns, c->n_turns, sizeof *b->turns));
    for (size_t i = 0; i < c->n_turns; i++) {
        if (c->turns[i].role == GRAFT_ROLE_ASSISTANT && fabsf(c->turns[i].weight) > 0) {
            turn_text *turn = &b->turns[b->n_turns++];
            turn->message = i;
            turn->weight = c->turns[i].weight;
            graft_rendered_init(&turn->text);
            GRAFT_TRY(render_turn(b, turn));
        }
    }
done:
    return status;
}

/* One example per group of turns that the text of the last of them repeats as they stand; the last
 * group first. Usually there is one. */
static graft_status build_groups(builder *b, graft_example *examples, size_t *n_examples)
{
    graft_status status = GRAFT_OK;
    turn_text **parts = NULL;
    GRAFT_TRY(graft_alloc(&parts, b->n_turns, sizeof *parts));
    for (size_t last = b->n_turns; last-- > 0;) {
        const graft_rendered *whole = &b->turns[last].text;
        size_t n_parts = 0;
        if (b->turns[last].done) {
            continue;
        }
        for (size_t i = 0; i <= last; i++) {
            if (!b->turns[i].done && fits(&b->turns[i], whole)) {
                b->turns[i].done = true;
                parts[n_parts++] = &b->turns[i];
            }
        }
        GRAFT_TRY(build_one(b, &examples[(*n_examples)++], whole, b->turns[last].message + 1, parts,
                            n_parts));
    }
done:
    graft_free(parts);
    return status;
}

static void reverse(graft_example *examples, size_t n)
{
    for (size_t i = 0; i < n / 2; i++) {
        graft_example swapped = examples[i];
        examples[i] = examples[n - 1 - i];
        examples[n - 1 - i] = swapped;
    }
}

static void builder_clear(builder *b)
{
    for (size_t i = 0; i < b->n_turns; i++) {
        graft_rendered_clear(&b->turns[i].text);
    }
    graft_free(b->turns);
    graft_tokens_clear(&b->tokens);
    graft_rendered_clear(&b->scratch);
}

graft_status graft_examples_build(graft_example **out, size_t *n_out, const graft_chat *chat,
                                  const graft_tokenizer *tokenizer,
                                  const graft_conversation *conversation, uint32_t index)
{
    graft_status status = GRAFT_OK;
    builder b = {.chat = chat, .tokenizer = tokenizer, .conversation = conversation};
    graft_rendered whole;
    graft_example *examples = NULL;
    size_t n = 0;
    *out = NULL;
    *n_out = 0;
    graft_tokens_init(&b.tokens);
    graft_rendered_init(&b.scratch);
    graft_rendered_init(&whole);
    GRAFT_TRY(render_turns(&b));
    GRAFT_TRY(graft_alloc(&examples, b.n_turns + 1, sizeof *examples));
    if (b.n_turns) {
        GRAFT_TRY(build_groups(&b, examples, &n));
    } else {
        GRAFT_TRY(graft_chat_render(chat, &whole, conversation, conversation->n_turns, false));
        n = 1;
        GRAFT_TRY(build_one(&b, &examples[0], &whole, conversation->n_turns, NULL, 0));
    }
    reverse(examples, n);
    for (size_t i = 0; i < n; i++) {
        examples[i].conversation = index;
    }
    *out = examples;
    *n_out = n;
    examples = NULL;
done:
    for (size_t i = 0; examples && i < n; i++) {
        graft_example_clear(&examples[i]);
    }
    graft_free(examples);
    graft_rendered_clear(&whole);
    builder_clear(&b);
    return status;
}

graft_status graft_prompt_build(graft_tokens *out, const graft_chat *chat,
                                const graft_tokenizer *tokenizer,
                                const graft_conversation *conversation, size_t turn)
{
    graft_status status = GRAFT_OK;
    graft_rendered prompt;
    size_t first = out->n;
    int32_t bos = graft_tokenizer_bos(tokenizer);
    graft_rendered_init(&prompt);
    GRAFT_TRY(graft_chat_render(chat, &prompt, conversation, turn, true));
    GRAFT_TRY(graft_tokenizer_encode(tokenizer, out, graft_text_z(&prompt.text), prompt.text.len,
                                     (const uint8_t *)graft_text_z(&prompt.origin)));
    if (graft_tokenizer_add_bos(tokenizer) && (out->n == first || out->ids[first] != bos)) {
        GRAFT_TRY(graft_reserve(&out->ids, &out->ids_capacity, out->n + 1, sizeof *out->ids));
        GRAFT_TRY(graft_reserve(&out->ends, &out->ends_capacity, out->n + 1, sizeof *out->ends));
        memmove(out->ids + first + 1, out->ids + first, (out->n - first) * sizeof *out->ids);
        memmove(out->ends + first + 1, out->ends + first, (out->n - first) * sizeof *out->ends);
        out->ids[first] = bos;
        out->ends[first] = 0;
        out->n++;
    }
done:
    graft_rendered_clear(&prompt);
    return status;
}
