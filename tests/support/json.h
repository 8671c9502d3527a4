/* support/json.h - JSON written with single quotes, for tests. */
#ifndef GRAFT_TESTS_SUPPORT_JSON_H
#define GRAFT_TESTS_SUPPORT_JSON_H

#include "io/json.h"

/* The value of text in which ' stands for "; lives until the program ends. */
graft_json *test_json(const char *text);

#endif
