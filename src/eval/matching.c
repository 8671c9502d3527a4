#include "eval/matching.h"

#include <string.h>

#include "core/memory.h"

/* --- values --- */

/* Case folded for the scripts that have simple cases; what others have is left alone. */
static uint32_t fold(uint32_t c)
{
    bool latin = (c >= 'A' && c <= 'Z') || (c >= 0xC0 && c <= 0xDE && c != 0xD7);
    bool greek = c >= 0x391 && c <= 0x3A9;
    bool cyrillic = c >= 0x410 && c <= 0x42F;
    return latin || greek || cyrillic ? c + 0x20 : c >= 0x400 && c <= 0x40F ? c + 0x50 : c;
}

/* Takes the next character that counts from text[*at..n); 0 at the end. */
static uint32_t next_character(const char *text, size_t n, size_t *at)
{
    while (*at < n) {
        uint32_t c;
        size_t used = graft_utf8_decode(text + *at, n - *at, &c);
        if (used == 0) {
            c = 0x110000u + (unsigned char)text[*at]; /* no character, equal to itself only */
            used = 1;
        }
        *at += used;
        if (c != 0 && (c > 0x7f || strchr(" ,./-_*^", (int)c) == NULL)) {
            return c == '\'' ? '"' : fold(c);
        }
    }
    return 0;
}

bool graft_texts_agree(const graft_json *a, const graft_json *b)
{
    size_t n_a, n_b, at_a = 0, at_b = 0;
    const char *x = graft_json_string(a, &n_a), *y = graft_json_string(b, &n_b);
    uint32_t c;
    do {
        c = next_character(x, n_a, &at_a);
        if (c != next_character(y, n_b, &at_b)) {
            return false;
        }
    } while (c != 0);
    return true;
}

static bool is_empty_text(const graft_json *value)
{
    size_t n = 1;
    graft_json_string(value, &n);
    return graft_json_is(value, GRAFT_JSON_STRING) && n == 0;
}

static bool may_be_left_out(const graft_json *alternatives)
{
    for (size_t i = 0; i < graft_json_length(alternatives); i++) {
        if (is_empty_text(graft_json_at(alternatives, i))) {
            return true;
        }
    }
    return false;
}

static bool members_agree(const graft_json *members, const graft_json *wanted);

static bool agrees(const graft_json *value, const graft_json *wanted)
{
    graft_json_type type = graft_json_get_type(value);
    if (type == GRAFT_JSON_STRING && graft_json_is(wanted, GRAFT_JSON_STRING)) {
        return graft_texts_agree(value, wanted);
    }
    if (type == GRAFT_JSON_OBJECT && graft_json_is(wanted, GRAFT_JSON_OBJECT)) {
        return members_agree(value, wanted);
    }
    if (type == GRAFT_JSON_ARRAY && graft_json_is(wanted, GRAFT_JSON_ARRAY)) {
        size_t n = graft_json_length(value);
        for (size_t i = 0; i < n && i < graft_json_length(wanted); i++) {
            if (!agrees(graft_json_at(value, i), graft_json_at(wanted, i))) {
                return false;
            }
        }
        return n == graft_json_length(wanted);
    }
    return graft_json_equal(value, wanted);
}

/* `wanted` lists what is acceptable; something that is no list stands for itself. A "" is a value
 * of its own only among texts: beside a number it can but mean "may be left out". */
static bool agrees_with_any(const graft_json *value, const graft_json *wanted)
{
    if (!graft_json_is(wanted, GRAFT_JSON_ARRAY)) {
        return agrees(value, wanted);
    }
    bool agreed = false, texts = true;
    for (size_t i = 0; i < graft_json_length(wanted); i++) {
        agreed = agreed || agrees(value, graft_json_at(wanted, i));
        texts = texts && graft_json_is(graft_json_at(wanted, i), GRAFT_JSON_STRING);
    }
    return agreed && (texts || !is_empty_text(value));
}

static bool members_agree(const graft_json *members, const graft_json *wanted)
{
    for (graft_json_iter it = graft_json_iter_begin(members); graft_json_iter_next(&it);) {
        if (!graft_json_has(wanted, it.key) ||
            !agrees_with_any(it.value, graft_json_get(wanted, it.key))) {
            return false;
        }
    }
    for (graft_json_iter it = graft_json_iter_begin(wanted); graft_json_iter_next(&it);) {
        if (!graft_json_has(members, it.key) && !may_be_left_out(it.value)) {
            return false;
        }
    }
    return true;
}

bool graft_arguments_match(const graft_json *arguments, const graft_expected_call *expected)
{
    return expected->has_alternatives ? members_agree(arguments, expected->arguments)
                                      : graft_json_equal(arguments, expected->arguments);
}

/* --- what is expected --- */

