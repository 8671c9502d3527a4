#include "support/json.h"

#include <stdlib.h>
#include <string.h>

#include "support/test.h"

static graft_json **kept;
static size_t n_kept;

static void forget(void)
{
    for (size_t i = 0; i < n_kept; i++) {
        graft_json_free(kept[i]);
    }
    free(kept);
}

graft_json *test_json(const char *text)
{
    size_t n = strlen(text);
    char *copy = malloc(n + 1);
    for (size_t i = 0; i <= n; i++) {
        copy[i] = text[i];
        if (copy[i] == '\'') {
            copy[i] = '"';
        }
    }
    graft_json *json;
    assert_ok(graft_json_parse(&json, copy, n));
    free(copy);
    if (n_kept == 0) {
        atexit(forget);
    }
    kept = realloc(kept, (n_kept + 1) * sizeof *kept);
    kept[n_kept++] = json;
    return json;
}
