/* support/cached.c */
#include "support/cached.h"

#include <math.h>
#include <string.h>

#include "io/hdf5.h"
#include "run/corpus.h"
#include "support/examples.h"
#include "support/fuzz.h"
#include "support/test.h"
#include "support/tiny_model.h"

static const char *const names[CACHED_COLUMNS] = {
    "lengths", "samples/sizes", "samples/conversations", "tokens/ids", "tokens/weights",
    "tokens/roles"};
static const char examples[] = "{\"prompt\":\"a\",\"completion\":\"b\"}\n"
                               "{\"prompt\":\"cd\",\"completion\":\"e\"}\n";

static graft_session session;

static const graft_session *the_session(void)
{
    tiny_options tiny = {1, 8, 2, 1, 8, 8, .seed = 1};
    size_t n;
    const char *source = graft_chat_builtin(&n);
    graft_config *config;
    if (session.model != NULL) {
        return &session;
    }
    fuzz_without_syncs();
    session.tokenizer = test_byte_tokenizer("bytes.gguf", false);
    tiny.n_vocab = graft_tokenizer_n_vocab(session.tokenizer);
    fuzz_check(graft_config_new(&config) == GRAFT_OK);
    fuzz_check(graft_config_set(config, "token_cache", test_temp_path("cache")) == GRAFT_OK);
    fuzz_check(graft_config_check(config) == GRAFT_OK);
    fuzz_check(graft_model_open(&session.model, tiny_model("base.gguf", &tiny)) == GRAFT_OK);
    fuzz_check(graft_chat_new(&session.chat, source, n, "builtin", "", "", false) == GRAFT_OK);
    session.config = config;
    return &session;
}

const char *cached_path(void)
{
    return test_temp_path("cache/tokens.h5");
}

/* What graft writes itself tells the key. */
static const char *right_key(void)
{
    static graft_text key;
    graft_h5 *image;
    graft_text tokens;
    if (key.len == 0) {
        graft_text_init(&tokens);
        cached_build(&tokens);
        graft_text_clear(&tokens);
        fuzz_check(graft_h5_read(&image, cached_path()) == GRAFT_OK);
        fuzz_check(graft_h5_get_text(image, "key", &key) == GRAFT_OK);
        graft_h5_free(image);
    }
    return graft_text_z(&key);
}

void cached_write(const char *key, const cached_column columns[CACHED_COLUMNS])
{
    static const uint64_t counts[4];
    graft_h5 *image;
    key = key != NULL ? key : right_key();
    fuzz_check(graft_h5_new(&image) == GRAFT_OK);
    fuzz_check(graft_h5_put_text(image, "key", key, strlen(key)) == GRAFT_OK);
    fuzz_check(graft_h5_put_u64(image, "counts", counts, 4) == GRAFT_OK);
    for (size_t i = 0; i < CACHED_COLUMNS; i++) {
        fuzz_check(graft_h5_put_packed(image, names[i], columns[i].bytes, columns[i].n) ==
                   GRAFT_OK);
    }
    fuzz_check(graft_h5_write(image, cached_path()) == GRAFT_OK);
    graft_h5_free(image);
}

static void check(const graft_corpus *corpus, graft_text *tokens)
{
    size_t n_samples = 0;
    for (size_t i = 0; i < corpus->n_samples; i++) {
        const graft_example *e = &corpus->samples[i];
        fuzz_check(e->conversation < corpus->dataset.n);
        for (uint32_t k = 0; k < e->n; k++) {
            fuzz_check(e->ids[k] >= 0 && (size_t)e->ids[k] < session.model->hparams.n_vocab);
            fuzz_check(isfinite(e->weights[k]) && e->roles[k] < GRAFT_TOKEN_N_ROLES);
            fuzz_check(graft_text_appendf(tokens, "%d ", e->ids[k]) == GRAFT_OK);
        }
        fuzz_check(graft_text_append_char(tokens, '\n') == GRAFT_OK);
    }
    for (size_t i = 0; i < corpus->n_units; i++) {
        n_samples += corpus->units[i].n_samples;
    }
    fuzz_check(corpus->n_units <= corpus->dataset.n && n_samples == corpus->n_samples);
}

void cached_build(graft_text *tokens)
{
    static char path[512];
    graft_corpus corpus = {0};
    const graft_session *with = the_session();
    if (path[0] == '\0') {
        strcpy(path, test_temp_file("examples.jsonl", examples, sizeof examples - 1));
    }
    const graft_source source = {path, NULL, NULL};
    graft_dataset_init(&corpus.dataset);
    fuzz_check(graft_dataset_read(&corpus.dataset, &source, false) == GRAFT_OK);
    fuzz_check(graft_corpus_build_cached(&corpus, with, "hash", "tokens") == GRAFT_OK);
    check(&corpus, tokens);
    graft_corpus_clear(&corpus);
}
