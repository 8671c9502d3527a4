/* Decoding with cached keys against computing everything again, and replies that do not depend on
 * their neighbours. The tokenizer is only asked which tokens end a turn. */
#include <string.h>

#include "core/memory.h"
#include "core/rng.h"
#include "infer/generator.h"
#include "model/families.h"
#include "train/trainer.h"
#include "support/test.h"
#include "support/tiny_model.h"

#define N_PROMPTS 7
#define N_NEW 20
#define LOOP 7

typedef struct fixture {
    graft_model *model;
    graft_tokenizer *tokenizer;
    graft_compute compute;
    graft_tokens prompts[N_PROMPTS];
} fixture;

static bool open_family(fixture *f, const char *arch)
{
    graft_gguf *file = NULL;
    graft_cpu_level level;
    graft_rng rng;
    memset(f, 0, sizeof *f);
    if (!test_file_exists(TEST_BASE_MODEL)) {
        return false;
    }
    assert_ok(graft_gguf_open(&file, TEST_BASE_MODEL));
    assert_ok(graft_tokenizer_new(&f->tokenizer, file, NULL));
    graft_gguf_close(file);
    tiny_options options = tiny_default;
    options.seed = 8;
    options.arch = arch;
    options.n_layer = arch != NULL && strcmp(arch, "smollm3") == 0 ? 4 : 2; /* the last: no turning */
    assert_ok(graft_model_open(&f->model, tiny_model("generate.gguf", &options)));
    assert_ok(graft_cpu_choose(&level));
    assert_ok(graft_compute_init(&f->compute, level, false));
    graft_rng_init(&rng, 4, GRAFT_RNG_TEST, 2);
    for (size_t i = 0; i < N_PROMPTS; i++) {
        graft_tokens *p = &f->prompts[i];
        p->n = 1 + (size_t)graft_rng_below(&rng, 50);
        assert_ok(graft_alloc(&p->ids, p->n, sizeof *p->ids));
        for (size_t k = 0; k < p->n; k++) {
            p->ids[k] = (int32_t)(3 + graft_rng_below(&rng, 37));
        }
    }
    return true;
}

static bool open_fixture(fixture *f)
{
    return open_family(f, NULL);
}

static void close_fixture(fixture *f)
{
    for (size_t i = 0; i < N_PROMPTS; i++) {
        graft_free(f->prompts[i].ids);
    }
    graft_model_close(f->model);
    graft_tokenizer_free(f->tokenizer);
    graft_compute_clear(&f->compute);
}

/* Greedy decoding by running the whole sequence for every token. */
static size_t naive(fixture *f, const graft_tokens *prompt, int32_t *reply, bool *ended)
{
    int32_t ids[128];
    uint32_t positions[128];
    size_t n = prompt->n, n_reply = 0;
    memcpy(ids, prompt->ids, n * sizeof *ids);
    for (uint32_t i = 0; i < 128; i++) {
        positions[i] = i;
    }
    assert_ok(graft_compute_prepare(&f->compute, f->model->hparams.d_head));
    for (*ended = false; n_reply < N_NEW && !*ended;) {
        graft_tape tape;
        graft_tensor *hidden = NULL, *logits = NULL;
        graft_span span = {0, (uint32_t)n, 0, (uint32_t)n, -1, 0};
        graft_pass pass = {n, ids, positions, &span, 1, NULL, 0};
        uint32_t last = (uint32_t)n - 1;
        int32_t best = 0;
        graft_tape_begin(&tape, &f->compute, false);
        graft_rows_wanted wanted = {&last, 1};
        assert_ok(graft_model_hidden(f->model, &tape, &pass, NULL, 0, &wanted, &hidden));
        assert_ok(graft_model_logits(f->model, &tape, hidden, &logits));
        const graft_real *row = graft_tensor_reals(logits, 0);
        for (int32_t i = 1; i < 40; i++) {
            best = row[i] > row[best] ? i : best;
        }
        *ended = graft_tokenizer_is_eog(f->tokenizer, best);
        if (!*ended) {
            ids[n++] = reply[n_reply++] = best;
        }
    }
    return n_reply;
}

