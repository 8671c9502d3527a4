/* export/grammar_internal.h - what the files of a grammar share. Room-internal.
 *
 * Rules are appended when they are whole; one of the same body is not written twice. Expressions are
 * GBNF text: sequences that can stand in a rule or, if they have no alternatives, beside others. */
#ifndef GRAFT_EXPORT_GRAMMAR_INTERNAL_H
#define GRAFT_EXPORT_GRAMMAR_INTERNAL_H

#include "core/arena.h"
#include "core/map.h"
#include "export/grammar.h"
#include "schema/schema.h"

/* How values are spelled: as JSON, or as Python (which takes the words of JSON, too). */
typedef enum graft_spelled { GRAFT_SPELLED_JSON, GRAFT_SPELLED_PYTHON } graft_spelled;

/* The name of a rule; "": nothing fits, so there is none. */
typedef struct graft_rule {
    char name[32];
} graft_rule;

typedef struct graft_grammar_maker {
    graft_grammar *out;
    graft_arena arena;  /* keys of the maps */
    graft_map bodies;   /* of a rule -> its number */
    graft_map values;   /* parts and spelling of a value -> its rule, in `arena` */
    graft_map remarked; /* tool and remark */
    const char *tool;   /* whose schema it is about; NULL: none */
    const graft_schema *schema; /* where its references lead */
    size_t n_names, depth, steps;
} graft_grammar_maker;

/* --- grammar.c --- */

/* Adds `NAME ::= BODY` under a name that begins with `kind`, unless there is one of that body. */
graft_status graft_grammar__rule(graft_grammar_maker *m, graft_rule *out, const char *kind,
                                 const graft_text *body);
/* A name that is not used yet, for a rule that is needed before it is known; and that rule. */
graft_status graft_grammar__name(graft_grammar_maker *m, graft_rule *out, const char *kind);
graft_status graft_grammar__define(graft_grammar_maker *m, const graft_rule *rule,
                                   const graft_text *body);
/* One level deeper, which the caller leaves by m->depth--, also after a failure: GRAFT_E_DATA if that is too deep
 * or takes too long. Steps are some microseconds each at most. */
graft_status graft_grammar__enter(graft_grammar_maker *m);
graft_status graft_grammar__spend(graft_grammar_maker *m, size_t steps);
/* Notes once per tool that a keyword is not kept, or not wholly. */
graft_status graft_grammar__remark(graft_grammar_maker *m, const char *keyword, const char *what);

/* --- grammar_text.c --- */

/* "..." with what needs it escaped. */
graft_status graft_grammar__literal(graft_text *out, const char *text, size_t n);
graft_status graft_grammar__literal_z(graft_text *out, const char *text);
/* A string of `text` between quotes as JSON (or Python, in double quotes) writes it. */
graft_status graft_grammar__quoted(graft_text *out, const char *text, size_t n, char quote);

/* Characters as sorted ranges. */
enum { GRAFT_GRAMMAR_MAX_RANGES = 256 };
typedef struct graft_charset {
    struct { uint32_t low, high; } ranges[GRAFT_GRAMMAR_MAX_RANGES];
    size_t n;
    bool overflow; /* more ranges than there is room for: some are missing */
} graft_charset;
void graft_charset_add(graft_charset *set, uint32_t low, uint32_t high);
void graft_charset_sort(graft_charset *set);   /* and joins ranges */
void graft_charset_invert(graft_charset *set); /* sorts first */
bool graft_charset_has(const graft_charset *set, uint32_t c); /* sorted ones */
/* One of these characters in a string between such quotes (0: in plain text): an expression that can be
 * repeated. Nothing is appended for an empty set. */
graft_status graft_grammar__charset(graft_text *out, const graft_charset *set, char quote);

/* Text without the mark. With `then` NULL it may end anywhere; otherwise it may end anywhere unless
 * `needed`, and behind the mark comes `then` ("" for nothing). */
graft_status graft_grammar__until(graft_grammar_maker *m, graft_rule *out, const char *mark,
                                  const char *then, bool needed);

/* A string in double quotes that is none of these. */
graft_status graft_grammar__other_key(graft_grammar_maker *m, graft_rule *out,
                                      const char *const *keys, size_t n, char quote);

/* --- grammar_value.c --- */

