/* export/export.h: adapters written as GGUF and as PEFT folders, and loaded again. */
#include "support/adapters.h"
#include "support/test.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include <graft/log.h>

#include "core/memory.h"
#include "core/strings.h"
#include "export/export.h"
#include "io/files.h"
#include "io/json.h"
#include "io/safetensors.h"

/* The loaded maps do what the written ones do: W + scale * B A, to the rounding of folded scales. */
static void assert_same_effect(const graft_loaded_adapter *loaded,
                               const graft_export_adapter *adapter)
{
    assert_int_equal(loaded->n_maps, adapter->n_maps);
    for (size_t i = 0; i < loaded->n_maps; i++) {
        const graft_export_map *x = &loaded->maps[i], *y = &adapter->maps[i];
        assert_string_equal(x->name, y->name);
        assert_int_equal(x->rank, y->rank);
        assert_int_equal(x->n_in, y->n_in);
        assert_int_equal(x->n_out, y->n_out);
        assert_memory_equal(x->a, y->a, y->rank * y->n_in * sizeof *y->a);
        for (size_t k = 0; k < y->rank * y->n_out; k++) {
            double expected = y->scale * (double)y->b[k];
            assert_true(fabs(x->scale * (double)x->b[k] - expected) <= 2e-7 * fabs(expected));
        }
    }
}

static void an_adapter_gguf_reads_back(void **state)
{
    (void)state;
    graft_export_adapter adapter = tiny_adapter();
    graft_gguf *base = tiny_base("base.gguf", "llama"), *file;
    graft_loaded_adapter loaded;
    graft_gguf_string text = {0};
    double alpha = 0;
    tiny_write("adapter", &adapter, tiny_dir("g"));
    assert_ok(graft_gguf_open(&file, test_temp_path("g/adapter.gguf")));
    assert_ok(graft_gguf_get_string(file, "general.type", &text));
    assert_memory_equal(text.data, "adapter", text.len);
    assert_ok(graft_gguf_get_string(file, "graft.recipe", &text));
    assert_memory_equal(text.data, "lora_r: 2\n", text.len);
    assert_ok(graft_gguf_get_f64(file, "adapter.lora.alpha", &alpha));
    assert_true(alpha == 8);
    assert_int_equal(graft_gguf_find(file, "adapter.lora.alpha")->type, GRAFT_GGUF_F32);
    assert_null(graft_gguf_find(file, "graft.base_sha256"));
    const graft_gguf_tensor *b = graft_gguf_find_tensor(file, "blk.0.ffn_up.weight.lora_b");
    assert_int_equal(b->ne[0], 2);
    assert_int_equal(b->ne[1], N_FF);
    assert_memory_equal(b->data, tiny_numbers[5], b->n_bytes); /* alpha / rank is the scale: bits stay */
    assert_int_equal(graft_gguf_n_tensors(file), 8);
    graft_gguf_close(file);
    assert_ok(graft_adapter_load(&loaded, test_temp_path("g/adapter.gguf"), base));
    assert_true(loaded.alpha == 8);
    assert_true(loaded.maps[0].scale == 4);
    assert_same_effect(&loaded, &adapter);
    assert_memory_equal(loaded.maps[1].b, tiny_numbers[3], 2 * N_KV_OUT * sizeof(float));
    graft_loaded_adapter_clear(&loaded);
    graft_loaded_adapter_clear(NULL);
    graft_gguf_close(base);
}

static void a_factor_that_half_precision_loses_is_named(void **state)
{
    (void)state;
    const graft_exporter *e = graft_exporter_find("adapter");
    graft_export_adapter adapter = tiny_adapter();
    const graft_export_job job = {.adapter = &adapter, .type = "f16"};
    const char *path = test_temp_path("half.gguf");
    for (size_t i = 0; i < 64; i++) {
        tiny_numbers[1][i] *= 1e-9f;
    }
    assert_fails(e->write(&job, path), GRAFT_E_NUMERICS, "all values of a factor are too small for F16");
    assert_false(graft_path_exists(path));
    memset(tiny_numbers[1], 0, sizeof tiny_numbers[1]); /* an untrained B is none */
    assert_ok(e->write(&job, path));
    tiny_numbers[1][0] = 1e5f;
    assert_fails(e->write(&job, path), GRAFT_E_NUMERICS, "100000 is too large for F16");
}

