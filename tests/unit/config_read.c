/* Settings from files and from the command line: values, names, ranges, messages. */
#include "support/test.h"

#include <string.h>

#include "config/config.h"

static graft_config *new_config(void)
{
    graft_config *config = NULL;
    assert_ok(graft_config_new(&config));
    return config;
}

static graft_status read_text(graft_config *config, const char *text)
{
    return graft_config_read(config, test_temp_file("run.yaml", text, strlen(text)));
}

static void defaults_are_those_of_the_table(void **state)
{
    (void)state;
    graft_config *config = new_config();
    assert_int_equal(config->lora_r, 16);
    assert_int_equal(config->batch_size, 16);
    assert_int_equal(config->seed, 42);
    assert_true(config->learning_rate == 2e-4);
    assert_true(config->adam_epsilon == 1e-8);
    assert_true(config->packing);
    assert_false(config->skip_bad);
    assert_int_equal(config->truncation, GRAFT_TRUNCATION_ERROR);
    assert_int_equal(config->lr_scheduler_type, GRAFT_LR_COSINE);
    assert_null(config->base_model);
    assert_int_equal(config->dataset.n, 0);
    assert_int_equal(config->lora_target_modules.n, 1);
    assert_string_equal(config->lora_target_modules.items[0], "all-linear");
    assert_int_equal(config->export.n, 2);
    graft_config_free(config);
}

static void every_default_is_allowed_and_reads_back(void **state)
{
    (void)state;
    graft_config *config = new_config();
    for (size_t i = 0; i < graft_settings_n(); i++) {
        const graft_setting *setting = graft_settings_at(i);
        const char *value = graft_config_get(config, setting->name);
        assert_non_null(value);
        char copy[256];
        strcpy(copy, value);
        if (setting->fallback[0]) {
            assert_ok(graft_config_set(config, setting->name, setting->fallback));
            assert_ok(graft_config_set(config, setting->name, copy));
            assert_string_equal(graft_config_get(config, setting->name), copy);
        } else {
            assert_string_equal(copy, "");
        }
        assert_true(setting->help[0] != 0);
        assert_true(graft_settings_group(i)[0] != 0);
    }
    assert_null(graft_settings_at(graft_settings_n()));
    graft_config_free(config);
}

static void a_file_sets_every_kind(void **state)
{
    (void)state;
    graft_config *config = new_config();
    assert_ok(read_text(config,
                        "base_model: models/a b.gguf # the base\n"
                        "lora-r: 8\n"
                        "learning_rate: 5e-4\n"
                        "weight_decay: 1\n"
                        "packing: false\n"
                        "truncation: drop\n"
                        "lora_target_modules: [q_proj, v_proj]\n"
                        "export: adapter\n"
                        "require: {exact: 0.9, no_call: 1}\n"
                        "chat_template: null\n"
                        "seed: 123456789012345678\n"
                        "gradient_checkpointing: true\n"
                        "dataset:\n"
                        "  - a.jsonl\n"
                        "  - {path: q.json, format: bfcl, answers: a.json}\n"));
    assert_string_equal(config->base_model, "models/a b.gguf");
    assert_int_equal(config->lora_r, 8);
    assert_true(config->learning_rate == 5e-4);
    assert_true(config->weight_decay == 1.0);
    assert_false(config->packing);
    assert_int_equal(config->truncation, GRAFT_TRUNCATION_DROP);
    assert_int_equal(config->gradient_checkpointing, GRAFT_CHECKPOINTING_TRUE);
    assert_int_equal(config->lora_target_modules.n, 2);
    assert_string_equal(config->lora_target_modules.items[1], "v_proj");
    assert_int_equal(config->require.n, 2);
    assert_string_equal(config->require.items[0], "exact=0.9");
    assert_string_equal(config->require.items[1], "no_call=1");
    assert_int_equal(config->export.n, 1);
    assert_null(config->chat_template);
    assert_true(config->seed == 123456789012345678u);
    assert_int_equal(config->dataset.n, 2);
    assert_string_equal(config->dataset.items[0].path, "a.jsonl");
    assert_null(config->dataset.items[0].format);
    assert_string_equal(config->dataset.items[1].format, "bfcl");
    assert_string_equal(config->dataset.items[1].answers, "a.json");
    graft_config_free(config);
}

static void a_json_file_works_too(void **state)
{
    (void)state;
    graft_config *config = new_config();
    assert_ok(read_text(config, "{\"model\": \"m.gguf\", \"lora_rank\": 4, "
                                "\"dataset\": \"d.jsonl\"}"));
    assert_string_equal(config->base_model, "m.gguf");
    assert_int_equal(config->lora_r, 4);
    assert_string_equal(config->dataset.items[0].path, "d.jsonl");
    graft_config_free(config);
}

static void every_alias_names_its_setting(void **state)
{
    (void)state;
    graft_config *config = new_config();
    size_t n = 0;
    for (size_t i = 0; i < graft_settings_n(); i++) {
        const graft_setting *setting = graft_settings_at(i);
        char names[256];
        strcpy(names, setting->aliases);
        for (char *name = strtok(names, " "); name; name = strtok(NULL, " "), n++) {
            char value[256];
            strcpy(value, graft_config_get(config, name));
            assert_string_equal(value, graft_config_get(config, setting->name));
            for (size_t k = 0; k < graft_settings_n(); k++) {
                assert_string_not_equal(name, graft_settings_at(k)->name);
            }
        }
    }
    assert_true(n > 20);
    assert_ok(graft_config_set(config, "num-epochs", "2"));
    assert_true(config->num_train_epochs == 2.0);
    assert_ok(graft_config_set(config, "cutoff_len", "512"));
    assert_int_equal(config->max_seq_length, 512);
    assert_ok(graft_config_set(config, "lora_model_dir", "adapter"));
    assert_string_equal(config->init_adapter, "adapter");
    graft_config_free(config);
}