static void check_cached(fixture *f)
{
    graft_reply replies[N_PROMPTS];
    size_t n_tokens = 0;
    graft_generate_options options = {.max_new_tokens = N_NEW};
    assert_ok(graft_generate(replies, f->model, &f->compute, f->tokenizer, f->prompts, N_PROMPTS,
                             &options));
    for (size_t i = 0; i < N_PROMPTS; i++) {
        int32_t expected[N_NEW];
        bool ended = false;
        size_t n = naive(f, &f->prompts[i], expected, &ended);
        assert_int_equal(replies[i].n, n);
        assert_int_equal(replies[i].ended, ended);
        assert_memory_equal(replies[i].ids, expected, n * sizeof *expected);
        n_tokens += n;
    }
    assert_true(n_tokens > N_NEW);
    graft_replies_free(replies, N_PROMPTS);
}

/* Of every family: windows shorter than prompts, and layers without positions, included. */
static void cached_equals_naive(void **state)
{
    (void)state;
    for (size_t i = 0; graft_families[i] != NULL; i++) {
        fixture f;
        if (!open_family(&f, graft_families[i]->arch)) {
            test_skip("no base model (scripts/get-base)");
        }
        check_cached(&f);
        close_fixture(&f);
    }
}

/* The tokens up to where the last LOOP repeat at most 64 before them, by the definition. */
static size_t until_loop(const graft_reply *reply)
{
    for (size_t n = 1; n <= reply->n; n++) {
        for (size_t period = 1; period <= 64 && period < n; period++) {
            size_t run = 0;
            while (run + period < n && reply->ids[n - 1 - run] == reply->ids[n - 1 - run - period]) {
                run++;
            }
            if (run >= LOOP && run >= 4 * period) {
                return n;
            }
        }
    }
    return reply->n;
}

static void loops_are_cut(void **state)
{
    fixture f;
    graft_reply whole[N_PROMPTS], cut[N_PROMPTS];
    size_t n_cut = 0;
    (void)state;
    if (!open_fixture(&f)) {
        test_skip("no base model (scripts/get-base)");
    }
    graft_generate_options options = {.max_new_tokens = 300};
    assert_ok(graft_generate(whole, f.model, &f.compute, f.tokenizer, f.prompts, N_PROMPTS,
                             &options));
    options.loop_tokens = LOOP;
    assert_ok(graft_generate(cut, f.model, &f.compute, f.tokenizer, f.prompts, N_PROMPTS,
                             &options));
    for (size_t i = 0; i < N_PROMPTS; i++) {
        size_t n = until_loop(&whole[i]);
        assert_false(whole[i].looped);
        assert_int_equal(cut[i].n, n);
        assert_memory_equal(cut[i].ids, whole[i].ids, n * sizeof(int32_t));
        assert_true(!cut[i].looped || (n > LOOP && !cut[i].ended));
        n_cut += cut[i].looped && n < whole[i].n;
    }
    assert_true(n_cut > 0); /* a random model repeats itself soon */
    graft_replies_free(whole, N_PROMPTS);
    graft_replies_free(cut, N_PROMPTS);
    close_fixture(&f);
}

