/* check.c - what follows from several settings together. */
#include "config/config.h"

#include <math.h>
#include <string.h>

#include "config/settings.h"
#include "core/daytime.h"
#include "core/memory.h"

#define GIVEN(config, name) ((config)->given[GRAFT_SETTING_INDEX_##name])

static unsigned char larger(unsigned char a, unsigned char b)
{
    return a > b ? a : b;
}

/* batch_size may be written as the product of the field's two settings. */
static graft_status derive_batch_size(graft_config *config)
{
    unsigned char factors = larger(GIVEN(config, per_device_train_batch_size),
                                   GIVEN(config, gradient_accumulation_steps));
    if (factors && !config->per_device_train_batch_size) {
        return graft_fail(GRAFT_E_CONFIG, "gradient_accumulation_steps without "
                          "per_device_train_batch_size (batch_size counts the examples of a step)");
    }
    if (factors && factors == GIVEN(config, batch_size)) {
        return graft_fail(GRAFT_E_CONFIG,
                          "batch_size and per_device_train_batch_size are both set");
    }
    if (factors > GIVEN(config, batch_size)) {
        uint64_t steps = config->gradient_accumulation_steps;
        config->batch_size = config->per_device_train_batch_size * (steps ? steps : 1);
        GIVEN(config, batch_size) = factors;
    }
    config->per_device_train_batch_size = config->gradient_accumulation_steps = 0;
    GIVEN(config, per_device_train_batch_size) = GRAFT_GIVEN_NOT;
    GIVEN(config, gradient_accumulation_steps) = GRAFT_GIVEN_NOT;
    if (config->batch_size > 1000000) {
        return graft_fail(GRAFT_E_CONFIG, "batch_size: %llu is more than 1000000",
                          (unsigned long long)config->batch_size);
    }
    return GRAFT_OK;
}

static graft_status derive_warmup(graft_config *config)
{
    if (!GIVEN(config, warmup_steps)) {
        return GRAFT_OK;
    }
    if (GIVEN(config, warmup_ratio) == GIVEN(config, warmup_steps) && config->warmup_ratio > 0 &&
        config->warmup_steps > 0) {
        return graft_fail(GRAFT_E_CONFIG, "warmup_ratio and warmup_steps are both set");
    }
    if (GIVEN(config, warmup_steps) > GIVEN(config, warmup_ratio)) {
        config->warmup_ratio = 0;
    } else if (config->warmup_ratio > 0) {
        config->warmup_steps = 0;
        GIVEN(config, warmup_steps) = GRAFT_GIVEN_NOT;
    }
    return GRAFT_OK;
}

/* Moves a format and an answer file that were set beside a plain path into the list of sources. */
static graft_status fill_sources(graft_config_sources *sources, char **format, char **answers,
                                 const char *name)
{
    if ((*format || *answers) && sources->n != 1) {
        return graft_fail(GRAFT_E_CONFIG, "%s: a format or an answer file is set, but there %s",
                          name, sources->n ? "are several files" : "is no file");
    }
    if (*format) {
        graft_free(sources->items[0].format);
        sources->items[0].format = *format;
        *format = NULL;
    }
    if (*answers) {
        graft_free(sources->items[0].answers);
        sources->items[0].answers = *answers;
        *answers = NULL;
    }
    return GRAFT_OK;
}

/* Weights mix the entries of dataset, a share goes with replay. */
static graft_status check_members(const graft_config_sources *sources, const char *name)
{
    bool weighted = strcmp(name, "dataset") == 0, shared = strcmp(name, "replay") == 0;
    for (size_t i = 0; i < sources->n; i++) {
        const graft_config_source *item = &sources->items[i];
        if (item->weight > 0 && !weighted) {
            return graft_fail(GRAFT_E_CONFIG, "%s: %s: weight is for the entries of dataset%s",
                              name, item->path, shared ? " (set share)" : "");
        }
        if (item->share > 0 && !shared) {
            return graft_fail(GRAFT_E_CONFIG, "%s: %s: share is for replay%s", name, item->path,
                              weighted ? " (set weight)" : "");
        }
        if (shared && !(item->share > 0)) {
            return graft_fail(GRAFT_E_CONFIG, "replay: share is not set: {path: %s, share: 0.1} "
                              "makes it a tenth of the tokens", item->path);
        }
    }
    return GRAFT_OK;
}

