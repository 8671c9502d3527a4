/* What follows from several settings, and the effective configuration as YAML. */
#include "support/test.h"

#include <string.h>

#include "config/config.h"

/* A configuration from the text of a file and one setting of the command line (NULL: none). */
static graft_config *configured(const char *text, const char *name, const char *value)
{
    graft_config *config = NULL;
    assert_ok(graft_config_new(&config));
    assert_ok(graft_config_read(config, test_temp_file("run.yaml", text, strlen(text))));
    if (name) {
        assert_ok(graft_config_set(config, name, value));
    }
    return config;
}

static void alpha_is_twice_the_rank(void **state)
{
    (void)state;
    graft_config *config = configured("lora_r: 8\n", NULL, NULL);
    assert_ok(graft_config_check(config));
    assert_true(config->lora_alpha == 16.0);
    graft_config_free(config);
    config = configured("lora_r: 8\nlora_alpha: 8\n", NULL, NULL);
    assert_ok(graft_config_check(config));
    assert_true(config->lora_alpha == 8.0);
    graft_config_free(config);
}

static void batch_size_may_be_a_product(void **state)
{
    (void)state;
    static const struct {
        const char *text, *name, *value;
        size_t batch_size;
    } cases[] = {
        {"per_device_train_batch_size: 2\ngradient_accumulation_steps: 8\n", NULL, NULL, 16},
        {"per_device_train_batch_size: 3\n", NULL, NULL, 3},
        {"micro_batch_size: 2\ngradient_accumulation_steps: 2\n", "gradient_accumulation_steps",
         "5", 10},
        {"per_device_train_batch_size: 3\n", "batch_size", "7", 7},
        {"batch_size: 7\n", "per_device_train_batch_size", "2", 2},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        graft_config *config = configured(cases[i].text, cases[i].name, cases[i].value);
        assert_ok(graft_config_check(config));
        assert_int_equal(config->batch_size, cases[i].batch_size);
        assert_ok(graft_config_check(config)); /* again: nothing changes */
        assert_int_equal(config->batch_size, cases[i].batch_size);
        graft_config_free(config);
    }
}

static void warmup_is_steps_or_a_share(void **state)
{
    (void)state;
    static const struct {
        const char *text, *name, *value;
        size_t steps;
        double ratio;
        bool steps_given;
    } cases[] = {
        {"lora_r: 1\n", NULL, NULL, 0, 0.05, false},
        {"warmup_steps: 10\n", NULL, NULL, 10, 0, true},
        {"warmup_steps: 0\n", NULL, NULL, 0, 0, true},
        {"warmup_ratio: 0.1\n", "warmup_steps", "3", 3, 0, true},
        {"warmup_steps: 3\n", "warmup_ratio", "0.1", 0, 0.1, false},
        {"warmup_steps: 3\nwarmup_ratio: 0\n", NULL, NULL, 3, 0, true},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        graft_config *config = configured(cases[i].text, cases[i].name, cases[i].value);
        assert_ok(graft_config_check(config));
        assert_int_equal(config->warmup_steps, cases[i].steps);
        assert_true(config->warmup_ratio == cases[i].ratio);
        assert_int_equal(config->given[GRAFT_SETTING_INDEX_warmup_steps] != GRAFT_GIVEN_NOT,
                         cases[i].steps_given);
        graft_config_free(config);
    }
}

static void a_format_beside_a_path_goes_to_the_source(void **state)
{
    (void)state;
    graft_config *config = configured("dataset: q.json\ndataset_format: bfcl\n"
                                      "dataset_answers: a.json\neval_dataset: e.jsonl\n"
                                      "eval_format: openai\n", NULL, NULL);
    assert_ok(graft_config_check(config));
    assert_string_equal(config->dataset.items[0].format, "bfcl");
    assert_string_equal(config->dataset.items[0].answers, "a.json");
    assert_string_equal(config->eval_dataset.items[0].format, "openai");
    assert_null(config->dataset_format);
    graft_config_free(config);
}

static void resume_reads_the_fields_booleans(void **state)
{
    (void)state;
    graft_config *config = configured("resume_from_checkpoint: false\n", NULL, NULL);
    assert_ok(graft_config_check(config));
    assert_string_equal(config->resume_from_checkpoint, "never");
    assert_ok(graft_config_set(config, "resume_from_checkpoint", "true"));
    assert_ok(graft_config_check(config));
    assert_string_equal(config->resume_from_checkpoint, "auto");
    assert_ok(graft_config_set(config, "resume_from_checkpoint", "run/step-3.h5"));
    assert_ok(graft_config_check(config));
    assert_string_equal(config->resume_from_checkpoint, "run/step-3.h5");
    graft_config_free(config);
}

