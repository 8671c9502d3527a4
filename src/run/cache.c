/* cache.c - tokenised examples kept on disk, so that the next run with the same data starts at once.
 *
 * One file per corpus in the folder that `token_cache` names. Its key is a digest of all that tokens
 * and weights follow from: the conversations as they are rendered, the base, the tokenizer (which may
 * have another pre-tokeniser than the base names), the template and what it tells of the date, and the
 * settings. Numbers lie in the byte order of the machine. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "core/log.h"
#include "core/memory.h"
#include "core/sha256.h"
#include "io/files.h"
#include "io/hdf5.h"
#include "run/corpus.h"

#define FORMAT "graft tokens 4" /* changes when the same input gives other tokens or weights */

/* --- the key --- */

static graft_status add_json(graft_sha256 *hash, graft_text *scratch, const graft_json *value)
{
    graft_status status = GRAFT_OK;
    scratch->len = 0;
    GRAFT_TRY(graft_json_write(scratch, value, GRAFT_JSON_COMPACT));
    graft_sha256_update(hash, &scratch->len, sizeof scratch->len);
    graft_sha256_update(hash, graft_text_z(scratch), scratch->len);
done:
    return status;
}

static graft_status make_key(char out[65], const graft_corpus *corpus,
                             const graft_session *session, const char *base_hash)
{
    graft_status status = GRAFT_OK;
    graft_sha256 hash;
    uint8_t digest[32];
    char settings[384], tokenizer[65];
    graft_text scratch;
    const char *source = graft_chat_source(session->chat);
    graft_text_init(&scratch);
    graft_tokenizer_hash(session->tokenizer, tokenizer);
    graft_sha256_init(&hash);
    snprintf(settings, sizeof settings,
             FORMAT " %s %s limit %zu truncation %d losses %d calls %.9g context %d %zu", base_hash,
             tokenizer, corpus->limit, session->config->truncation,
             session->config->template_loss, (double)corpus->weighting.calls,
             corpus->weighting.reasoning_is_context, strlen(source));
    graft_sha256_update(&hash, settings, strlen(settings));
    graft_sha256_update(&hash, source, strlen(source));
    if (graft_chat_time(session->chat) >= 0) {
        snprintf(settings, sizeof settings, "date %lld",
                 (long long)graft_chat_time(session->chat));
        graft_sha256_update(&hash, settings, strlen(settings));
    }
    for (size_t i = 0; i < corpus->dataset.n; i++) {
        const graft_conversation *c = &corpus->dataset.conversations[i];
        GRAFT_TRY(add_json(&hash, &scratch, c->messages));
        GRAFT_TRY(add_json(&hash, &scratch, c->tools));
        for (size_t k = 0; k < c->n_turns; k++) {
            graft_sha256_update(&hash, &c->turns[k].weight, sizeof c->turns[k].weight);
        }
    }
    graft_sha256_final(&hash, digest);
    graft_sha256_hex(digest, out);
done:
    graft_text_clear(&scratch);
    return status;
}

/* --- writing --- */

/* Arrays as they lie in the file: one number per sample or per token. */
typedef struct columns {
    graft_text sizes, conversations, ids, weights, roles;
} columns;

static void columns_clear(columns *c)
{
    graft_text_clear(&c->sizes);
    graft_text_clear(&c->conversations);
    graft_text_clear(&c->ids);
    graft_text_clear(&c->weights);
    graft_text_clear(&c->roles);
}

static graft_status add_bytes(graft_text *out, const void *bytes, size_t n, size_t size)
{
    return n ? graft_text_append(out, bytes, n * size) : GRAFT_OK;
}

static graft_status fill_columns(columns *c, const graft_corpus *corpus)
{
    graft_status status = GRAFT_OK;
    for (size_t i = 0; i < corpus->n_samples; i++) {
        const graft_example *e = &corpus->samples[i];
        GRAFT_TRY(add_bytes(&c->sizes, &e->n, 1, sizeof e->n));
        GRAFT_TRY(add_bytes(&c->conversations, &e->conversation, 1, sizeof e->conversation));
        GRAFT_TRY(add_bytes(&c->ids, e->ids, e->n, sizeof *e->ids));
        GRAFT_TRY(add_bytes(&c->weights, e->weights, e->n, sizeof *e->weights));
        GRAFT_TRY(add_bytes(&c->roles, e->roles, e->n, sizeof *e->roles));
    }
done:
    return status;
}

