/* The only file that includes pcre2.h. */
#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

#include <stdbool.h>

#include "core/memory.h"
#include "tokenizer/splitter.h"

/* Far above what a row of pretokenizers.c needs per match; without JIT only. */
#define MATCH_LIMIT (100u * 1000 * 1000)
#define HEAP_LIMIT_KIB (64u * 1024)

typedef struct split_step {
    pcre2_code *code;
    bool jit; /* compiled to machine code */
} split_step;

struct graft_splitter {
    pcre2_general_context *general;
    pcre2_match_context *limits;
    split_step *steps;
    size_t n;
};

struct graft_split_state {
    pcre2_general_context *general;
    pcre2_match_data *match;
};

static void *pcre_alloc(size_t n, void *unused)
{
    (void)unused;
    void *block = NULL;
    return graft_alloc(&block, n, 1) == GRAFT_OK ? block : NULL;
}

static void pcre_free(void *block, void *unused)
{
    (void)unused;
    graft_free(block);
}

static graft_status out_of_memory(void)
{
    return graft_fail(GRAFT_E_MEMORY, "out of memory: the pre-tokeniser's patterns");
}

/* Compiles the pattern that follows those there are; room for it is reserved. */
static graft_status compile(graft_splitter *splitter, const char *pattern)
{
    int error;
    PCRE2_SIZE offset;
    pcre2_compile_context *context = pcre2_compile_context_create(splitter->general);
    if (context == NULL) {
        return out_of_memory();
    }
    pcre2_code *code = pcre2_compile((PCRE2_SPTR)pattern, PCRE2_ZERO_TERMINATED,
                                     PCRE2_UTF | PCRE2_UCP, &error, &offset, context);
    pcre2_compile_context_free(context);
    if (code == NULL) {
        if (error == PCRE2_ERROR_HEAP_FAILED) {
            return out_of_memory();
        }
        PCRE2_UCHAR message[160];
        pcre2_get_error_message(error, message, sizeof message);
        return graft_fail(GRAFT_E_FAILED, "pre-tokeniser pattern %zu at character %zu: %s",
                          splitter->n + 1, (size_t)offset, (const char *)message);
    }
    /* No machine code on some systems: then the pattern is interpreted, with the same result. */
    bool jit = pcre2_jit_compile(code, PCRE2_JIT_COMPLETE) == 0;
    splitter->steps[splitter->n++] = (split_step){code, jit};
    return GRAFT_OK;
}

graft_status graft_splitter_new(graft_splitter **out, const char *const *patterns, size_t n)
{
    graft_status status = GRAFT_OK;
    graft_splitter *splitter;
    *out = NULL;
    GRAFT_TRY(graft_alloc(&splitter, 1, sizeof *splitter));
    splitter->general = pcre2_general_context_create(pcre_alloc, pcre_free, NULL);
    splitter->limits = splitter->general ? pcre2_match_context_create(splitter->general) : NULL;
    if (splitter->limits == NULL) {
        GRAFT_TRY(out_of_memory());
    }
    pcre2_set_match_limit(splitter->limits, MATCH_LIMIT);
    pcre2_set_heap_limit(splitter->limits, HEAP_LIMIT_KIB);
    GRAFT_TRY(graft_alloc(&splitter->steps, n, sizeof *splitter->steps));
    while (splitter->n < n) {
        GRAFT_TRY(compile(splitter, patterns[splitter->n]));
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
        pcre2_code_free(splitter->steps[i].code);
    }
    graft_free(splitter->steps);
    pcre2_match_context_free(splitter->limits);
    pcre2_general_context_free(splitter->general);
    graft_free(splitter);
}

graft_status graft_split_state_new(graft_split_state **out)
{
    graft_status status = GRAFT_OK;
    graft_split_state *state;
    *out = NULL;
    GRAFT_TRY(graft_alloc(&state, 1, sizeof *state));
    state->general = pcre2_general_context_create(pcre_alloc, pcre_free, NULL);
    state->match = state->general ? pcre2_match_data_create(1, state->general) : NULL;
    if (state->match == NULL) {
        GRAFT_TRY(out_of_memory());
    }
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
    pcre2_match_data_free(state->match);
    pcre2_general_context_free(state->general);
    graft_free(state);
}

typedef struct split_run {
    const graft_splitter *splitter;
    graft_split_state *state;
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
    const split_step *step = &run->splitter->steps[level];
    PCRE2_SPTR subject = (PCRE2_SPTR)run->text + start;
    const PCRE2_SIZE *at = pcre2_get_ovector_pointer(run->state->match);
    size_t n = end - start, done_to = 0;
    while (done_to < n) {
        int rc = step->jit
                     ? pcre2_jit_match(step->code, subject, n, done_to, PCRE2_NOTEMPTY,
                                       run->state->match, run->splitter->limits)
                     : pcre2_match(step->code, subject, n, done_to,
                                   PCRE2_NOTEMPTY | PCRE2_NO_UTF_CHECK,
                                   run->state->match, run->splitter->limits);
        if (rc == PCRE2_ERROR_NOMATCH) {
            break;
        }
        if (rc == PCRE2_ERROR_NOMEMORY) {
            GRAFT_TRY(out_of_memory());
        }
        if (rc < 0) {
            PCRE2_UCHAR message[160];
            pcre2_get_error_message(rc, message, sizeof message);
            GRAFT_TRY(graft_fail(GRAFT_E_FAILED, "cutting text into words: %s",
                                 (const char *)message));
        }
        size_t match_start = at[0], match_end = at[1]; /* deeper levels overwrite them */
        GRAFT_TRY(split_piece(run, level + 1, start + done_to, start + match_start));
        GRAFT_TRY(split_piece(run, level + 1, start + match_start, start + match_end));
        done_to = match_end;
    }
    GRAFT_TRY(split_piece(run, level + 1, start + done_to, end));
done:
    return status;
}

graft_status graft_splitter_run(const graft_splitter *splitter, graft_split_state *state,
                                const char *text, size_t n, graft_split_word *word, void *context)
{
    split_run run = {splitter, state, text, word, context};
    return split_piece(&run, 0, 0, n);
}
