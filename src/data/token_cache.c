#include "data/token_cache.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

#include "core/memory.h"
#include "io/hdf5.h"

/* All examples, one behind the other. */
typedef struct flat {
    size_t n, n_tok;
    uint64_t *lengths, *conversations;
    int32_t *ids;
    float *weights;
    uint8_t *roles;
} flat;

static graft_status flat_new(flat *f)
{
    graft_status status = GRAFT_OK;
    GRAFT_TRY(graft_alloc(&f->ids, f->n_tok, sizeof *f->ids));
    GRAFT_TRY(graft_alloc(&f->weights, f->n_tok, sizeof *f->weights));
    GRAFT_TRY(graft_alloc(&f->roles, f->n_tok, 1));
done:
    return status;
}

static void flat_clear(flat *f)
{
    graft_free(f->lengths);
    graft_free(f->conversations);
    graft_free(f->ids);
    graft_free(f->weights);
    graft_free(f->roles);
}

/* --- writing --- */

static graft_status flatten(flat *f, const graft_example *examples, size_t n)
{
    graft_status status = GRAFT_OK;
    size_t at = 0;
    f->n = n;
    for (size_t i = 0; i < n; i++) {
        f->n_tok += examples[i].n;
    }
    GRAFT_TRY(graft_alloc(&f->lengths, n, sizeof *f->lengths));
    GRAFT_TRY(graft_alloc(&f->conversations, n, sizeof *f->conversations));
    GRAFT_TRY(flat_new(f));
    for (size_t i = 0; i < n; i++) {
        const graft_example *e = &examples[i];
        f->lengths[i] = e->n;
        f->conversations[i] = e->conversation;
        memcpy(f->ids + at, e->ids, e->n * sizeof *e->ids);
        memcpy(f->weights + at, e->weights, e->n * sizeof *e->weights);
        memcpy(f->roles + at, e->roles, e->n);
        at += e->n;
    }
done:
    return status;
}

graft_status graft_token_cache_write(const char *path, const char *key,
                                     const graft_example *examples, size_t n)
{
    graft_status status = GRAFT_OK;
    graft_h5 *file = NULL;
    flat f = {0};
    GRAFT_TRY(flatten(&f, examples, n));
    GRAFT_TRY(graft_h5_new(&file));
    GRAFT_TRY(graft_h5_put_text(file, "key", key, strlen(key)));
    graft_h5_set_packed(file, true);
    GRAFT_TRY(graft_h5_put_u64(file, "lengths", f.lengths, f.n));
    GRAFT_TRY(graft_h5_put_u64(file, "conversations", f.conversations, f.n));
    GRAFT_TRY(graft_h5_put_i32(file, "ids", f.ids, f.n_tok));
    GRAFT_TRY(graft_h5_put_f32(file, "weights", f.weights, f.n_tok));
    GRAFT_TRY(graft_h5_put_text(file, "roles", (const char *)f.roles, f.n_tok));
    GRAFT_TRY(graft_h5_write(file, path));
done:
    graft_h5_free(file);
    flat_clear(&f);
    return status;
}

/* --- reading --- */

static graft_status check_key(const graft_h5 *file, const char *path, const char *key)
{
    graft_status status = GRAFT_OK;
    graft_text text;
    graft_text_init(&text);
    GRAFT_TRY(graft_h5_get_text(file, "key", &text));
    if (text.len != strlen(key) || memcmp(text.data, key, text.len) != 0) {
        status = graft_fail(GRAFT_E_CHECKPOINT, "%s: was made from other data or settings", path);
    }
done:
    graft_text_clear(&text);
    return status;
}

