#include "support/tiny_run.h"

#include <stdio.h>
#include <stdlib.h>

#include "core/memory.h"
#include "io/files.h"
#include "support/test.h"

const char *byte_model(const char *name)
{
    char command[1200];
    const char *path = test_temp_path(name);
    snprintf(command, sizeof command, "python3 tests/cli/tiny_model.py %s", path);
    assert_int_equal(system(command), 0);
    return path;
}

graft_status tiny_train(const tiny_run *run)
{
    static const char *const settings[] = {
        "dataset", "datasets/prompt-completion.jsonl", "val_set_size", "2", "max_steps", "4",
        "batch_size", "1", "lora_r", "2", "save_steps", "2", "save_minutes", "0",
        "eval_max_new_tokens", "2", "export", "adapter,peft", "threads", "1", "compute", "f32", NULL};
    graft_config *config = NULL;
    assert_ok(graft_config_new(&config));
    assert_ok(graft_config_set(config, "base_model", run->base));
    assert_ok(graft_config_set(config, "output_dir", run->folder));
    for (size_t i = 0; settings[i] != NULL; i += 2) {
        assert_ok(graft_config_set(config, settings[i], settings[i + 1]));
    }
    assert_ok(graft_config_set(config, "eval_strategy", run->only_at_ends ? "no" : "steps"));
    if (!run->only_at_ends) {
        assert_ok(graft_config_set(config, "eval_steps", "2"));
    }
    for (size_t i = 0; run->more[i] != NULL; i += 2) {
        assert_ok(graft_config_set(config, run->more[i], run->more[i + 1]));
    }
    graft_alloc_fail_at(run->fail_allocation);
    graft_status status = graft_train(config, &run->hooks, 0, NULL);
    graft_alloc_fail_at(0);
    graft_config_free(config);
    return status;
}

void tiny_forget(const char *folder)
{
    char command[1200];
    snprintf(command, sizeof command, "rm -rf '%s'", folder);
    assert_int_equal(system(command), 0);
}

void tiny_assert_same(const char *folder, const char *other, const char *name)
{
    char *paths[2], digests[2][65];
    assert_ok(graft_path_join(&paths[0], folder, name));
    assert_ok(graft_path_join(&paths[1], other, name));
    for (int i = 0; i < 2; i++) {
        assert_ok(graft_file_sha256(digests[i], paths[i]));
        graft_free(paths[i]);
    }
    assert_string_equal(digests[0], digests[1]);
}