static graft_status check_mixing(const graft_config *config)
{
    graft_status status = GRAFT_OK;
    GRAFT_TRY(check_members(&config->dataset, "dataset"));
    GRAFT_TRY(check_members(&config->eval_dataset, "eval_dataset"));
    GRAFT_TRY(check_members(&config->replay, "replay"));
    GRAFT_TRY(check_members(&config->perplexity_dataset, "perplexity_dataset"));
    if (config->replay.n > 1) {
        status = graft_fail(GRAFT_E_CONFIG, "replay: %zu entries (at most one: join the files)",
                            config->replay.n);
    }
done:
    return status;
}

/* eval_strategy and eval_steps say the same thing: whoever was set by the stronger hand counts. */
static graft_status derive_eval_strategy(graft_config *config)
{
    unsigned char strategy = GIVEN(config, eval_strategy), steps = GIVEN(config, eval_steps);
    bool counted = config->eval_steps > 0;
    bool has_data = config->eval_dataset.n > 0 || config->val_set_size > 0; /* else eval_after shapes nothing */
    if (config->eval_strategy == GRAFT_EVAL_AUTO) {
        config->eval_strategy = counted                           ? GRAFT_EVAL_STEPS
                                : config->eval_after || !has_data ? GRAFT_EVAL_EPOCH
                                                                  : GRAFT_EVAL_NO;
    }
    if (config->eval_strategy == GRAFT_EVAL_STEPS && !counted) {
        return graft_fail(GRAFT_E_CONFIG, "eval_strategy: steps needs eval_steps");
    }
    if (config->eval_strategy != GRAFT_EVAL_STEPS && counted) {
        if (steps == strategy) {
            return graft_fail(GRAFT_E_CONFIG, "eval_steps is set, but eval_strategy is %s",
                              config->eval_strategy == GRAFT_EVAL_NO ? "no" : "epoch");
        }
        if (steps > strategy) {
            config->eval_strategy = GRAFT_EVAL_STEPS;
        } else {
            config->eval_steps = 0;
            GIVEN(config, eval_steps) = GRAFT_GIVEN_NOT;
        }
    }
    if (config->eval_steps >= 1 && floor(config->eval_steps) < config->eval_steps) {
        return graft_fail(GRAFT_E_CONFIG,
                          "eval_steps: %g is neither a count nor a fraction below 1",
                          config->eval_steps);
    }
    return GRAFT_OK;
}

/* What is asked of evaluations needs some. */
static graft_status check_evaluation(const graft_config *config)
{
    bool scored = config->eval_dataset.n > 0 || config->val_set_size > 0;
    bool measured = scored || config->replay.n > 0 || config->perplexity_dataset.n > 0;
    const char *asked = config->early_stopping_patience > 0     ? "early_stopping_patience"
                        : config->metric_for_best_model != NULL ? "metric_for_best_model"
                                                                : NULL;
    if (asked != NULL && !scored) {
        return graft_fail(GRAFT_E_CONFIG, "%s: there is nothing to evaluate: set eval_dataset or "
                          "val_set_size", asked);
    }
    if (asked != NULL && config->eval_strategy == GRAFT_EVAL_NO) {
        return graft_fail(GRAFT_E_CONFIG, "%s: nothing is evaluated while training: %s", asked,
                          config->eval_after ? "eval_strategy is no"
                                             : "set eval_after or eval_strategy");
    }
    if (config->eval_strategy == GRAFT_EVAL_STEPS && !measured) {
        return graft_fail(GRAFT_E_CONFIG, "eval_steps: there is nothing to evaluate: set "
                          "eval_dataset, val_set_size or perplexity_dataset");
    }
    if (config->early_stopping_threshold > 0 && config->early_stopping_patience == 0) {
        return graft_fail(GRAFT_E_CONFIG,
                          "early_stopping_threshold without early_stopping_patience");
    }
    return GRAFT_OK;
}

/* The field's files write true and false here. */
static graft_status derive_resume(graft_config *config)
{
    const char *text = config->resume_from_checkpoint;
    const char *word = !text || strcmp(text, "true") == 0 ? "auto"
                       : strcmp(text, "false") == 0       ? "never"
                                                          : NULL;
    char *copy = NULL;
    if (!word) {
        return GRAFT_OK;
    }
    graft_status status = graft_strdup(&copy, word);
    if (status == GRAFT_OK) {
        graft_free(config->resume_from_checkpoint);
        config->resume_from_checkpoint = copy;
    }
    return status;
}