static void wrong_files_are_refused(void **state)
{
    static const struct {
        const char *text, *message;
    } cases[] = {
        {"lora_r: 8\nlearing_rate: 1\n",
         "run.yaml:2: unknown setting \"learing_rate\" (did you mean \"learning_rate\"?)"},
        {"zzz: 1\n", "run.yaml:1: unknown setting \"zzz\" (graft train --help lists them)"},
        {"lora_r: 8\nlora_rank: 8\n", "run.yaml:2: \"lora_rank\" sets lora_r a second time"},
        {"lora_r: 0\n", "run.yaml:1: lora_r: 0 is outside [1, 4096]"},
        {"lora_r: 2.5\n", "\"2.5\" is not a whole number in [1, 4096]"},
        {"lora_r: -1\n", "\"-1\" is not a whole number in [1, 4096]"},
        {"batch_size: 5000000000\n", "batch_size: 5000000000 is outside [1, 1000000]"},
        {"lora_dropout: 1\n", "lora_dropout: 1 is outside [0, 0.999]"},
        {"learning_rate: 0\n", "learning_rate: 0 is outside (0, 1e3]"},
        {"learning_rate: fast\n", "\"fast\" is not a number in (0, 1e3]"},
        {"learning_rate: nan\n", "is not a number in (0, 1e3]"},
        {"learning_rate: \"0x10\"\n", "is not a number in (0, 1e3]"},
        {"truncation: cut\n", "truncation: \"cut\" is unknown (known: error|drop|turns)"},
        {"packing: maybe\n", "packing: \"maybe\" is neither true nor false"},
        {"save_total_limit: 1\n", "save_total_limit: 1 is outside [2, 1000000]"},
        {"base_model: [a]\n", "base_model: a list where one value is expected"},
        {"require: {exact: [1]}\n", "a list where one value is expected"},
        {"lora_target_modules: [1]\n", "something in the list is not a name"},
        {"lora_target_modules: \"a,,b\"\n", "an empty name in the list"},
        {"dataset:\n  - {file: a}\n",
         "unknown key \"file\" (known: path, format, answers, weight, share)"},
        {"dataset:\n  - {path: a, weight: 0}\n", "dataset: weight: 0 is outside (0, 1000]"},
        {"dataset:\n  - {path: a, weight: x}\n", "dataset: weight: \"x\" is not a number"},
        {"replay: {path: a, share: 1}\n", "replay: share: 1 is outside (0, 1)"},
        {"tool_call_weight: -1\n", "tool_call_weight: -1 is outside (0, 1000]"},
        {"reasoning: keep\n", "reasoning: \"keep\" is unknown (known: train|context|drop)"},
        {"dataset:\n  - {format: bfcl}\n", "dataset: an entry without path"},
        {"dataset: [1]\n", "something is neither a path nor a map"},
        {"- a\n", "run.yaml: is not a map of settings"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        graft_config *config = new_config();
        assert_fails(read_text(config, cases[i].text), GRAFT_E_CONFIG, cases[i].message);
        graft_config_free(config);
    }
    graft_config *config = new_config();
    assert_fails(graft_config_read(config, "no/such.yaml"), GRAFT_E_DISK, "no/such.yaml");
    graft_config_free(config);
}

static void a_failed_value_leaves_the_old_one(void **state)
{
    (void)state;
    graft_config *config = new_config();
    assert_ok(graft_config_set(config, "dataset", "a.jsonl"));
    assert_fails(graft_config_set(config, "dataset", "[{\"path\": \"b\"}, 3]"), GRAFT_E_CONFIG,
                 "dataset: something is neither");
    assert_int_equal(config->dataset.n, 1);
    assert_string_equal(config->dataset.items[0].path, "a.jsonl");
    assert_fails(graft_config_set(config, "lora_r", "x"), GRAFT_E_CONFIG, "lora_r: ");
    assert_int_equal(config->lora_r, 16);
    assert_fails(graft_config_set(config, "lora-rr", "1"), GRAFT_E_CONFIG,
                 "did you mean \"lora_r\"");
    assert_null(graft_config_get(config, "nothing"));
    graft_config_free(config);
}

static void the_command_line_wins(void **state)
{
    (void)state;
    graft_config *config = new_config();
    assert_ok(read_text(config, "lora_r: 8\nseed: 1\n"));
    assert_ok(graft_config_set(config, "lora-rank", "4"));
    assert_ok(graft_config_set(config, "lora_r", "32"));
    assert_ok(graft_config_set(config, "datasets",
                               "[\"a\", {\"path\": \"b\", \"format\": \"openai\"}]"));
    assert_ok(graft_config_set(config, "export", "adapter"));
    assert_int_equal(config->lora_r, 32);
    assert_int_equal(config->seed, 1);
    assert_int_equal(config->dataset.n, 2);
    assert_string_equal(config->dataset.items[1].format, "openai");
    assert_ok(graft_config_set(config, "dataset", ""));
    assert_int_equal(config->dataset.n, 0);
    assert_ok(graft_config_set(config, "base_model", "x"));
    assert_ok(graft_config_set(config, "base_model", ""));
    assert_null(config->base_model);
    graft_config_free(config);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(defaults_are_those_of_the_table),
        cmocka_unit_test(every_default_is_allowed_and_reads_back),
        cmocka_unit_test(a_file_sets_every_kind),
        cmocka_unit_test(a_json_file_works_too),
        cmocka_unit_test(every_alias_names_its_setting),
        cmocka_unit_test(wrong_files_are_refused),
        cmocka_unit_test(a_failed_value_leaves_the_old_one),
        cmocka_unit_test(the_command_line_wins),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