static void a_peft_folder_reads_back(void **state)
{
    (void)state;
    graft_export_adapter adapter = tiny_adapter();
    graft_gguf *base = tiny_base("base.gguf", "llama");
    graft_loaded_adapter loaded;
    graft_safetensors *file;
    tiny_write("peft", &adapter, tiny_dir("p"));
    assert_ok(graft_safetensors_open(&file, test_temp_path("p/adapter_model.safetensors")));
    assert_int_equal(graft_safetensors_n(file), 8);
    const graft_safetensors_tensor *t = graft_safetensors_find(
        file, "base_model.model.model.layers.0.self_attn.q_proj.lora_B.weight");
    assert_non_null(t);
    assert_int_equal(t->shape[0], N_EMBD);
    assert_int_equal(t->shape[1], 2);
    /* two heads of 4: rows 0 1 2 3 of a head (pairs 0 0 1 1) become 0 2 1 3 */
    static const size_t order[N_EMBD] = {0, 2, 1, 3, 4, 6, 5, 7};
    for (size_t row = 0; row < N_EMBD; row++) {
        assert_memory_equal(t->data + row * 8, tiny_numbers[1] + order[row] * 2, 8);
    }
    t = graft_safetensors_find(file,
                               "base_model.model.model.layers.0.self_attn.k_proj.lora_B.weight");
    assert_memory_equal(t->data + 8, tiny_numbers[3] + 4, 8);
    t = graft_safetensors_find(file, "base_model.model.model.layers.0.mlp.down_proj.lora_A.weight");
    assert_memory_equal(t->data, tiny_numbers[6], t->n_bytes);
    graft_safetensors_close(file);
    assert_ok(graft_adapter_load(&loaded, test_temp_path("p"), base));
    assert_same_effect(&loaded, &adapter);
    assert_memory_equal(loaded.maps[0].b, tiny_numbers[1], 2 * N_EMBD * sizeof(float));
    assert_true(loaded.maps[0].scale == 4 && loaded.alpha == 8);
    graft_loaded_adapter_clear(&loaded);
    graft_gguf_close(base);
}

/* Reads the folder, writes it again: tensors and settings are the same, bit for bit. */
static void assert_mlx_round_trip(const char *from, const char *to, const graft_gguf *base)
{
    static const char *const names[] = {"adapters.safetensors", "adapter_config.json"};
    graft_loaded_adapter loaded;
    graft_text texts[2];
    char *path = NULL;
    assert_ok(graft_adapter_load(&loaded, from, base));
    graft_export_adapter again = tiny_adapter();
    again.maps = loaded.maps;
    again.n_maps = loaded.n_maps;
    again.alpha = loaded.alpha;
    again.base_name = loaded.base_name;
    tiny_write("mlx", &again, to);
    for (size_t i = 0; i < 2; i++) {
        const char *folders[2] = {from, to};
        for (size_t k = 0; k < 2; k++) {
            graft_text_init(&texts[k]);
            assert_ok(graft_path_join(&path, folders[k], names[i]));
            assert_ok(graft_file_read(&texts[k], path, 1 << 16));
            graft_free(path);
        }
        assert_int_equal(texts[0].len, texts[1].len);
        assert_memory_equal(texts[0].data, texts[1].data, texts[0].len);
        graft_text_clear(&texts[0]);
        graft_text_clear(&texts[1]);
    }
    graft_loaded_adapter_clear(&loaded);
}

static void an_mlx_folder_reads_back(void **state)
{
    (void)state;
    static const double scales[] = {4, 20.0, 0.1, 1 / 3.0, 2.8284271247461903};
    graft_gguf *base = tiny_base("base.gguf", "llama");
    graft_loaded_adapter loaded;
    graft_safetensors *file;
    for (size_t i = 0; i < sizeof scales / sizeof *scales; i++) {
        graft_export_adapter adapter = tiny_adapter();
        for (size_t k = 0; k < adapter.n_maps; k++) {
            tiny_maps[k].scale = scales[i];
        }
        tiny_write("mlx", &adapter, tiny_dir("mlx"));
        assert_ok(graft_adapter_load(&loaded, test_temp_path("mlx"), base));
        assert_same_effect(&loaded, &adapter);
        assert_memory_equal(loaded.maps[0].b, tiny_numbers[1], 2 * N_EMBD * sizeof(float));
        assert_true(loaded.maps[0].scale == scales[i] && loaded.alpha == 2 * scales[i]);
        assert_string_equal(loaded.base_name, "tiny");
        graft_loaded_adapter_clear(&loaded);
        char *from = NULL; /* test_temp_path's texts do not last */
        assert_ok(graft_strdup(&from, test_temp_path("mlx")));
        assert_mlx_round_trip(from, tiny_dir("mlx_again"), base);
        graft_free(from);
    }
    assert_ok(graft_safetensors_open(&file, test_temp_path("mlx/adapters.safetensors")));
    const graft_safetensors_tensor *a =
        graft_safetensors_find(file, "model.layers.0.mlp.down_proj.lora_a");
    assert_int_equal(a->shape[0], N_FF);
    assert_int_equal(a->shape[1], 2);
    float second;
    memcpy(&second, a->data + sizeof second, sizeof second);
    assert_true(second == tiny_numbers[6][N_FF]); /* column 0 of row 1 */
    graft_safetensors_close(file);
    graft_gguf_close(base);
}

