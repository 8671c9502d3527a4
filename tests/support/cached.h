/* support/cached.h - two examples, a small base, and the token cache that a test puts in their way. */
#ifndef GRAFT_TESTS_SUPPORT_CACHED_H
#define GRAFT_TESTS_SUPPORT_CACHED_H

#include <stdbool.h>

#include "core/strings.h"

enum { CACHED_COLUMNS = 6 }; /* lengths, sizes, conversations, ids, weights, roles */

typedef struct cached_column {
    const void *bytes;
    size_t n;
} cached_column;

/* Where the cache is. */
const char *cached_path(void);

/* Writes a cache of these columns as graft would, with the key (NULL: the right one). */
void cached_write(const char *key, const cached_column columns[CACHED_COLUMNS]);

/* Builds the corpus with the cache and checks that it is sound (fuzz_check). Its tokens are appended as
 * text, a line per sample. */
void cached_build(graft_text *tokens);

/* --- the same for many caches, some thousand times as fast --- */

/* Makes the cache's file fuzz_file of an image that differs from those before only in the columns, of
 * 1,000 bytes at most each. */
void cached_put(const cached_column columns[CACHED_COLUMNS]);
/* As cached_build, but a cache that is refused is not made anew: false. */
bool cached_take(graft_text *tokens);

#endif
