/* calibration.c - what goes into linear maps when base and adapter read what they learnt from. */
#include "run/calibration.h"

#include <string.h>

#include "core/clock.h"
#include "core/log.h"
#include "core/memory.h"
#include "core/unknown.h"
#include "io/files.h"

/* The most tokens of an example. */
enum { MOST_OF_EXAMPLE = 2048 };

/* --- examples --- */

static graft_status copy_settings(graft_calibration *c)
{
    graft_status status = GRAFT_OK;
    static const char *const names[] = {"base_model", "tokenizer_pre", "threads", "cpu",
                                        "chat_template_date"};
    static const char *const fixed[][2] = {
        {"compute", "f32"}, {"truncation", "drop"}, {"template_loss", "drop"}, {"skip_bad", "true"}};
    GRAFT_TRY(graft_config_new(&c->config));
    GRAFT_TRY(graft_config_copy(c->config, c->settings, names, sizeof names / sizeof *names));
    for (size_t i = 0; i < sizeof fixed / sizeof *fixed; i++) {
        GRAFT_TRY(graft_config_set(c->config, fixed[i][0], fixed[i][1]));
    }
done:
    return status;
}

/* Names of files without their folders: where they lie is nobody's business. */
static graft_status name_sources(graft_text *out, const graft_config_sources *sources)
{
    graft_status status = GRAFT_OK;
    for (size_t i = 0; i < sources->n; i++) {
        const char *path = sources->items[i].path, *slash = strrchr(path, '/');
        GRAFT_TRY(graft_text_appendf(out, "%s%s", out->len > 0 ? ", " : "",
                                     slash == NULL ? path : slash + 1));
    }
done:
    return status;
}

/* The examples of one run that it learnt from: what it holds back stays unseen here too, so that scores
 * on it are those of a stranger's questions. */
static graft_status read_run(graft_calibration *c, const char *path, graft_text *names)
{
    static const char *const date[] = {"chat_template_date"};
    graft_status status = GRAFT_OK;
    graft_config *run = NULL;
    graft_dataset all, held_back;
    graft_dataset_init(&all);
    graft_dataset_init(&held_back);
    GRAFT_TRY(graft_config_new(&run));
    GRAFT_TRY(graft_config_read(run, path));
    GRAFT_TRY(graft_config_set(run, "skip_bad", "true"));
    GRAFT_TRY(graft_config_check(run));
    GRAFT_TRY(graft_session_read(&all, run, &run->dataset));
    GRAFT_TRY(graft_session_hold_back(&all, &held_back, run));
    GRAFT_TRY(graft_dataset_take(&c->corpus.dataset, &all));
    GRAFT_TRY(name_sources(names, &run->dataset));
    if (c->config->chat_template_date == NULL) { /* as it read them, whenever that was */
        GRAFT_TRY(graft_config_copy(c->config, run, date, 1));
    }
done:
    graft_dataset_clear(&held_back);
    graft_dataset_clear(&all);
    graft_config_free(run);
    return status;
}

static graft_status read_data(graft_calibration *c, graft_text *names)
{
    graft_status status = GRAFT_OK;
    GRAFT_TRY(copy_settings(c));
    if (c->wish.data != NULL) {
        GRAFT_TRY(graft_config_set(c->config, "dataset", c->wish.data));
    }
    GRAFT_TRY(graft_config_check(c->config));
    if (c->wish.data != NULL) {
        GRAFT_TRY(graft_session_read(&c->corpus.dataset, c->config, &c->config->dataset));
        GRAFT_TRY(name_sources(names, &c->config->dataset));
        goto done;
    }
    for (size_t i = 0; i < c->wish.n_runs; i++) {
        GRAFT_TRY(read_run(c, c->wish.runs[i], names));
    }
    if (c->wish.n_runs == 0) {
        status = graft_fail(GRAFT_E_DATA, "no config.yaml beside the adapter says what it was trained "
                            "on, and no examples are named (data)");
    }
done:
    return status;
}

static uint32_t tokens_of(const graft_example *example)
{
    return example->n < MOST_OF_EXAMPLE ? example->n : MOST_OF_EXAMPLE;
}

/* As many examples as give so many tokens, spread over all of them: the golden section's multiples never
 * come close to each other. */
