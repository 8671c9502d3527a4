#include "run/session.h"

#include <math.h>
#include <string.h>

#include "core/daytime.h"
#include "core/interrupt.h"
#include "core/log.h"
#include "core/memory.h"
#include "core/threads.h"
#include "io/files.h"
#include "run/machine.h"

#define TEMPLATE_LIMIT ((size_t)1 << 20)

graft_status graft_session_check_vocabulary(const graft_model *model, const graft_tokenizer *tokenizer)
{
    size_t n = graft_tokenizer_n_vocab(tokenizer);
    return n == model->hparams.n_vocab
               ? GRAFT_OK
               : graft_fail(GRAFT_E_MODEL, "%s: the tokenizer has %zu tokens, the model %zu",
                            graft_gguf_path(model->file), n, model->hparams.n_vocab);
}

graft_status graft_session_open(graft_session *session, const graft_config *config)
{
    graft_status status = GRAFT_OK;
    graft_cpu_level level;
    memset(session, 0, sizeof *session);
    session->config = config;
    if (config->base_model == NULL) {
        return graft_fail(GRAFT_E_CONFIG, "base_model is not set: give the GGUF file of the base");
    }
    bool half = false;
    GRAFT_TRY(graft_machine_prepare(&level, &half, config));
    GRAFT_TRY(graft_compute_init(&session->compute, level, half));
    session->compute.kernels.bytes = config->compute == GRAFT_COMPUTE_INT8;
    bool bytes = session->compute.kernels.bytes;
    bool sparse = config->sparse_backward == GRAFT_SPARSE_BACKWARD_TRUE ||
                  (config->sparse_backward == GRAFT_SPARSE_BACKWARD_AUTO && (half || bytes));
    if (sparse) {
        graft_compute_sparsify(&session->compute);
    }
    const char *other = half ? "bf16" : "f32";
    graft_log(GRAFT_LOG_INFO, "computing in %s%s with %s kernels on %d thread%s%s",
              bytes ? "int8 and " : "", other, graft_cpu_level_name(level), graft_threads(),
              graft_threads() == 1 ? "" : "s", sparse ? ", sparse_backward" : "");
    if (half && !graft_kernels_know_half(level)) {
        graft_log(GRAFT_LOG_WARN, "%s has no kernels for bfloat16: compute: bf16 is emulated and "
                  "slow; f32 is faster here", graft_cpu_level_name(level));
    }
    if (bytes && !graft_kernels_prefer_bytes(level)) {
        graft_log(GRAFT_LOG_WARN, "%s has no products of 8-bit integers of its own: compute: int8 "
                  "may be slower than %s here", graft_cpu_level_name(level), other);
    }
    GRAFT_TRY(graft_model_open(&session->model, config->base_model));
    GRAFT_TRY(graft_tokenizer_new(&session->tokenizer, session->model->file,
                                  config->tokenizer_pre));
    GRAFT_TRY(graft_session_check_vocabulary(session->model, session->tokenizer));
    if (graft_tokenizer_add_eos(session->tokenizer)) {
        graft_log(GRAFT_LOG_WARN, "%s: has add_eos_token, so the runtime ends every prompt with an "
                  "EOS, which is not trained: set tokenizer.ggml.add_eos_token to false in the "
                  "file that is served", config->base_model);
    }
done:
    if (status != GRAFT_OK) {
        graft_session_close(session);
    }
    return status;
}

void graft_session_close(graft_session *session)
{
    graft_adapter_free(session->adapter);
    graft_chat_free(session->chat);
    graft_tokenizer_free(session->tokenizer);
    graft_model_close(session->model);
    graft_compute_clear(&session->compute);
    memset(session, 0, sizeof *session);
}

void graft_session_set_context(graft_session *session, size_t n_tok)
{
    graft_model *model = session->model;
    size_t n_short;
    graft_model_set_context(model, 0);
    n_short = graft_model_context(model);
    graft_model_set_context(model, n_tok);
    if (n_short == SIZE_MAX) {
        return;
    }
    graft_log(GRAFT_LOG_INFO, "this model reads contexts beyond %zu tokens differently: set to %s "
              "ones, for up to %zu tokens; run it with a context of %s %zu (llama.cpp: -c)",
              n_short, model->long_context ? "long" : "short", n_tok,
              model->long_context ? "more than" : "at most", n_short);
}

/* The text of a special token, "" if the tokenizer has none. */
static graft_status token_text(char **out, const graft_tokenizer *tokenizer, int32_t id)
{
    size_t n = 0;
    const char *piece = id < 0 ? NULL : graft_tokenizer_piece(tokenizer, id, &n);
    return graft_strndup(out, piece == NULL ? "" : piece, n);
}

