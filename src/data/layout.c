/* layout.c - the examples of a step as passes: forests of spans, merged over token ids.
 *
 * Each pass is a compressed trie. A node is a run of tokens of one example; examples that agree on
 * a run share the node, and a node is cut where they part. A walk over the trie gives the spans,
 * parents first; a token's row follows from its node, and what it has to predict from every example
 * that runs through it. */
#include <math.h>
#include <string.h>

#include "core/memory.h"
#include "data/example.h"

enum { NONE = -1 };

/* A run of tokens: ids[begin..begin+length) of an example, standing at depth `begin`. */
typedef struct node {
    uint32_t example, begin, length;
    uint32_t row; /* of its first token, once laid out */
    int32_t parent, first_child, last_child, next;
    int32_t span;
} node;

typedef struct pass_range {
    int32_t first_root, last_root;
    size_t n_tok, n_spans;
    size_t first_tok, first_span, first_prediction; /* where its arrays begin */
    size_t n_predictions;
} pass_range;

/* Where an example lies. */
typedef struct placing {
    uint32_t pass;
    uint32_t length; /* tokens laid out */
    int32_t leaf;    /* node that holds its last token */
} placing;

struct graft_step_layout {
    node *nodes;
    size_t n_nodes, nodes_capacity;
    pass_range *ranges;
    graft_pass *passes;
    size_t n_passes, ranges_capacity, passes_capacity;
    placing *placings;
    size_t placings_capacity;
    int32_t *ids;
    uint32_t *positions;
    graft_span *spans;
    size_t ids_capacity, positions_capacity, spans_capacity;
    graft_prediction *predictions, *unmerged;
    size_t predictions_capacity, unmerged_capacity;
    uint32_t *times; /* beside predictions: how many were merged */
    size_t times_capacity;
    uint32_t *row_begin; /* per row of a pass: where its predictions begin */
    size_t row_begin_capacity;
    double weight;
    size_t n_tokens, n_laid, n_computed, n_trained;
};

graft_status graft_step_layout_new(graft_step_layout **out)
{
    return graft_alloc(out, 1, sizeof **out);
}

void graft_step_layout_free(graft_step_layout *layout)
{
    if (!layout) {
        return;
    }
    graft_free(layout->nodes);
    graft_free(layout->ranges);
    graft_free(layout->passes);
    graft_free(layout->placings);
    graft_free(layout->ids);
    graft_free(layout->positions);
    graft_free(layout->spans);
    graft_free(layout->predictions);
    graft_free(layout->unmerged);
    graft_free(layout->times);
    graft_free(layout->row_begin);
    graft_free(layout);
}

/* --- the trie --- */

/* Tokens that have to be computed: all before the last trained one. */
static uint32_t useful_length(const graft_example *example)
{
    uint32_t n = example->n;
    while (n > 1 && !(fabsf(example->weights[n - 1]) > 0)) {
        n--;
    }
    return n > 1 ? n - 1 : 0;
}

static size_t matching(const int32_t *a, const int32_t *b, size_t n)
{
    size_t i = 0;
    while (i < n && a[i] == b[i]) {
        i++;
    }
    return i;
}

/* Walks down as far as the example agrees. *at = the last node reached (NONE: not even a root),
 * *used = how many of its tokens agree; returns the tokens shared in all. */
static size_t walk(const graft_step_layout *l, const graft_example *const *examples,
                   const graft_example *example, uint32_t length, int32_t root, int32_t *at,
                   uint32_t *used)
{
    uint32_t depth = 0;
    *at = NONE;
    *used = 0;
    for (int32_t i = root; i != NONE && depth < length;) {
        const node *v = &l->nodes[i];
        const int32_t *run = examples[v->example]->ids + v->begin;
        if (run[0] != example->ids[depth]) {
            i = v->next;
            continue;
        }
        uint32_t n = v->length < length - depth ? v->length : length - depth;
        n = (uint32_t)matching(run, example->ids + depth, n);
        *at = i;
        *used = n;
        depth += n;
        if (n < v->length) {
            break;
        }
        i = v->first_child;
    }
    return depth;
}

static graft_status add_node(graft_step_layout *l, const node *new_node, int32_t *index)
{
    graft_status status = GRAFT_OK;
    GRAFT_TRY(graft_reserve(&l->nodes, &l->nodes_capacity, l->n_nodes + 1, sizeof *l->nodes));
    l->nodes[l->n_nodes] = *new_node;
    *index = (int32_t)l->n_nodes++;
done:
    return status;
}

