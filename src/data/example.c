/* example.c - conversations as token ids with loss weights.
 *
 * Where an assistant's turn begins and ends is found by rendering, not by looking for markers: the
 * conversation is rendered up to the turn with the generation prompt (what the model is given) and
 * up to the turn's end (what it should have said); see turns.c. */
#include "data/example.h"

#include <math.h>
#include <string.h>

#include "core/memory.h"
#include "data/turns.h"

void graft_example_clear(graft_example *example)
{
    graft_free(example->ids);
    graft_free(example->weights);
    graft_free(example->roles);
    *example = (graft_example){0};
}

/* Does the text of a later turn repeat this one as it stands? */
static bool fits(const graft_turn_text *turn, const graft_rendered *whole)
{
    return graft_turns__common(&turn->text, whole) >= turn->end;
}

/* --- roles --- */

/* Renders into the scratch. A template may refuse a beginning of a conversation (*refused), which
 * says nothing about the whole of it. */
static graft_status try_render(graft_turns *b, const graft_conversation *c, size_t n, bool *refused)
{
    graft_status status = graft_chat_render(b->chat, &b->scratch, c, n, false);
    *refused = status == GRAFT_E_DATA;
    return *refused ? GRAFT_OK : status;
}

/* Where the first message, which ends at `end`, begins: the template may have put a system prompt
 * and the tools before it. What the same message adds when it stands a second time is its own. */
static graft_status first_message_begin(graft_turns *b, const graft_rendered *whole, size_t end,
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
    if (!refused && b->scratch.text.len > end &&
        graft_turns__common(&b->scratch, whole) >= end) {
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

/* Sets raw_ends[0..n - 1) for `whole`. Where another whole was left before the two part, this one is
 * left, too; so beginnings are rendered once, and not for every example. */
static graft_status find_raw_ends(graft_turns *b, const graft_rendered *whole, size_t n)
{
    graft_status status = GRAFT_OK;
    size_t same = b->ended ? graft_turns__common(b->ended, whole) : 0;
    bool refused;
    if (!b->raw_ends) {
        GRAFT_TRY(graft_alloc(&b->raw_ends, b->conversation->n_turns, sizeof *b->raw_ends));
    }
    for (size_t k = 0; k + 1 < n; k++) {
        if (b->ended && (b->raw_ends[k] < same || b->raw_ends[k] == SIZE_MAX)) {
            continue;
        }
        GRAFT_TRY(try_render(b, b->conversation, k + 1, &refused));
        b->raw_ends[k] = refused ? SIZE_MAX : graft_turns__common(&b->scratch, whole);
    }
    b->ended = whole;
done:
    return status;
}

/* ends[k] = byte at which message k of the first n ends in `whole`; ends[n] is where message 0
 * begins. */
static graft_status message_ends(graft_turns *b, const graft_rendered *whole, size_t n,
                                 size_t *ends)
{
    graft_status status = GRAFT_OK;
    size_t before = 0;
    GRAFT_TRY(find_raw_ends(b, whole, n)); /* of examples from the last to the first */
    for (size_t k = 0; k + 1 < n; k++) {
        bool further = b->raw_ends[k] != SIZE_MAX && b->raw_ends[k] > before;
        before = further ? b->raw_ends[k] : before;
        ends[k] = before;
    }
    ends[n - 1] = whole->text.len;
    GRAFT_TRY(first_message_begin(b, whole, ends[0], &ends[n]));
done:
    return status;
}

static void fill_roles(const graft_turns *b, graft_example *example, const size_t *ends, size_t n,
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
static graft_status encode_parts(graft_turns *b, const graft_rendered *whole,
                                 graft_turn_text *const *parts, size_t n_parts,
                                 graft_example *example, uint32_t **begins)
{
    graft_status status = GRAFT_OK;
    size_t at = 0, n_before = 0, bos = 0;
    b->tokens.n = 0;
    *begins = NULL;
    for (size_t p = 0; p <= n_parts; p++) {
        size_t end = p < n_parts ? parts[p]->begin : whole->text.len;
        GRAFT_TRY(graft_turns__encode(b, whole, at, end));
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

/* Is the byte inside of the range? */
static bool inside(const graft_range *range, size_t at)
{
    return at >= range->begin && at < range->end;
}

static float weight_at(const graft_turns *b, const graft_turn_text *turn, size_t at)
{
    float weight = inside(&turn->reasoning, at) ? 0 : turn->weight;
    return inside(&turn->calls, at) ? weight * b->weighting.calls : weight;
}

/* Builds the example of `whole`, the first n messages, in which `parts` are trained. */
static graft_status build_one(graft_turns *b, graft_example *out, const graft_rendered *whole,
                              size_t n, graft_turn_text *const *parts, size_t n_parts)
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
            out->weights[i] = weight_at(b, parts[p], begins[i]);
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

static graft_status render_turns(graft_turns *b)
{
    graft_status status = GRAFT_OK;
    const graft_conversation *c = b->conversation;
    GRAFT_TRY(graft_alloc(&b->turns, c->n_turns, sizeof *b->turns));
    for (size_t i = 0; i < c->n_turns; i++) {
        if (c->turns[i].role == GRAFT_ROLE_ASSISTANT && fabsf(c->turns[i].weight) > 0) {
            graft_turn_text *turn = &b->turns[b->n_turns++];
            turn->message = i;
            turn->weight = c->turns[i].weight;
            graft_rendered_init(&turn->text);
            GRAFT_TRY(graft_turns__render(b, turn));
        }
    }
done:
    return status;
}

/* One example per group of turns that the text of the last of them repeats as they stand; the last
 * group first. Usually there is one. */
static graft_status build_groups(graft_turns *b, graft_example *examples, size_t *n_examples)
{
    graft_status status = GRAFT_OK;
    graft_turn_text **parts = NULL;
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

static void turns_clear(graft_turns *b)
{
    for (size_t i = 0; i < b->n_turns; i++) {
        graft_rendered_clear(&b->turns[i].text);
    }
    graft_free(b->turns);
    graft_free(b->raw_ends);
    graft_tokens_clear(&b->tokens);
    graft_rendered_clear(&b->scratch);
}

graft_status graft_examples_build(graft_example **out, size_t *n_out, const graft_chat *chat,
                                  const graft_tokenizer *tokenizer,
                                  const graft_conversation *conversation, uint32_t index,
                                  const graft_weighting *weighting)
{
    graft_status status = GRAFT_OK;
    graft_turns b = {.chat = chat, .tokenizer = tokenizer, .conversation = conversation,
                     .weighting = weighting ? *weighting : (graft_weighting){0}};
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
    turns_clear(&b);
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
