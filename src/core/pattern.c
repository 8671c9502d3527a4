/* The only file that includes pcre2.h. */
#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

#include "core/memory.h"
#include "core/pattern.h"

/* Far above what a TRUSTED pattern needs per match; without machine code only. */
#define MATCH_LIMIT (100u * 1000 * 1000)
#define HEAP_LIMIT_KIB (64u * 1024)
#define MAX_PATTERN_BYTES (64u * 1024)

struct graft_pattern {
    pcre2_general_context *general;
    pcre2_code *code;
    bool jit; /* compiled to machine code */
    graft_pattern_kind kind;
    size_t reach; /* bytes a single step may look at without moving */
};

struct graft_matcher {
    pcre2_general_context *general;
    pcre2_match_context *context;
    pcre2_match_data *match;
    /* of the HOSTILE match that runs */
    size_t budget, per_step, at;
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
    return graft_fail(GRAFT_E_MEMORY, "out of memory: patterns");
}

/* --- compiling --- */

/* How far one step can look: a repeated character counts as one, and so does what a group held.
 * The largest number in braces bounds the first, only the text the second. */
static size_t reach_of(const pcre2_code *code, const char *text, size_t n)
{
    uint32_t back = 0;
    size_t reach = 0;
    (void)pcre2_pattern_info(code, PCRE2_INFO_BACKREFMAX, &back);
    if (back > 0) {
        return SIZE_MAX;
    }
    for (size_t i = 0; i < n; i++) {
        size_t number = 0;
        if (text[i] != '{') {
            continue;
        }
        for (i++; i < n && text[i] >= '0' && text[i] <= '9' && number < MAX_PATTERN_BYTES; i++) {
            number = number * 10 + (size_t)(text[i] - '0');
        }
        reach = number > reach ? number : reach;
    }
    return reach;
}

static graft_status compile(graft_pattern *pattern, const char *text, size_t n)
{
    uint32_t options = pattern->kind == GRAFT_PATTERN_TRUSTED
                           ? PCRE2_DOLLAR_ENDONLY
                           : PCRE2_UTF | PCRE2_DOLLAR_ENDONLY | PCRE2_ALLOW_EMPTY_CLASS |
                                 PCRE2_MATCH_UNSET_BACKREF | PCRE2_NEVER_BACKSLASH_C |
                                 PCRE2_AUTO_CALLOUT;
    int error;
    PCRE2_SIZE offset;
    pcre2_compile_context *context = pcre2_compile_context_create(pattern->general);
    if (context == NULL) {
        return out_of_memory();
    }
    pcre2_set_max_pattern_length(context, MAX_PATTERN_BYTES);
    if (pattern->kind == GRAFT_PATTERN_HOSTILE) {
        pcre2_set_newline(context, PCRE2_NEWLINE_ANYCRLF);
    }
    pattern->code = pcre2_compile((PCRE2_SPTR)text, n, options, &error, &offset, context);
    pcre2_compile_context_free(context);
    if (pattern->code == NULL) {
        if (error == PCRE2_ERROR_HEAP_FAILED) {
            return out_of_memory();
        }
        PCRE2_UCHAR message[160];
        pcre2_get_error_message(error, message, sizeof message);
        return graft_fail(GRAFT_E_DATA, "at character %zu: %s", (size_t)offset,
                          (const char *)message);
    }
    /* No machine code on some systems: then the pattern is interpreted, with the same result. */
    pattern->jit = pattern->kind == GRAFT_PATTERN_TRUSTED &&
                   pcre2_jit_compile(pattern->code, PCRE2_JIT_COMPLETE) == 0;
    pattern->reach = reach_of(pattern->code, text, n);
    return GRAFT_OK;
}

graft_status graft_pattern_new(graft_pattern **out, const char *text, size_t n,
                               graft_pattern_kind kind)
{
    graft_status status = GRAFT_OK;
    graft_pattern *pattern;
    *out = NULL;
    GRAFT_TRY(graft_alloc(&pattern, 1, sizeof *pattern));
    pattern->kind = kind;
    pattern->general = pcre2_general_context_create(pcre_alloc, pcre_free, NULL);
    if (pattern->general == NULL) {
        GRAFT_TRY(out_of_memory());
    }
    GRAFT_TRY(compile(pattern, text, n));
    *out = pattern;
    pattern = NULL;
done:
    graft_pattern_free(pattern);
    return status;
}

void graft_pattern_free(graft_pattern *pattern)
{
    if (pattern == NULL) {
        return;
    }
    pcre2_code_free(pattern->code);
    pcre2_general_context_free(pattern->general);
    graft_free(pattern);
}

