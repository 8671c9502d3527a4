/* split_cut.c - holding tools back one example at a time.
 *
 * Of a few candidates the one is taken whose tools cut through the fewest others per example won. What
 * each would win is counted once, when it becomes a candidate, and then kept up to date: every tool is
 * held once, and then only the examples that name it change. So the work is proportional to the names
 * in the data and not to moves times examples. */
#include <stdlib.h>
#include <string.h>

#include "core/memory.h"
#include "data/split.h"

enum { CANDIDATES = 16, MOST_CANDIDATES = 1024 };

typedef struct candidate {
    uint32_t example;
    size_t won;   /* examples in training all of whose tools would be held */
    size_t fresh; /* examples in training with one of its tools, and none held yet */
} candidate;

typedef struct cutting {
    size_t n, n_tools;
    size_t *begin;     /* [n + 1] */
    uint32_t *tools;   /* of all examples: sorted, each once */
    size_t *used;      /* [n_tools + 1] */
    uint32_t *users;   /* of all tools: the examples that name it */
    uint32_t *left;    /* per example: its tools that are not held */
    uint32_t *seen;    /* per example: 1 + the candidate that counted it last */
    uint32_t *next;    /* per place of the order, the last being its head: the next; n: none */
    uint32_t *slot;    /* per example: 1 + its place among the candidates, or 0 */
    bool *held;        /* per tool */
    candidate *candidates;
    size_t n_candidates, capacity;
    size_t n_cut;      /* examples in training with some tools held */
    graft_split_cut *job;
} cutting;

static size_t n_tools_of(const cutting *c, size_t example)
{
    return c->begin[example + 1] - c->begin[example];
}

static bool is_in_training(const cutting *c, size_t example)
{
    return c->job->side[example] == GRAFT_TO_TRAIN;
}

/* --- who names what --- */

static int by_number(const void *a, const void *b)
{
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
    return x < y ? -1 : x > y;
}

/* The table's tools, sorted and each once per example. */
static graft_status list_tools(cutting *c)
{
    graft_status status = GRAFT_OK;
    const graft_tool_table *t = c->job->table;
    size_t kept = 0;
    GRAFT_TRY(graft_alloc(&c->begin, c->n + 1, sizeof *c->begin));
    GRAFT_TRY(graft_alloc(&c->tools, t->n, sizeof *c->tools));
    for (size_t i = 0; i < c->n; i++) {
        size_t begin = kept, n = t->begin[i + 1] - t->begin[i];
        c->begin[i] = kept;
        if (n == 0) {
            continue;
        }
        memcpy(c->tools + kept, t->tools + t->begin[i], n * sizeof *c->tools);
        qsort(c->tools + kept, n, sizeof *c->tools, by_number);
        for (size_t k = 0; k < n; k++) {
            uint32_t tool = c->tools[begin + k];
            if (kept == begin || c->tools[kept - 1] != tool) {
                c->tools[kept++] = tool;
            }
        }
    }
    c->begin[c->n] = kept;
done:
    return status;
}

static graft_status list_users(cutting *c)
{
    graft_status status = GRAFT_OK;
    size_t n = c->begin[c->n];
    GRAFT_TRY(graft_alloc(&c->used, c->n_tools + 1, sizeof *c->used));
    GRAFT_TRY(graft_alloc(&c->users, n, sizeof *c->users));
    for (size_t k = 0; k < n; k++) {
        c->used[c->tools[k]]++;
    }
    for (size_t t = 0, sum = 0; t <= c->n_tools; t++) { /* where each tool's users end */
        sum += c->used[t];
        c->used[t] = sum;
    }
    for (size_t i = c->n; i-- > 0;) {
        for (size_t k = c->begin[i]; k < c->begin[i + 1]; k++) {
            c->users[--c->used[c->tools[k]]] = (uint32_t)i;
        }
    }
done:
    return status;
}

static graft_status prepare(cutting *c)
{
    graft_status status = GRAFT_OK;
    GRAFT_TRY(list_tools(c));
    GRAFT_TRY(list_users(c));
    GRAFT_TRY(graft_alloc(&c->left, c->n, sizeof *c->left));
    GRAFT_TRY(graft_alloc(&c->seen, c->n, sizeof *c->seen));
    GRAFT_TRY(graft_alloc(&c->slot, c->n, sizeof *c->slot));
    GRAFT_TRY(graft_alloc(&c->next, c->n + 1, sizeof *c->next));
    GRAFT_TRY(graft_alloc(&c->held, c->n_tools, sizeof *c->held));
    for (size_t i = 0; i < c->n; i++) {
        c->left[i] = (uint32_t)n_tools_of(c, i);
        c->next[i] = (uint32_t)i + 1;
    }
done:
    return status;
}

static void clear(cutting *c)
{
    graft_free(c->begin);
    graft_free(c->tools);
    graft_free(c->used);
    graft_free(c->users);
    graft_free(c->left);
    graft_free(c->seen);
    graft_free(c->slot);
    graft_free(c->next);
    graft_free(c->held);
    graft_free(c->candidates);
}

/* --- candidates --- */

/* How an example's tools lie to those of a candidate. `except` counts as held. */
typedef struct relation {
    bool shares; /* they have one in common */
    bool inside; /* the candidate has all that are not held */
} relation;

static relation relate(const cutting *c, size_t example, size_t other, uint32_t except)
{
    relation r = {false, true};
    size_t k = c->begin[other], end = c->begin[other + 1];
    for (size_t i = c->begin[example]; i < c->begin[example + 1]; i++) {
        uint32_t tool = c->tools[i];
        while (k < end && c->tools[k] < tool) {
            k++;
        }
        bool common = k < end && c->tools[k] == tool;
        r.shares = r.shares || common;
        r.inside = r.inside && (common || c->held[tool] || tool == except);
    }
    return r;
}

