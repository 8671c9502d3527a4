/* chat/jinja.c - memory, failures and bounds of one parse or rendering. */
#include "chat/jinja.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "core/memory.h"

const graft_template_limits graft_template_default_limits = {
    .steps = 50000000, .depth = 2000, .bytes = (size_t)256 << 20};

/* Small pieces are cut from these: the arena's own alignment would waste most of each. */
enum { PIECE_BYTES = 64 * 1024, PIECE_ALIGN = 16 };

void graft_j__init(graft_jinja *j, const char *name, graft_status code,
                   const graft_template_limits *limits)
{
    *j = (graft_jinja){.name = name, .code = code, .limits = *limits, .now = -1};
    graft_arena_init(&j->arena, 4 * PIECE_BYTES);
}

void graft_j__clear(graft_jinja *j)
{
    graft_arena_clear(&j->arena);
}

static graft_status take(graft_jinja *j, char **out, size_t bytes)
{
    *out = NULL;
    size_t rounded;
    if (!graft_size_add(bytes, PIECE_ALIGN - 1, &rounded) || rounded > j->limits.bytes ||
        j->used > j->limits.bytes - rounded) {
        return graft_j__fail(j, "the template needs more than %zu MiB of memory",
                             j->limits.bytes >> 20);
    }
    rounded &= ~(size_t)(PIECE_ALIGN - 1);
    graft_status status = GRAFT_OK;
    if (rounded <= j->left) {
        *out = j->next;
        j->next += rounded;
        j->left -= rounded;
    } else if (rounded > PIECE_BYTES / 4) {
        status = graft_arena_alloc(&j->arena, out, rounded, 1);
    } else {
        status = graft_arena_alloc(&j->arena, &j->next, PIECE_BYTES, 1);
        j->left = 0;
        if (status == GRAFT_OK) {
            *out = j->next;
            j->next += rounded;
            j->left = PIECE_BYTES - rounded;
        }
    }
    if (status == GRAFT_OK) {
        j->used += rounded;
    }
    return status;
}

graft_status graft_j__alloc(graft_jinja *j, void *out, size_t n, size_t size)
{
    size_t bytes;
    char *block = NULL;
    graft_status status = GRAFT_OK;
    if (!graft_size_mul(n, size, &bytes)) {
        bytes = SIZE_MAX;
    }
    status = take(j, &block, bytes);
    if (status == GRAFT_OK) {
        memset(block, 0, bytes);
    }
    memcpy(out, &block, sizeof block);
    return status;
}

graft_status graft_j__bytes(graft_jinja *j, char **out, size_t n)
{
    graft_status status = graft_j__work(j, n / 64);
    if (status != GRAFT_OK) {
        *out = NULL;
        return status;
    }
    return take(j, out, n);
}

graft_status graft_j__fail(graft_jinja *j, const char *format, ...)
{
    char message[512];
    va_list args;
    va_start(args, format);
    vsnprintf(message, sizeof message, format, args);
    va_end(args);
    for (char *c = message; *c != '\0'; c++) {
        if ((unsigned char)*c < ' ') {
            *c = ' '; /* a message is one line */
        }
    }
    return graft_fail(j->code, "%s:%u: %s", j->name, j->line, message);
}

graft_status graft_j__work(graft_jinja *j, size_t n)
{
    if (n > j->limits.steps - j->steps) {
        j->steps = j->limits.steps;
        return graft_j__fail(j, "the template takes more than %zu steps", j->limits.steps);
    }
    j->steps += n;
    return GRAFT_OK;
}

graft_status graft_j__enter(graft_jinja *j)
{
    if (j->depth >= j->limits.depth) {
        return graft_j__fail(j, "nested more than %zu levels deep", j->limits.depth);
    }
    j->depth++;
    return graft_j__work(j, 1);
}

void graft_j__leave(graft_jinja *j)
{
    j->depth--;
}

graft_status graft_j__format(graft_jinja *j, const char **out, const char *format, ...)
{
    *out = "";
    va_list args;
    va_start(args, format);
    int n = vsnprintf(NULL, 0, format, args);
    va_end(args);
    char *text;
    if (n < 0) {
        return graft_j__fail(j, "text cannot be formatted");
    }
    graft_status status = graft_j__bytes(j, &text, (size_t)n + 1);
    if (status == GRAFT_OK) {
        va_start(args, format);
        vsnprintf(text, (size_t)n + 1, format, args);
        va_end(args);
        *out = text;
    }
    return status;
}
