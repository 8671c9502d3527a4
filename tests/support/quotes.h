/* support/quotes.h - JSON in C strings without a backslash before every quote. */
#ifndef GRAFT_TESTS_SUPPORT_QUOTES_H
#define GRAFT_TESTS_SUPPORT_QUOTES_H

/* The text with every ' as ". Valid until the 16th next call. */
const char *test_quotes(const char *text);

#endif