/* One at a time, three at a time, prompts read in small pieces, a cache that holds only one. */
static void neighbours_do_not_matter(void **state)
{
    static const graft_generate_options ways[] = {
        {.max_new_tokens = N_NEW, .max_batch = 1},
        {.max_new_tokens = N_NEW, .max_batch = 3},
        {.max_new_tokens = N_NEW, .max_batch = 4, .max_pass_tokens = 9},
        {.max_new_tokens = N_NEW, .cache_bytes = 1},
    };
    fixture f;
    graft_reply all[N_PROMPTS], replies[N_PROMPTS];
    (void)state;
    if (!open_fixture(&f)) {
        test_skip("no base model (scripts/get-base)");
    }
    graft_generate_options options = {.max_new_tokens = N_NEW};
    assert_ok(graft_generate(all, f.model, &f.compute, f.tokenizer, f.prompts, N_PROMPTS,
                             &options));
    for (size_t w = 0; w < sizeof ways / sizeof *ways; w++) {
        assert_ok(graft_generate(replies, f.model, &f.compute, f.tokenizer, f.prompts, N_PROMPTS,
                                 &ways[w]));
        for (size_t i = 0; i < N_PROMPTS; i++) {
            assert_int_equal(replies[i].n, all[i].n);
            assert_memory_equal(replies[i].ids, all[i].ids, all[i].n * sizeof(int32_t));
        }
        graft_replies_free(replies, N_PROMPTS);
    }
    graft_replies_free(all, N_PROMPTS);
    close_fixture(&f);
}

/* Prompts of one conversation: each begins with the one before it. What is taken over changes no
 * reply, whoever it comes from: a neighbour, one that has just ended, itself in place. */
static void beginnings_are_taken_over(void **state)
{
    static const size_t batches[] = {1, 2, 16};
    fixture f;
    graft_reply alone[N_PROMPTS], replies[N_PROMPTS];
    (void)state;
    if (!open_fixture(&f)) {
        test_skip("no base model (scripts/get-base)");
    }
    graft_rng rng;
    graft_rng_init(&rng, 4, GRAFT_RNG_TEST, 3);
    for (size_t i = 0; i < N_PROMPTS; i++) {
        graft_tokens *p = &f.prompts[i];
        size_t before = i % 4 == 0 ? 0 : f.prompts[i - 1].n;
        p->n = before + 20;
        assert_ok(graft_realloc(&p->ids, p->n, sizeof *p->ids));
        memcpy(p->ids, i == 0 ? p->ids : f.prompts[i - 1].ids, before * sizeof *p->ids);
        for (size_t k = before; k < p->n; k++) {
            p->ids[k] = (int32_t)(3 + graft_rng_below(&rng, 37));
        }
    }
    graft_generate_options options = {.max_new_tokens = N_NEW};
    for (size_t i = 0; i < N_PROMPTS; i++) {
        assert_ok(graft_generate(&alone[i], f.model, &f.compute, f.tokenizer, &f.prompts[i], 1,
                                 &options));
    }
    for (size_t b = 0; b < sizeof batches / sizeof *batches; b++) {
        size_t n_taken_over = 0;
        options.max_batch = batches[b];
        options.n_taken_over = &n_taken_over;
        assert_ok(graft_generate(replies, f.model, &f.compute, f.tokenizer, f.prompts, N_PROMPTS,
                                 &options));
        for (size_t i = 0; i < N_PROMPTS; i++) {
            assert_int_equal(replies[i].n, alone[i].n);
            assert_memory_equal(replies[i].ids, alone[i].ids, alone[i].n * sizeof(int32_t));
        }
        assert_int_equal(n_taken_over, 20 + 40 + 60 + 20 + 40);
        graft_replies_free(replies, N_PROMPTS);
    }
    for (size_t i = 0; i < N_PROMPTS; i++) {
        graft_replies_free(&alone[i], 1);
    }
    close_fixture(&f);
}

/* A text read on the way to replies to its beginnings: log-probabilities as without a cache, replies as
 * of the prompts alone, and nothing of the text twice. */
