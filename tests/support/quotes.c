/* support/quotes.c */
#include "support/quotes.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { RING = 16, BYTES = 8192 };

const char *test_quotes(const char *text)
{
    static char ring[RING][BYTES];
    static unsigned next;
    char *out = ring[next++ % RING];
    size_t n = strlen(text);
    if (n >= BYTES) {
        fprintf(stderr, "test_quotes: the text is too long\n");
        exit(1);
    }
    for (size_t i = 0; i <= n; i++) {
        out[i] = (char)(text[i] == '\'' ? '"' : text[i]);
    }
    return out;
}
