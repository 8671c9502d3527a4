#include "tokenizer/specials.h"

#include <stdlib.h>
#include <string.h>

#include "core/memory.h"

static const uint32_t SPECIAL = GRAFT_TOKEN_CONTROL | GRAFT_TOKEN_USER_DEFINED |
                                GRAFT_TOKEN_UNKNOWN;
static const uint32_t NEEDS_CONTROL = GRAFT_TOKEN_CONTROL | GRAFT_TOKEN_UNKNOWN;

static int compare_text(const void *a, const void *b, void *context)
{
    const graft_vocabulary *vocabulary = context;
    const graft_vocabulary_token *x = &vocabulary->tokens[*(const int32_t *)a];
    const graft_vocabulary_token *y = &vocabulary->tokens[*(const int32_t *)b];
    int order = memcmp(x->piece, y->piece, x->n < y->n ? x->n : y->n);
    return order != 0 ? order : (x->n > y->n) - (x->n < y->n);
}

static int compare_rank(const void *a, const void *b, void *context)
{
    const graft_vocabulary *vocabulary = context;
    int32_t i = *(const int32_t *)a, k = *(const int32_t *)b;
    uint32_t x = vocabulary->tokens[i].n, y = vocabulary->tokens[k].n;
    return x != y ? (x < y) - (x > y) : (i > k) - (i < k);
}

graft_status graft_specials_init(graft_specials *specials, const graft_vocabulary *vocabulary)
{
    graft_status status = GRAFT_OK;
    uint32_t *rank_of = NULL;
    *specials = (graft_specials){.vocabulary = vocabulary};
    size_t n = 0;
    for (size_t i = 0; i < vocabulary->n; i++) {
        n += (vocabulary->tokens[i].kind & SPECIAL) != 0 && vocabulary->tokens[i].n != 0;
    }
    GRAFT_TRY(graft_alloc(&specials->by_text, n, sizeof *specials->by_text));
    GRAFT_TRY(graft_alloc(&specials->by_rank, n, sizeof *specials->by_rank));
    GRAFT_TRY(graft_alloc(&specials->ranks, n, sizeof *specials->ranks));
    GRAFT_TRY(graft_alloc(&rank_of, vocabulary->n, sizeof *rank_of));
    for (size_t i = 0; i < vocabulary->n; i++) {
        const graft_vocabulary_token *token = &vocabulary->tokens[i];
        if ((token->kind & SPECIAL) != 0 && token->n != 0) {
            specials->by_text[specials->n] = specials->by_rank[specials->n] = (int32_t)i;
            specials->n++;
            specials->starts[(unsigned char)token->piece[0]] = true;
        }
    }
    qsort_r(specials->by_text, n, sizeof *specials->by_text, compare_text, (void *)vocabulary);
    qsort_r(specials->by_rank, n, sizeof *specials->by_rank, compare_rank, (void *)vocabulary);
    for (size_t i = 0; i < n; i++) {
        rank_of[specials->by_rank[i]] = (uint32_t)i;
    }
    for (size_t i = 0; i < n; i++) {
        specials->ranks[i] = rank_of[specials->by_text[i]];
    }
done:
    graft_free(rank_of);
    if (status != GRAFT_OK) {
        graft_specials_clear(specials);
    }
    return status;
}

void graft_specials_clear(graft_specials *specials)
{
    graft_free(specials->by_text);
    graft_free(specials->by_rank);
    graft_free(specials->ranks);
    *specials = (graft_specials){0};
}

static const graft_vocabulary_token *token_at(const graft_specials *specials, size_t i)
{
    return &specials->vocabulary->tokens[specials->by_text[i]];
}

/* Narrows [*low, *high) of by_text, all of which agree in their first k bytes, to those whose byte
 * k is `byte`. A token of length k stands first; the caller has taken note of it. */
static void narrow(const graft_specials *specials, size_t *low, size_t *high, size_t k,
                   unsigned char byte)
{
    size_t bounds[2];
    for (unsigned side = 0; side < 2; side++) {
        size_t a = *low, b = *high;
        while (a < b) {
            size_t middle = a + (b - a) / 2;
            const graft_vocabulary_token *token = token_at(specials, middle);
            int at = k < token->n ? (unsigned char)token->piece[k] : -1;
            if (at < byte || (side == 1 && at == byte)) {
                a = middle + 1;
            } else {
                b = middle;
            }
        }
        bounds[side] = a;
    }
    *low = bounds[0];
    *high = bounds[1];
}

/* Notes which special tokens occur at all: nearly always a handful, so that only those have to be
 * looked for one by one. */