/* One rank and one scale for all: maps of others are filled up and multiplied. */
static void mlx_folds_what_differs(void **state)
{
    (void)state;
    graft_export_adapter adapter = tiny_adapter();
    graft_gguf *base = tiny_base("base.gguf", "llama");
    graft_loaded_adapter loaded;
    adapter.base_hash = "0123";
    tiny_maps[1].scale = 0.5;
    tiny_maps[2].rank = 1;
    tiny_write("mlx", &adapter, tiny_dir("fold"));
    assert_ok(graft_adapter_load_any(&loaded, test_temp_path("fold"), base));
    assert_string_equal(loaded.base_hash, "0123");
    for (size_t i = 0; i < loaded.n_maps; i++) {
        const graft_export_map *x = &loaded.maps[i], *y = &tiny_maps[i];
        assert_int_equal(x->rank, 2);
        for (size_t row = 0; row < y->n_out; row++) {
            for (size_t r = 0; r < 2; r++) {
                double wanted = r < y->rank ? y->scale * (double)y->b[row * y->rank + r] : 0;
                assert_true(fabs(x->scale * (double)x->b[row * 2 + r] - wanted) <= 2e-7 * fabs(wanted));
            }
        }
    }
    graft_loaded_adapter_clear(&loaded);
    graft_gguf_close(base);
}

static void other_architectures_keep_their_rows(void **state)
{
    (void)state;
    graft_export_adapter adapter = tiny_adapter();
    graft_gguf *base = tiny_base("qwen.gguf", "qwen2");
    graft_loaded_adapter loaded;
    graft_safetensors *file;
    adapter.arch = "qwen2";
    tiny_write("peft", &adapter, tiny_dir("q"));
    assert_ok(graft_safetensors_open(&file, test_temp_path("q/adapter_model.safetensors")));
    const graft_safetensors_tensor *t = graft_safetensors_find(
        file, "base_model.model.model.layers.0.self_attn.q_proj.lora_B.weight");
    assert_memory_equal(t->data, tiny_numbers[1], t->n_bytes);
    graft_safetensors_close(file);
    assert_ok(graft_adapter_load(&loaded, test_temp_path("q"), base));
    assert_same_effect(&loaded, &adapter);
    graft_loaded_adapter_clear(&loaded);
    graft_gguf_close(base);
    adapter.arch = "mamba";
    assert_fails(tiny_export(graft_exporter_find("peft"), &adapter, tiny_dir("q")), GRAFT_E_FAILED,
                 "architecture \"mamba\"");
    base = tiny_base("mamba.gguf", "mamba");
    assert_fails(graft_adapter_load(&loaded, test_temp_path("q"), base), GRAFT_E_MODEL, "\"mamba\"");
    graft_gguf_close(base);
}

/* Scales that alpha / rank cannot express, and ranks that differ. */
static void scales_are_folded(void **state)
{
    (void)state;
    graft_export_adapter adapter = tiny_adapter();
    graft_gguf *base = tiny_base("base.gguf", "llama");
    graft_loaded_adapter loaded;
    tiny_maps[0].scale = 8 / sqrt(2.0); /* rank-stabilised */
    tiny_maps[1].scale = 0.1;
    tiny_maps[2].rank = 1;
    tiny_maps[3].rank = 3;
    tiny_write("adapter", &adapter, tiny_dir("f"));
    assert_ok(graft_adapter_load(&loaded, test_temp_path("f/adapter.gguf"), base));
    assert_same_effect(&loaded, &adapter);
    assert_true(loaded.maps[2].scale == 8);
    graft_loaded_adapter_clear(&loaded);
    tiny_write("peft", &adapter, test_temp_path("f"));
    assert_ok(graft_adapter_load(&loaded, test_temp_path("f"), base));
    assert_same_effect(&loaded, &adapter);
    graft_loaded_adapter_clear(&loaded);
    graft_gguf_close(base);
}