/* The base's own template: the one for tools if it has two. */
static graft_status own_template(graft_template_choice *out, const graft_gguf *file,
                                 bool with_tools)
{
    graft_status status = GRAFT_OK;
    static const char key[] = "tokenizer.chat_template", tool_use[] = "tokenizer.chat_template.tool_use";
    graft_gguf_string own = {NULL, 0};
    bool second = with_tools && graft_gguf_find(file, tool_use) != NULL;
    out->name = second ? "the base's own template for tools" : out->name;
    GRAFT_TRY(graft_gguf_want_string(file, second ? tool_use : key, &own));
    out->source = own.data;
    out->n = own.len;
done:
    return status;
}

graft_status graft_template_choose(graft_template_choice *out, const char *wanted,
                                   const graft_gguf *file, bool with_tools)
{
    graft_status status = GRAFT_OK;
    *out = (graft_template_choice){.name = "the base's own template"};
    graft_text_init(&out->text);
    if (wanted != NULL && strcmp(wanted, "builtin") == 0) {
        out->name = "the built-in tool template";
        out->source = graft_chat_builtin(&out->n);
    } else if (wanted != NULL && strcmp(wanted, "base") != 0) {
        if (!graft_path_exists(wanted)) {
            return graft_fail(GRAFT_E_CONFIG, "chat_template: %s: there is no such file (known "
                              "names: builtin, base)", wanted);
        }
        GRAFT_TRY(graft_file_read(&out->text, wanted, TEMPLATE_LIMIT));
        out->name = wanted;
        out->source = graft_text_z(&out->text);
        out->n = out->text.len;
    } else if (file != NULL) {
        GRAFT_TRY(own_template(out, file, with_tools));
    }
done:
    return status;
}

void graft_template_choice_clear(graft_template_choice *choice)
{
    graft_text_clear(&choice->text);
}

graft_status graft_template_beside(graft_text *out, const char *adapter)
{
    graft_status status = GRAFT_OK;
    char *path = NULL;
    GRAFT_TRY(graft_path_beside(&path, adapter, "chat_template.jinja"));
    if (graft_path_exists(path)) {
        GRAFT_TRY(graft_file_read(out, path, TEMPLATE_LIMIT));
    }
done:
    graft_free(path);
    return status;
}

graft_status graft_session_set_date(graft_session *session)
{
    const char *date = session->config->chat_template_date;
    int64_t calendar;
    if (date == NULL) {
        return GRAFT_OK;
    }
    if (graft_daytime_parse_calendar(&calendar, date) != GRAFT_OK) {
        return graft_fail_prefix("chat_template_date");
    }
    graft_chat_set_time(session->chat, calendar);
    return GRAFT_OK;
}

static graft_status use_template(graft_session *session, const graft_template_choice *chosen,
                                 bool with_tools)
{
    graft_status status = GRAFT_OK;
    char *bos = NULL, *eos = NULL;
    const graft_tokenizer *tokenizer = session->tokenizer;
    GRAFT_TRY(token_text(&bos, tokenizer, tokenizer ? graft_tokenizer_bos(tokenizer) : -1));
    GRAFT_TRY(token_text(&eos, tokenizer, tokenizer ? graft_tokenizer_eos(tokenizer) : -1));
    GRAFT_TRY(graft_chat_new(&session->chat, chosen->source, chosen->n, chosen->name, bos, eos,
                             with_tools));
    GRAFT_TRY(graft_session_set_date(session));
    if (session->config->tool_call_format != NULL) {
        GRAFT_TRY(graft_chat_set_dialect(session->chat, session->config->tool_call_format));
    }
    graft_log(GRAFT_LOG_INFO, "chat template: %s", graft_chat_name(session->chat));
    if (graft_chat_note(session->chat)[0] != '\0') {
        graft_log(GRAFT_LOG_WARN, "%s", graft_chat_note(session->chat));
    }
done:
    graft_free(bos);
    graft_free(eos);
    return status;
}

graft_status graft_session_chat(graft_session *session, bool with_tools)
{
    graft_status status = GRAFT_OK;
    graft_template_choice chosen = {0};
    GRAFT_TRY(graft_template_choose(&chosen, session->config->chat_template,
                                    session->model == NULL ? NULL : session->model->file,
                                    with_tools));
    GRAFT_TRY(use_template(session, &chosen, with_tools));
done:
    graft_template_choice_clear(&chosen);
    return status;
}

