#include "data/fingerprint.h"

#include <stdio.h>
#include <string.h>

#include "core/map.h"
#include "core/memory.h"

/* --- exact --- */

static uint64_t join(uint64_t hash, uint64_t value)
{
    uint64_t pair[2] = {hash, value};
    return graft_hash_bytes(pair, sizeof pair);
}

static uint64_t join_text(uint64_t hash, const char *bytes, size_t n)
{
    return join(hash, graft_hash_bytes(bytes, n));
}

static uint64_t hash_json(const graft_json *value)
{
    graft_json_type type = graft_json_get_type(value);
    uint64_t hash = 0x51ed270b9f3a6c77u + (uint64_t)type, members = 0;
    size_t n;
    double real;
    uint64_t bits;
    const char *text;
    switch (type) {
    case GRAFT_JSON_OBJECT: /* a sum: without regard to order */
        for (graft_json_iter it = graft_json_iter_begin(value); graft_json_iter_next(&it);) {
            members += join(hash_json(it.value), graft_hash_bytes(it.key, strlen(it.key)));
        }
        return join(hash, members);
    case GRAFT_JSON_ARRAY:
        for (size_t i = 0; i < graft_json_length(value); i++) {
            hash = join(hash, hash_json(graft_json_at(value, i)));
        }
        return hash;
    case GRAFT_JSON_STRING:
        text = graft_json_string(value, &n);
        return join_text(hash, text, n);
    case GRAFT_JSON_INT:
        return join(hash, (uint64_t)graft_json_int(value));
    case GRAFT_JSON_DOUBLE:
        real = graft_json_double(value);
        memcpy(&bits, &real, sizeof bits);
        return join(hash, bits);
    default:
        return join(hash, graft_json_bool(value));
    }
}

/* Names and arguments of calls are told in order: they are what the model writes. */
static uint64_t hash_calls(const graft_json *calls)
{
    uint64_t hash = graft_json_length(calls);
    for (size_t i = 0; i < graft_json_length(calls); i++) {
        const graft_json *function = graft_json_get(graft_json_at(calls, i), "function");
        const graft_json *arguments = graft_json_get(function, "arguments");
        hash = join(hash, hash_json(graft_json_get(function, "name")));
        for (graft_json_iter it = graft_json_iter_begin(arguments); graft_json_iter_next(&it);) {
            hash = join_text(join(hash, hash_json(it.value)), it.key, strlen(it.key));
        }
    }
    return hash;
}

/* How many calls back stands the one that message `at` answers? Ids are told by this alone; 0 if it
 * answers none. */
static uint64_t answered_call(const graft_conversation *c, size_t at)
{
    const char *id = graft_json_string(
        graft_json_get(graft_json_at(c->messages, at), "tool_call_id"), NULL);
    uint64_t back = 0;
    for (size_t i = at; id && i > 0; i--) {
        const graft_json *calls = graft_json_get(graft_json_at(c->messages, i - 1), "tool_calls");
        for (size_t j = graft_json_length(calls); j > 0; j--) {
            const graft_json *other = graft_json_get(graft_json_at(calls, j - 1), "id");
            back++;
            if (graft_json_is(other, GRAFT_JSON_STRING) &&
                strcmp(graft_json_string(other, NULL), id) == 0) {
                return back;
            }
        }
    }
    return 0;
}

/* Thoughts, names, and whatever else a template may show; null is as good as absent. */
static uint64_t hash_rest(const graft_json *message)
{
    static const char *const told[] = {"role", "content", "tool_calls", "tool_call_id"};
    uint64_t members = 0;
    for (graft_json_iter it = graft_json_iter_begin(message); graft_json_iter_next(&it);) {
        bool apart = !it.value;
        for (size_t i = 0; i < sizeof told / sizeof *told; i++) {
            apart = apart || strcmp(it.key, told[i]) == 0;
        }
        members += apart ? 0 : join(hash_json(it.value), graft_hash_bytes(it.key, strlen(it.key)));
    }
    return members;
}

uint64_t graft_fingerprint(const graft_conversation *c)
{
    uint64_t hash = join(hash_json(c->tools), hash_json(c->expected));
    for (size_t i = 0; i < c->n_turns; i++) {
        const graft_json *message = graft_json_at(c->messages, i);
        uint32_t weight;
        memcpy(&weight, &c->turns[i].weight, sizeof weight);
        hash = join(hash, hash_json(graft_json_get(message, "role")));
        hash = join(hash, hash_json(graft_json_get(message, "content")));
        hash = join(hash, hash_calls(graft_json_get(message, "tool_calls")));
        hash = join(hash, answered_call(c, i));
        hash = join(hash, hash_rest(message));
        hash = join(hash, weight);
    }
    return hash;
}

/* --- shingles --- */

enum { WORDS = 3 };