static void note_present(const graft_specials *specials, bool *present, const char *text, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (!specials->starts[(unsigned char)text[i]]) {
            continue;
        }
        size_t low = 0, high = specials->n;
        for (size_t k = 0; i + k < n; k++) {
            narrow(specials, &low, &high, k, (unsigned char)text[i + k]);
            if (low == high) {
                break;
            }
            if (token_at(specials, low)->n == k + 1) {
                present[specials->ranks[low]] = true;
            }
        }
    }
}

static graft_status add(graft_fragments *list, size_t start, size_t end, int32_t id)
{
    if (start == end) {
        return GRAFT_OK;
    }
    graft_status status =
        graft_reserve(&list->items, &list->capacity, list->n + 1, sizeof *list->items);
    if (status == GRAFT_OK) {
        list->items[list->n++] = (graft_fragment){start, end, id};
    }
    return status;
}

static bool is_space(char c)
{
    return c == ' ' || (c >= '\t' && c <= '\r');
}

/* Where the token next stands in text[start..end), mask permitting; `end` if nowhere. */
static size_t find_next(const graft_vocabulary_token *token, const char *text, size_t start,
                        size_t end, const uint8_t *mask)
{
    while (end - start >= token->n) {
        const char *at = memmem(text + start, end - start, token->piece, token->n);
        if (at == NULL) {
            break;
        }
        start = (size_t)(at - text);
        if (mask == NULL || memchr(mask + start, 0, token->n) == NULL) {
            return start;
        }
        start++;
    }
    return end;
}

/* Cuts every raw fragment of `from` at the token's occurrences, into `to`. */
static graft_status cut_at(const graft_specials *specials, int32_t id, const graft_fragments *from,
                           graft_fragments *to, const char *text, const uint8_t *mask)
{
    graft_status status = GRAFT_OK;
    const graft_vocabulary_token *token = &specials->vocabulary->tokens[id];
    to->n = 0;
    for (size_t i = 0; i < from->n; i++) {
        const graft_fragment *fragment = &from->items[i];
        if (fragment->id >= 0) {
            GRAFT_TRY(add(to, fragment->start, fragment->end, fragment->id));
            continue;
        }
        size_t start = fragment->start, end = fragment->end;
        while (start < end) {
            size_t at = find_next(token, text, start, end, mask), left = at;
            while ((token->kind & GRAFT_TOKEN_LSTRIP) && at < end && left > start &&
                   is_space(text[left - 1])) {
                left--;
            }
            GRAFT_TRY(add(to, start, left, -1));
            if (at == end) {
                break;
            }
            start = at + token->n;
            while ((token->kind & GRAFT_TOKEN_RSTRIP) && start < end && is_space(text[start])) {
                start++;
            }
            GRAFT_TRY(add(to, left, start, id));
        }
    }
done:
    return status;
}

graft_status graft_specials_find(const graft_specials *specials, graft_fragments *out,
                                 const char *text, size_t n, graft_control control,
                                 const uint8_t *mask)
{
    graft_status status = GRAFT_OK;
    graft_fragments cut = {0};
    bool *present = NULL;
    out->n = 0;
    GRAFT_TRY(add(out, 0, n, -1));
    GRAFT_TRY(graft_alloc(&present, specials->n, sizeof *present));
    note_present(specials, present, text, n);
    for (size_t rank = 0; rank < specials->n; rank++) {
        int32_t id = specials->by_rank[rank];
        bool guarded = (specials->vocabulary->tokens[id].kind & NEEDS_CONTROL) != 0;
        if (!present[rank] || (guarded && control == GRAFT_CONTROL_NONE)) {
            continue;
        }
        GRAFT_TRY(cut_at(specials, id, out, &cut, text,
                         guarded && control == GRAFT_CONTROL_MASK ? mask : NULL));
        graft_fragments swap = *out;
        *out = cut;
        cut = swap;
    }
done:
    graft_free(cut.items);
    graft_free(present);
    return status;
}

bool graft_specials_end(const graft_specials *specials, const char *text, size_t n,
                        const uint8_t *mask)
{
    size_t n_bare = n;
    while (n_bare > 0 && is_space(text[n_bare - 1])) {
        n_bare--;
    }
    for (size_t i = 0; i < specials->n; i++) {
        const graft_vocabulary_token *token = token_at(specials, i);
        size_t end = token->kind & GRAFT_TOKEN_RSTRIP ? n_bare : n;
        bool guarded = (token->kind & NEEDS_CONTROL) != 0;
        if (token->n <= end && memcmp(text + end - token->n, token->piece, token->n) == 0 &&
            (!guarded || (mask != NULL && memchr(mask + end - token->n, 0, token->n) == NULL))) {
            return true;
        }
    }
    return false;
}
