/* export/grammar_passages.c - passages of rendered text, and the expressions they become. */
#include "export/grammar_passages.h"

#include <string.h>

#include "export/grammar_internal.h"

const char *const graft_probe_ids[GRAFT_PROBE_CALLS] = {"probeidxa", "probeidxb", "probeidxc"};

bool graft_passage_find(graft_passage *before, graft_passage *behind, graft_passage text, const char *what)
{
    const char *at = text.n > 0 ? memmem(text.at, text.n, what, strlen(what)) : NULL;
    if (at == NULL) {
        return false;
    }
    *before = (graft_passage){text.at, (size_t)(at - text.at)};
    *behind = (graft_passage){at + strlen(what), text.n - before->n - strlen(what)};
    return true;
}

graft_passage graft_passage_whole(const graft_text *text)
{
    return (graft_passage){graft_text_z(text), text->len};
}

bool graft_passage_same(graft_passage a, graft_passage b)
{
    return a.n == b.n && memcmp(a.at, b.at, a.n) == 0;
}

graft_status graft_passage_keep(graft_text *out, graft_passage text)
{
    out->len = 0;
    return graft_text_append(out, text.at, text.n);
}

graft_passage graft_passage_common(graft_passage a, graft_passage b)
{
    size_t n = 0;
    while (n < a.n && n < b.n && a.at[n] == b.at[n]) {
        n++;
    }
    return (graft_passage){a.at, n};
}

graft_passage graft_passage_behind(graft_passage text, size_t n)
{
    return (graft_passage){text.at + n, text.n - n};
}

static size_t run_of_digits(graft_passage text)
{
    size_t n = 0;
    while (n < text.n && text.at[n] >= '0' && text.at[n] <= '9') {
        n++;
    }
    return n;
}

static size_t id_at(graft_passage text)
{
    for (size_t i = 0; i < GRAFT_PROBE_CALLS; i++) {
        size_t n = strlen(graft_probe_ids[i]);
        if (text.n >= n && memcmp(text.at, graft_probe_ids[i], n) == 0) {
            return n;
        }
    }
    return 0;
}

static graft_status flush(graft_text *out, graft_text *pending)
{
    graft_status status = GRAFT_OK;
    if (pending->len > 0) {
        GRAFT_TRY(out->len > 0 ? graft_text_append_char(out, ' ') : GRAFT_OK);
        GRAFT_TRY(graft_grammar__literal(out, pending->data, pending->len));
        pending->len = 0;
    }
done:
    return status;
}

graft_status graft_passage_generalise(graft_text *out, graft_passage a, graft_passage b, bool *ok)
{
    graft_status status = GRAFT_OK;
    graft_text pending;
    graft_text_init(&pending);
    out->len = 0;
    while (*ok && a.n > 0 && b.n > 0) {
        size_t x = id_at(a), y = id_at(b);
        const char *hole = x > 0 && y > 0 ? "[a-zA-Z0-9_-]{1,64}" : NULL;
        size_t i = run_of_digits(a), k = run_of_digits(b);
        bool differ = !graft_passage_same((graft_passage){a.at, i}, (graft_passage){b.at, k});
        if (hole == NULL && i > 0 && k > 0 && differ) {
            hole = "[0-9]{1,4}";
            x = i;
            y = k;
        }
        if (hole != NULL) {
            GRAFT_TRY(flush(out, &pending));
            GRAFT_TRY(graft_text_appendf(out, "%s%s", out->len > 0 ? " " : "", hole));
        } else {
            *ok = *a.at == *b.at;
            x = y = 1;
            GRAFT_TRY(graft_text_append_char(&pending, *a.at));
        }
        a = graft_passage_behind(a, x);
        b = graft_passage_behind(b, y);
    }
    *ok = *ok && a.n == b.n;
    GRAFT_TRY(flush(out, &pending));
    GRAFT_TRY(out->len == 0 ? graft_text_append_z(out, "\"\"") : GRAFT_OK);
done:
    graft_text_clear(&pending);
    return status;
}

graft_status graft_passage_express(graft_text *out, graft_passage text)
{
    bool ok = true;
    return graft_passage_generalise(out, text, text, &ok);
}
