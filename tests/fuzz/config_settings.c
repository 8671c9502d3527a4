/* Any bytes as a configuration file: it is refused with a message, or the settings fit together, and
 * written down they read back as the same. */
#include <string.h>

#include "config/config.h"
#include "support/fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static bool read(graft_config **out, const char *path)
{
    fuzz_check(graft_config_new(out) == GRAFT_OK);
    graft_status status = graft_config_read(*out, path);
    status = status == GRAFT_OK ? graft_config_check(*out) : status;
    fuzz_check(status == GRAFT_OK || status == GRAFT_E_CONFIG);
    fuzz_check(status == GRAFT_OK || graft_error_message()[0] != '\0');
    return status == GRAFT_OK;
}

/* As text, every setting on its own. */
static void show(graft_config *config, graft_text *out)
{
    for (size_t i = 0; i < graft_settings_n(); i++) {
        const char *name = graft_settings_at(i)->name, *value = graft_config_get(config, name);
        fuzz_check(value != NULL);
        fuzz_check(graft_text_appendf(out, "%s=%s\n", name, value) == GRAFT_OK);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    graft_config *config, *again = NULL;
    graft_text text, values, others;
    graft_text_init(&text);
    graft_text_init(&values);
    graft_text_init(&others);
    if (read(&config, fuzz_file(data, n))) {
        fuzz_check(graft_config_format(config, &text) == GRAFT_OK);
        fuzz_check(read(&again, fuzz_file((const uint8_t *)graft_text_z(&text), text.len)));
        show(config, &values);
        show(again, &others);
        fuzz_check(strcmp(graft_text_z(&values), graft_text_z(&others)) == 0);
        (void)fuzz_file(data, n);
    }
    graft_config_free(again);
    graft_config_free(config);
    graft_text_clear(&text);
    graft_text_clear(&values);
    graft_text_clear(&others);
    return 0;
}

#ifndef GRAFT_LIBFUZZER
int main(void)
{
    static const char *const words[] = {
        ": ", "\n", "\n  - ", "[", "]", "{", "}", ", ", "null", "true", "false", "-1", "0", "1e9",
        "0.5", "~", "base_model: ", "dataset: ", "path: ", "weight: ", "share: ", "format: ",
        "lora_r: ", "lora_alpha: ", "lora_target_modules: ", "learning_rate: ", "max_steps: ",
        "batch_size: ", "gradient_accumulation_steps: ", "eval_strategy: ", "truncation: ",
        "max_seq_length: ", "output_dir: ", "replay: ", "seed: ", "export: ", NULL};
    return fuzz_tests("config_settings", LLVMFuzzerTestOneInput, words);
}
#endif
