/* support/cached.c */
#include "support/cached.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/interrupt.h"
#include "core/rng.h"
#include "io/files.h"
#include "io/hdf5.h"
#include "run/corpus.h"
#include "support/envelope.h"
#include "support/examples.h"
#include "support/adapters.h"
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
    (void)tiny_dir("cache"); /* as a run makes it before it prepares */
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
    graft_h5_writer *image;
    key = key != NULL ? key : right_key();
    fuzz_check(graft_h5_new(&image) == GRAFT_OK);
    fuzz_check(graft_h5_put_text(image, "key", key, strlen(key)) == GRAFT_OK);
    fuzz_check(graft_h5_put_u64(image, "counts", counts, 4) == GRAFT_OK);
    for (size_t i = 0; i < CACHED_COLUMNS; i++) {
        fuzz_check(graft_h5_put_packed(image, names[i], columns[i].bytes, columns[i].n) ==
                   GRAFT_OK);
    }
    fuzz_check(graft_h5_write(image, cached_path()) == GRAFT_OK);
    graft_h5_writer_free(image);
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

static void read_examples(graft_corpus *corpus)
{
    static char path[512];
    if (path[0] == '\0') {
        strcpy(path, test_temp_file("examples.jsonl", examples, sizeof examples - 1));
    }
    const graft_source source = {path, NULL, NULL};
    graft_dataset_init(&corpus->dataset);
    fuzz_check(graft_dataset_read(&corpus->dataset, &source, false) == GRAFT_OK);
}

void cached_build(graft_text *tokens)
{
    graft_corpus corpus = {0};
    const graft_session *with = the_session();
    read_examples(&corpus);
    fuzz_check(graft_corpus_build_cached(&corpus, with, "hash", "tokens") == GRAFT_OK);
    check(&corpus, tokens);
    graft_corpus_clear(&corpus);
}

/* --- many caches --- */

static int stop(void *context)
{
    (void)context;
    return 1;
}

bool cached_take(graft_text *tokens)
{
    graft_corpus corpus = {0};
    const graft_session *with = the_session();
    read_examples(&corpus);
    graft_interrupt_set(stop, NULL); /* asked where a refused cache is made anew */
    graft_status status = graft_corpus_build_cached(&corpus, with, "hash", "tokens");
    graft_interrupt_set(NULL, NULL);
    fuzz_check(status == GRAFT_OK || status == GRAFT_E_INTERRUPTED);
    if (status == GRAFT_OK) {
        check(&corpus, tokens);
    }
    graft_corpus_clear(&corpus);
    return status == GRAFT_OK;
}

enum { CHUNK = 1 << 20, BLOCK = 1 << 17, ROOM = 2048, FRAME_HEADER = 9, SKIPPED_HEADER = 8 };

/* An image whose columns were filled with noise, and where the zstd frame of each lies. */
typedef struct form {
    graft_text image;
    size_t at[CACHED_COLUMNS], n[CACHED_COLUMNS];
} form;

static const uint8_t frame_magic[4] = {0x28, 0xb5, 0x2f, 0xfd};

/* Bytes of the frame (RFC 8878): header, then blocks until the last. */
static size_t frame_bytes(const uint8_t *frame)
{
    size_t at = FRAME_HEADER;
    fuzz_check(frame[sizeof frame_magic] == 0xa0); /* one segment, its size in four bytes */
    for (bool last = false; !last;) {
        uint32_t header = (uint32_t)(frame[at] | frame[at + 1] << 8 | frame[at + 2] << 16);
        last = header & 1;
        at += 3 + ((header >> 1 & 3) == 1 ? 1 : header >> 3);
    }
    return at;
}

static void make_form(form *f)
{
    static uint8_t noise[CACHED_COLUMNS][ROOM];
    cached_column columns[CACHED_COLUMNS];
    graft_text file;
    graft_rng rng;
    graft_text_init(&file);
    graft_rng_init(&rng, 1, GRAFT_RNG_TEST, 0);
    for (size_t i = 0; i < CACHED_COLUMNS; i++) {
        for (size_t k = 0; k < ROOM; k++) {
            noise[i][k] = (uint8_t)graft_rng_u32(&rng);
        }
        columns[i] = (cached_column){noise[i], ROOM};
    }
    cached_write(NULL, columns);
    fuzz_check(graft_file_read(&file, cached_path(), 1 << 20) == GRAFT_OK);
    fuzz_check(graft_text_append(&f->image, file.data + ENVELOPE_BYTES, file.len - ENVELOPE_BYTES) ==
               GRAFT_OK);
    for (size_t i = 0; i < CACHED_COLUMNS; i++) {
        const uint8_t *image = (const uint8_t *)f->image.data;
        const uint8_t *found = memmem(image, f->image.len, noise[i], ROOM);
        fuzz_check(found != NULL);
        while (memcmp(found, frame_magic, sizeof frame_magic) != 0) {
            fuzz_check(--found > image);
        }
        f->at[i] = (size_t)(found - image);
        f->n[i] = frame_bytes(found);
    }
    graft_text_clear(&file);
}

static void put_le(uint8_t **at, uint64_t value, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        *(*at)++ = (uint8_t)(value >> (8 * i));
    }
}

/* A frame that unpacks to the column as it is stored: its length, its bytes, zeros up to a chunk. What is
 * left of the room is skipped by whoever reads it. */
static void put_column(uint8_t *at, size_t room, const cached_column *column)
{
    const uint8_t *begin = at;
    size_t n = 8 + column->n;
    memcpy(at, frame_magic, sizeof frame_magic);
    at += sizeof frame_magic;
    *at++ = 0xa0;
    put_le(&at, CHUNK, 4);
    put_le(&at, n << 3, 3); /* as it stands */
    put_le(&at, column->n, 8);
    memcpy(at, column->bytes, column->n);
    at += column->n;
    for (size_t left = CHUNK - n; left > 0;) {
        size_t run = left < BLOCK ? left : BLOCK;
        left -= run;
        put_le(&at, run << 3 | 1 << 1 | (left == 0), 3); /* one byte many times */
        *at++ = 0;
    }
    size_t used = (size_t)(at - begin);
    fuzz_check(used + SKIPPED_HEADER <= room);
    put_le(&at, 0x184d2a50, 4);
    put_le(&at, room - used - SKIPPED_HEADER, 4);
    memset(at, 0, room - used - SKIPPED_HEADER);
}

void cached_put(const cached_column columns[CACHED_COLUMNS])
{
    static form f;
    if (f.image.len == 0) {
        char *target;
        make_form(&f);
        fuzz_check(graft_file_remove(cached_path()) == GRAFT_OK);
        target = realpath(envelope_file((const uint8_t *)f.image.data, f.image.len), NULL);
        fuzz_check(target != NULL && symlink(target, cached_path()) == 0);
        free(target);
    }
    for (size_t i = 0; i < CACHED_COLUMNS; i++) {
        put_column((uint8_t *)f.image.data + f.at[i], f.n[i], &columns[i]);
    }
    (void)envelope_file((const uint8_t *)f.image.data, f.image.len);
}