static void assert_config(const char *dir, const char *key, const char *expected)
{
    graft_text text, path, value;
    graft_json *config;
    graft_text_init(&text);
    graft_text_init(&path);
    graft_text_init(&value);
    assert_ok(graft_text_appendf(&path, "%s/adapter_config.json", dir));
    assert_ok(graft_file_read(&text, path.data, 1 << 16));
    assert_ok(graft_json_parse(&config, text.data, text.len));
    assert_true(graft_json_has(config, key));
    assert_ok(graft_json_write(&value, graft_json_get(config, key), GRAFT_JSON_COMPACT));
    assert_string_equal(graft_text_z(&value), expected);
    graft_json_free(config);
    graft_text_clear(&text);
    graft_text_clear(&path);
    graft_text_clear(&value);
}

static void the_config_says_what_is_adapted(void **state)
{
    (void)state;
    graft_export_adapter adapter = tiny_adapter();
    const char *dir = tiny_dir("c");
    tiny_write("peft", &adapter, dir);
    assert_config(dir, "target_modules", "[\"q_proj\",\"k_proj\",\"up_proj\",\"down_proj\"]");
    assert_config(dir, "r", "2");
    assert_config(dir, "lora_alpha", "8");
    assert_config(dir, "rank_pattern", "{}");
    assert_config(dir, "base_model_name_or_path", "\"tiny\"");
    assert_config(dir, "modules_to_save", "null");
    tiny_maps[2].rank = 4;
    adapter.alpha = 0.5;
    adapter.base_name = NULL;
    tiny_write("peft", &adapter, dir);
    assert_config(dir, "rank_pattern", "{\"model.layers.0.mlp.up_proj\":4}");
    assert_config(dir, "lora_alpha", "0.5");
    assert_config(dir, "base_model_name_or_path", "null");
    tiny_maps[1].name = "blk.1.attn_q.weight"; /* q in two layers, the others in one */
    tiny_maps[1].n_out = N_EMBD;
    tiny_write("peft", &adapter, dir);
    assert_config(dir, "target_modules",
                  "[\"model.layers.0.self_attn.q_proj\",\"model.layers.1.self_attn.q_proj\","
                  "\"model.layers.0.mlp.up_proj\",\"model.layers.0.mlp.down_proj\"]");
    tiny_maps[1].name = "blk.0.attn_k.weight";
    tiny_maps[1].n_out = N_KV_OUT;
}

static void what_cannot_be_written_is_named(void **state)
{
    (void)state;
    const char *dir = tiny_dir("n");
    for (size_t i = 0; graft_exporters[i] != NULL; i++) {
        const graft_exporter *e = graft_exporters[i];
        graft_export_adapter adapter = tiny_adapter();
        tiny_numbers[5][3] = NAN;
        assert_fails(tiny_export(e, &adapter, dir), GRAFT_E_NUMERICS,
                     "adapter of \"blk.0.ffn_up.weight\": row 1, column 1 of B is not finite");
        adapter = tiny_adapter();
        tiny_numbers[0][0] = INFINITY;
        assert_fails(tiny_export(e, &adapter, dir), GRAFT_E_NUMERICS, "row 0, column 0 of A is not finite");
        adapter = tiny_adapter();
        tiny_maps[1].scale = 1e20;
        tiny_numbers[3][1] = 1e30f;
        assert_fails(tiny_export(e, &adapter, dir), e->merges ? GRAFT_E_FAILED : GRAFT_E_NUMERICS,
                     e->merges ? "needs the weights of the base"
                               : "row 0, column 1 of B, scaled, is not finite");
        adapter = tiny_adapter();
        tiny_maps[1].scale = NAN;
        assert_fails(tiny_export(e, &adapter, dir), GRAFT_E_NUMERICS, "its scale is not finite");
        adapter = tiny_adapter();
        adapter.alpha = 0;
        assert_fails(tiny_export(e, &adapter, dir), GRAFT_E_FAILED, "alpha is 0; it must be positive");
        adapter = tiny_adapter();
        adapter.n_maps = 0;
        assert_fails(tiny_export(e, &adapter, dir), GRAFT_E_FAILED, "the adapter is empty");
        adapter = tiny_adapter();
        tiny_maps[1].name = tiny_maps[0].name;
        assert_fails(tiny_export(e, &adapter, dir), GRAFT_E_FAILED, "two maps for \"blk.0.attn_q.weight\"");
        tiny_maps[1].name = "blk.0.attn_k.weight";
        assert_false(graft_path_exists(test_temp_path("n/adapter.gguf")));
        assert_false(graft_path_exists(test_temp_path("n/adapter_model.safetensors")));
    }
    graft_export_adapter adapter = tiny_adapter();
    tiny_maps[0].name = "blk.0.attn_qkv.weight";
    assert_fails(tiny_export(graft_exporter_find("peft"), &adapter, dir), GRAFT_E_FAILED,
                 "\"blk.0.attn_qkv.weight\" has no counterpart");
    tiny_maps[0].name = "blk.0.attn_q.weight";
    assert_null(graft_exporter_find("onnx"));
}

