/* chat/python_literal.h - Python literals and calls in text, as data files and models write them.
 *
 * Literals are strings (prefixes r, u, b; triple quotes; neighbours are joined), numbers, True,
 * False, None, lists, tuples, sets, dicts. Tuples and sets become arrays, keys that are not
 * strings become the text that json.dumps gives them. JSON's true, false and null are read too.
 * A key that stands twice in a dict is refused, as in JSON: which one is meant, nobody knows.
 * Depth is bounded at 100, integers to 64 bits; the text must be UTF-8. */
#ifndef GRAFT_CHAT_PYTHON_LITERAL_H
#define GRAFT_CHAT_PYTHON_LITERAL_H

#include "io/json.h"

/* Reads the literal at *at (white space before it is skipped) and moves *at behind it. None is
 * *out = NULL. GRAFT_E_DATA "at byte 7: ..." (from the first *at) if none stands there. */
graft_status graft_python_value(graft_json **out, const char **at, const char *end);

/* Reads `[f(a=1), g.h(b="x")]` (or the calls without brackets) and appends each to `calls` as
 * {"name", "arguments"}. Inside brackets a name may hold spaces. *understood is false, and nothing
 * is appended, if text[0..n) is anything else, or gives an argument without a name; only memory
 * fails. */
graft_status graft_python_calls(graft_json *calls, const char *text, size_t n, bool *understood);

/* Parses all of text[0..n) as JSON, or else as a Python literal. GRAFT_E_DATA tells what is wrong
 * with it as JSON. */
graft_status graft_python_or_json(graft_json **out, const char *text, size_t n);

#endif