/* Hangs `child` behind the other children of `parent` (NONE: the roots of the pass). */
static void add_child(graft_step_layout *l, pass_range *pass, int32_t parent, int32_t child)
{
    int32_t *first = parent == NONE ? &pass->first_root : &l->nodes[parent].first_child;
    int32_t *last = parent == NONE ? &pass->last_root : &l->nodes[parent].last_child;
    l->nodes[child].parent = parent;
    l->nodes[child].next = NONE;
    if (*last == NONE) {
        *first = child;
    } else {
        l->nodes[*last].next = child;
    }
    *last = child;
}

/* Cuts a node behind `used` of its tokens; the rest becomes its only child. */
static graft_status cut_node(graft_step_layout *l, pass_range *pass, int32_t index, uint32_t used,
                             placing *placings, size_t n_placed)
{
    graft_status status = GRAFT_OK;
    node rest = l->nodes[index];
    int32_t lower;
    rest.begin += used;
    rest.length -= used;
    GRAFT_TRY(add_node(l, &rest, &lower));
    for (int32_t c = rest.first_child; c != NONE; c = l->nodes[c].next) {
        l->nodes[c].parent = lower;
    }
    l->nodes[index].length = used;
    l->nodes[index].first_child = l->nodes[index].last_child = NONE;
    add_child(l, pass, index, lower);
    for (size_t e = 0; e < n_placed; e++) {
        if (placings[e].leaf == index && placings[e].length > rest.begin) {
            placings[e].leaf = lower;
        }
    }
    pass->n_spans++;
done:
    return status;
}

/* Puts example e, which agrees with the trie for `shared` tokens, into a pass. */
static graft_status insert(graft_step_layout *l, uint32_t e, pass_range *pass, int32_t at,
                           uint32_t used, uint32_t shared)
{
    graft_status status = GRAFT_OK;
    placing *place = &l->placings[e];
    if (shared == place->length) {
        place->leaf = at; /* wholly inside */
        return GRAFT_OK;
    }
    if (at != NONE && used == l->nodes[at].length && l->nodes[at].first_child == NONE) {
        /* The branch ends where the example goes on: it becomes longer. */
        l->nodes[at].example = e;
        l->nodes[at].length += place->length - shared;
        place->leaf = at;
    } else {
        node leaf = {.example = e, .begin = shared, .length = place->length - shared,
                     .first_child = NONE, .last_child = NONE};
        if (at != NONE && used < l->nodes[at].length) {
            GRAFT_TRY(cut_node(l, pass, at, used, l->placings, e));
        }
        GRAFT_TRY(add_node(l, &leaf, &place->leaf));
        add_child(l, pass, at, place->leaf);
        pass->n_spans++;
    }
    pass->n_tok += place->length - shared;
done:
    return status;
}

/* --- packing --- */

static graft_status open_pass(graft_step_layout *l)
{
    graft_status status = GRAFT_OK;
    GRAFT_TRY(graft_reserve(&l->ranges, &l->ranges_capacity, l->n_passes + 1, sizeof *l->ranges));
    l->ranges[l->n_passes++] = (pass_range){.first_root = NONE, .last_root = NONE};
done:
    return status;
}

/* Whether a pass takes an example of `own` tokens beside `shared` ones. */
static bool fits(const pass_range *pass, size_t own, size_t shared,
                 const graft_layout_options *options)
{
    size_t n_tok = pass->n_tok + own, usual = options->usual_tokens;
    bool roomy = usual == 0 || n_tok <= usual || 2 * shared >= own;
    return n_tok <= options->max_tokens_per_pass && roomy;
}

/* Finds the pass in which example e needs the fewest tokens of its own, or opens one. */
static graft_status place(graft_step_layout *l, const graft_example *const *examples, uint32_t e,
                          const graft_layout_options *options)
{
    graft_status status = GRAFT_OK;
    placing *p = &l->placings[e];
    size_t best = l->n_passes, best_shared = 0;
    int32_t at = NONE, best_at = NONE;
    uint32_t used = 0, best_used = 0;
    if (p->length > options->max_tokens_per_pass) {
        return graft_fail(GRAFT_E_CONFIG, "max_tokens_per_pass: %zu is less than the %u tokens of "
                          "example %u (max_seq_length and truncation bound examples)",
                          options->max_tokens_per_pass, p->length, examples[e]->conversation);
    }
    for (size_t i = 0; options->packing && i < l->n_passes; i++) {
        const pass_range *pass = &l->ranges[i];
        size_t shared = !options->prefix_sharing ? 0
                        : walk(l, examples, examples[e], p->length, pass->first_root, &at, &used);
        if (fits(pass, p->length - shared, shared, options) &&
            (best == l->n_passes || shared > best_shared)) {
            best = i, best_shared = shared, best_at = at, best_used = used;
        }
    }
    if (best == l->n_passes) {
        GRAFT_TRY(open_pass(l));
    }
    p->pass = (uint32_t)best;
    GRAFT_TRY(insert(l, e, &l->ranges[best], best_at, best_used, (uint32_t)best_shared));
done:
    return status;
}