static graft_status put_column(graft_h5_writer *image, const char *name, const graft_text *column)
{
    return graft_h5_put_packed(image, name, graft_text_z(column), column->len);
}

static graft_status store(const graft_corpus *corpus, const char *key, const char *path)
{
    graft_status status = GRAFT_OK;
    graft_h5_writer *image = NULL;
    columns c = {0};
    uint64_t counts[4] = {corpus->truncation.n_windows, corpus->truncation.n_lost,
                          corpus->n_refused, corpus->n_lost};
    GRAFT_TRY(fill_columns(&c, corpus));
    GRAFT_TRY(graft_h5_new(&image));
    GRAFT_TRY(graft_h5_put_text(image, "key", key, strlen(key)));
    GRAFT_TRY(graft_h5_put_u64(image, "counts", counts, 4));
    GRAFT_TRY(graft_h5_put_packed(image, "lengths", corpus->lengths,
                                  corpus->n_lengths * sizeof *corpus->lengths));
    GRAFT_TRY(put_column(image, "samples/sizes", &c.sizes));
    GRAFT_TRY(put_column(image, "samples/conversations", &c.conversations));
    GRAFT_TRY(put_column(image, "tokens/ids", &c.ids));
    GRAFT_TRY(put_column(image, "tokens/weights", &c.weights));
    GRAFT_TRY(put_column(image, "tokens/roles", &c.roles));
    GRAFT_TRY(graft_h5_write(image, path));
done:
    graft_h5_writer_free(image);
    columns_clear(&c);
    return status;
}

/* --- reading --- */

static graft_status read_columns(columns *c, const graft_h5 *image)
{
    graft_status status = GRAFT_OK;
    GRAFT_TRY(graft_h5_get_packed(image, "samples/sizes", &c->sizes));
    GRAFT_TRY(graft_h5_get_packed(image, "samples/conversations", &c->conversations));
    GRAFT_TRY(graft_h5_get_packed(image, "tokens/ids", &c->ids));
    GRAFT_TRY(graft_h5_get_packed(image, "tokens/weights", &c->weights));
    GRAFT_TRY(graft_h5_get_packed(image, "tokens/roles", &c->roles));
done:
    return status;
}

static graft_status damaged(const char *path, const char *what)
{
    return graft_fail(GRAFT_E_CHECKPOINT, "%s: %s", path, what);
}

static bool is_sound(const graft_example *e, size_t n_vocab)
{
    for (uint32_t i = 0; i < e->n; i++) {
        if (e->ids[i] < 0 || (size_t)e->ids[i] >= n_vocab || !isfinite(e->weights[i]) ||
            e->roles[i] >= GRAFT_TOKEN_N_ROLES) {
            return false;
        }
    }
    return true;
}

/* Copies n values from number `at` on out of a column. */
static void copy(void *out, const graft_text *column, size_t at, size_t n, size_t size)
{
    if (n > 0) {
        memcpy(out, column->data + at * size, n * size);
    }
}

static graft_status take_sample(graft_corpus *corpus, const columns *c, size_t i, size_t *at)
{
    graft_status status = GRAFT_OK;
    graft_example *e = &corpus->samples[corpus->n_samples];
    uint32_t n;
    *e = (graft_example){0};
    copy(&n, &c->sizes, i, 1, sizeof n);
    copy(&e->conversation, &c->conversations, i, 1, sizeof e->conversation);
    corpus->n_samples++;
    if (n > c->roles.len - *at || e->conversation >= corpus->dataset.n ||
        (i > 0 && e->conversation < e[-1].conversation)) {
        return graft_fail(GRAFT_E_CHECKPOINT, "its samples do not fit together");
    }
    GRAFT_TRY(graft_alloc(&e->ids, n, sizeof *e->ids));
    GRAFT_TRY(graft_alloc(&e->weights, n, sizeof *e->weights));
    GRAFT_TRY(graft_alloc(&e->roles, n, sizeof *e->roles));
    copy(e->ids, &c->ids, *at, n, sizeof *e->ids);
    copy(e->weights, &c->weights, *at, n, sizeof *e->weights);
    copy(e->roles, &c->roles, *at, n, sizeof *e->roles);
    e->n = n;
    *at += n;
    corpus->units[e->conversation].n_samples++;
done:
    return status;
}