static graft_status read_flat(flat *f, const graft_h5 *file)
{
    graft_status status = GRAFT_OK;
    GRAFT_TRY(graft_h5_size(file, "lengths", &f->n));
    GRAFT_TRY(graft_h5_size(file, "ids", &f->n_tok));
    GRAFT_TRY(graft_alloc(&f->lengths, f->n, sizeof *f->lengths));
    GRAFT_TRY(graft_alloc(&f->conversations, f->n, sizeof *f->conversations));
    GRAFT_TRY(flat_new(f));
    GRAFT_TRY(graft_h5_get_u64(file, "lengths", f->lengths, f->n));
    GRAFT_TRY(graft_h5_get_u64(file, "conversations", f->conversations, f->n));
    GRAFT_TRY(graft_h5_get_i32(file, "ids", f->ids, f->n_tok));
    GRAFT_TRY(graft_h5_get_f32(file, "weights", f->weights, f->n_tok));
    GRAFT_TRY(graft_h5_get_bytes(file, "roles", f->roles, f->n_tok));
done:
    return status;
}

/* A digest says that a file is whole, not who wrote it. */
static graft_status check_flat(const flat *f, const char *path, size_t n_conversations,
                               size_t n_vocab)
{
    size_t left = f->n_tok;
    for (size_t i = 0; i < f->n; i++) {
        if (f->lengths[i] > left || f->lengths[i] > UINT32_MAX ||
            f->conversations[i] >= n_conversations ||
            (i > 0 && f->conversations[i] < f->conversations[i - 1])) {
            return graft_fail(GRAFT_E_CHECKPOINT, "%s: example %zu (%" PRIu64 " tokens, of "
                              "conversation %" PRIu64 ") does not fit", path, i, f->lengths[i],
                              f->conversations[i]);
        }
        left -= f->lengths[i];
    }
    for (size_t i = 0; i < f->n_tok; i++) {
        if (f->ids[i] < 0 || (size_t)f->ids[i] >= n_vocab || !isfinite(f->weights[i]) ||
            f->weights[i] < 0 || f->roles[i] >= GRAFT_TOKEN_N_ROLES) {
            return graft_fail(GRAFT_E_CHECKPOINT, "%s: token %zu is none of this model", path, i);
        }
    }
    return left == 0 ? GRAFT_OK
                     : graft_fail(GRAFT_E_CHECKPOINT, "%s: %zu tokens belong to no example", path,
                                  left);
}

static graft_status unflatten(graft_example *examples, const flat *f)
{
    graft_status status = GRAFT_OK;
    size_t at = 0;
    for (size_t i = 0; i < f->n; i++) {
        graft_example *e = &examples[i];
        size_t n = (size_t)f->lengths[i];
        GRAFT_TRY(graft_alloc(&e->ids, n, sizeof *e->ids));
        GRAFT_TRY(graft_alloc(&e->weights, n, sizeof *e->weights));
        GRAFT_TRY(graft_alloc(&e->roles, n, 1));
        memcpy(e->ids, f->ids + at, n * sizeof *e->ids);
        memcpy(e->weights, f->weights + at, n * sizeof *e->weights);
        memcpy(e->roles, f->roles + at, n);
        e->n = (uint32_t)n;
        e->conversation = (uint32_t)f->conversations[i];
        at += n;
    }
done:
    return status;
}

graft_status graft_token_cache_read(graft_example **out, size_t *n_out, const char *path,
                                    const char *key, size_t n_conversations, size_t n_vocab)
{
    graft_status status = GRAFT_OK;
    graft_h5 *file = NULL;
    graft_example *examples = NULL;
    flat f = {0};
    *out = NULL;
    *n_out = 0;
    GRAFT_TRY(graft_h5_read(&file, path));
    GRAFT_TRY(check_key(file, path, key));
    GRAFT_TRY(read_flat(&f, file));
    GRAFT_TRY(check_flat(&f, path, n_conversations, n_vocab));
    GRAFT_TRY(graft_alloc(&examples, f.n, sizeof *examples));
    GRAFT_TRY(unflatten(examples, &f));
    *out = examples;
    *n_out = f.n;
    examples = NULL;
done:
    for (size_t i = 0; examples != NULL && i < f.n; i++) {
        graft_example_clear(&examples[i]);
    }
    graft_free(examples);
    flat_clear(&f);
    graft_h5_free(file);
    return status;
}
