#include "schema/uri.h"

#include <stdbool.h>
#include <string.h>

/* A part of a URI with its mark: "http:", "//host", "/path", "?query". Empty: not there. */
typedef struct slice {
    const char *p;
    size_t n;
} slice;

typedef struct uri {
    slice scheme, authority, path, query;
} uri;

static bool is_letter(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

/* Takes text[*at..) up to one of the characters in `ends`. */
static slice take(const char *text, size_t n, size_t *at, const char *ends)
{
    slice s = {text + *at, 0};
    while (*at < n && (s.n == 0 || memchr(ends, text[*at], strlen(ends)) == NULL)) {
        ++*at;
        s.n++;
    }
    return s;
}

static size_t scheme_length(const char *text, size_t n)
{
    size_t i = 0;
    while (i < n && (is_letter(text[i]) ||
                     (i > 0 && ((text[i] >= '0' && text[i] <= '9') || text[i] == '+' ||
                                text[i] == '-' || text[i] == '.')))) {
        i++;
    }
    return i > 0 && i < n && text[i] == ':' ? i + 1 : 0;
}

static uri split(const char *text, size_t n)
{
    uri u = {0};
    size_t at = scheme_length(text, n);
    u.scheme = (slice){text, at};
    if (n - at >= 2 && text[at] == '/' && text[at + 1] == '/') {
        size_t after = at + 2;
        while (after < n && text[after] != '/' && text[after] != '?') {
            after++;
        }
        u.authority = (slice){text + at, after - at};
        at = after;
    }
    if (at < n && text[at] != '?') {
        size_t start = at;
        while (at < n && text[at] != '?') {
            at++;
        }
        u.path = (slice){text + start, at - start};
    }
    u.query = (slice){text + at, n - at};
    return u;
}

/* Takes "." and ".." out of a path, in place (section 5.2.4). */
static size_t remove_dots(char *path, size_t n)
{
    size_t at = 0, out = 0;
    while (at < n) {
        slice segment = take(path, n, &at, "/"); /* with the slash it begins with */
        size_t skip = segment.p[0] == '/' ? 1 : 0;
        bool last = at == n;
        if (segment.n - skip == 1 && segment.p[skip] == '.') {
            if (last) {
                path[out++] = '/';
            }
        } else if (segment.n - skip == 2 && memcmp(segment.p + skip, "..", 2) == 0) {
            while (out > 0 && path[--out] != '/') {
            }
            if (last) {
                path[out++] = '/';
            }
        } else {
            memmove(path + out, segment.p, segment.n);
            out += segment.n;
        }
    }
    return out;
}

static char *put(char *at, slice s)
{
    if (s.n > 0) {
        memcpy(at, s.p, s.n);
    }
    return at + s.n;
}

/* The part of a base path that stays before a relative one. */
static slice folder(const uri *base)
{
    size_t n = base->path.n;
    while (n > 0 && base->path.p[n - 1] != '/') {
        n--;
    }
    if (base->path.n == 0 && base->authority.n > 0) {
        return (slice){"/", 1};
    }
    return (slice){base->path.p, n};
}

graft_status graft_schema__uri_resolve(const char **out, graft_arena *arena, const char *base,
                                       const char *reference, size_t n)
{
    graft_status status = GRAFT_OK;
    uri b = split(base, strlen(base)), r = split(reference, n);
    slice before = {0};
    char *text, *at, *path;
    bool clean = true;
    if (r.scheme.n == 0) {
        r.scheme = b.scheme;
        if (r.authority.n == 0) {
            r.authority = b.authority;
            if (r.path.n == 0) {
                r.path = b.path;
                r.query = r.query.n > 0 ? r.query : b.query;
                clean = false;
            } else if (r.path.p[0] != '/') {
                before = folder(&b);
            }
        }
    }
    GRAFT_TRY(graft_arena_alloc(arena, &text, strlen(base) + n + 3, 1));
    at = put(put(text, r.scheme), r.authority);
    path = at;
    at = put(put(at, before), r.path);
    if (clean) {
        at = path + remove_dots(path, (size_t)(at - path));
    }
    at = put(at, r.query);
    *at = '\0';
    *out = text;
done:
    return status;
}

static int hex(char c)
{
    return c >= '0' && c <= '9'   ? c - '0'
           : c >= 'a' && c <= 'f' ? c - 'a' + 10
           : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                  : -1;
}

graft_status graft_schema__uri_decode(const char **out, graft_arena *arena, const char *fragment)
{
    graft_status status = GRAFT_OK;
    size_t n = 0;
    char *text;
    GRAFT_TRY(graft_arena_alloc(arena, &text, strlen(fragment) + 1, 1));
    for (const char *p = fragment; *p != '\0'; p++) {
        char c = *p;
        if (c == '%' && hex(p[1]) >= 0 && hex(p[2]) >= 0) {
            c = (char)(hex(p[1]) * 16 + hex(p[2]));
            p += 2;
        }
        text[n++] = c;
    }
    text[n] = '\0';
    *out = text;
done:
    return status;
}