static graft_status place_all(graft_step_layout *l, const graft_example *const *examples, size_t n,
                              const graft_layout_options *options)
{
    graft_status status = GRAFT_OK;
    GRAFT_TRY(graft_reserve(&l->placings, &l->placings_capacity, n, sizeof *l->placings));
    for (size_t e = 0; e < n; e++) {
        l->placings[e] = (placing){.length = useful_length(examples[e]), .leaf = NONE};
        l->n_tokens += examples[e]->n;
        l->n_laid += l->placings[e].length;
        if (l->placings[e].length) {
            GRAFT_TRY(place(l, examples, (uint32_t)e, options));
        }
    }
done:
    return status;
}

/* --- arrays --- */

/* Writes the tokens and spans of a pass; nodes get their rows. */
static void write_spans(graft_step_layout *l, const graft_example *const *examples,
                        const pass_range *pass)
{
    int32_t *ids = l->ids + pass->first_tok;
    uint32_t *positions = l->positions + pass->first_tok, row = 0;
    graft_span *spans = l->spans + pass->first_span;
    int32_t n_spans = 0;
    for (int32_t i = pass->first_root; i != NONE;) {
        node *v = &l->nodes[i];
        v->row = row;
        v->span = n_spans;
        int32_t parent = v->parent == NONE ? -1 : l->nodes[v->parent].span;
        spans[n_spans++] = (graft_span){row, v->length, row, v->length, parent, v->begin};
        memcpy(ids + row, examples[v->example]->ids + v->begin, v->length * sizeof *ids);
        for (uint32_t k = 0; k < v->length; k++) {
            positions[row++] = v->begin + k;
        }
        /* Next in order: child, else the next sibling of the nearest ancestor that has one. */
        int32_t next = v->first_child;
        while (next == NONE && i != NONE) {
            next = l->nodes[i].next;
            i = l->nodes[i].parent;
        }
        i = next;
    }
}

/* Appends a prediction for each trained token of example e, from the last to the first. */
static void list_predictions(graft_step_layout *l, const graft_example *example, uint32_t e,
                             size_t *n)
{
    const placing *p = &l->placings[e];
    int32_t at = p->leaf;
    for (uint32_t i = p->length; i > 0; i--) {
        while (l->nodes[at].begin > i - 1) {
            at = l->nodes[at].parent;
        }
        if (fabsf(example->weights[i]) > 0) {
            uint32_t row = l->nodes[at].row + (i - 1 - l->nodes[at].begin);
            l->unmerged[(*n)++] =
                (graft_prediction){row, example->ids[i], example->weights[i], e, i};
        }
    }
}

/* Sorts unmerged[0..n) of a pass by row into out, adding the weights of equal targets up. Returns
 * how many are left. */
static size_t merge_predictions(graft_step_layout *l, size_t n, size_t n_rows,
                                graft_prediction *out)
{
    uint32_t *begin = l->row_begin, *times = l->times + (out - l->predictions);
    size_t n_out = 0;
    memset(begin, 0, (n_rows + 1) * sizeof *begin);
    for (size_t i = 0; i < n; i++) {
        begin[l->unmerged[i].row + 1]++;
    }
    for (size_t r = 0; r < n_rows; r++) {
        begin[r + 1] += begin[r];
    }
    for (size_t i = 0; i < n; i++) {
        out[begin[l->unmerged[i].row]++] = l->unmerged[i];
    }
    /* begin[r] is now the end of row r. */
    for (size_t r = 0, i = 0; r < n_rows; r++) {
        size_t first = n_out;
        for (; i < begin[r]; i++) {
            graft_prediction p = out[i];
            size_t k = first;
            while (k < n_out && out[k].target != p.target) {
                k++;
            }
            if (k < n_out) {
                out[k].weight += p.weight;
                times[k]++;
            } else {
                times[n_out] = 1;
                out[n_out++] = p;
            }
        }
        size_t kept = first;
        for (size_t k = first; k < n_out; k++) {
            if (fabsf(out[k].weight) > 0) {
                times[kept] = times[k];
                out[kept++] = out[k];
            }
        }
        n_out = kept;
    }
    return n_out;
}