static void texts_are_read_on_the_way(void **state)
{
    enum { N_TEXT = 90, N_READ = 3 };
    static const size_t beginnings[N_READ] = {80, 50, 20};
    static const graft_generate_options ways[] = {
        {.max_new_tokens = N_NEW},
        {.max_new_tokens = N_NEW, .max_batch = 1},
        {.max_new_tokens = N_NEW, .max_pass_tokens = 17},
        {.max_new_tokens = N_NEW, .cache_bytes = 1},
    };
    fixture f;
    graft_reply alone[N_READ], replies[N_READ];
    graft_rng rng;
    int32_t text[N_TEXT];
    int32_t best[N_TEXT];
    float weights[N_TEXT] = {0}, expected[N_TEXT], logprobs[N_TEXT];
    graft_prediction predictions[N_TEXT];
    graft_tokens prompts[N_READ];
    graft_reading readings[N_READ] = {{0}};
    size_t n = 0;
    (void)state;
    if (!open_fixture(&f)) {
        test_skip("no base model (scripts/get-base)");
    }
    graft_rng_init(&rng, 4, GRAFT_RNG_TEST, 5);
    for (uint32_t i = 0; i < N_TEXT; i++) {
        text[i] = (int32_t)(3 + graft_rng_below(&rng, 37));
        if (i > 20 && i % 3 != 0) {
            predictions[n++] = (graft_prediction){i - 1, text[i], 1.0f, 0, i};
        }
    }
    graft_example example = {text, weights, NULL, N_TEXT, 0};
    assert_ok(graft_example_logprobs(f.model, &f.compute, &example, expected));
    for (size_t i = 0; i < N_READ; i++) {
        prompts[i] = (graft_tokens){.ids = text, .n = beginnings[i]};
    }
    readings[0] = (graft_reading){text, N_TEXT, predictions, n, logprobs, best};
    for (size_t w = 0; w < sizeof ways / sizeof *ways; w++) {
        graft_generate_options options = ways[w];
        size_t n_taken_over = 0;
        assert_ok(graft_generate(alone, f.model, &f.compute, f.tokenizer, prompts, N_READ,
                                 &options));
        options.readings = readings;
        options.n_taken_over = &n_taken_over;
        memset(logprobs, 0, sizeof logprobs);
        assert_ok(graft_generate(replies, f.model, &f.compute, f.tokenizer, prompts, N_READ,
                                 &options));
        for (size_t i = 0; i < n; i++) {
            assert_float_equal(logprobs[i], expected[predictions[i].index], 1e-4);
        }
        for (size_t i = 0; i < N_READ; i++) {
            assert_int_equal(replies[i].n, alone[i].n);
            assert_memory_equal(replies[i].ids, alone[i].ids, alone[i].n * sizeof(int32_t));
        }
        assert_int_equal(n_taken_over, 49 + 19);
        graft_replies_free(alone, N_READ);
        graft_replies_free(replies, N_READ);
    }
    close_fixture(&f);
}

enum { N_TURNS = 4, N_OWN = N_TURNS + 3, N_BEFORE = 24, N_RESULT = 6, CHANGED = 7 };

/* A text of N_TURNS turns, each of which the model itself would give, but for one token of every other
 * one; room is for all of it. Three more prompts end before the first such token, behind it, and with another
 * one in its place. */
typedef struct own_text {
    int32_t ids[N_BEFORE + N_TURNS * (N_NEW + N_RESULT)], best[N_TURNS * N_NEW];
    graft_prediction predictions[N_TURNS * N_NEW];
    float logprobs[N_TURNS * N_NEW];
    int32_t other[N_BEFORE + N_TURNS * (N_NEW + N_RESULT)];
    graft_tokens prompts[N_OWN]; /* the longest first, but for those three */
    size_t n, n_predictions;
} own_text;

static void append_predicted(own_text *t, int32_t id)
{
    t->ids[t->n] = id;
    t->predictions[t->n_predictions++] =
        (graft_prediction){(uint32_t)t->n - 1, id, 1.0f, 0, (uint32_t)t->n};
    t->n++;
}