static graft_status check_lengths(const columns *c, const char *path)
{
    bool fit = c->sizes.len % sizeof(uint32_t) == 0 && c->conversations.len == c->sizes.len &&
               c->ids.len == c->roles.len * sizeof(int32_t) &&
               c->weights.len == c->roles.len * sizeof(float);
    return fit ? GRAFT_OK : damaged(path, "its arrays have different lengths");
}

static graft_status take_samples(graft_corpus *corpus, const columns *c, size_t n_vocab,
                                 const char *path)
{
    graft_status status = GRAFT_OK;
    size_t n = c->sizes.len / sizeof(uint32_t), at = 0;
    GRAFT_TRY(check_lengths(c, path));
    GRAFT_TRY(graft_alloc(&corpus->units, corpus->dataset.n, sizeof *corpus->units));
    GRAFT_TRY(graft_reserve(&corpus->samples, &corpus->samples_capacity, n,
                            sizeof *corpus->samples));
    for (size_t i = 0; i < n; i++) {
        if (take_sample(corpus, c, i, &at) != GRAFT_OK) {
            return graft_fail_prefix("%s", path);
        }
        if (!is_sound(&corpus->samples[i], n_vocab)) {
            return damaged(path, "it holds tokens that this base does not have");
        }
    }
    status = at == c->roles.len ? GRAFT_OK : damaged(path, "its samples do not fit together");
done:
    return status;
}

static graft_status take_lengths(graft_corpus *corpus, const graft_h5 *image, const char *path)
{
    graft_status status = GRAFT_OK;
    graft_text bytes;
    uint64_t counts[4];
    graft_text_init(&bytes);
    GRAFT_TRY(graft_h5_get_u64(image, "counts", counts, 4));
    GRAFT_TRY(graft_h5_get_packed(image, "lengths", &bytes));
    if (bytes.len != corpus->dataset.n * sizeof *corpus->lengths) {
        status = damaged(path, "it has another number of examples");
        goto done;
    }
    GRAFT_TRY(graft_alloc(&corpus->lengths, corpus->dataset.n, sizeof *corpus->lengths));
    copy(corpus->lengths, &bytes, 0, corpus->dataset.n, sizeof *corpus->lengths);
    corpus->n_lengths = corpus->dataset.n;
    corpus->truncation.n_windows = (size_t)counts[0];
    corpus->truncation.n_lost = (size_t)counts[1];
    corpus->n_refused = (size_t)counts[2];
    corpus->n_lost = (size_t)counts[3];
done:
    graft_text_clear(&bytes);
    return status;
}

/* Fills the corpus from the file; *fresh = false if it belongs to something else. */
static graft_status load(graft_corpus *corpus, const graft_session *session, const char *key,
                         const char *path, bool *fresh)
{
    graft_status status = GRAFT_OK;
    graft_h5 *image = NULL;
    columns c = {0};
    graft_text found;
    graft_text_init(&found);
    *fresh = false;
    GRAFT_TRY(graft_h5_read(&image, path));
    GRAFT_TRY(graft_h5_get_text(image, "key", &found));
    if (found.len != strlen(key) || memcmp(graft_text_z(&found), key, found.len) != 0) {
        goto done;
    }
    GRAFT_TRY(read_columns(&c, image));
    GRAFT_TRY(take_lengths(corpus, image, path));
    GRAFT_TRY(take_samples(corpus, &c, session->model->hparams.n_vocab, path));
    *fresh = true;
done:
    graft_h5_free(image);
    columns_clear(&c);
    graft_text_clear(&found);
    return status;
}

