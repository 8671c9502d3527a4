/* records.c - where records begin and end in a file. */
#include "data/records.h"

#include <string.h>

#include "core/memory.h"
#include "core/strings.h"
#include "io/lines.h"

enum { LOOK_AHEAD = 1 << 16 };
#define RECORD_MAX_BYTES ((size_t)1 << 28)

typedef enum layout { LINES, ARRAY, VALUES } layout;

struct graft_records {
    char *path;
    graft_lines *lines;
    layout layout;
    const char *piece; /* the bytes of the file that are looked at: piece[at..n) is to come */
    size_t at, n;
    size_t line;       /* of piece[at] */
    graft_text record;
    size_t begun;      /* line of the record; 0 while nothing of it was seen */
    size_t depth;      /* of brackets that are open in it */
    bool in_string, escaped;
    bool due;          /* array: a comma was read, so that an element follows */
    bool ended;        /* array: its bracket was read */
    size_t n_values;
    bool whole;
};

static bool is_space(char c)
{
    return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

/* --- brackets --- */

/* Does c end the record? In an array the comma or bracket behind it does, otherwise the bracket
 * that closes it, which belongs to it. */
static bool ends_record(graft_records *r, char c)
{
    if (r->in_string) {
        if (r->escaped) {
            r->escaped = false;
        } else {
            r->escaped = c == '\\';
            r->in_string = c != '"';
        }
        return false;
    }
    switch (c) {
    case '"': r->in_string = true; return false;
    case '{':
    case '[': r->depth++; return false;
    case ',': return r->layout == ARRAY && r->depth == 0;
    case '}':
    case ']':
        if (r->depth > 0) {
            return --r->depth == 0 && r->layout == VALUES;
        }
        return r->layout == ARRAY && c == ']';
    default: return false;
    }
}

/* --- which layout --- */

/* An object whose first line does not close it is not a record per line, unless the second line
 * begins another: then it is a broken line. */
static layout layout_of(const char *text, size_t n)
{
    graft_records probe = {.layout = VALUES};
    size_t i = n >= 3 && memcmp(text, "\xEF\xBB\xBF", 3) == 0 ? 3 : 0;
    while (i < n && is_space(text[i])) {
        i++;
    }
    if (i == n || text[i] != '{') {
        return i < n && text[i] == '[' ? ARRAY : LINES;
    }
    for (; i < n && text[i] != '\n'; i++) {
        if (ends_record(&probe, text[i])) {
            return LINES;
        }
    }
    while (i < n && is_space(text[i])) {
        i++;
    }
    return i == n || text[i] == '{' || probe.in_string ? LINES : VALUES;
}

/* Names what is no text, before every line of it is called broken. */
static graft_status check_text(const char *path, const char *bytes, size_t n)
{
    static const struct {
        const char *begin, *is;
        size_t n;
    } others[] = {{"\x1f\x8b", "is compressed by gzip: decompress it, or use zstd (.zst)", 2},
                  {"\x28\xb5\x2f\xfd", "is compressed by zstd: give it a name in .zst", 4},
                  {"\xff\xfe", "is UTF-16: convert it to UTF-8", 2},
                  {"\xfe\xff", "is UTF-16: convert it to UTF-8", 2}};
    for (size_t i = 0; i < sizeof others / sizeof *others; i++) {
        if (n >= others[i].n && memcmp(bytes, others[i].begin, others[i].n) == 0) {
            return graft_fail(GRAFT_E_DATA, "%s: %s", path, others[i].is);
        }
    }
    return GRAFT_OK;
}

graft_status graft_records_open(graft_records **out, const char *path)
{
    graft_status status = GRAFT_OK;
    graft_records *r = NULL;
    *out = NULL;
    GRAFT_TRY(graft_alloc(&r, 1, sizeof *r));
    graft_text_init(&r->record);
    GRAFT_TRY(graft_strdup(&r->path, path));
    GRAFT_TRY(graft_lines_open(&r->lines, path));
    GRAFT_TRY(graft_lines_peek(r->lines, LOOK_AHEAD, &r->piece, &r->n));
    GRAFT_TRY(check_text(path, r->piece, r->n));
    r->layout = layout_of(r->piece, r->n);
    r->line = 1;
    r->n = 0;
    *out = r;
    r = NULL;
done:
    graft_records_close(r);
    return status;
}

void graft_records_close(graft_records *r)
{
    if (r) {
        graft_lines_close(r->lines);
        graft_text_clear(&r->record);
        graft_free(r->path);
        graft_free(r);
    }
}

/* --- lines --- */

static graft_status next_line(graft_records *r, const char **text, size_t *n, size_t *line)
{
    graft_status status = GRAFT_OK;
    do {
        GRAFT_TRY(graft_lines_next(r->lines, text, n));
        while (*text && *n && is_space(**text)) {
            ++*text, --*n;
        }
    } while (*text && !*n);
    *line = graft_lines_number(r->lines);
done:
    return status;
}

/* --- values over lines --- */

static graft_status refill(graft_records *r)
{
    graft_status status = GRAFT_OK;
    if (r->at == r->n) {
        bool first = r->n == 0 && r->line == 1;
        r->at = 0;
        GRAFT_TRY(graft_lines_piece(r->lines, &r->piece, &r->n));
        if (first && r->n >= 3 && memcmp(r->piece, "\xEF\xBB\xBF", 3) == 0) {
            r->at = 3;
        }
    }
done:
    return status;
}

static graft_status skip_space(graft_records *r)
{
    graft_status status = GRAFT_OK;
    for (;;) {
        GRAFT_TRY(refill(r));
        if (r->at == r->n || !is_space(r->piece[r->at])) {
            break;
        }
        r->line += r->piece[r->at++] == '\n';
    }
done:
    return status;
}

/* Collects a record up to what ends it: *stop is that character (taken), 0 at the end of file. */
static graft_status collect(graft_records *r, char *stop)
{
    graft_status status = GRAFT_OK;
    r->record.len = r->depth = 0;
    r->in_string = r->escaped = false;
    *stop = 0;
    GRAFT_TRY(skip_space(r));
    r->begun = r->line;
    while (!*stop) {
        GRAFT_TRY(refill(r));
        size_t from = r->at;
        if (r->at == r->n) {
            break;
        }
        for (; r->at < r->n && !*stop; r->at++) {
            char c = r->piece[r->at];
            r->line += c == '\n';
            *stop = ends_record(r, c) ? c : 0;
        }
        size_t n = r->at - from - (*stop && r->layout == ARRAY);
        if (n > RECORD_MAX_BYTES - r->record.len) {
            status = graft_fail(GRAFT_E_DATA, "%s:%zu: a record of more than 256 MiB", r->path,
                                r->begun);
            goto done;
        }
        GRAFT_TRY(graft_text_append(&r->record, r->piece + from, n));
    }
    while (r->record.len && is_space(r->record.data[r->record.len - 1])) {
        r->record.len--;
    }
done:
    return status;
}

static graft_status end_array(graft_records *r)
{
    graft_status status = GRAFT_OK;
    r->ended = true;
    GRAFT_TRY(skip_space(r));
    if (r->at < r->n) {
        status = graft_fail(GRAFT_E_DATA, "%s:%zu: something stands behind the array", r->path,
                            r->line);
    }
done:
    return status;
}

static graft_status next_element(graft_records *r, const char **text, size_t *n, size_t *line)
{
    graft_status status = GRAFT_OK;
    char stop;
    *text = NULL;
    if (r->ended) {
        return end_array(r);
    }
    if (r->n_values == 0) {
        GRAFT_TRY(skip_space(r));
        r->at++; /* the bracket */
    }
    GRAFT_TRY(collect(r, &stop));
    if (!stop) {
        return graft_fail(GRAFT_E_DATA, "%s:%zu: the array that begins the file is not closed",
                          r->path, r->begun);
    }
    r->n_values++;
    r->ended = stop == ']';
    if (r->ended && !r->due && !r->record.len) {
        return end_array(r);
    }
    r->due = !r->ended;
    *text = graft_text_z(&r->record);
    *n = r->record.len;
    *line = r->begun;
done:
    return status;
}

static graft_status next_value(graft_records *r, const char **text, size_t *n, size_t *line)
{
    graft_status status = GRAFT_OK;
    char stop;
    *text = NULL;
    GRAFT_TRY(collect(r, &stop));
    GRAFT_TRY(skip_space(r));
    r->whole = r->n_values++ == 0 && r->at == r->n;
    if (r->record.len) {
        *text = graft_text_z(&r->record);
        *n = r->record.len;
        *line = r->begun;
    }
done:
    return status;
}

graft_status graft_records_next(graft_records *r, const char **text, size_t *n, size_t *line)
{
    switch (r->layout) {
    case ARRAY: return next_element(r, text, n, line);
    case VALUES: return next_value(r, text, n, line);
    default: return next_line(r, text, n, line);
    }
}

bool graft_records_are_elements(const graft_records *r)
{
    return r->layout == ARRAY;
}

bool graft_records_whole(const graft_records *r)
{
    return r->whole;
}
