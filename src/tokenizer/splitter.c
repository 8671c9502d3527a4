#include "tokenizer/splitter.h"

#include <string.h>

#include "core/memory.h"
#include "core/pattern.h"
#include "tokenizer/categories.h"
#include "tokenizer/sound.h"

enum { MAX_ALPHABETS = 8 }; /* the one without sets, and one per cut at most */

typedef struct split_cut {
    graft_pattern *pattern; /* NULL: the function */
    graft_cut_function *cut;
    size_t alphabet;
} split_cut;

struct graft_splitter {
    split_cut *cuts;
    size_t n;
    uint8_t *alphabets[MAX_ALPHABETS]; /* the class of every code point; the first without sets */
    size_t n_alphabets;
};

struct graft_split_state {
    graft_matcher *matcher;
    uint32_t *offsets; /* of the characters, one more than there are */
    uint8_t *classes[MAX_ALPHABETS];
    size_t offsets_capacity, classes_capacity[MAX_ALPHABETS];
};

static graft_status add_alphabet(graft_splitter *splitter, const graft_code_set *sets)
{
    graft_status status = GRAFT_OK;
    if (splitter->n_alphabets == MAX_ALPHABETS) {
        return graft_fail(GRAFT_E_FAILED, "a pre-tokeniser has more than %d alphabets",
                          MAX_ALPHABETS);
    }
    uint8_t **alphabet = &splitter->alphabets[splitter->n_alphabets];
    GRAFT_TRY(graft_alloc(alphabet, GRAFT_N_CODEPOINTS, 1));
    splitter->n_alphabets++;
    graft_classes_fill(*alphabet);
    for (const graft_code_set *set = sets; set != NULL && set->class != 0; set++) {
        for (uint32_t c = set->first; c <= set->last; c++) {
            if ((*alphabet)[c] != GRAFT_CLASS_SPACE) {
                (*alphabet)[c] = set->class;
            }
        }
    }
done:
    return status;
}

graft_status graft_splitter_new(graft_splitter **out, const graft_cut *cuts, size_t n)
{
    graft_status status = GRAFT_OK;
    graft_splitter *splitter;
    *out = NULL;
    GRAFT_TRY(graft_alloc(&splitter, 1, sizeof *splitter));
    GRAFT_TRY(graft_alloc(&splitter->cuts, n, sizeof *splitter->cuts));
    GRAFT_TRY(add_alphabet(splitter, NULL));
    for (; splitter->n < n; splitter->n++) {
        const graft_cut *cut = &cuts[splitter->n];
        split_cut *made = &splitter->cuts[splitter->n];
        made->cut = cut->cut;
        if (cut->sets != NULL) {
            made->alphabet = splitter->n_alphabets;
            GRAFT_TRY(add_alphabet(splitter, cut->sets));
        }
        if (cut->pattern != NULL && graft_pattern_new(&made->pattern, cut->pattern,
                                                      strlen(cut->pattern),
                                                      GRAFT_PATTERN_TRUSTED) != GRAFT_OK) {
            GRAFT_TRY(graft_fail_prefix("pre-tokeniser pattern %zu", splitter->n + 1));
        }
    }
    *out = splitter;
    splitter = NULL;
done:
    graft_splitter_free(splitter);
    return status;
}

void graft_splitter_free(graft_splitter *splitter)
{
    if (splitter == NULL) {
        return;
    }
    for (size_t i = 0; i < splitter->n; i++) {
        graft_pattern_free(splitter->cuts[i].pattern);
    }
    for (size_t i = 0; i < splitter->n_alphabets; i++) {
        graft_free(splitter->alphabets[i]);
    }
    graft_free(splitter->cuts);
    graft_free(splitter);
}

graft_status graft_split_state_new(graft_split_state **out)
{
    graft_status status = GRAFT_OK;
    graft_split_state *state;
    *out = NULL;
    GRAFT_TRY(graft_alloc(&state, 1, sizeof *state));
    GRAFT_TRY(graft_matcher_new(&state->matcher));
    *out = state;
    state = NULL;
done:
    graft_split_state_free(state);
    return status;
}