static void make_own_text(own_text *t, fixture *f)
{
    graft_generate_options options = {.max_new_tokens = N_NEW};
    graft_rng rng;
    graft_rng_init(&rng, 4, GRAFT_RNG_TEST, 8);
    for (t->n = 0; t->n < N_BEFORE; t->n++) {
        t->ids[t->n] = (int32_t)(3 + graft_rng_below(&rng, 37));
    }
    t->n_predictions = 0;
    int32_t end = 0;
    while (!graft_tokenizer_is_eog(f->tokenizer, end)) {
        end++;
    }
    for (size_t turn = 0; turn < N_TURNS; turn++) {
        size_t i = turn < 2 ? N_OWN - 2 - turn : N_TURNS - 1 - turn;
        graft_reply reply;
        t->prompts[i] = (graft_tokens){.ids = t->ids, .n = t->n};
        assert_ok(graft_generate(&reply, f->model, &f->compute, f->tokenizer, &t->prompts[i], 1,
                                 &options));
        assert_true(turn != 1 || reply.n > CHANGED);
        for (size_t k = 0; k < reply.n; k++) {
            bool changed = turn % 2 != 0 && k == CHANGED;
            if (changed && turn == 1) {
                t->prompts[2] = (graft_tokens){.ids = t->ids, .n = t->n};
                t->prompts[3] = (graft_tokens){.ids = t->ids, .n = t->n + 1};
                t->prompts[N_OWN - 1] = (graft_tokens){.ids = t->other, .n = t->n + 1};
                memcpy(t->other, t->ids, t->n * sizeof *t->ids);
                t->other[t->n] = reply.ids[k];
            }
            append_predicted(t, changed ? 3 + (reply.ids[k] + 1) % 37 : reply.ids[k]);
        }
        if (reply.ended) {
            append_predicted(t, end);
        }
        graft_replies_free(&reply, 1);
        for (size_t k = 0; k < N_RESULT; k++) {
            t->ids[t->n++] = (int32_t)(3 + graft_rng_below(&rng, 37));
        }
    }
}

/* Tokens of the reply to a prompt, its end included, that follow from the text. */
static size_t known_tokens(const own_text *t, const graft_tokens *prompt, const graft_reply *reply)
{
    size_t n = 0, at = 0;
    if (memcmp(prompt->ids, t->ids, prompt->n * sizeof *t->ids) != 0) {
        return 0;
    }
    while (at < t->n_predictions && t->predictions[at].row < prompt->n - 1) {
        at++;
    }
    for (; n < reply->n + reply->ended; n++, at++) {
        if (at == t->n_predictions || t->predictions[at].row != prompt->n - 1 + n) {
            return n;
        }
        if (n < reply->n && reply->ids[n] != t->predictions[at].target) {
            return n + 1;
        }
    }
    return n;
}

/* Replies that begin as the text goes on are known from its reading: the same ones, whatever is read or
 * decoded beside it. */