/* That it can be read; what it means is known when the run begins. */
static graft_status check_finish_by(const graft_config *config)
{
    double moment;
    graft_status status = config->finish_by ? graft_daytime_parse(&moment, config->finish_by, 0)
                                            : GRAFT_OK;
    return status == GRAFT_OK ? status : graft_fail_prefix("finish_by");
}

static graft_status check_date(const graft_config *config)
{
    int64_t calendar;
    graft_status status =
        config->chat_template_date
            ? graft_daytime_parse_calendar(&calendar, config->chat_template_date) : GRAFT_OK;
    return status == GRAFT_OK ? status : graft_fail_prefix("chat_template_date");
}

/* No file that llama.cpp loads as an adapter can hold a DoRA: by default none is written. */
static void derive_export(graft_config *config)
{
    graft_names *names = &config->export;
    size_t kept = 0;
    if (!config->use_dora || GIVEN(config, export)) {
        return;
    }
    for (size_t i = 0; i < names->n; i++) {
        if (strcmp(names->items[i], "adapter") == 0) {
            graft_free(names->items[i]);
        } else {
            names->items[kept++] = names->items[i];
        }
    }
    names->n = kept;
}

graft_status graft_config_check(graft_config *config)
{
    graft_status status = GRAFT_OK;
    GRAFT_TRY(derive_batch_size(config));
    GRAFT_TRY(derive_warmup(config));
    GRAFT_TRY(derive_resume(config));
    GRAFT_TRY(derive_eval_strategy(config));
    GRAFT_TRY(fill_sources(&config->dataset, &config->dataset_format, &config->dataset_answers,
                           "dataset"));
    GRAFT_TRY(fill_sources(&config->eval_dataset, &config->eval_format, &config->eval_answers,
                           "eval_dataset"));
    derive_export(config);
    GRAFT_TRY(check_mixing(config));
    if (config->curriculum == GRAFT_CURRICULUM_LENGTH && config->group_by_prefix) {
        return graft_fail(GRAFT_E_CONFIG, "curriculum: length and group_by_prefix both say in which "
                          "order examples come: leave one out");
    }
    /* Unset is exactly zero: the allowed values are above it. */
    if (!(config->lora_alpha > 0)) {
        config->lora_alpha = 2.0 * (double)config->lora_r;
    }
    if (config->val_set_size >= 1 && floor(config->val_set_size) < config->val_set_size) {
        return graft_fail(GRAFT_E_CONFIG,
                          "val_set_size: %g is neither a count nor a fraction below 1",
                          config->val_set_size);
    }
    if (config->val_set_size > 0 && config->eval_dataset.n) {
        return graft_fail(GRAFT_E_CONFIG, "eval_dataset and val_set_size are both set");
    }
    GRAFT_TRY(check_evaluation(config));
    GRAFT_TRY(check_finish_by(config));
    GRAFT_TRY(check_date(config));
done:
    return status;
}

graft_status graft_config_check_text(const graft_config *config)
{
    graft_status status = GRAFT_OK;
    graft_text value;
    graft_text_init(&value);
    for (int i = 0; i < GRAFT_SETTINGS_N; i++) {
        const char *name = graft_setting_rows[i].text.name;
        graft_text_clear(&value);
        GRAFT_TRY(graft_config_value(config, name, &value));
        if (!graft_utf8_valid(graft_text_z(&value), value.len, NULL)) {
            status = graft_fail(GRAFT_E_CONFIG, "%s: %s is not UTF-8, and the configuration of a run is "
                                "written as such: rename it", name, graft_text_z(&value));
            goto done;
        }
    }
done:
    graft_text_clear(&value);
    return status;
}

graft_status graft_config_require(const graft_config *config, const char *name)
{
    graft_status status = GRAFT_OK;
    graft_json *value = NULL;
    int i = graft_settings__find(name, strlen(name));
    if (i < 0) {
        return graft_settings__unknown(name);
    }
    const graft_setting_row *row = &graft_setting_rows[i];
    GRAFT_TRY(row->kind->show(&value, (const char *)config + row->offset, row->text.values));
    if (!value) {
        status = graft_fail(GRAFT_E_CONFIG, "%s is not set (%s)", row->text.name, row->text.help);
    }
done:
    graft_json_free(value);
    return status;
}