static bool has_tool(const cutting *c, size_t example, uint32_t tool)
{
    for (size_t k = c->begin[example]; k < c->begin[example + 1]; k++) {
        if (c->tools[k] == tool) {
            return true;
        }
    }
    return false;
}

/* Counts what holding the tools of an example would change. */
static candidate weigh(cutting *c, uint32_t example)
{
    candidate out = {.example = example};
    for (size_t k = c->begin[example]; k < c->begin[example + 1]; k++) {
        uint32_t tool = c->tools[k];
        for (size_t u = c->used[tool]; !c->held[tool] && u < c->used[tool + 1]; u++) {
            uint32_t user = c->users[u];
            if (c->seen[user] == example + 1 || !is_in_training(c, user)) {
                continue;
            }
            c->seen[user] = example + 1;
            out.won += relate(c, user, example, UINT32_MAX).inside;
            out.fresh += c->left[user] == n_tools_of(c, user);
        }
    }
    return out;
}

static graft_status get_candidate(candidate *out, cutting *c, uint32_t example)
{
    graft_status status = GRAFT_OK;
    if (c->slot[example] == 0) {
        GRAFT_TRY(graft_reserve(&c->candidates, &c->capacity, c->n_candidates + 1,
                                sizeof *c->candidates));
        c->candidates[c->n_candidates++] = weigh(c, example);
        c->slot[example] = (uint32_t)c->n_candidates;
    }
    *out = c->candidates[c->slot[example] - 1];
done:
    return status;
}

static void drop_candidate(cutting *c, uint32_t example)
{
    uint32_t place = c->slot[example];
    if (place > 0) {
        c->candidates[place - 1] = c->candidates[--c->n_candidates];
        c->slot[c->candidates[place - 1].example] = place;
        c->slot[example] = 0;
    }
}

/* The place of the next candidate behind `place`: an example with tools that is still in training.
 * Others are taken out of the list. c->n: none. */
static uint32_t next_place(cutting *c, uint32_t place)
{
    uint32_t at = c->next[place];
    while (at < c->n && (!is_in_training(c, c->job->order[at]) || n_tools_of(c, c->job->order[at]) == 0)) {
        at = c->next[at];
    }
    return c->next[place] = at;
}

/* --- holding --- */

/* Brings the candidates up to date before a tool of the example becomes held. */
static void update_candidates(cutting *c, uint32_t example, uint32_t tool)
{
    bool fresh = c->left[example] == n_tools_of(c, example), gone = c->left[example] == 1;
    for (size_t k = 0; k < c->n_candidates; k++) {
        candidate *one = &c->candidates[k];
        relation r = relate(c, example, one->example, tool);
        bool has = has_tool(c, one->example, tool);
        one->fresh -= fresh && r.shares;
        one->won -= gone && has;             /* it was counted, and is no longer in training */
        one->won += !gone && r.inside && !has; /* this tool was all that kept it from being counted */
    }
}

static void hold(cutting *c, uint32_t tool)
{
    if (c->held[tool]) {
        return;
    }
    for (size_t u = c->used[tool]; u < c->used[tool + 1]; u++) {
        uint32_t example = c->users[u];
        if (!is_in_training(c, example)) {
            continue;
        }
        update_candidates(c, example, tool);
        c->n_cut += c->left[example] == n_tools_of(c, example);
        if (--c->left[example] == 0) {
            c->n_cut--;
            c->job->side[example] = GRAFT_TO_EVAL;
            c->job->n_eval++;
            drop_candidate(c, example);
        }
    }
    c->held[tool] = true;
}

/* *best: the example whose tools are to be held; UINT32_MAX if there is none. */
static graft_status choose(uint32_t *best, cutting *c)
{
    graft_status status = GRAFT_OK;
    size_t best_cut = 0, best_won = 0, room = c->job->wanted - c->job->n_eval + CANDIDATES;
    uint32_t at = (uint32_t)c->n;
    *best = UINT32_MAX;
    for (size_t tried = 0; tried < (*best == UINT32_MAX ? MOST_CANDIDATES : CANDIDATES) &&
                           (at = next_place(c, at)) < c->n; tried++) {
        candidate one;
        GRAFT_TRY(get_candidate(&one, c, c->job->order[at]));
        size_t cut = c->n_cut + one.fresh - one.won;
        /* Fewest cut per example won, within what is wanted. */
        if (one.won <= room && (*best == UINT32_MAX || cut * best_won < best_cut * one.won)) {
            *best = one.example, best_cut = cut, best_won = one.won;
        }
    }
done:
    return status;
}

graft_status graft_split__cut(graft_split_cut *job)
{
    graft_status status = GRAFT_OK;
    cutting c = {.n = job->table->n_examples, .n_tools = job->table->ids.n, .job = job};
    GRAFT_TRY(prepare(&c));
    while (job->n_eval < job->wanted) {
        uint32_t best;
        GRAFT_TRY(choose(&best, &c));
        if (best == UINT32_MAX) {
            break;
        }
        for (size_t k = c.begin[best]; k < c.begin[best + 1]; k++) {
            hold(&c, c.tools[k]);
        }
    }
    for (size_t i = 0; i < c.n; i++) {
        if (is_in_training(&c, i) && c.left[i] < n_tools_of(&c, i)) {
            job->side[i] = GRAFT_DROPPED;
        }
    }
done:
    clear(&c);
    return status;
}