/* --- matching --- */

/* PCRE2 calls this before every item it tries. It bounds the whole search, while PCRE2's match
 * limit begins anew at every place of the text. */
static int take_step(pcre2_callout_block *block, void *data)
{
    graft_matcher *matcher = data;
    size_t at = block->current_position;
    size_t moved = at > matcher->at ? at - matcher->at : matcher->at - at;
    size_t cost = matcher->per_step + moved / 16;
    matcher->at = at;
    if (cost > matcher->budget) {
        matcher->budget = 0;
        return PCRE2_ERROR_CALLOUT;
    }
    matcher->budget -= cost;
    return 0;
}

size_t graft_pattern_bytes(const graft_pattern *pattern)
{
    size_t bytes = 0;
    (void)pcre2_pattern_info(pattern->code, PCRE2_INFO_SIZE, &bytes);
    return bytes + sizeof *pattern;
}

graft_status graft_matcher_new(graft_matcher **out)
{
    graft_status status = GRAFT_OK;
    graft_matcher *matcher;
    *out = NULL;
    GRAFT_TRY(graft_alloc(&matcher, 1, sizeof *matcher));
    matcher->general = pcre2_general_context_create(pcre_alloc, pcre_free, NULL);
    if (matcher->general != NULL) {
        matcher->match = pcre2_match_data_create(1, matcher->general);
        matcher->context = pcre2_match_context_create(matcher->general);
    }
    if (matcher->match == NULL || matcher->context == NULL) {
        GRAFT_TRY(out_of_memory());
    }
    pcre2_set_match_limit(matcher->context, MATCH_LIMIT);
    pcre2_set_heap_limit(matcher->context, HEAP_LIMIT_KIB);
    pcre2_set_callout(matcher->context, take_step, matcher);
    *out = matcher;
    matcher = NULL;
done:
    graft_matcher_free(matcher);
    return status;
}

void graft_matcher_free(graft_matcher *matcher)
{
    if (matcher == NULL) {
        return;
    }
    pcre2_match_context_free(matcher->context);
    pcre2_match_data_free(matcher->match);
    pcre2_general_context_free(matcher->general);
    graft_free(matcher);
}

static int run_trusted(const graft_pattern *pattern, graft_matcher *matcher, const char *text,
                       size_t n, size_t from)
{
    PCRE2_SPTR subject = (PCRE2_SPTR)text;
    return pattern->jit ? pcre2_jit_match(pattern->code, subject, n, from, PCRE2_NOTEMPTY,
                                          matcher->match, matcher->context)
                        : pcre2_match(pattern->code, subject, n, from, PCRE2_NOTEMPTY,
                                      matcher->match, matcher->context);
}

static int run_hostile(const graft_pattern *pattern, graft_matcher *matcher, const char *text,
                       size_t n, size_t from, size_t *budget)
{
    matcher->budget = *budget;
    matcher->per_step = 1 + (pattern->reach < n ? pattern->reach : n) / 16;
    matcher->at = from;
    int rc = pcre2_match(pattern->code, (PCRE2_SPTR)text, n, from, 0, matcher->match,
                         matcher->context);
    *budget = matcher->budget;
    return rc;
}

graft_status graft_pattern_find(graft_match *out, const graft_pattern *pattern,
                                graft_matcher *matcher, const char *text, size_t n, size_t from,
                                size_t *budget)
{
    int rc = pattern->kind == GRAFT_PATTERN_TRUSTED
                 ? run_trusted(pattern, matcher, text, n, from)
                 : run_hostile(pattern, matcher, text, n, from, budget);
    const PCRE2_SIZE *at = pcre2_get_ovector_pointer(matcher->match);
    *out = (graft_match){.found = rc >= 0};
    if (rc >= 0) {
        out->start = at[0];
        out->end = at[1];
        return GRAFT_OK;
    }
    if (rc == PCRE2_ERROR_NOMATCH) {
        return GRAFT_OK;
    }
    if (rc == PCRE2_ERROR_NOMEMORY) {
        return out_of_memory();
    }
    if (rc == PCRE2_ERROR_CALLOUT) {
        return graft_fail(GRAFT_E_DATA, "a pattern takes too many steps on %zu bytes of text", n);
    }
    PCRE2_UCHAR message[160];
    pcre2_get_error_message(rc, message, sizeof message);
    return graft_fail(GRAFT_E_DATA, "a pattern: %s", (const char *)message);
}