/* The samples lie one behind the other and end where the tokens do. */
static graft_status check_samples(const columns *c, const char *path)
{
    size_t n = c->sizes.len / sizeof(uint32_t), at = 0;
    uint32_t size, conversation, before = 0;
    for (size_t i = 0; i < n; i++) {
        copy(&size, &c->sizes, i, 1, sizeof size);
        copy(&conversation, &c->conversations, i, 1, sizeof conversation);
        if (size > c->roles.len - at || conversation < before) {
            return damaged(path, "its samples do not fit together");
        }
        at += size;
        before = conversation;
    }
    for (size_t i = 0; i < c->roles.len; i++) {
        int32_t id;
        float weight;
        copy(&id, &c->ids, i, 1, sizeof id);
        copy(&weight, &c->weights, i, 1, sizeof weight);
        if (id < 0 || !isfinite(weight) || (uint8_t)c->roles.data[i] >= GRAFT_TOKEN_N_ROLES) {
            return graft_fail(GRAFT_E_CHECKPOINT, "%s: token %zu is none", path, i);
        }
    }
    return at == c->roles.len ? GRAFT_OK : damaged(path, "its samples do not fit together");
}

graft_status graft_cache_check(const char *path, size_t *n_samples)
{
    graft_status status = GRAFT_OK;
    graft_h5 *image = NULL;
    columns c = {0};
    graft_text key;
    uint64_t counts[4];
    graft_text_init(&key);
    *n_samples = 0;
    GRAFT_TRY(graft_h5_read(&image, path));
    GRAFT_TRY(graft_h5_get_text(image, "key", &key));
    GRAFT_TRY(graft_h5_get_u64(image, "counts", counts, 4));
    GRAFT_TRY(read_columns(&c, image));
    GRAFT_TRY(check_lengths(&c, path));
    GRAFT_TRY(check_samples(&c, path));
    *n_samples = c.sizes.len / sizeof(uint32_t);
done:
    graft_h5_free(image);
    columns_clear(&c);
    graft_text_clear(&key);
    return status;
}

/* --- the whole --- */

/* Tries the file. What is wrong with it is said, and then the corpus is as before. */
static graft_status try_load(graft_corpus *corpus, const graft_session *session, const char *key,
                             const char *path, bool *loaded)
{
    *loaded = false;
    if (!graft_path_exists(path)) {
        return GRAFT_OK;
    }
    graft_status status = load(corpus, session, key, path, loaded);
    if (status == GRAFT_E_CHECKPOINT || status == GRAFT_E_DISK) {
        graft_log(GRAFT_LOG_WARN, "token_cache: %s; it is made anew", graft_error_message());
    } else if (status != GRAFT_OK) {
        return status;
    } else if (!*loaded) {
        graft_log(GRAFT_LOG_WARN, "token_cache: %s belongs to other data, another base or template, "
                  "or other settings; it is made anew", path);
    } else {
        graft_log(GRAFT_LOG_INFO, "token_cache: %zu samples from %s", corpus->n_samples, path);
    }
    if (!*loaded) {
        graft_corpus__reset(corpus);
    }
    return GRAFT_OK;
}

/* Costs the cache, not the run. */
static graft_status go_without(graft_status status, const char *what)
{
    if (status == GRAFT_E_DISK) {
        graft_log(GRAFT_LOG_WARN, "token_cache: %s; %s", graft_error_message(), what);
        return GRAFT_OK;
    }
    return status;
}

graft_status graft_cache_open_folder(const char *folder)
{
    return go_without(graft_make_dirs(folder), "the run goes on without it");
}

graft_status graft_corpus_build_cached(graft_corpus *corpus, const graft_session *session,
                                       const char *base_hash, const char *name)
{
    graft_status status = GRAFT_OK;
    const char *folder = session->config->token_cache;
    char key[65], file[64];
    char *path = NULL;
    bool loaded = false;
    if (folder == NULL || !graft_path_is_dir(folder)) {
        return graft_corpus_build(corpus, session);
    }
    corpus->limit = corpus->truncation.limit = graft_corpus__limit(session);
    GRAFT_TRY(make_key(key, corpus, session, base_hash));
    snprintf(file, sizeof file, "%s.h5", name);
    GRAFT_TRY(graft_path_join(&path, folder, file));
    GRAFT_TRY(try_load(corpus, session, key, path, &loaded));
    if (loaded) {
        graft_corpus__finish(corpus);
        goto done;
    }
    GRAFT_TRY(graft_corpus_build(corpus, session));
    status = go_without(store(corpus, key, path), "nothing is kept for the next run");
done:
    graft_free(path);
    return status;
}