graft_status graft_session_chat_tuned(graft_session *session, bool with_tools)
{
    graft_status status = GRAFT_OK;
    const graft_config *c = session->config;
    graft_template_choice chosen = {.name = "the one beside the adapter"};
    graft_text_init(&chosen.text);
    if (c->chat_template == NULL && c->init_adapter != NULL) {
        GRAFT_TRY(graft_template_beside(&chosen.text, c->init_adapter));
    }
    if (chosen.text.len == 0) {
        GRAFT_TRY(graft_session_chat(session, with_tools));
        goto done;
    }
    chosen.source = graft_text_z(&chosen.text);
    chosen.n = chosen.text.len;
    GRAFT_TRY(use_template(session, &chosen, with_tools));
done:
    graft_template_choice_clear(&chosen);
    return status;
}

graft_status graft_session_compare_template(const graft_session *session)
{
    graft_status status = GRAFT_OK;
    const char *adapter = session->config->init_adapter, *used = graft_chat_source(session->chat);
    graft_text trained;
    graft_text_init(&trained);
    if (adapter == NULL) {
        return GRAFT_OK;
    }
    GRAFT_TRY(graft_template_beside(&trained, adapter));
    if (trained.len > 0 && strcmp(graft_text_z(&trained), used) != 0) {
        graft_log(GRAFT_LOG_WARN, "init_adapter: %s was trained with another chat template (the "
                  "chat_template.jinja beside it) than is used now: %s", adapter,
                  graft_chat_name(session->chat));
    }
done:
    graft_text_clear(&trained);
    return status;
}

graft_status graft_session_read(graft_dataset *dataset, const graft_config *config,
                                const graft_config_sources *sources)
{
    graft_status status = GRAFT_OK;
    for (size_t i = 0; i < sources->n; i++) {
        const graft_config_source *item = &sources->items[i];
        graft_source source = {item->path, item->format, item->answers};
        size_t before = dataset->n;
        GRAFT_TRY(graft_dataset_read(dataset, &source, config->skip_bad));
        graft_log(GRAFT_LOG_INFO, "%s: %zu examples", item->path, dataset->n - before);
        for (; before < dataset->n; before++) {
            dataset->conversations[before].source = i;
        }
    }
done:
    return status;
}

graft_status graft_session_hold_back(graft_dataset *train, graft_dataset *eval,
                                     const graft_config *config)
{
    graft_status status = GRAFT_OK;
    double size = config->val_set_size;
    size_t n_dropped = 0, n = train->n;
    size_t n_eval = (size_t)(size < 1 ? ceil(size * (double)n) : size);
    graft_split_kind kind =
        config->val_split == GRAFT_VAL_SPLIT_TOOL ? GRAFT_SPLIT_TOOL : GRAFT_SPLIT_RANDOM;
    if (config->eval_dataset.n > 0 || n_eval == 0) {
        return GRAFT_OK;
    }
    GRAFT_TRY(graft_dataset_split(train, eval, n_eval, kind, config->seed, &n_dropped));
    graft_log(GRAFT_LOG_INFO, "held back %zu of %zu examples for evaluation (%s), %zu left out",
              eval->n, n,
              kind == GRAFT_SPLIT_TOOL ? "none of their tools is trained" : "at random", n_dropped);
done:
    return status;
}

bool graft_dataset_has_tools(const graft_dataset *dataset)
{
    for (size_t i = 0; i < dataset->n; i++) {
        if (graft_conversation_uses_tools(&dataset->conversations[i])) {
            return true;
        }
    }
    return false;
}

static int ask(void *context)
{
    const graft_hooks *hooks = context;
    return hooks->stop(hooks->context);
}

void graft_hooks_begin(const graft_hooks *hooks)
{
    bool asks = hooks != NULL && hooks->stop != NULL;
    graft_interrupt_set(asks ? ask : NULL, (void *)(uintptr_t)hooks);
}

void graft_hooks_end(void)
{
    graft_interrupt_set(NULL, NULL);
}

graft_status graft_hooks_check(const graft_hooks *hooks)
{
    if (hooks != NULL && hooks->stop != NULL && hooks->stop(hooks->context) != 0) {
        return graft_fail(GRAFT_E_INTERRUPTED, "stopped on request");
    }
    return GRAFT_OK;
}

void graft_hooks_progress(const graft_hooks *hooks, const graft_progress *progress)
{
    if (hooks != NULL && hooks->progress != NULL) {
        hooks->progress(hooks->context, progress);
    }
}

graft_status graft_hooks_emit(const graft_hooks *hooks, const char *bytes, size_t n)
{
    if (hooks != NULL && hooks->emit != NULL && hooks->emit(hooks->context, bytes, n) != 0) {
        return graft_fail(GRAFT_E_INTERRUPTED, "stopped on request");
    }
    return GRAFT_OK;
}