static void when_to_evaluate_follows_from_what_is_set(void **state)
{
    (void)state;
    static const struct {
        const char *text, *name, *value;
        int strategy;
        double steps;
    } cases[] = {
        {"lora_r: 1\n", NULL, NULL, GRAFT_EVAL_EPOCH, 0},
        {"eval_after: false\n", NULL, NULL, GRAFT_EVAL_NO, 0},
        {"eval_steps: 0.25\n", NULL, NULL, GRAFT_EVAL_STEPS, 0.25},
        {"eval_steps: 5\neval_after: false\n", NULL, NULL, GRAFT_EVAL_STEPS, 5},
        {"evaluation_strategy: steps\neval_steps: 5\n", NULL, NULL, GRAFT_EVAL_STEPS, 5},
        {"eval_strategy: no\n", NULL, NULL, GRAFT_EVAL_NO, 0},
        {"eval_strategy: false\n", NULL, NULL, GRAFT_EVAL_NO, 0},
        {"eval_strategy: epoch\neval_after: false\n", NULL, NULL, GRAFT_EVAL_EPOCH, 0},
        {"eval_strategy: epoch\n", "eval_steps", "7", GRAFT_EVAL_STEPS, 7},
        {"eval_strategy: steps\neval_steps: 5\n", "eval_strategy", "epoch", GRAFT_EVAL_EPOCH, 0},
        {"eval_steps: 5\n", "eval_strategy", "no", GRAFT_EVAL_NO, 0},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        graft_config *config = configured(cases[i].text, cases[i].name, cases[i].value);
        assert_ok(graft_config_set(config, "eval_dataset", "e.jsonl"));
        for (int again = 0; again < 2; again++) {
            assert_ok(graft_config_check(config));
            assert_int_equal(config->eval_strategy, cases[i].strategy);
            assert_true(config->eval_steps == cases[i].steps);
        }
        graft_config_free(config);
    }
}

