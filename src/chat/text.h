/* chat/text.h - template strings: building, cutting, Python's string functions, repr and JSON.
 *
 * Room-internal. Every function keeps the origin of each byte. */
#ifndef GRAFT_CHAT_TEXT_H
#define GRAFT_CHAT_TEXT_H

#include "chat/value.h"

/* Text under construction. While all parts have one origin no origin array is kept. */
typedef struct graft_jbuffer {
    char *data;
    graft_jorigin *origin; /* NULL while uniform */
    size_t n, capacity, n_chars;
    graft_jorigin uniform;
} graft_jbuffer;

graft_status graft_j__add(graft_jinja *j, graft_jbuffer *out, const char *bytes, size_t n,
                          graft_jorigin origin);
graft_status graft_j__add_z(graft_jinja *j, graft_jbuffer *out, const char *text, graft_jorigin origin);
graft_status graft_j__add_string(graft_jinja *j, graft_jbuffer *out, const graft_jstring *s);
/* Bytes [from, to) of s. */
graft_status graft_j__add_part(graft_jinja *j, graft_jbuffer *out, const graft_jstring *s,
                               size_t from, size_t to);
/* s with &, <, >, ' and " as entities, unless it is markup already. */
graft_status graft_j__add_escaped(graft_jinja *j, graft_jbuffer *out, const graft_jstring *s);
/* str(value) and repr(value) */
graft_status graft_j__add_str(graft_jinja *j, graft_jbuffer *out, const graft_jvalue *value);
graft_status graft_j__add_repr(graft_jinja *j, graft_jbuffer *out, const graft_jvalue *value);
/* Turns the buffer into a value; the buffer must not be used afterwards. */
graft_status graft_j__finish(graft_jinja *j, graft_jbuffer *buffer, graft_jvalue *out);

/* A string that points at bytes which live as long as j (no copy). */
graft_status graft_j__string(graft_jinja *j, graft_jvalue *out, const char *bytes, size_t n,
                             graft_jorigin origin);
graft_status graft_j__string_z(graft_jinja *j, graft_jvalue *out, const char *text);
/* str(value) as a string. */
graft_status graft_j__to_string(graft_jinja *j, const graft_jvalue *value, const graft_jstring **out);
/* The argument `what` must be a string. */
graft_status graft_j__need_string(graft_jinja *j, const graft_jvalue *value, const char *what,
                                  const graft_jstring **out);
graft_status graft_j__as_markup(graft_jinja *j, const graft_jstring *s, graft_jvalue *out);
graft_status graft_j__escape(graft_jinja *j, const graft_jstring *s, graft_jvalue *out);

/* Bytes [from, to) of s. */
graft_status graft_j__cut(graft_jinja *j, const graft_jstring *s, size_t from, size_t to,
                          graft_jvalue *out);
/* Where code point `at` begins (n_chars: the end). */
size_t graft_j__byte_at(const graft_jstring *s, size_t at);
size_t graft_j__chars_before(const graft_jstring *s, size_t byte);
graft_jorigin graft_j__origin_at(const graft_jstring *s, size_t byte);
/* The one origin of what is made of the whole of s: data if any of it is. */
graft_jorigin graft_j__origin_of(const graft_jstring *s);
/* ... and of what is made of two values. */
graft_jorigin graft_j__origin_both(graft_jorigin a, graft_jorigin b);
bool graft_j__is(const graft_jstring *s, const char *text);
bool graft_j__same(const graft_jstring *a, const graft_jstring *b);
/* First (last) place of needle in s[from, to), SIZE_MAX if there is none. */
size_t graft_j__find(const graft_jstring *s, size_t from, size_t to, const graft_jstring *needle);
size_t graft_j__rfind(const graft_jstring *s, size_t from, size_t to, const graft_jstring *needle);

/* Python's functions of the same names. chars NULL: white space. sep NULL: runs of white space. */
enum { GRAFT_J_LEFT = 1, GRAFT_J_RIGHT = 2 };
graft_status graft_j__strip(graft_jinja *j, const graft_jstring *s, const graft_jstring *chars,
                            int sides, graft_jvalue *out);
graft_status graft_j__split(graft_jinja *j, const graft_jstring *s, const graft_jstring *sep,
                            int64_t max, graft_jlist *out);
graft_status graft_j__rsplit(graft_jinja *j, const graft_jstring *s, const graft_jstring *sep,
                             int64_t max, graft_jlist *out);
graft_status graft_j__splitlines(graft_jinja *j, const graft_jstring *s, bool keep, graft_jlist *out);
graft_status graft_j__replace(graft_jinja *j, const graft_jstring *s, const graft_jstring *old,
                              const graft_jstring *new_, int64_t max, graft_jvalue *out);
typedef enum graft_jcase {
    GRAFT_J_UPPER, GRAFT_J_LOWER, GRAFT_J_CAPITALIZE, GRAFT_J_TITLE, GRAFT_J_SWAP,
    GRAFT_J_FOLD
} graft_jcase;
graft_status graft_j__recase(graft_jinja *j, const graft_jstring *s, graft_jcase how,
                             graft_jvalue *out);

/* str.isupper and str.islower: at least one cased character, and all cased ones are so. */
bool graft_j__all_cased(const graft_jstring *s, bool upper);

/* format % args (format.c) and format.format(args) (format_braces.c) */
graft_status graft_j__percent(graft_jinja *j, const graft_jstring *format, const graft_jvalue *args,
                              graft_jvalue *out);
graft_status graft_j__str_format(graft_jinja *j, const graft_jstring *format,
                                 const graft_jargs *args, graft_jvalue *out);

/* json.dumps with the arguments transformers gives templates. */
typedef struct graft_jdumps {
    bool ensure_ascii, sort_keys;
    const graft_jstring *indent;                      /* of one level; NULL: on one line */
    const graft_jstring *item_separator, *key_separator;
} graft_jdumps;
graft_status graft_j__dumps(graft_jinja *j, const graft_jvalue *value, const graft_jdumps *how,
                            graft_jbuffer *out);

/* Characters (unicode.c; Unicode 14, as Python 3.11). */
bool graft_unicode__is_space(uint32_t c);
bool graft_unicode__is_printable(uint32_t c); /* false: repr escapes it */
bool graft_unicode__is_upper(uint32_t c);
bool graft_unicode__is_lower(uint32_t c);
bool graft_unicode__is_alpha(uint32_t c);
bool graft_unicode__is_digit(uint32_t c);     /* decimal digits only */
bool graft_unicode__is_cased(uint32_t c);
bool graft_unicode__is_case_ignorable(uint32_t c);
/* 1 to 3 code points. */
size_t graft_unicode__to_upper(uint32_t c, uint32_t out[3]);
size_t graft_unicode__to_lower(uint32_t c, uint32_t out[3]);
size_t graft_unicode__to_title(uint32_t c, uint32_t out[3]);
size_t graft_unicode__to_folded(uint32_t c, uint32_t out[3]); /* str.casefold */

#endif