/* Schemas that a value has to fit, all of them. `used` are bits of what was looked at already. */
enum { GRAFT_GRAMMAR_MAX_PARTS = 64 };
typedef struct graft_parts {
    struct { const graft_json *json; unsigned used; } at[GRAFT_GRAMMAR_MAX_PARTS];
    size_t n;
} graft_parts;
/* NULL is no demand. */
graft_status graft_grammar__add_part(graft_grammar_maker *m, graft_parts *parts,
                                     const graft_json *json);
/* Does the keyword of part i count? It does not beside a $ref of draft 7. */
const graft_json *graft_grammar__keyword(const graft_parts *parts, size_t i, const char *keyword);
bool graft_grammar__has(const graft_parts *parts, size_t i, const char *keyword);

/* Types as bits. Numbers that are no integers count on their own. */
enum { GRAFT_G_NULL = 1, GRAFT_G_BOOL = 2, GRAFT_G_INT = 4, GRAFT_G_FRACTION = 8,
       GRAFT_G_STRING = 16, GRAFT_G_ARRAY = 32, GRAFT_G_OBJECT = 64, GRAFT_G_ALL = 127 };

/* The rule of values that fit all parts. */
graft_status graft_grammar__value(graft_grammar_maker *m, graft_rule *out, const graft_parts *parts,
                                  graft_spelled spelled);
/* Appends alternatives for an object that fits all parts and is spelled with the glue. */
struct graft_glue;
graft_status graft_grammar__arguments(graft_grammar_maker *m, graft_text *out,
                                      const graft_parts *parts, graft_spelled spelled,
                                      const struct graft_glue *glue);
/* Alternatives for a raw value, each with the text that closes it. */
graft_status graft_grammar__raw(graft_grammar_maker *m, graft_text *out, const graft_parts *parts,
                                const char *close);

/* --- grammar_literal.c --- */

/* Values that are enumerated: *listed tells if they are, and then the alternatives of those that fit all
 * parts are appended. `raw`: texts are written as they are. */
graft_status graft_grammar__listed(graft_grammar_maker *m, graft_text *out, bool *listed,
                                   const graft_parts *parts, graft_spelled spelled, bool raw);

/* --- grammar_object.c, grammar_array.c, grammar_string.c, grammar_number.c, grammar_pattern.c --- */

/* What stands around members: expressions. */
typedef struct graft_glue {
    const char *first, *separator, *end, *empty; /* `empty`: instead of all if there are none */
    const char *key_close;            /* text behind the key */
    const char *value;                /* expression between key and value */
    char quote;                       /* of keys; 0: they stand as they are */
    const char *close;                /* values are raw, closed by this text; NULL: they are not */
} graft_glue;
extern const graft_glue graft_grammar_json_glue;

/* These append alternatives that are no rule yet; nothing if nothing fits. */
graft_status graft_grammar__object(graft_grammar_maker *m, graft_text *out,
                                   const graft_parts *parts, graft_spelled spelled,
                                   const graft_glue *glue);
graft_status graft_grammar__array(graft_grammar_maker *m, graft_text *out, const graft_parts *parts,
                                  graft_spelled spelled);
graft_status graft_grammar__string(graft_grammar_maker *m, graft_text *out,
                                   const graft_parts *parts, char quote);
graft_status graft_grammar__number(graft_grammar_maker *m, graft_text *out,
                                   const graft_parts *parts, unsigned types);

/* A pattern of ECMA 262 as an expression for what stands between the quotes. *understood is false, and
 * nothing is appended, if it says more than a grammar can. */
graft_status graft_grammar__pattern(graft_text *out, bool *understood, const char *pattern, size_t n,
                                    char quote);

/* The largest number of times something is repeated: llama.cpp refuses 2,000. */
enum { GRAFT_GRAMMAR_MAX_REPEAT = 500 };
/* A count of a keyword, the strictest of all parts: false if none says one that makes sense. */
bool graft_grammar__count(const graft_parts *parts, const char *keyword, bool largest, size_t *out);
/* Appends ITEM{low,high}; high SIZE_MAX: without end. Counts beyond the largest are taken back. */
graft_status graft_grammar__repeat(graft_text *out, const char *item, size_t low, size_t high);

#endif