/* The words of a text as they go by. */
typedef struct word_walk {
    graft_shingles *out;
    uint64_t last[WORDS]; /* hashes of the latest words, newest first */
    size_t n;
    graft_status status;
} word_walk;

static void add_word(word_walk *w, uint64_t word)
{
    graft_shingles *s = w->out;
    w->last[2] = w->last[1];
    w->last[1] = w->last[0];
    w->last[0] = word;
    w->n++;
    if (w->n < WORDS || w->status != GRAFT_OK) {
        return;
    }
    if (s->n == s->capacity) {
        w->status = graft_reserve(&s->items, &s->capacity, s->n + 1, sizeof *s->items);
        if (w->status != GRAFT_OK) {
            return;
        }
    }
    s->items[s->n++] = (w->last[2] * 0x9e3779b97f4a7c15u ^ w->last[1]) * 0xd1b54a32d192ed03u ^
                       w->last[0];
}

/* 0: separates words; 1: belongs to one, as the lower-case letter or digit that *c becomes. */
static int word_byte(unsigned char *c)
{
    if (*c >= 'A' && *c <= 'Z') {
        *c = (unsigned char)(*c | 0x20);
        return 1;
    }
    return (*c >= 'a' && *c <= 'z') || (*c >= '0' && *c <= '9');
}

static void add_text(word_walk *w, const char *text, size_t n)
{
    const uint64_t start = 0xcbf29ce484222325u, prime = 0x100000001b3u; /* FNV-1a */
    size_t i = 0;
    while (i < n) {
        unsigned char c = (unsigned char)text[i];
        uint64_t hash = start;
        if (c >= 0x80) {
            do {
                hash = (hash ^ (unsigned char)text[i++]) * prime;
            } while (i < n && ((unsigned char)text[i] & 0xc0) == 0x80);
            add_word(w, hash);
        } else if (word_byte(&c)) {
            do {
                hash = (hash ^ c) * prime;
                i++;
                c = i < n ? (unsigned char)text[i] : ' ';
            } while (word_byte(&c));
            add_word(w, hash);
        } else {
            i++;
        }
    }
}

static void add_json(word_walk *w, const graft_json *value)
{
    char number[40];
    size_t n;
    const char *text;
    switch (graft_json_get_type(value)) {
    case GRAFT_JSON_OBJECT:
        for (graft_json_iter it = graft_json_iter_begin(value); graft_json_iter_next(&it);) {
            add_text(w, it.key, strlen(it.key));
            add_json(w, it.value);
        }
        break;
    case GRAFT_JSON_ARRAY:
        for (size_t i = 0; i < graft_json_length(value); i++) {
            add_json(w, graft_json_at(value, i));
        }
        break;
    case GRAFT_JSON_STRING:
        text = graft_json_string(value, &n);
        add_text(w, text, n);
        break;
    case GRAFT_JSON_INT:
    case GRAFT_JSON_DOUBLE:
        n = (size_t)snprintf(number, sizeof number, "%.17g", graft_json_double(value));
        add_text(w, number, n);
        break;
    default:
        text = graft_json_is(value, GRAFT_JSON_BOOL)
                   ? graft_json_bool(value) ? "true" : "false" : "null";
        add_text(w, text, strlen(text));
    }
}

static void add_calls(word_walk *w, const graft_json *calls)
{
    for (size_t i = 0; i < graft_json_length(calls); i++) {
        const graft_json *function = graft_json_get(graft_json_at(calls, i), "function");
        add_json(w, graft_json_get(function, "name"));
        add_json(w, graft_json_get(function, "arguments"));
    }
}

void graft_shingles_clear(graft_shingles *shingles)
{
    graft_free(shingles->items);
    *shingles = (graft_shingles){0};
}

graft_status graft_shingles_take(graft_shingles *out, const graft_conversation *c)
{
    word_walk w = {.out = out};
    out->n = 0;
    for (size_t i = 0; i < c->n_turns; i++) {
        const graft_json *message = graft_json_at(c->messages, i);
        const graft_json *content = graft_json_get(message, "content");
        if (c->turns[i].role == GRAFT_ROLE_SYSTEM) {
            continue;
        }
        add_json(&w, graft_json_get(message, "role"));
        if (content) {
            add_json(&w, content);
        }
        add_calls(&w, graft_json_get(message, "tool_calls"));
    }
    if (c->expected) {
        add_json(&w, c->expected);
    }
    while (w.n > 0 && w.n < WORDS) { /* a very short example is one shingle */
        add_word(&w, 0);
    }
    return w.status;
}

graft_status graft_fingerprints(uint64_t *exact, graft_signature *signature,
                                graft_shingles *scratch, const graft_conversation *conversation)
{
    graft_status status = GRAFT_OK;
    *exact = graft_fingerprint(conversation);
    if (signature) {
        GRAFT_TRY(graft_shingles_take(scratch, conversation));
        graft_minhash(signature, scratch->items, scratch->n);
    }
done:
    return status;
}
