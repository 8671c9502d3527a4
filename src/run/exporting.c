/* exporting.c - adapters with weights on their way to artefacts. */
#include "run/exporting.h"

#include <string.h>

#include "core/clock.h"
#include "core/log.h"
#include "core/memory.h"

static graft_status choose_template(graft_serving *serving, const graft_export_inputs *inputs,
                                    const char *wanted)
{
    graft_status status = GRAFT_OK;
    graft_template_choice choice = {0};
    graft_text trained;
    char *path = NULL;
    graft_text_init(&trained);
    graft_text_init(&choice.text);
    if (wanted == NULL) {
        GRAFT_TRY(graft_export_inputs_template(inputs, &trained, &path));
    }
    if (trained.len > 0) {
        graft_log(GRAFT_LOG_INFO, "chat template: the one beside the adapter");
        GRAFT_TRY(graft_serving_set_template(serving, trained.data, trained.len, path));
        goto done;
    }
    GRAFT_TRY(graft_template_choose(&choice, wanted, inputs->base, true));
    if (choice.source != NULL && memchr(choice.source, 0, choice.n) == NULL) {
        graft_log(GRAFT_LOG_INFO, "chat template: %s", choice.name);
        GRAFT_TRY(graft_serving_set_template(serving, choice.source, choice.n,
                                             choice.text.len > 0 ? wanted : NULL));
    } else {
        graft_log(GRAFT_LOG_WARN, "%s has no chat template, and none was named: servers will make "
                  "one up", graft_gguf_path(inputs->base));
    }
done:
    graft_template_choice_clear(&choice);
    graft_text_clear(&trained);
    graft_free(path);
    return status;
}

static graft_status describe_serving(graft_serving *serving, const graft_export_inputs *inputs,
                                     const graft_config *config, const graft_export_wish *wish)
{
    graft_status status = GRAFT_OK;
    graft_tokenizer *tokenizer = NULL;
    GRAFT_TRY(graft_tokenizer_new(&tokenizer, inputs->base, config->tokenizer_pre));
    GRAFT_TRY(graft_serving_describe(serving, inputs->base, tokenizer,
                                     graft_text_z(&inputs->label), wish->name));
    GRAFT_TRY(choose_template(serving, inputs, config->chat_template));
    serving->of.n_ctx = graft_artefact_context(
        wish->context > 0 ? wish->context : inputs->description.context, 0, inputs->base);
done:
    graft_tokenizer_free(tokenizer);
    return status;
}

static graft_status on_progress(void *context, uint64_t done, uint64_t total)
{
    graft_status status = GRAFT_OK;
    graft_exporting *e = context;
    double seconds = graft_clock_seconds() - e->begun;
    graft_progress progress = {.phase = "exporting", .unit = "MiB", .done = done >> 20,
                               .total = (total + (1 << 20) - 1) >> 20, .seconds = seconds};
    if (done > 0 && done < total) {
        progress.seconds_left = seconds * (double)(total - done) / (double)done;
    }
    graft_hooks_progress(e->hooks, &progress);
    GRAFT_TRY(graft_base_check(&e->base));
    GRAFT_TRY(graft_hooks_check(e->hooks));
done:
    return status;
}

void graft_exporting_init(graft_exporting *e)
{
    *e = (graft_exporting){0};
    graft_export_inputs_init(&e->inputs);
    graft_serving_init(&e->serving);
    graft_survival_init(&e->survival);
}

void graft_exporting_close(graft_exporting *e)
{
    graft_calibration_clear(&e->calibration);
    graft_survival_clear(&e->survival);
    graft_serving_clear(&e->serving);
    graft_export_inputs_clear(&e->inputs);
    graft_exporting_init(e);
}

graft_status graft_exporting_open(graft_exporting *e, const graft_config *config,
                                  const graft_export_wish *wish, const graft_hooks *hooks)
{
    graft_status status = GRAFT_OK;
    graft_export_inputs *inputs = &e->inputs;
    e->hooks = hooks;
    GRAFT_TRY(wish->n_adapters > 0 || wish->to != NULL
                  ? graft_export_inputs_open(inputs, config->base_model, wish->adapters,
                                             wish->n_adapters, wish->force != 0)
                  : graft_gguf_open(&inputs->base, config->base_model));
    e->base = (graft_base){.file = inputs->base, .sha256 = inputs->n > 0 ? inputs->base_hash : NULL};
    GRAFT_TRY(describe_serving(&e->serving, inputs, config, wish));
    inputs->description.context = e->serving.of.n_ctx;
    graft_calibration_init(
        &e->calibration,
        &(graft_calibration_wish){wish->rounding, wish->data, wish->rounding_tokens,
                                  (const char *const *)inputs->runs, inputs->n_runs},
        config, &inputs->description, &e->serving.of, hooks);
done:
    return status;
}

graft_export_job graft_exporting_begin(graft_exporting *e, const char *type)
{
    e->begun = graft_clock_seconds();
    graft_survival_clear(&e->survival);
    graft_survival_init(&e->survival);
    return (graft_export_job){.adapter = &e->inputs.description, .base = e->inputs.base,
                              .serving = &e->serving.of, .type = type,
                              .rounding = &e->calibration.source, .survival = &e->survival,
                              .progress = on_progress, .context = e};
}
