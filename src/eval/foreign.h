/* eval/foreign.h - arguments written in Java or JavaScript, as the leaderboard's checkers read them.
 *
 * Their type converters find literals with regular expressions: what does not look as expected stays a
 * text, which passes where the answer is a text, too (a variable's name). They are followed in all
 * their edges (an array of Java keeps the quotes of its strings; a comma in a string ends an item), except
 * that digits are ASCII's, and a text beyond 4 KiB, longer than any answer, stays a text.
 * https://github.com/ShishirPatil/gorilla, berkeley-function-call-leaderboard */
#ifndef GRAFT_EVAL_FOREIGN_H
#define GRAFT_EVAL_FOREIGN_H

#include "data/bfcl_language.h"

/* The JSON type that a value of the declared type has once it is read. False: the leaderboard does
 * not know the type, or cannot read it (sets, queues). */
bool graft_foreign_type(graft_json_type *out, const char *name, graft_bfcl_language language);

/* A copy of a call's arguments in which texts that `parameters` (a schema) declares to be Java or
 * JavaScript are read. */
graft_status graft_foreign_arguments(graft_json **out, const graft_json *arguments,
                                     const graft_json *parameters);

/* --- inside: pieces of source text --- */

typedef struct graft_span {
    const char *at;
    size_t n;
} graft_span;

enum { GRAFT_FOREIGN_MOST = 4096 };

/* Python's str.strip() and \s. */
graft_span graft_span_strip(graft_span text);
size_t graft_span_skip_space(graft_span text, size_t from);
/* The bytes of the white space at `at`, 0 if it is none. */
size_t graft_span_space_at(graft_span text, size_t at);
/* Where the character before `end`, which is not 0, begins. */
size_t graft_span_character_before(graft_span text, size_t end);
bool graft_span_is(graft_span text, const char *what);
bool graft_span_begins(graft_span text, size_t at, const char *what);
/* Where `what` begins at or behind `from`; text.n if nowhere. */
size_t graft_span_find(graft_span text, size_t from, const char *what);
/* The same, on the line of `from`. */
size_t graft_span_find_on_line(graft_span text, size_t from, const char *what);
graft_span graft_span_cut(graft_span text, size_t from, size_t to);
/* Without its first and last character: Python's text[1:-1]. */
graft_span graft_span_inner(graft_span text);
/* Does it begin and end with the quote (which may be one and the same)? */
bool graft_span_quoted(graft_span text, char quote);
/* Takes what stands before the next comma off the rest. False if nothing is left. */
bool graft_span_split(graft_span *out, graft_span *rest, bool *more);

/* -?\d+ with one of the letters of `suffix` behind it; "" stands for none. As with Python's $, a line
 * break may follow. */
bool graft_span_is_integer(graft_span text, const char *suffix);
/* -?\d+(\.\d+)? and, if `exponent`, ([eE][+-]?\d+)? */
bool graft_span_is_decimal(graft_span text, bool exponent, const char *suffix);

/* Values; NULL only when out of memory. */
graft_json *graft_foreign_text(graft_span text);
graft_json *graft_foreign_integer(graft_span text); /* leading -?\d+ */
graft_json *graft_foreign_double(graft_span text);  /* leading number */
/* Python's int(text), or else float(text), or else the text. */
graft_json *graft_foreign_number(graft_span text);
/* Pushes a value just made, NULL being out of memory. */
graft_status graft_foreign_push(graft_json *list, graft_json *value);
graft_status graft_foreign_set(graft_json *object, graft_span key, graft_json *value);

/* The converters. `items` is the type of a list's items, "" if it is not known. */
graft_status graft_foreign_java(graft_json **out, graft_span text, const char *type,
                                const char *items);
graft_status graft_foreign_javascript(graft_json **out, graft_span text, const char *type,
                                      const char *items);

#endif