static graft_status reserve_arrays(graft_step_layout *l, const graft_example *const *examples,
                                   size_t n)
{
    graft_status status = GRAFT_OK;
    size_t n_tok = 0, n_spans = 0, longest = 0;
    for (size_t i = 0; i < l->n_passes; i++) {
        l->ranges[i].first_tok = n_tok;
        l->ranges[i].first_span = n_spans;
        n_tok += l->ranges[i].n_tok;
        n_spans += l->ranges[i].n_spans;
        longest = l->ranges[i].n_tok > longest ? l->ranges[i].n_tok : longest;
    }
    for (size_t e = 0; e < n; e++) {
        for (uint32_t i = 1; i < examples[e]->n; i++) {
            if (fabsf(examples[e]->weights[i]) > 0) {
                l->weight += (double)examples[e]->weights[i];
                l->n_trained++;
            }
        }
    }
    l->n_computed = n_tok;
    GRAFT_TRY(graft_reserve(&l->ids, &l->ids_capacity, n_tok, sizeof *l->ids));
    GRAFT_TRY(graft_reserve(&l->positions, &l->positions_capacity, n_tok, sizeof *l->positions));
    GRAFT_TRY(graft_reserve(&l->spans, &l->spans_capacity, n_spans, sizeof *l->spans));
    GRAFT_TRY(graft_reserve(&l->predictions, &l->predictions_capacity, l->n_trained,
                            sizeof *l->predictions));
    GRAFT_TRY(graft_reserve(&l->times, &l->times_capacity, l->n_trained, sizeof *l->times));
    GRAFT_TRY(graft_reserve(&l->unmerged, &l->unmerged_capacity, l->n_trained,
                            sizeof *l->unmerged));
    GRAFT_TRY(graft_reserve(&l->row_begin, &l->row_begin_capacity, longest + 1,
                            sizeof *l->row_begin));
    GRAFT_TRY(graft_reserve(&l->passes, &l->passes_capacity, l->n_passes, sizeof *l->passes));
done:
    return status;
}

graft_status graft_step_layout_build(graft_step_layout *l, const graft_example *const *examples,
                                     size_t n, const graft_layout_options *options)
{
    graft_status status = GRAFT_OK;
    size_t n_predictions = 0;
    l->n_nodes = l->n_passes = 0;
    l->weight = 0;
    l->n_tokens = l->n_laid = l->n_computed = l->n_trained = 0;
    GRAFT_TRY(place_all(l, examples, n, options));
    GRAFT_TRY(reserve_arrays(l, examples, n));
    for (size_t i = 0; i < l->n_passes; i++) {
        pass_range *pass = &l->ranges[i];
        size_t n_unmerged = 0;
        write_spans(l, examples, pass);
        for (size_t e = 0; e < n; e++) {
            if (l->placings[e].length && l->placings[e].pass == i) {
                list_predictions(l, examples[e], (uint32_t)e, &n_unmerged);
            }
        }
        pass->first_prediction = n_predictions;
        pass->n_predictions =
            merge_predictions(l, n_unmerged, pass->n_tok, l->predictions + n_predictions);
        n_predictions += pass->n_predictions;
        l->passes[i] = (graft_pass){pass->n_tok, l->ids + pass->first_tok,
                                    l->positions + pass->first_tok, l->spans + pass->first_span,
                                    pass->n_spans, l->predictions + pass->first_prediction,
                                    pass->n_predictions};
    }
done:
    if (status != GRAFT_OK) {
        l->n_passes = 0;
    }
    return status;
}

size_t graft_step_layout_n_passes(const graft_step_layout *layout)
{
    return layout->n_passes;
}

const graft_pass *graft_step_layout_pass(const graft_step_layout *layout, size_t i)
{
    return i < layout->n_passes ? &layout->passes[i] : NULL;
}

const uint32_t *graft_step_layout_times(const graft_step_layout *layout, size_t i)
{
    return i < layout->n_passes ? layout->times + layout->ranges[i].first_prediction : NULL;
}

double graft_step_layout_weight(const graft_step_layout *layout)
{
    return layout->weight;
}

size_t graft_step_layout_tokens(const graft_step_layout *layout)
{
    return layout->n_tokens;
}

size_t graft_step_layout_saved(const graft_step_layout *layout)
{
    return layout->n_laid - layout->n_computed;
}

size_t graft_step_layout_trained(const graft_step_layout *layout)
{
    return layout->n_trained;
}