static void contradictions_are_refused(void **state)
{
    (void)state;
    static const char *const cases[][2] = {
        {"batch_size: 2\nper_device_train_batch_size: 2\n", "are both set"},
        {"gradient_accumulation_steps: 4\n", "gradient_accumulation_steps without"},
        {"finish_by: noon\n", "finish_by: \"noon\" is neither a time of day (07:00) nor"},
        {"finish_by: 7\n", "finish_by: \"7\" is neither"},
        {"chat_template_date: 07:00\n", "chat_template_date: \"07:00\" is neither a date (2026-11-27) nor"},
        {"per_device_train_batch_size: 10000\ngradient_accumulation_steps: 10000\n",
         "batch_size: 100000000 is more than 1000000"},
        {"warmup_steps: 3\nwarmup_ratio: 0.1\n", "warmup_ratio and warmup_steps are both set"},
        {"dataset: [a, b]\ndataset_format: bfcl\n", "there are several files"},
        {"eval_answers: a\n", "eval_dataset: a format or an answer file is set, but there is no"},
        {"val_set_size: 1.5\n", "val_set_size: 1.5 is neither a count nor a fraction below 1"},
        {"val_set_size: 10\neval_dataset: e\n", "eval_dataset and val_set_size are both set"},
        {"curriculum: length\ngroup_by_prefix: true\n", "leave one out"},
        {"dataset: [{path: a, share: 0.5}]\n", "dataset: a: share is for replay (set weight)"},
        {"eval_dataset: [{path: a, share: 0.5}]\n", "eval_dataset: a: share is for replay"},
        {"eval_dataset: [{path: a, weight: 2}]\n",
         "eval_dataset: a: weight is for the entries of dataset"},
        {"replay: {path: a, weight: 2}\n", "weight is for the entries of dataset (set share)"},
        {"replay: a\n", "replay: share is not set: {path: a, share: 0.1} makes it a tenth"},
        {"replay: [{path: a, share: 0.5}, {path: b, share: 0.5}]\n", "replay: 2 entries"},
        {"perplexity_dataset: [{path: a, weight: 2}]\n", "perplexity_dataset: a: weight is for"},
        {"eval_strategy: steps\neval_dataset: e\n", "eval_strategy: steps needs eval_steps"},
        {"eval_strategy: no\neval_steps: 3\neval_dataset: e\n", "but eval_strategy is no"},
        {"eval_steps: 3.5\neval_dataset: e\n", "eval_steps: 3.5 is neither a count nor a"},
        {"eval_steps: 3\n", "eval_steps: there is nothing to evaluate"},
        {"early_stopping_patience: 3\n", "early_stopping_patience: there is nothing to evaluate"},
        {"early_stopping_steps: 3\neval_dataset: e\neval_strategy: no\n",
         "early_stopping_patience: nothing is evaluated while training: eval_strategy is no"},
        {"metric_for_best_model: loss\neval_dataset: e\neval_after: false\n",
         "metric_for_best_model: nothing is evaluated while training: set eval_after"},
        {"early_stopping_threshold: 0.1\neval_dataset: e\n",
         "early_stopping_threshold without early_stopping_patience"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        graft_config *config = configured(cases[i][0], NULL, NULL);
        assert_fails(graft_config_check(config), GRAFT_E_CONFIG, cases[i][1]);
        graft_config_free(config);
    }
}

static void what_a_job_needs_is_named(void **state)
{
    (void)state;
    graft_config *config = configured("base_model: b\n", NULL, NULL);
    assert_ok(graft_config_require(config, "base_model"));
    assert_fails(graft_config_require(config, "dataset"), GRAFT_E_CONFIG, "dataset is not set");
    assert_fails(graft_config_require(config, "output_dir"), GRAFT_E_CONFIG,
                 "output_dir is not set");
    graft_config_free(config);
}

static void the_effective_configuration_reads_back(void **state)
{
    (void)state;
    static const char text[] =
        "base_model: \"a: b #c.gguf\"\n"
        "output_dir: 'true'\n"
        "dataset: [{path: q.json, format: bfcl, answers: \"p/a.json\"}, "
        "{path: 'x y.jsonl', weight: 0.3}]\n"
        "replay: {path: g.jsonl, share: 0.1}\n"
        "val_set_size: 0.25\n"
        "val_split: tool\n"
        "lora_r: 12\n"
        "learning_rate: 0.1\n"
        "adam_beta2: 0.95\n"
        "warmup_steps: 7\n"
        "per_device_train_batch_size: 2\n"
        "gradient_accumulation_steps: 3\n"
        "lora_target_modules: [q_proj, blk.0.ffn_up]\n"
        "seed: 9000000000000000000\n"
        "packing: no\n";
    graft_text first, second;
    graft_text_init(&first);
    graft_text_init(&second);
    graft_config *config = configured(text, NULL, NULL);
    assert_ok(graft_config_check(config));
    assert_ok(graft_config_format(config, &first));
    graft_config_free(config);
    config = configured(graft_text_z(&first), NULL, NULL);
    assert_ok(graft_config_check(config));
    assert_ok(graft_config_format(config, &second));
    assert_string_equal(graft_text_z(&first), graft_text_z(&second));
    assert_string_equal(config->base_model, "a: b #c.gguf");
    assert_string_equal(config->output_dir, "true");
    assert_int_equal(config->dataset.n, 2);
    assert_string_equal(config->dataset.items[0].answers, "p/a.json");
    assert_string_equal(config->dataset.items[1].path, "x y.jsonl");
    assert_true(config->dataset.items[1].weight == 0.3);
    assert_true(config->dataset.items[0].weight == 0.0);
    assert_string_equal(config->replay.items[0].path, "g.jsonl");
    assert_true(config->replay.items[0].share == 0.1);
    assert_int_equal(config->batch_size, 6);
    assert_int_equal(config->warmup_steps, 7);
    assert_true(config->learning_rate == 0.1);
    assert_true(config->lora_alpha == 24.0);
    assert_true(config->seed == 9000000000000000000u);
    assert_false(config->packing);
    assert_int_equal(config->val_split, GRAFT_VAL_SPLIT_TOOL);
    graft_config_free(config);
    graft_text_clear(&first);
    graft_text_clear(&second);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(alpha_is_twice_the_rank),
        cmocka_unit_test(batch_size_may_be_a_product),
        cmocka_unit_test(warmup_is_steps_or_a_share),
        cmocka_unit_test(a_format_beside_a_path_goes_to_the_source),
        cmocka_unit_test(resume_reads_the_fields_booleans),
        cmocka_unit_test(when_to_evaluate_follows_from_what_is_set),
        cmocka_unit_test(contradictions_are_refused),
        cmocka_unit_test(what_a_job_needs_is_named),
        cmocka_unit_test(the_effective_configuration_reads_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