static graft_status choose(graft_calibration *c, uint64_t *n_tok)
{
    graft_status status = GRAFT_OK;
    const graft_corpus *corpus = &c->corpus;
    const uint64_t wanted = c->wish.n_tokens > 0 ? c->wish.n_tokens : GRAFT_CALIBRATION_TOKENS;
    bool *taken = NULL;
    *n_tok = 0;
    GRAFT_TRY(graft_alloc(&c->chosen, corpus->n_samples, sizeof *c->chosen));
    GRAFT_TRY(graft_alloc(&taken, corpus->n_samples, sizeof *taken));
    for (size_t i = 0; i < corpus->n_samples && *n_tok < wanted; i++) {
        double turn = (double)i * 0.6180339887498949;
        size_t at = (size_t)((turn - (double)(uint64_t)turn) * (double)corpus->n_samples);
        while (taken[at]) {
            at = (at + 1) % corpus->n_samples;
        }
        taken[at] = true;
        c->chosen[c->n_chosen++] = at;
        *n_tok += tokens_of(&corpus->samples[at]);
    }
    if (*n_tok == 0) {
        status = graft_fail(GRAFT_E_DATA, "there is no example to read");
    }
done:
    graft_free(taken);
    return status;
}

static graft_status open_model(graft_calibration *c)
{
    graft_status status = GRAFT_OK;
    const graft_export_serving *s = c->serving;
    const char *source = s->chat_template;
    const graft_export_adapter *a = c->adapter;
    graft_loaded_adapter loaded = {.maps = (graft_export_map *)(uintptr_t)a->maps,
                                   .n_maps = a->n_maps, .alpha = a->alpha}; /* only read */
    GRAFT_TRY(graft_session_open(&c->session, c->config));
    GRAFT_TRY(graft_session_attach(&c->session, &loaded, "the adapter"));
    GRAFT_TRY(graft_chat_new(&c->session.chat, source, source == NULL ? 0 : strlen(source),
                             "the chat template", s->bos == NULL ? "" : s->bos,
                             s->eos == NULL ? "" : s->eos,
                             graft_dataset_has_tools(&c->corpus.dataset)));
    GRAFT_TRY(graft_session_set_date(&c->session));
    GRAFT_TRY(graft_corpus_build(&c->corpus, &c->session));
done:
    return status;
}

static graft_status prepare_all(graft_calibration *c)
{
    graft_status status = GRAFT_OK;
    uint64_t n_tok;
    graft_text names;
    graft_text_init(&names);
    GRAFT_TRY(read_data(c, &names));
    GRAFT_TRY(open_model(c));
    GRAFT_TRY(choose(c, &n_tok));
    graft_session_set_context(&c->session, MOST_OF_EXAMPLE);
    GRAFT_TRY(graft_input_moments_init(&c->moments, c->session.model, &c->session.compute));
    GRAFT_TRY(graft_text_appendf(&c->note, "%llu tokens of %s", (unsigned long long)n_tok,
                                 graft_text_z(&names)));
done:
    graft_text_clear(&names);
    return status;
}

/* Without examples all is as it was before there was such rounding, unless it was asked for. */
static graft_status prepare(graft_rounding_source *source)
{
    graft_status status = GRAFT_OK;
    graft_calibration *c = source->context;
    bool insists = c->wish.rounding != NULL || c->wish.data != NULL;
    if (c->wish.rounding != NULL && strcmp(c->wish.rounding, "nearest") == 0) {
        source->note = "as asked for";
        source->prepare = NULL;
        return GRAFT_OK;
    }
    status = prepare_all(c);
    source->aware = status == GRAFT_OK;
    if (status != GRAFT_OK && (insists || status == GRAFT_E_MEMORY ||
                               status == GRAFT_E_INTERRUPTED)) {
        return graft_fail_prefix("rounding");
    }
    if (status != GRAFT_OK) {
        graft_text_clear(&c->note);
        status = graft_text_append_z(&c->note, graft_error_message());
        graft_log(GRAFT_LOG_WARN, "weights are rounded to the nearest, which loses more: %s",
                  graft_text_z(&c->note));
    } else {
        graft_log(GRAFT_LOG_INFO, "weights are rounded for %s", graft_text_z(&c->note));
    }
    source->note = graft_text_z(&c->note);
    source->prepare = status == GRAFT_OK ? NULL : source->prepare;
    return status;
}