static void vllm_has_a_largest_rank(void **state)
{
    (void)state;
    enum { RANK = 513 };
    float *zeros = NULL;
    graft_export_adapter adapter = tiny_adapter();
    assert_ok(graft_alloc(&zeros, RANK * N_EMBD, sizeof *zeros));
    graft_export_map map = {"blk.0.attn_q.weight", zeros, zeros, RANK - 1, N_EMBD, N_EMBD, 4.0, NULL};
    adapter.maps = &map;
    adapter.n_maps = 1;
    tiny_write("vllm", &adapter, tiny_dir("v"));
    map.rank = RANK;
    assert_fails(tiny_export(graft_exporter_find("vllm"), &adapter, test_temp_path("v")), GRAFT_E_FAILED,
                 "vLLM serves adapters of ranks up to 512, this one has 513");
    graft_free(zeros);
}

/* --- the base an adapter was trained on --- */

static int warnings;

static void count_warning(void *context, graft_log_level level, const char *line)
{
    (void)context;
    if (level == GRAFT_LOG_WARN) {
        assert_contains(line, "adapter.gguf was trained on another base than ");
        warnings++;
    }
}

static void another_base_is_warned_of(void **state)
{
    (void)state;
    graft_export_adapter adapter = tiny_adapter();
    graft_gguf *base = tiny_base("base.gguf", "llama");
    graft_loaded_adapter loaded;
    char hash[65];
    assert_ok(graft_file_sha256(hash, graft_gguf_path(base)));
    static const struct {
        bool right_bytes, right_hash;
        int warnings;
    } cases[] = {{true, true, 0}, {true, false, 1}, {false, true, 1}};
    graft_log_set_sink(count_warning, NULL);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        adapter.base_bytes = graft_gguf_size(base) + !cases[i].right_bytes;
        adapter.base_hash = cases[i].right_hash ? hash : "0123";
        warnings = 0;
        tiny_write("adapter", &adapter, tiny_dir("w"));
        assert_ok(graft_adapter_load(&loaded, test_temp_path("w/adapter.gguf"), base));
        graft_loaded_adapter_clear(&loaded);
        assert_int_equal(warnings, cases[i].warnings);
    }
    graft_log_set_sink(NULL, NULL);
    graft_gguf_close(base);
}

static void loading_fails_without_memory(void **state)
{
    (void)state;
    graft_export_adapter adapter = tiny_adapter();
    graft_gguf *base = tiny_base("base.gguf", "llama");
    graft_loaded_adapter loaded;
    tiny_write("peft", &adapter, tiny_dir("m"));
    tiny_write("adapter", &adapter, test_temp_path("m"));
    tiny_write("mlx", &adapter, tiny_dir("x"));
    const char *paths[3] = {test_temp_path("m"), test_temp_path("m/adapter.gguf"), test_temp_path("x")};
    for (size_t p = 0; p < 3; p++) {
        uint64_t n = 1;
        for (;; n++) {
            graft_alloc_fail_at(n);
            graft_status status = graft_adapter_load(&loaded, paths[p], base);
            graft_alloc_fail_at(0);
            if (status == GRAFT_OK) {
                graft_loaded_adapter_clear(&loaded);
                break;
            }
            assert_int_equal(status, GRAFT_E_MEMORY);
            assert_null(loaded.maps);
        }
        assert_in_range(n, 20, 300);
    }
    graft_gguf_close(base);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_adapter_gguf_reads_back),
        cmocka_unit_test(a_factor_that_half_precision_loses_is_named),
        cmocka_unit_test(a_peft_folder_reads_back),
        cmocka_unit_test(an_mlx_folder_reads_back),
        cmocka_unit_test(mlx_folds_what_differs),
        cmocka_unit_test(other_architectures_keep_their_rows),
        cmocka_unit_test(scales_are_folded),
        cmocka_unit_test(the_config_says_what_is_adapted),
        cmocka_unit_test(what_cannot_be_written_is_named),
        cmocka_unit_test(vllm_has_a_largest_rank),
        cmocka_unit_test(another_base_is_warned_of),
        cmocka_unit_test(loading_fails_without_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
