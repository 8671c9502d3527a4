#include "tokenizer/splitter.h"

#include <string.h>

#include "core/memory.h"
#include "core/pattern.h"

struct graft_splitter {
    graft_pattern **patterns;
    size_t n;
};

struct graft_split_state {
    graft_matcher *matcher;
};

graft_status graft_splitter_new(graft_splitter **out, const char *const *patterns, size_t n)
{
    graft_status status = GRAFT_OK;
    graft_splitter *splitter;
    *out = NULL;
    GRAFT_TRY(graft_alloc(&splitter, 1, sizeof *splitter));
    GRAFT_TRY(graft_alloc(&splitter->patterns, n, sizeof *splitter->patterns));
    for (; splitter->n < n; splitter->n++) {
        const char *pattern = patterns[splitter->n];
        if (graft_pattern_new(&splitter->patterns[splitter->n], pattern, strlen(pattern),
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
        graft_pattern_free(splitter->patterns[i]);
    }
    graft_free(splitter->patterns);
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
    graft_free(state);
}

typedef struct split_run {
    const graft_splitter *splitter;
    graft_matcher *matcher;
    const char *text;
    graft_split_word *word;
    void *context;
} split_run;

/* Cuts text[start..end) by the patterns from `level` on. The depth is the number of patterns. */
static graft_status split_piece(const split_run *run, size_t level, size_t start, size_t end)
{
    if (start == end) {
        return GRAFT_OK;
    }
    if (level == run->splitter->n) {
        return run->word(run->context, start, end);
    }
    graft_status status = GRAFT_OK;
    size_t done_to = start;
    while (done_to < end) {
        graft_match match; /* in the piece alone: no pattern looks beyond it */
        GRAFT_TRY(graft_pattern_find(&match, run->splitter->patterns[level], run->matcher,
                                     run->text + start, end - start, done_to - start, NULL));
        if (!match.found) {
            break;
        }
        GRAFT_TRY(split_piece(run, level + 1, done_to, start + match.start));
        GRAFT_TRY(split_piece(run, level + 1, start + match.start, start + match.end));
        done_to = start + match.end;
    }
    GRAFT_TRY(split_piece(run, level + 1, done_to, end));
done:
    return status;
}

graft_status graft_splitter_run(const graft_splitter *splitter, graft_split_state *state,
                                const char *text, size_t n, graft_split_word *word, void *context)
{
    split_run run = {splitter, state->matcher, text, word, context};
    return split_piece(&run, 0, 0, n);
}
