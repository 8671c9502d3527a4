/* turns.c - where an assistant's turn begins and ends, and which part of it is what.
 *
 * Bytes and their origin are compared, so that data which looks like a marker is not taken for one.
 * Parts are found in the same way, without knowing how a template writes them: the turn is rendered
 * again without its calls, or without its thought, and what is missing then is the part. */
#include "data/turns.h"

#include <math.h>
#include <string.h>

#include "core/memory.h"
#include "data/reader.h"

size_t graft_turns__common(const graft_rendered *a, const graft_rendered *b)
{
    size_t n = a->text.len < b->text.len ? a->text.len : b->text.len, i = 0;
    while (i < n && a->text.data[i] == b->text.data[i] && a->origin.data[i] == b->origin.data[i]) {
        i++;
    }
    return i;
}

graft_status graft_turns__encode(graft_turns *b, const graft_rendered *text, size_t begin,
                                 size_t end)
{
    return begin == end ? GRAFT_OK
                        : graft_tokenizer_encode_from(b->tokenizer, &b->tokens, text->text.data,
                                                      begin, end,
                                                      (const uint8_t *)text->origin.data);
}

/* The last token boundary of text at or before `limit`. */
static graft_status boundary_before(graft_turns *b, const graft_rendered *text, size_t limit,
                                    size_t *out)
{
    graft_status status = GRAFT_OK;
    b->tokens.n = 0;
    *out = 0;
    GRAFT_TRY(graft_turns__encode(b, text, 0, text->text.len));
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
static graft_status put_prompt(graft_turn_text *turn, size_t begin, const graft_rendered *prompt)
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
static graft_status join_prompt(graft_turns *b, graft_turn_text *turn, const graft_rendered *prompt,
                                const graft_rendered *before, size_t same)
{
    size_t marks = 0, from = graft_turns__common(before, prompt), n = prompt->text.len - from;
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
static graft_status locate(graft_turns *b, graft_turn_text *turn)
{
    graft_status status = GRAFT_OK;
    graft_rendered *prompt = &b->scratch, before;
    graft_rendered_init(&before);
    GRAFT_TRY(graft_chat_render(b->chat, prompt, b->conversation, turn->message, true));
    GRAFT_TRY(graft_chat_render(b->chat, &turn->text, b->conversation, turn->message + 1, false));
    turn->begin = graft_turns__common(prompt, &turn->text);
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

/* --- parts of a turn --- */

/* A copy of an assistant's message that calls nothing; *out = NULL if it does not call. */
static graft_status without_calls(graft_json **out, const graft_json *message)
{
    graft_status status = GRAFT_OK;
    graft_json *copy = NULL;
    *out = NULL;
    if (!graft_json_length(graft_json_get(message, "tool_calls"))) {
        return GRAFT_OK;
    }
    copy = graft_json_new_object();
    graft_json_iter it = graft_json_iter_begin(message);
    while (graft_json_iter_next(&it)) {
        if (strcmp(it.key, "tool_calls") != 0) {
            GRAFT_TRY(graft_reader__set_shared(copy, it.key, it.value));
        }
    }
    if (!graft_json_get(copy, "content")) {
        GRAFT_TRY(graft_json_set_string(copy, "content", ""));
    }
    *out = copy;
    copy = NULL;
done:
    graft_json_free(copy);
    return status;
}

/* Renders the turn as it would be with `message` in its place. */
static graft_status locate_changed(graft_turns *b, graft_turn_text *out, graft_json *message)
{
    graft_status status = GRAFT_OK;
    const graft_conversation *whole = b->conversation;
    graft_conversation changed = *whole;
    changed.messages = graft_json_new_array();
    for (size_t i = 0; i <= out->message; i++) {
        graft_json *one = i == out->message ? message : graft_json_at(whole->messages, i);
        GRAFT_TRY(graft_json_push(changed.messages, graft_json_retain(one)));
    }
    b->conversation = &changed;
    status = locate(b, out);
done:
    b->conversation = whole;
    graft_json_free(changed.messages);
    return status;
}

/* The tokens of the turn between those it begins and ends with as `other` does. */
static graft_status difference(graft_turns *b, graft_range *out, const graft_turn_text *turn,
                               const graft_turn_text *other)
{
    graft_status status = GRAFT_OK;
    graft_tokens *all = &b->tokens;
    size_t n, m, first = 0, last = 0;
    all->n = 0;
    GRAFT_TRY(graft_turns__encode(b, &turn->text, turn->begin, turn->end));
    n = all->n;
    GRAFT_TRY(graft_turns__encode(b, &other->text, other->begin, other->end));
    m = all->n - n;
    while (first < n && first < m && all->ids[first] == all->ids[n + first]) {
        first++;
    }
    while (first + last < n && first + last < m &&
           all->ids[n - 1 - last] == all->ids[n + m - 1 - last]) {
        last++;
    }
    out->begin = turn->begin + (first ? all->ends[first - 1] : 0);
    out->end = turn->begin + (n - last ? all->ends[n - last - 1] : 0);
done:
    return status;
}

/* Finds the part of the turn that is missing if `message`, taken, stands in its place; none if that
 * is NULL. */
static graft_status find_part(graft_turns *b, graft_range *out, const graft_turn_text *turn,
                              graft_json *message)
{
    graft_status status = GRAFT_OK;
    graft_turn_text other = {.message = turn->message};
    graft_rendered_init(&other.text);
    *out = (graft_range){0, 0};
    if (!message) {
        return GRAFT_OK;
    }
    status = locate_changed(b, &other, message);
    if (status == GRAFT_E_DATA) { /* it refuses an empty reply: there is nothing but the part */
        *out = (graft_range){turn->begin, turn->end};
        status = GRAFT_OK;
        goto done;
    }
    GRAFT_TRY(status);
    GRAFT_TRY(difference(b, out, turn, &other));
done:
    graft_rendered_clear(&other.text);
    graft_json_free(message);
    return status;
}

graft_status graft_turns__render(graft_turns *b, graft_turn_text *turn)
{
    graft_status status = GRAFT_OK;
    const graft_json *message = graft_json_at(b->conversation->messages, turn->message);
    graft_json *without = NULL;
    GRAFT_TRY(locate(b, turn));
    if (b->weighting.calls > 0 && fabsf(b->weighting.calls - 1) > 0) {
        GRAFT_TRY(without_calls(&without, message));
        GRAFT_TRY(find_part(b, &turn->calls, turn, without));
    }
    if (b->weighting.reasoning_is_context) {
        GRAFT_TRY(graft_message__without_reasoning(&without, message));
        GRAFT_TRY(find_part(b, &turn->reasoning, turn, without));
    }
done:
    return status;
}
