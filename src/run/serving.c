/* serving.c - what programs that serve a model have to be told about it. */
#include <stdio.h>
#include <string.h>

#include "core/memory.h"
#include "run/artefact.h"

/* Of a context nobody chose: multiples of the one, at least the other. */
enum { CONTEXT_STEP = 1024, LEAST_CONTEXT = 4096 };

void graft_serving_init(graft_serving *serving)
{
    *serving = (graft_serving){0};
    graft_text_init(&serving->chat_template);
    graft_text_init(&serving->template_path);
    graft_text_init(&serving->name);
    graft_text_init(&serving->slug);
    graft_text_init(&serving->bos);
    graft_text_init(&serving->eos);
}

void graft_serving_clear(graft_serving *serving)
{
    for (size_t i = 0; i < serving->of.n_stops; i++) {
        graft_free(serving->stops[i]);
    }
    graft_free(serving->stops);
    graft_text_clear(&serving->chat_template);
    graft_text_clear(&serving->template_path);
    graft_text_clear(&serving->name);
    graft_text_clear(&serving->slug);
    graft_text_clear(&serving->bos);
    graft_text_clear(&serving->eos);
    graft_serving_init(serving);
}

graft_status graft_serving_set_template(graft_serving *serving, const char *source, size_t n,
                                        const char *path)
{
    graft_status status = GRAFT_OK;
    graft_text_clear(&serving->chat_template);
    graft_text_clear(&serving->template_path);
    GRAFT_TRY(graft_text_append(&serving->chat_template, source, n));
    serving->of.chat_template = graft_text_z(&serving->chat_template);
    if (path != NULL) {
        GRAFT_TRY(graft_text_append_z(&serving->template_path, path));
        serving->of.template_path = graft_text_z(&serving->template_path);
    }
done:
    return status;
}

/* Letters, digits and single dashes: fit for files, tags and commands anywhere. */
static graft_status make_slug(graft_text *out, const char *name)
{
    graft_status status = GRAFT_OK;
    bool dash = false;
    for (; *name != 0; name++) {
        char c = *name;
        c = c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
        bool plain = (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '.' || c == '_';
        if (plain) {
            if (dash && out->len > 0) {
                GRAFT_TRY(graft_text_append_char(out, '-'));
            }
            GRAFT_TRY(graft_text_append_char(out, c));
        }
        dash = !plain;
    }
    if (out->len == 0) {
        GRAFT_TRY(graft_text_append_z(out, "model"));
    }
done:
    return status;
}

static graft_status append_name(graft_text *out, const graft_gguf *base, const char *label)
{
    graft_status status = GRAFT_OK;
    graft_gguf_string own = {NULL, 0};
    GRAFT_TRY(graft_gguf_want_string(base, "general.name", &own));
    if (own.len > 0 && graft_utf8_valid(own.data, own.len, NULL) &&
        memchr(own.data, 0, own.len) == NULL) {
        GRAFT_TRY(graft_text_append_escaped(out, own.data, own.len, false));
    } else {
        GRAFT_TRY(graft_artefact_label(out, graft_gguf_path(base)));
    }
    if (label != NULL && label[0] != 0) {
        GRAFT_TRY(graft_text_appendf(out, " %s", label));
    }
done:
    return status;
}

/* The text of a special token, if there is one without a zero in it. */
static graft_status take_piece(graft_text *out, const graft_tokenizer *tokenizer, int32_t id,
                               const char **text)
{
    graft_status status = GRAFT_OK;
    size_t n = 0;
    const char *piece = id < 0 ? NULL : graft_tokenizer_piece(tokenizer, id, &n);
    if (piece != NULL && memchr(piece, 0, n) == NULL) {
        GRAFT_TRY(graft_text_append(out, piece, n));
        *text = graft_text_z(out);
    }
done:
    return status;
}

static graft_status take_stops(graft_serving *serving, const graft_tokenizer *tokenizer)
{
    graft_status status = GRAFT_OK;
    size_t capacity = 0, n_vocab = graft_tokenizer_n_vocab(tokenizer);
    for (size_t id = 0; id < n_vocab; id++) {
        size_t n = 0;
        const char *piece = graft_tokenizer_piece(tokenizer, (int32_t)id, &n);
        if (!graft_tokenizer_is_eog(tokenizer, (int32_t)id) || n == 0 ||
            memchr(piece, 0, n) != NULL) {
            continue;
        }
        GRAFT_TRY(graft_reserve(&serving->stops, &capacity, serving->of.n_stops + 1,
                                sizeof *serving->stops));
        GRAFT_TRY(graft_strndup(&serving->stops[serving->of.n_stops], piece, n));
        serving->of.n_stops++;
    }
    serving->of.stops = (const char *const *)serving->stops;
done:
    return status;
}

graft_status graft_serving_describe(graft_serving *serving, const graft_gguf *base,
                                    const graft_tokenizer *tokenizer, const char *label,
                                    const char *name)
{
    graft_status status = GRAFT_OK;
    GRAFT_TRY(name != NULL ? graft_text_append_escaped(&serving->name, name, strlen(name), false)
                           : append_name(&serving->name, base, label));
    GRAFT_TRY(make_slug(&serving->slug, graft_text_z(&serving->name)));
    serving->of.name = graft_text_z(&serving->name);
    serving->of.slug = graft_text_z(&serving->slug);
    GRAFT_TRY(take_piece(&serving->bos, tokenizer, graft_tokenizer_bos(tokenizer),
                         &serving->of.bos));
    GRAFT_TRY(take_piece(&serving->eos, tokenizer, graft_tokenizer_eos(tokenizer),
                         &serving->of.eos));
    GRAFT_TRY(take_stops(serving, tokenizer));
done:
    return status;
}

graft_status graft_artefact_label(graft_text *out, const char *path)
{
    graft_status status = GRAFT_OK;
    size_t n = strlen(path), begin;
    while (n > 1 && path[n - 1] == '/') {
        n--;
    }
    for (begin = n; begin > 0 && path[begin - 1] != '/'; begin--) {
    }
    size_t end = n - begin > 5 && memcmp(path + n - 5, ".gguf", 5) == 0 ? n - 5 : n;
    if (end - begin == 7 && memcmp(path + begin, "adapter", 7) == 0 && begin > 1) {
        char *folder = NULL;
        GRAFT_TRY(graft_strndup(&folder, path, begin - 1));
        status = graft_artefact_label(out, folder);
        graft_free(folder);
        goto done;
    }
    GRAFT_TRY(graft_text_append_escaped(out, path + begin, end - begin, false));
done:
    return status;
}

size_t graft_artefact_context(uint64_t max_seq_length, size_t longest, const graft_gguf *base)
{
    graft_gguf_string arch = {NULL, 0};
    uint64_t limit = 0;
    size_t wanted = (size_t)max_seq_length;
    char key[128];
    if (graft_gguf_want_string(base, "general.architecture", &arch) == GRAFT_OK &&
        arch.len > 0 && arch.len < 64) {
        snprintf(key, sizeof key, "%.*s.context_length", (int)arch.len, arch.data);
        if (graft_gguf_want_u64(base, key, 1, INT32_MAX, &limit) != GRAFT_OK) {
            limit = 0;
        }
    }
    if (wanted == 0) {
        wanted = (longest + CONTEXT_STEP - 1) / CONTEXT_STEP * CONTEXT_STEP;
        wanted = wanted < LEAST_CONTEXT ? LEAST_CONTEXT : wanted;
    }
    return limit > 0 && wanted > limit ? (size_t)limit : wanted;
}
