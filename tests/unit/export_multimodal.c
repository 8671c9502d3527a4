/* export/peft_names.h: adapters of models that Hugging Face keeps inside of classes that see. */
#include "support/adapters.h"
#include "support/test.h"

#include <stdio.h>
#include <string.h>

#include "core/memory.h"
#include "export/export.h"
#include "export/peft_names.h"
#include "io/files.h"
#include "io/safetensors.h"

static void assert_holds(const char *file, const char *tensor)
{
    graft_safetensors *open;
    assert_ok(graft_safetensors_open(&open, test_temp_path(file)));
    assert_non_null(graft_safetensors_find(open, tensor));
    graft_safetensors_close(open);
}

static void modules_are_inside_of_the_language_model(void **state)
{
    (void)state;
    graft_export_adapter adapter = tiny_adapter();
    adapter.multimodal = true;
    tiny_write("peft", &adapter, tiny_dir("p"));
    tiny_write("vllm", &adapter, tiny_dir("v"));
    tiny_write("mlx", &adapter, tiny_dir("m"));
    static const char name[] =
        "base_model.model.model.language_model.layers.0.self_attn.q_proj.lora_A.weight";
    assert_holds("p/adapter_model.safetensors", name);
    assert_holds("v/adapter_model.safetensors", name);
    assert_holds("m/adapters.safetensors", "language_model.model.layers.0.self_attn.q_proj.lora_a");
}

/* Short names would be those of modules of the eyes, too. */
static void modules_are_named_whole(void **state)
{
    (void)state;
    graft_export_adapter adapter = tiny_adapter();
    graft_text text;
    graft_text_init(&text);
    adapter.multimodal = true;
    tiny_write("peft", &adapter, tiny_dir("p"));
    assert_ok(graft_file_read(&text, test_temp_path("p/adapter_config.json"), 1 << 16));
    assert_contains(text.data, "\"model.language_model.layers.0.self_attn.q_proj\"");
    assert_null(strstr(text.data, "\"q_proj\""));
    graft_text_clear(&text);
}

static void folders_read_back(void **state)
{
    (void)state;
    static const char *const exporters[] = {"peft", "vllm", "mlx"};
    graft_gguf *base = tiny_base("base.gguf", "llama");
    graft_loaded_adapter loaded;
    for (size_t i = 0; i < 3; i++) {
        graft_export_adapter adapter = tiny_adapter();
        adapter.multimodal = true;
        tiny_maps[2].rank = i == 0 ? 1 : 2; /* rank_pattern names it */
        tiny_maps[2].scale = i == 0 ? 8 : 4;
        tiny_write(exporters[i], &adapter, tiny_dir(exporters[i]));
        assert_ok(graft_adapter_load(&loaded, test_temp_path(exporters[i]), base));
        assert_int_equal(loaded.n_maps, 4);
        assert_int_equal(loaded.maps[2].rank, tiny_maps[2].rank);
        assert_true(loaded.maps[2].scale == tiny_maps[2].scale);
        assert_memory_equal(loaded.maps[0].b, tiny_numbers[1], 2 * N_EMBD * sizeof(float));
        graft_loaded_adapter_clear(&loaded);
    }
    graft_gguf_close(base);
}

static void twins_are_found_in_either_place(void **state)
{
    (void)state;
    for (int multimodal = 0; multimodal < 2; multimodal++) {
        char *gguf = NULL;
        graft_export_adapter adapter = tiny_adapter();
        adapter.multimodal = multimodal;
        tiny_write("adapter", &adapter, tiny_dir("t"));
        tiny_write("peft", &adapter, test_temp_path("t"));
        assert_ok(graft_path_join(&gguf, test_temp_path("t"), "adapter.gguf"));
        assert_ok(graft_adapter_compare(gguf, test_temp_path("t/adapter_model.safetensors")));
        graft_free(gguf);
    }
}

static void names_of_all_generations_are_read(void **state)
{
    (void)state;
    static const struct {
        const char *hf, *gguf;
    } cases[] = {
        {"model.layers.3.mlp.up_proj", "blk.3.ffn_up.weight"},
        {"model.language_model.layers.3.mlp.up_proj", "blk.3.ffn_up.weight"},
        {"language_model.model.layers.3.mlp.up_proj", "blk.3.ffn_up.weight"},
        {"language_model.lm_head", "output.weight"},
        {"lm_head", "output.weight"},
        {"layers.3.mlp.up_proj", NULL},
        {"model.model.layers.3.mlp.up_proj", NULL},
        {"model.vision_tower.layers.3.mlp.up_proj", NULL},
        {"vision_tower.language_model.layers.3.mlp.up_proj", NULL},
    };
    graft_text name;
    graft_text_init(&name);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        graft_text_clear(&name);
        graft_status status = graft_export__gguf_name(&name, "gemma3", cases[i].hf);
        assert_int_equal(status, cases[i].gguf == NULL ? GRAFT_E_MODEL : GRAFT_OK);
        if (cases[i].gguf != NULL) {
            assert_string_equal(name.data, cases[i].gguf);
        }
    }
    graft_text_clear(&name);
}

static bool is_multimodal(const char *arch, const char *class, uint32_t n_layer)
{
    char key[64];
    graft_gguf_writer *w;
    graft_gguf *file;
    assert_ok(graft_gguf_writer_new(&w));
    assert_ok(graft_gguf_set_string(w, "general.architecture", arch, strlen(arch)));
    snprintf(key, sizeof key, "%s.block_count", arch);
    assert_ok(graft_gguf_set_u32(w, key, n_layer));
    if (class != NULL) {
        assert_ok(graft_gguf_set_string(w, "graft.source_class", class, strlen(class)));
    }
    assert_ok(graft_gguf_write(w, test_temp_path("base.gguf")));
    graft_gguf_writer_free(w);
    assert_ok(graft_gguf_open(&file, test_temp_path("base.gguf")));
    bool found = graft_export_is_multimodal(file);
    graft_gguf_close(file);
    return found;
}

static void what_the_file_says_or_its_size(void **state)
{
    (void)state;
    static const uint32_t text[] = {18, 26}, seeing[] = {34, 48, 62};
    for (size_t i = 0; i < 2; i++) {
        assert_false(is_multimodal("gemma3", NULL, text[i]));
        assert_true(is_multimodal("gemma3", "Gemma3ForConditionalGeneration", text[i]));
    }
    for (size_t i = 0; i < 3; i++) {
        assert_true(is_multimodal("gemma3", NULL, seeing[i]));
        assert_false(is_multimodal("gemma3", "Gemma3ForCausalLM", seeing[i]));
    }
    assert_true(is_multimodal("mistral3", NULL, 26));
    assert_false(is_multimodal("mistral3", "Ministral3ForCausalLM", 26));
    assert_false(is_multimodal("llama", NULL, 80));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(modules_are_inside_of_the_language_model),
        cmocka_unit_test(modules_are_named_whole),
        cmocka_unit_test(folders_read_back),
        cmocka_unit_test(twins_are_found_in_either_place),
        cmocka_unit_test(names_of_all_generations_are_read),
        cmocka_unit_test(what_the_file_says_or_its_size),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
