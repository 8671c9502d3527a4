/* truncate.c - windows over a conversation: which messages they keep, and how many fit. */
#include "data/truncate.h"

#include <math.h>
#include <string.h>

#include "core/memory.h"

/* What a window keeps of the messages before `end`: [0, head), [mid, mid_end) and from `from` on, and
 * what the system says in between. */
typedef struct window {
    size_t head, mid, mid_end, from, end;
} window;

typedef struct cutter {
    graft_truncation *counts;
    const graft_chat *chat;
    const graft_tokenizer *tokenizer;
    const graft_conversation *conversation;
    uint32_t index;
    const graft_weighting *weighting;
    window *windows; /* that end at the same message, the longest first */
    size_t n_windows;
    graft_example *examples; /* found so far, the last window first */
    size_t n, capacity;
} cutter;

static bool is_role(const cutter *c, size_t i, graft_role role)
{
    return c->conversation->turns[i].role == role;
}

static void free_examples(graft_example *examples, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        graft_example_clear(&examples[i]);
    }
    graft_free(examples);
}

/* One behind the last trained message before `end`; 0 if there is none. */
static size_t last_target(const cutter *c, size_t end)
{
    while (end > 0 && !(fabsf(c->conversation->turns[end - 1].weight) > 0)) {
        end--;
    }
    return end;
}

/* All windows that end at `end`: the message before it is trained. c->windows has room for as many
 * as there are messages. */
static void list_windows(cutter *c, size_t end)
{
    size_t head = 0, last = 0;
    while (head + 1 < end && is_role(c, head, GRAFT_ROLE_SYSTEM)) {
        head++;
    }
    c->n_windows = 0;
    c->windows[c->n_windows++] = (window){head, head, head, head, end};
    for (size_t i = last = head; i < end; i++) {
        bool opens = is_role(c, i, GRAFT_ROLE_USER) && i > head &&
                     !is_role(c, i - 1, GRAFT_ROLE_USER);
        if (opens) {
            c->windows[c->n_windows++] = (window){head, i, i, i, end};
            last = i;
        }
    }
    size_t step = last;
    while (step < end && is_role(c, step, GRAFT_ROLE_USER)) {
        step++;
    }
    for (size_t i = step + 1; i < end; i++) {
        if (is_role(c, i, GRAFT_ROLE_ASSISTANT)) {
            c->windows[c->n_windows++] = (window){head, last, step, i, end};
        }
    }
}

static bool keeps(const cutter *c, const window *w, size_t i)
{
    return i < w->head || is_role(c, i, GRAFT_ROLE_SYSTEM) || (i >= w->mid && i < w->mid_end) ||
           (i >= w->from && i < w->end);
}

/* Builds the examples of a window; *fits: none is too long. */
static graft_status build_window(cutter *c, const window *w, graft_example **out, size_t *n_out,
                                 bool *fits)
{
    graft_status status = GRAFT_OK;
    graft_conversation part = *c->conversation;
    *out = NULL;
    *n_out = part.n_turns = 0;
    part.turns = NULL;
    part.messages = graft_json_new_array();
    GRAFT_TRY(graft_alloc(&part.turns, w->end, sizeof *part.turns));
    for (size_t i = 0; i < w->end; i++) {
        if (keeps(c, w, i)) {
            graft_turn *turn = &part.turns[part.n_turns++];
            *turn = c->conversation->turns[i];
            turn->weight = i >= w->from ? turn->weight : 0;
            GRAFT_TRY(graft_json_push(
                part.messages, graft_json_retain(graft_json_at(c->conversation->messages, i))));
        }
    }
    GRAFT_TRY(graft_examples_build(out, n_out, c->chat, c->tokenizer, &part, c->index,
                                   c->weighting));
    *fits = true;
    for (size_t i = 0; i < *n_out; i++) {
        *fits = *fits && (*out)[i].n <= c->counts->limit;
    }
done:
    graft_json_free(part.messages);
    graft_free(part.turns);
    return status;
}

/* Puts the examples of the longest window that fits behind those found so far; *found = NULL if
 * none does. Fewer messages have fewer tokens, so the windows are searched by halves. */
static graft_status take_longest(cutter *c, const window **found)
{
    graft_status status = GRAFT_OK;
    size_t low = 0, high = c->n_windows, n = 0, n_best = 0;
    graft_example *examples = NULL, *best = NULL;
    bool fits = false;
    *found = NULL;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        GRAFT_TRY(build_window(c, &c->windows[middle], &examples, &n, &fits));
        if (fits) {
            free_examples(best, n_best);
            best = examples;
            n_best = n;
            *found = &c->windows[middle];
            high = middle;
        } else {
            free_examples(examples, n);
            low = middle + 1;
        }
        examples = NULL;
        n = 0;
    }
    GRAFT_TRY(graft_reserve(&c->examples, &c->capacity, c->n + n_best, sizeof *c->examples));
    while (n_best > 0) {
        c->examples[c->n++] = best[--n_best];
    }
done:
    free_examples(examples, n);
    free_examples(best, n_best);
    return status;
}

static graft_status cut(cutter *c)
{
    graft_status status = GRAFT_OK;
    size_t end = last_target(c, c->conversation->n_turns);
    GRAFT_TRY(graft_alloc(&c->windows, 2 * c->conversation->n_turns + 1, sizeof *c->windows));
    while (end > 0) {
        const window *found;
        list_windows(c, end);
        GRAFT_TRY(take_longest(c, &found));
        c->counts->n_windows += found != NULL;
        c->counts->n_lost += found == NULL;
        /* Behind the head everything from `from` on has been trained. */
        end = last_target(c, found == NULL ? end - 1 : found->from > found->head ? found->from : 0);
    }
done:
    return status;
}

graft_status graft_examples_truncate(graft_example **out, size_t *n_out, graft_truncation *counts,
                                     const graft_chat *chat, const graft_tokenizer *tokenizer,
                                     const graft_conversation *conversation, uint32_t index,
                                     const graft_weighting *weighting)
{
    graft_status status = GRAFT_OK;
    cutter c = {.counts = counts, .chat = chat, .tokenizer = tokenizer,
                .conversation = conversation, .index = index, .weighting = weighting};
    *out = NULL;
    *n_out = 0;
    GRAFT_TRY(cut(&c));
    for (size_t i = 0; i < c.n / 2; i++) {
        graft_example swapped = c.examples[i];
        c.examples[i] = c.examples[c.n - 1 - i];
        c.examples[c.n - 1 - i] = swapped;
    }
    *out = c.examples;
    *n_out = c.n;
    c.examples = NULL;
    c.n = 0;
done:
    free_examples(c.examples, c.n);
    graft_free(c.windows);
    return status;
}