/* [{NAME: {ARG: [values]}}, ...], not empty? */
static bool are_alternatives(const graft_json *list)
{
    for (size_t i = 0; i < graft_json_length(list); i++) {
        const graft_json *call = graft_json_at(list, i);
        graft_json_iter it = graft_json_iter_begin(call);
        if (!graft_json_is(call, GRAFT_JSON_OBJECT) || graft_json_length(call) != 1 ||
            !graft_json_iter_next(&it) || !graft_json_is(it.value, GRAFT_JSON_OBJECT)) {
            return false;
        }
        for (graft_json_iter a = graft_json_iter_begin(it.value); graft_json_iter_next(&a);) {
            if (!graft_json_is(a.value, GRAFT_JSON_ARRAY)) {
                return false;
            }
        }
    }
    return graft_json_is(list, GRAFT_JSON_ARRAY) && graft_json_length(list) > 0;
}

static const char *name_of(const graft_json *call)
{
    return graft_json_string(graft_json_get(graft_json_get(call, "function"), "name"), NULL);
}

/* Are the alternatives about these calls? */
static bool speak_of(const graft_json *alternatives, const graft_json *calls)
{
    size_t n = graft_json_length(calls);
    for (size_t i = 0; i < n && i < graft_json_length(alternatives); i++) {
        const char *name = name_of(graft_json_at(calls, i));
        if (name == NULL || !graft_json_has(graft_json_at(alternatives, i), name)) {
            return false;
        }
    }
    return n == 0 || n == graft_json_length(alternatives);
}

graft_status graft_expected_read(graft_expected *out, const graft_json *message,
                                 const graft_json *alternatives)
{
    const graft_json *calls = graft_json_get(message, "tool_calls");
    bool loose = are_alternatives(alternatives) && speak_of(alternatives, calls);
    const graft_json *list = loose ? alternatives : calls;
    size_t n = graft_json_is(list, GRAFT_JSON_ARRAY) ? graft_json_length(list) : 0;
    *out = (graft_expected){0};
    graft_status status = graft_alloc(&out->calls, n, sizeof *out->calls);
    for (size_t i = 0; status == GRAFT_OK && i < n; i++) {
        const graft_json *call = graft_json_at(list, i);
        graft_expected_call *to = &out->calls[out->n++];
        if (loose) {
            graft_json_iter it = graft_json_iter_begin(call);
            graft_json_iter_next(&it);
            *to = (graft_expected_call){it.key, it.value, true};
            continue;
        }
        to->name = name_of(call);
        to->arguments = graft_json_get(graft_json_get(call, "function"), "arguments");
        if (to->name == NULL || !graft_json_is(to->arguments, GRAFT_JSON_OBJECT)) {
            status = graft_fail(GRAFT_E_DATA, "tool call %zu has no name or no arguments", i + 1);
        }
    }
    if (status != GRAFT_OK) {
        graft_expected_clear(out);
    }
    return status;
}

void graft_expected_clear(graft_expected *expected)
{
    graft_free(expected->calls);
    *expected = (graft_expected){0};
}

/* --- pairs --- */

#define ALONE SIZE_MAX

typedef struct pairing {
    size_t n_b;
    graft_can_stand *can;
    const void *context;
    size_t *partner; /* of each b; ALONE: none */
    size_t *seen;    /* of each b: the last a that asked for it on its search */
    size_t *path;    /* the b's of the path at hand */
    size_t *next;    /* per place of the path: the b to try next */
} pairing;

/* Finds a partner for a, moving others where they can go; depth first, without recursion. */
static bool find_partner(pairing *p, size_t a)
{
    size_t depth = 0, asking = a;
    p->next[0] = 0;
    for (;;) {
        size_t b = p->next[depth];
        if (b == p->n_b) { /* nothing for this one: back to who asked it to move */
            if (depth == 0) {
                return false;
            }
            depth--;
            asking = depth == 0 ? a : p->partner[p->path[depth - 1]];
            continue;
        }
        p->next[depth]++;
        if (p->seen[b] == a || !p->can(p->context, asking, b)) {
            continue;
        }
        p->seen[b] = a;
        p->path[depth] = b;
        if (p->partner[b] == ALONE) {
            for (size_t i = depth; i > 0; i--) {
                p->partner[p->path[i]] = p->partner[p->path[i - 1]];
            }
            p->partner[p->path[0]] = a;
            return true;
        }
        asking = p->partner[b];
        p->next[++depth] = 0;
    }
}

graft_status graft_match(size_t *n_pairs, size_t n_a, size_t n_b, graft_can_stand *can,
                         const void *context)
{
    graft_status status = GRAFT_OK;
    pairing p = {.n_b = n_b, .can = can, .context = context};
    *n_pairs = 0;
    GRAFT_TRY(graft_alloc(&p.partner, n_b, sizeof *p.partner));
    GRAFT_TRY(graft_alloc(&p.seen, n_b, sizeof *p.seen));
    GRAFT_TRY(graft_alloc(&p.path, n_b + 1, sizeof *p.path));
    GRAFT_TRY(graft_alloc(&p.next, n_b + 1, sizeof *p.next));
    for (size_t b = 0; b < n_b; b++) {
        p.partner[b] = p.seen[b] = ALONE;
    }
    for (size_t a = 0; a < n_a; a++) {
        *n_pairs += find_partner(&p, a);
    }
done:
    graft_free(p.partner);
    graft_free(p.seen);
    graft_free(p.path);
    graft_free(p.next);
    return status;
}