static void replies_follow_texts(void **state)
{
    static const graft_generate_options ways[] = {
        {.max_new_tokens = N_NEW},
        {.max_new_tokens = N_NEW, .max_batch = 1},
        {.max_new_tokens = 3},
        {.max_new_tokens = N_NEW, .cache_bytes = 1},
        {.max_new_tokens = N_NEW, .max_pass_tokens = 17},
        {.max_new_tokens = N_NEW, .sampler = {.temperature = 1, .top_p = 1}},
    };
    fixture f;
    own_text t;
    graft_cpu_level level;
    (void)state;
    if (!open_fixture(&f)) {
        test_skip("no base model (scripts/get-base)");
    }
    assert_ok(graft_cpu_choose(&level));
    for (size_t w = 0; w < 2 * (sizeof ways / sizeof *ways); w++) {
        graft_generate_options options = ways[w / 2];
        graft_reply alone[N_OWN], replies[N_OWN];
        graft_reading readings[N_OWN] = {{0}};
        size_t n_followed = 0, n_known = 0;
        graft_compute_clear(&f.compute);
        assert_ok(graft_compute_init(&f.compute, level, w % 2 != 0));
        make_own_text(&t, &f);
        assert_ok(graft_generate(alone, f.model, &f.compute, f.tokenizer, t.prompts, N_OWN,
                                 &options));
        readings[0] = (graft_reading){t.ids, t.n - N_RESULT, t.predictions, t.n_predictions,
                                      t.logprobs, t.best};
        options.readings = readings;
        options.n_followed = &n_followed;
        assert_ok(graft_generate(replies, f.model, &f.compute, f.tokenizer, t.prompts, N_OWN,
                                 &options));
        for (size_t i = 0; i < N_OWN; i++) {
            n_known += known_tokens(&t, &t.prompts[i], &alone[i]);
            assert_int_equal(replies[i].n, alone[i].n);
            assert_int_equal(replies[i].ended, alone[i].ended);
            assert_memory_equal(replies[i].ids, alone[i].ids, alone[i].n * sizeof(int32_t));
        }
        if (options.sampler.temperature > 0) {
            assert_int_equal(n_followed, 0);
        } else if (options.max_pass_tokens == 17) {
            assert_true(n_followed > CHANGED && n_followed < n_known);
        } else {
            assert_int_equal(n_followed, n_known);
        }
        graft_replies_free(alone, N_OWN);
        graft_replies_free(replies, N_OWN);
    }
    close_fixture(&f);
}

static int stop_after_five(void *context, size_t prompt, int32_t id)
{
    int *n = context;
    (void)prompt;
    (void)id;
    return ++*n >= 5;
}

static void stops_and_refuses(void **state)
{
    fixture f;
    graft_reply replies[N_PROMPTS];
    int n_seen = 0;
    (void)state;
    if (!open_fixture(&f)) {
        test_skip("no base model (scripts/get-base)");
    }
    graft_generate_options options = {.max_new_tokens = N_NEW, .on_token = stop_after_five,
                                      .context = &n_seen};
    assert_fails(graft_generate(replies, f.model, &f.compute, f.tokenizer, f.prompts, N_PROMPTS,
                                &options),
                 GRAFT_E_INTERRUPTED, "stopped");
    assert_int_equal(n_seen, 5);
    size_t was = f.prompts[2].n;
    f.prompts[2].n = 0;
    options.on_token = NULL;
    assert_fails(graft_generate(replies, f.model, &f.compute, f.tokenizer, f.prompts, N_PROMPTS,
                                &options),
                 GRAFT_E_DATA, "prompt 2");
    f.prompts[2].n = was;
    close_fixture(&f);
}

static void sampling_follows_the_distribution(void **state)
{
    graft_sampler sampler = {1.0, 1.0, 17};
    graft_sampler nucleus = {1.0, 0.7, 17};
    const double p[] = {0.5, 0.3, 0.15, 0.05};
    size_t counts[4] = {0}, cut[4] = {0};
    uint32_t order[4];
    (void)state;
    for (uint32_t i = 0; i < 20000; i++) {
        graft_real logits[4], again[4];
        for (size_t k = 0; k < 4; k++) {
            logits[k] = again[k] = (graft_real)log(p[k]);
        }
        counts[graft_sample(&sampler, logits, 4, order, 0, i)]++;
        cut[graft_sample(&nucleus, again, 4, order, 1, i)]++;
    }
    for (size_t k = 0; k < 4; k++) {
        assert_true(fabs((double)counts[k] / 20000 - p[k]) < 0.015);
    }
    assert_int_equal(cut[2] + cut[3], 0);
    assert_true(fabs((double)cut[0] / 20000 - 0.625) < 0.015);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(cached_equals_naive), cmocka_unit_test(neighbours_do_not_matter),
        cmocka_unit_test(beginnings_are_taken_over),
        cmocka_unit_test(texts_are_read_on_the_way),
        cmocka_unit_test(replies_follow_texts),
        cmocka_unit_test(loops_are_cut), cmocka_unit_test(stops_and_refuses),
        cmocka_unit_test(sampling_follows_the_distribution)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