void graft_split_state_free(graft_split_state *state)
{
    if (state == NULL) {
        return;
    }
    graft_matcher_free(state->matcher);
    graft_free(state->offsets);
    for (size_t i = 0; i < MAX_ALPHABETS; i++) {
        graft_free(state->classes[i]);
    }
    graft_free(state);
}

/* A text with its characters as classes, per alphabet. */
typedef struct split_run {
    const graft_splitter *splitter;
    graft_matcher *matcher;
    const uint8_t *classes[MAX_ALPHABETS];
    const uint32_t *offsets; /* NULL: every character is one byte */
    graft_split_word *word;
    void *context;
} split_run;

/* Cuts the characters [start, end) by the cuts from `level` on. The depth is the number of cuts. */
static graft_status split_piece(const split_run *run, size_t level, size_t start, size_t end)
{
    if (start == end) {
        return GRAFT_OK;
    }
    if (level == run->splitter->n) {
        return run->offsets == NULL
                   ? run->word(run->context, start, end)
                   : run->word(run->context, run->offsets[start], run->offsets[end]);
    }
    graft_status status = GRAFT_OK;
    const split_cut *cut = &run->splitter->cuts[level];
    /* the piece alone: no pattern looks beyond it */
    const uint8_t *piece = run->classes[cut->alphabet] + start;
    size_t n = end - start, at = 0, run_end = 0;
    while (at < n) {
        graft_match match = {true, at, n};
        if (cut->pattern == NULL) {
            match.end = cut->cut(piece, n, at, &run_end);
        } else {
            GRAFT_TRY(graft_pattern_find(&match, cut->pattern, run->matcher,
                                         (const char *)piece, n, at, NULL));
        }
        if (!match.found) {
            break;
        }
        GRAFT_TRY(split_piece(run, level + 1, start + at, start + match.start));
        GRAFT_TRY(split_piece(run, level + 1, start + match.start, start + match.end));
        at = match.end;
    }
    GRAFT_TRY(split_piece(run, level + 1, start + at, end));
done:
    return status;
}

/* Writes the characters as classes into the state; *n_out is how many there are. */
static graft_status classify(const graft_splitter *splitter, graft_split_state *state,
                             const char *text, size_t n, size_t *n_out)
{
    graft_status status = GRAFT_OK;
    size_t n_alphabets = splitter->n_alphabets, k = 0;
    GRAFT_TRY(graft_reserve(&state->offsets, &state->offsets_capacity, n + 1,
                            sizeof *state->offsets));
    for (size_t a = 0; a < n_alphabets; a++) {
        GRAFT_TRY(graft_reserve(&state->classes[a], &state->classes_capacity[a], n, 1));
    }
    for (size_t i = 0; i < n; k++) {
        uint32_t codepoint = (unsigned char)text[i];
        state->offsets[k] = (uint32_t)i;
        i += codepoint < 0x80 ? 1 : graft_sound_decode(text + i, &codepoint);
        for (size_t a = 0; a < n_alphabets; a++) {
            state->classes[a][k] = splitter->alphabets[a][codepoint];
        }
    }
    state->offsets[k] = (uint32_t)n;
    *n_out = k;
done:
    return status;
}

graft_status graft_splitter_run(const graft_splitter *splitter, graft_split_state *state,
                                const char *text, size_t n, graft_split_word *word, void *context)
{
    graft_status status = GRAFT_OK;
    split_run run = {.splitter = splitter, .matcher = state->matcher, .word = word,
                     .context = context};
    if (graft_sound_is_ascii(text, n)) {
        for (size_t a = 0; a < splitter->n_alphabets; a++) {
            run.classes[a] = (const uint8_t *)text; /* ASCII is its own class */
        }
    } else {
        GRAFT_TRY(classify(splitter, state, text, n, &n));
        memcpy(run.classes, state->classes, sizeof state->classes);
        run.offsets = state->offsets;
    }
    GRAFT_TRY(split_piece(&run, 0, 0, n));
done:
    return status;
}