/* --- moments --- */

/* However many fit, the bits are the same. */
size_t graft_calibration_limit(const graft_config *settings)
{
    const size_t most = (size_t)4 << 30; /* more makes few readings fewer */
    uint64_t share = (uint64_t)graft_memory_available() / 4;
    if (settings->max_memory > 0) {
        share = settings->max_memory * ((uint64_t)1 << 20) / 4;
    }
    return share > 0 && share < most ? (size_t)share : most;
}

static graft_status collect(graft_calibration *c, size_t slot)
{
    graft_status status = GRAFT_OK;
    const double begun = graft_clock_seconds();
    graft_progress progress = {.phase = "reading", .unit = "examples", .total = c->n_chosen};
    GRAFT_TRY(graft_input_moments_begin(&c->moments, slot, graft_calibration_limit(c->settings)));
    for (size_t i = 0; i < c->n_chosen; i++) {
        const graft_example *example = &c->corpus.samples[c->chosen[i]];
        progress.done = i;
        progress.seconds = graft_clock_seconds() - begun;
        progress.seconds_left = i > 0 ? progress.seconds * (double)(c->n_chosen - i) / (double)i : 0;
        graft_hooks_progress(c->hooks, &progress);
        GRAFT_TRY(graft_hooks_check(c->hooks));
        GRAFT_TRY(graft_input_moments_read(&c->moments, example->ids, tokens_of(example)));
    }
    progress.done = c->n_chosen;
    progress.seconds_left = 0;
    graft_hooks_progress(c->hooks, &progress);
    GRAFT_TRY(graft_input_moments_finish(&c->moments));
done:
    return status;
}

static graft_status find(graft_rounding_source *source, const char *tensor,
                         const graft_rounding **out)
{
    graft_status status = GRAFT_OK;
    graft_calibration *c = source->context;
    const graft_model *model = c->session.model;
    size_t slot = 0;
    *out = NULL;
    while (slot < model->n_slots && strcmp(model->slots[slot].name, tensor) != 0) {
        slot++;
    }
    if (slot == model->n_slots) {
        return GRAFT_OK;
    }
    if (c->has_rounding && c->owner == c->moments.owners[slot] &&
        graft_input_moments_of(&c->moments, slot) != NULL) {
        *out = &c->rounding;
        return GRAFT_OK;
    }
    graft_rounding_close(&c->rounding);
    c->has_rounding = false;
    if (graft_input_moments_of(&c->moments, slot) == NULL) {
        GRAFT_TRY(collect(c, slot));
    }
    GRAFT_TRY(graft_rounding_open(&c->rounding, model->slots[slot].weight.n_in,
                                  graft_input_moments_of(&c->moments, slot)));
    c->has_rounding = true;
    c->owner = c->moments.owners[slot];
    *out = &c->rounding;
done:
    return status;
}

graft_status graft_calibration_check(const char *rounding, const char *data)
{
    static const char *const known[] = {"aware", "nearest"};
    bool nearest = rounding != NULL && strcmp(rounding, "nearest") == 0;
    if (rounding != NULL && !nearest && strcmp(rounding, "aware") != 0) {
        return graft_fail_unknown("rounding", rounding, known, 2);
    }
    return nearest && data != NULL
               ? graft_fail(GRAFT_E_CONFIG, "data: rounding to the nearest needs none") : GRAFT_OK;
}

void graft_calibration_init(graft_calibration *c, const graft_calibration_wish *wish,
                            const graft_config *settings, const graft_export_adapter *adapter,
                            const graft_export_serving *serving, const graft_hooks *hooks)
{
    *c = (graft_calibration){.source = {.prepare = prepare, .find = find}, .wish = *wish,
                             .settings = settings, .adapter = adapter, .serving = serving,
                             .hooks = hooks};
    c->source.context = c;
    graft_text_init(&c->note);
}

void graft_calibration_clear(graft_calibration *c)
{
    graft_rounding_close(&c->rounding);
    graft_input_moments_clear(&c->moments);
    graft_free(c->chosen);
    graft_corpus_clear(&c->corpus);
    graft_session_close(&c->session);
    graft_config_free(c->config);
    graft_text_clear(&c->note);
    *c = (graft_calibration){0};
}
