/* export/grammar_string.c - lengths, patterns and formats of texts. */
#include <string.h>

#include "export/grammar_internal.h"

#define DATE "[0-9]{4} \"-\" (\"0\" [1-9] | \"1\" [0-2]) \"-\" (\"0\" [1-9] | [12] [0-9] | \"3\" [01])"
#define CLOCK "([01] [0-9] | \"2\" [0-3]) \":\" [0-5] [0-9] (\":\" ([0-5] [0-9] | \"60\") " \
              "(\".\" [0-9]{1,9})?)? ([Zz] | [-+] ([01] [0-9] | \"2\" [0-3]) \":\" [0-5] [0-9])?"
#define HEX(n) "[0-9a-fA-F]{" #n "}"

/* Seconds and zones are often left out, and are let be. */
static const struct { const char *name, *expression; } formats[] = {
    {"date", DATE},
    {"time", CLOCK},
    {"date-time", DATE " [Tt ] " CLOCK},
    {"uuid", HEX(8) " \"-\" " HEX(4) " \"-\" " HEX(4) " \"-\" " HEX(4) " \"-\" " HEX(12)},
};

/* The first format of the parts that is kept. */
static const char *format_of(const graft_parts *parts)
{
    for (size_t i = 0; i < parts->n; i++) {
        const char *name = graft_json_string(graft_grammar__keyword(parts, i, "format"), NULL);
        for (size_t k = 0; name != NULL && k < sizeof formats / sizeof *formats; k++) {
            if (strcmp(formats[k].name, name) == 0) {
                return formats[k].expression;
            }
        }
    }
    return NULL;
}

/* The first pattern that has a grammar; those beyond it are let go. */
static graft_status find_pattern(graft_grammar_maker *m, graft_text *out, bool *found,
                                 const graft_parts *parts, char quote)
{
    graft_status status = GRAFT_OK;
    *found = false;
    for (size_t i = 0; i < parts->n; i++) {
        size_t n;
        const char *pattern = graft_json_string(graft_grammar__keyword(parts, i, "pattern"), &n);
        bool understood = false;
        if (pattern != NULL && !*found) {
            GRAFT_TRY(graft_grammar__pattern(out, &understood, pattern, n, quote));
            *found = understood;
        }
        if (pattern != NULL && !understood) {
            GRAFT_TRY(graft_grammar__remark(m, "pattern", "is not kept: it has no grammar, or stands "
                                            "beside another"));
        }
    }
done:
    return status;
}

static graft_status append_quote(graft_text *out, char quote)
{
    return quote != 0 ? graft_grammar__literal(out, &quote, 1) : GRAFT_OK;
}

static graft_status enclosed(graft_text *out, const char *expression, char quote)
{
    graft_status status = GRAFT_OK;
    GRAFT_TRY(append_quote(out, quote));
    GRAFT_TRY(graft_text_appendf(out, " (%s) ", expression));
    status = append_quote(out, quote);
done:
    return status;
}

static graft_status measured(graft_grammar_maker *m, graft_text *out, const graft_parts *parts,
                             char quote)
{
    graft_status status = GRAFT_OK;
    bool python = quote == '\'';
    size_t low = 0, high = SIZE_MAX;
    bool shortest = graft_grammar__count(parts, "minLength", true, &low);
    bool longest = graft_grammar__count(parts, "maxLength", false, &high);
    if (low > GRAFT_GRAMMAR_MAX_REPEAT || (longest && high > GRAFT_GRAMMAR_MAX_REPEAT)) {
        GRAFT_TRY(graft_grammar__remark(m, low > GRAFT_GRAMMAR_MAX_REPEAT ? "minLength" : "maxLength",
                                        "beyond 500 is not kept"));
    }
    if (low > high) {
        goto done;
    }
    if (!shortest && !longest && !python) {
        status = graft_text_append_z(out, "string");
        goto done;
    }
    GRAFT_TRY(append_quote(out, quote));
    GRAFT_TRY(graft_text_append_char(out, ' '));
    GRAFT_TRY(graft_grammar__repeat(out, python ? "char-single" : "char", low, high));
    GRAFT_TRY(graft_text_append_char(out, ' '));
    status = append_quote(out, quote);
done:
    return status;
}

graft_status graft_grammar__string(graft_grammar_maker *m, graft_text *out,
                                   const graft_parts *parts, char quote)
{
    graft_status status = GRAFT_OK;
    bool found;
    graft_text inner;
    const char *format = format_of(parts);
    size_t count;
    graft_text_init(&inner);
    GRAFT_TRY(find_pattern(m, &inner, &found, parts, quote));
    bool counted = graft_grammar__count(parts, "minLength", true, &count) ||
                   graft_grammar__count(parts, "maxLength", false, &count);
    if (found || format != NULL) {
        if (counted || (found && format != NULL)) {
            GRAFT_TRY(graft_grammar__remark(m, found && format != NULL ? "format" : "minLength, maxLength",
                                            "beside a pattern or format is not kept"));
        }
        status = enclosed(out, found ? graft_text_z(&inner) : format, quote);
    } else if (quote != 0) {
        status = measured(m, out, parts, quote);
    } else if (counted) {
        status = graft_grammar__remark(m, "minLength, maxLength", "of a text without quotes is not kept");
    }
done:
    graft_text_clear(&inner);
    return status;
}
