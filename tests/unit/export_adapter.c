/* export/export.h: adapters written as GGUF and as PEFT folders, and loaded again. */
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

enum { N_EMBD = 8, N_KV_OUT = 4, N_FF = 6, N_HEAD = 2, N_KV = 1 };

static const char *folder(const char *name)
{
    const char *path = test_temp_path(name);
    assert_ok(graft_make_dirs(path));
    return path;
}

/* A base of one layer, big enough to have shapes. */
static graft_gguf *make_base(const char *name, const char *arch)
{
    static const float zeros[N_EMBD * N_EMBD];
    static const struct {
        const char *name;
        uint64_t ne[4];
    } tensors[] = {
        {"token_embd.weight", {N_EMBD, 8}}, {"output.weight", {N_EMBD, 8}},
        {"blk.0.attn_norm.weight", {N_EMBD, 1}}, {"blk.0.attn_q.weight", {N_EMBD, N_EMBD}},
        {"blk.0.attn_k.weight", {N_EMBD, N_KV_OUT}}, {"blk.0.attn_v.weight", {N_EMBD, N_KV_OUT}},
        {"blk.0.ffn_up.weight", {N_EMBD, N_FF}}, {"blk.0.ffn_down.weight", {N_FF, N_EMBD}},
        {"blk.1.attn_q.weight", {N_EMBD, N_EMBD}},
    };
    char key[64];
    graft_gguf_writer *w;
    graft_gguf *file;
    assert_ok(graft_gguf_writer_new(&w));
    assert_ok(graft_gguf_set_string(w, "general.architecture", arch, strlen(arch)));
    snprintf(key, sizeof key, "%s.attention.head_count", arch);
    assert_ok(graft_gguf_set_u32(w, key, N_HEAD));
    snprintf(key, sizeof key, "%s.attention.head_count_kv", arch);
    assert_ok(graft_gguf_set_u32(w, key, N_KV));
    for (size_t i = 0; i < sizeof tensors / sizeof *tensors; i++) {
        uint32_t n_dims = strstr(tensors[i].name, "norm") != NULL ? 1 : 2;
        assert_ok(graft_gguf_add_tensor(w, tensors[i].name, &graft_format_f32, n_dims,
                                        tensors[i].ne, zeros));
    }
    const char *path = test_temp_path(name);
    assert_ok(graft_gguf_write(w, path));
    graft_gguf_writer_free(w);
    assert_ok(graft_gguf_open(&file, path));
    return file;
}

/* Maps for q, k, up and down; values tell where they stand. */
static float numbers[8][64];
static graft_export_map maps[4] = {
    {"blk.0.attn_q.weight", numbers[0], numbers[1], 2, N_EMBD, N_EMBD, 4.0},
    {"blk.0.attn_k.weight", numbers[2], numbers[3], 2, N_EMBD, N_KV_OUT, 4.0},
    {"blk.0.ffn_up.weight", numbers[4], numbers[5], 2, N_EMBD, N_FF, 4.0},
    {"blk.0.ffn_down.weight", numbers[6], numbers[7], 2, N_FF, N_EMBD, 4.0},
};
static graft_export_adapter sample(void)
{
    static const size_t ranks[4] = {2, 2, 2, 2};
    for (int f = 0; f < 8; f++) {
        for (int i = 0; i < 64; i++) {
            numbers[f][i] = (float)(f * 100 + i) * 0.125f - 3;
        }
    }
    for (size_t i = 0; i < 4; i++) {
        maps[i].rank = ranks[i];
        maps[i].scale = 4.0;
    }
    return (graft_export_adapter){.maps = maps, .n_maps = 4, .alpha = 8, .arch = "llama",
                                  .n_head = N_HEAD, .n_kv = N_KV, .base_name = "tiny",
                                  .recipe = "lora_r: 2\n"};
}

static void write_with(const char *exporter, const graft_export_adapter *adapter, const char *to)
{
    const graft_exporter *e = graft_exporter_find(exporter);
    assert_non_null(e);
    assert_ok(e->write(adapter, to));
}

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
    graft_export_adapter adapter = sample();
    graft_gguf *base = make_base("base.gguf", "llama"), *file;
    graft_loaded_adapter loaded;
    graft_gguf_string text = {0};
    double alpha = 0;
    write_with("adapter", &adapter, folder("g"));
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
    assert_memory_equal(b->data, numbers[5], b->n_bytes); /* alpha / rank is the scale: bits stay */
    assert_int_equal(graft_gguf_n_tensors(file), 8);
    graft_gguf_close(file);
    assert_ok(graft_adapter_load(&loaded, test_temp_path("g/adapter.gguf"), base));
    assert_true(loaded.alpha == 8);
    assert_true(loaded.maps[0].scale == 4);
    assert_same_effect(&loaded, &adapter);
    assert_memory_equal(loaded.maps[1].b, numbers[3], 2 * N_KV_OUT * sizeof(float));
    graft_loaded_adapter_clear(&loaded);
    graft_loaded_adapter_clear(NULL);
    graft_gguf_close(base);
}

static void a_peft_folder_reads_back(void **state)
{
    (void)state;
    graft_export_adapter adapter = sample();
    graft_gguf *base = make_base("base.gguf", "llama");
    graft_loaded_adapter loaded;
    graft_safetensors *file;
    write_with("peft", &adapter, folder("p"));
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
        assert_memory_equal(t->data + row * 8, numbers[1] + order[row] * 2, 8);
    }
    t = graft_safetensors_find(file,
                               "base_model.model.model.layers.0.self_attn.k_proj.lora_B.weight");
    assert_memory_equal(t->data + 8, numbers[3] + 4, 8);
    t = graft_safetensors_find(file, "base_model.model.model.layers.0.mlp.down_proj.lora_A.weight");
    assert_memory_equal(t->data, numbers[6], t->n_bytes);
    graft_safetensors_close(file);
    assert_ok(graft_adapter_load(&loaded, test_temp_path("p"), base));
    assert_same_effect(&loaded, &adapter);
    assert_memory_equal(loaded.maps[0].b, numbers[1], 2 * N_EMBD * sizeof(float));
    assert_true(loaded.maps[0].scale == 4 && loaded.alpha == 8);
    graft_loaded_adapter_clear(&loaded);
    graft_gguf_close(base);
}

static void other_architectures_keep_their_rows(void **state)
{
    (void)state;
    graft_export_adapter adapter = sample();
    graft_gguf *base = make_base("qwen.gguf", "qwen2");
    graft_loaded_adapter loaded;
    graft_safetensors *file;
    adapter.arch = "qwen2";
    write_with("peft", &adapter, folder("q"));
    assert_ok(graft_safetensors_open(&file, test_temp_path("q/adapter_model.safetensors")));
    const graft_safetensors_tensor *t = graft_safetensors_find(
        file, "base_model.model.model.layers.0.self_attn.q_proj.lora_B.weight");
    assert_memory_equal(t->data, numbers[1], t->n_bytes);
    graft_safetensors_close(file);
    assert_ok(graft_adapter_load(&loaded, test_temp_path("q"), base));
    assert_same_effect(&loaded, &adapter);
    graft_loaded_adapter_clear(&loaded);
    graft_gguf_close(base);
    adapter.arch = "mamba";
    assert_fails(graft_exporter_find("peft")->write(&adapter, folder("q")), GRAFT_E_FAILED,
                 "architecture \"mamba\"");
    base = make_base("mamba.gguf", "mamba");
    assert_fails(graft_adapter_load(&loaded, test_temp_path("q"), base), GRAFT_E_MODEL, "\"mamba\"");
    graft_gguf_close(base);
}

/* Scales that alpha / rank cannot express, and ranks that differ. */
static void scales_are_folded(void **state)
{
    (void)state;
    graft_export_adapter adapter = sample();
    graft_gguf *base = make_base("base.gguf", "llama");
    graft_loaded_adapter loaded;
    maps[0].scale = 8 / sqrt(2.0); /* rank-stabilised */
    maps[1].scale = 0.1;
    maps[2].rank = 1;
    maps[3].rank = 3;
    write_with("adapter", &adapter, folder("f"));
    assert_ok(graft_adapter_load(&loaded, test_temp_path("f/adapter.gguf"), base));
    assert_same_effect(&loaded, &adapter);
    assert_true(loaded.maps[2].scale == 8);
    graft_loaded_adapter_clear(&loaded);
    write_with("peft", &adapter, test_temp_path("f"));
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
    graft_export_adapter adapter = sample();
    const char *dir = folder("c");
    write_with("peft", &adapter, dir);
    assert_config(dir, "target_modules", "[\"q_proj\",\"k_proj\",\"up_proj\",\"down_proj\"]");
    assert_config(dir, "r", "2");
    assert_config(dir, "lora_alpha", "8");
    assert_config(dir, "rank_pattern", "{}");
    assert_config(dir, "base_model_name_or_path", "\"tiny\"");
    assert_config(dir, "modules_to_save", "null");
    maps[2].rank = 4;
    adapter.alpha = 0.5;
    adapter.base_name = NULL;
    write_with("peft", &adapter, dir);
    assert_config(dir, "rank_pattern", "{\"model.layers.0.mlp.up_proj\":4}");
    assert_config(dir, "lora_alpha", "0.5");
    assert_config(dir, "base_model_name_or_path", "null");
    maps[1].name = "blk.1.attn_q.weight"; /* q in two layers, the others in one */
    maps[1].n_out = N_EMBD;
    write_with("peft", &adapter, dir);
    assert_config(dir, "target_modules",
                  "[\"model.layers.0.self_attn.q_proj\",\"model.layers.1.self_attn.q_proj\","
                  "\"model.layers.0.mlp.up_proj\",\"model.layers.0.mlp.down_proj\"]");
    maps[1].name = "blk.0.attn_k.weight";
    maps[1].n_out = N_KV_OUT;
}

static void what_cannot_be_written_is_named(void **state)
{
    (void)state;
    const char *dir = folder("n");
    for (size_t i = 0; graft_exporters[i] != NULL; i++) {
        const graft_exporter *e = graft_exporters[i];
        graft_export_adapter adapter = sample();
        numbers[5][3] = NAN;
        assert_fails(e->write(&adapter, dir), GRAFT_E_NUMERICS,
                     "adapter of \"blk.0.ffn_up.weight\": element 3 of B is not finite");
        adapter = sample();
        numbers[0][0] = INFINITY;
        assert_fails(e->write(&adapter, dir), GRAFT_E_NUMERICS, "element 0 of A is not finite");
        adapter = sample();
        maps[1].scale = 1e20;
        numbers[3][1] = 1e30f;
        assert_fails(e->write(&adapter, dir), GRAFT_E_NUMERICS, "element 1 of B, scaled,");
        adapter = sample();
        maps[1].scale = NAN;
        assert_fails(e->write(&adapter, dir), GRAFT_E_NUMERICS, "its scale is not finite");
        adapter = sample();
        adapter.alpha = 0;
        assert_fails(e->write(&adapter, dir), GRAFT_E_FAILED, "alpha is 0; it must be positive");
        adapter = sample();
        adapter.n_maps = 0;
        assert_fails(e->write(&adapter, dir), GRAFT_E_FAILED, "the adapter is empty");
        adapter = sample();
        maps[1].name = maps[0].name;
        assert_fails(e->write(&adapter, dir), GRAFT_E_FAILED, "two maps for \"blk.0.attn_q.weight\"");
        maps[1].name = "blk.0.attn_k.weight";
        assert_false(graft_path_exists(test_temp_path("n/adapter.gguf")));
        assert_false(graft_path_exists(test_temp_path("n/adapter_model.safetensors")));
    }
    graft_export_adapter adapter = sample();
    maps[0].name = "blk.0.attn_qkv.weight";
    assert_fails(graft_exporter_find("peft")->write(&adapter, dir), GRAFT_E_FAILED,
                 "\"blk.0.attn_qkv.weight\" has no counterpart");
    maps[0].name = "blk.0.attn_q.weight";
    assert_null(graft_exporter_find("onnx"));
}

/* --- files that must be refused --- */

typedef struct factor {
    const char *name;
    uint64_t rows, row;
} factor;

/* A PEFT folder with this configuration and these tensors (all 0.5). */
static const char *peft_folder(const char *config, const factor *factors, size_t n)
{
    static float values[64];
    const char *dir = folder("bad_peft");
    graft_safetensors_writer *w;
    for (size_t i = 0; i < 64; i++) {
        values[i] = 0.5f;
    }
    assert_ok(graft_file_write(test_temp_path("bad_peft/adapter_config.json"), config,
                               strlen(config)));
    assert_ok(graft_safetensors_writer_new(&w));
    for (size_t i = 0; i < n; i++) {
        assert_ok(graft_safetensors_add(w, factors[i].name, 2,
                                        (const uint64_t[2]){factors[i].rows, factors[i].row},
                                        values));
    }
    assert_ok(graft_safetensors_write(w, test_temp_path("bad_peft/adapter_model.safetensors")));
    graft_safetensors_writer_free(w);
    return dir;
}

#define Q "base_model.model.model.layers.0.self_attn.q_proj"
static const factor good_factors[2] = {{Q ".lora_A.weight", 2, 8}, {Q ".lora_B.weight", 8, 2}};
static const char good_config[] = "{\"peft_type\":\"LORA\",\"r\":2,\"lora_alpha\":4}";

static void peft_settings_are_judged(void **state)
{
    (void)state;
    static const struct {
        const char *config, *message;
    } cases[] = {
        {"{", "adapter_config.json: at byte 1: the text ends"},
        {"{}", "adapter_config.json: peft_type is missing; only LORA"},
        {"{\"peft_type\":\"IA3\"}", "peft_type is IA3; only LORA is supported"},
        {"{\"peft_type\":\"LORA\"}", "r is not a positive integer"},
        {"{\"peft_type\":\"LORA\",\"r\":0,\"lora_alpha\":1}", "r is not a positive integer"},
        {"{\"peft_type\":\"LORA\",\"r\":2}", "lora_alpha is not a positive number"},
        {"{\"peft_type\":\"LORA\",\"r\":2,\"lora_alpha\":\"8\"}", "lora_alpha is not a positive"},
        {"{\"peft_type\":\"LORA\",\"r\":2,\"lora_alpha\":-1}", "lora_alpha is not a positive"},
        {"{\"peft_type\":\"LORA\",\"r\":2,\"lora_alpha\":4,\"use_dora\":true}", "use_dora is set"},
        {"{\"peft_type\":\"LORA\",\"r\":2,\"lora_alpha\":4,\"bias\":\"all\"}",
         "bias is \"all\"; trained biases are not supported"},
        {"{\"peft_type\":\"LORA\",\"r\":2,\"lora_alpha\":4,\"modules_to_save\":[\"lm_head\"]}",
         "modules_to_save is set, which is not supported"},
        {"{\"peft_type\":\"LORA\",\"r\":2,\"lora_alpha\":4,\"fan_in_fan_out\":true}",
         "fan_in_fan_out is set"},
        {"{\"peft_type\":\"LORA\",\"r\":2,\"lora_alpha\":4,\"rank_pattern\":[1]}",
         "rank_pattern is not an object"},
        {"{\"peft_type\":\"LORA\",\"r\":2,\"lora_alpha\":4,\"rank_pattern\":{\"q\":0}}",
         "rank_pattern: \"q\" is not a positive number"},
        {"{\"peft_type\":\"LORA\",\"r\":2,\"lora_alpha\":4,\"alpha_pattern\":{\"^q.*\":1}}",
         "alpha_pattern: \"^q.*\" is a regular expression"},
        {"{\"peft_type\":\"LORA\",\"r\":3,\"lora_alpha\":4}",
         "\"model.layers.0.self_attn.q_proj\" has rank 2, but adapter_config.json says 3"},
        {"{\"peft_type\":\"LORA\",\"r\":2,\"lora_alpha\":4,\"rank_pattern\":{\"q_proj\":5}}",
         "has rank 2, but adapter_config.json says 5"},
    };
    graft_gguf *base = make_base("base.gguf", "llama");
    graft_loaded_adapter loaded;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        assert_fails(graft_adapter_load(&loaded, peft_folder(cases[i].config, good_factors, 2), base),
                     GRAFT_E_MODEL, cases[i].message);
        assert_null(loaded.maps);
    }
    static const struct {
        const char *config;
        double scale;
    } good[] = {
        {good_config, 2},
        {"{\"peft_type\":\"LORA\",\"r\":2,\"lora_alpha\":4,\"use_rslora\":true}", 2.8284271247461903},
        {"{\"peft_type\":\"LORA\",\"r\":8,\"lora_alpha\":4,\"rank_pattern\":{\"k_proj\":3,"
         "\"q_proj\":2},\"alpha_pattern\":{\"model.layers.0.self_attn.q_proj\":1}}", 0.5},
        {"{\"peft_type\":\"LORA\",\"r\":2,\"lora_alpha\":4.0,\"alpha_pattern\":{\"_proj\":1},"
         "\"modules_to_save\":null,\"bias\":\"none\",\"layer_replication\":null}", 2},
    };
    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        assert_ok(graft_adapter_load(&loaded, peft_folder(good[i].config, good_factors, 2), base));
        assert_true(fabs(loaded.maps[0].scale - good[i].scale) < 1e-15);
        graft_loaded_adapter_clear(&loaded);
    }
    graft_gguf_close(base);
}

static void peft_tensors_are_judged(void **state)
{
    (void)state;
#define P "base_model.model."
    static const struct {
        factor extra;
        const char *message;
    } cases[] = {
        {{Q ".lora_magnitude_vector", 8, 1}, "DoRA is not supported"},
        {{P "model.embed_tokens.lora_embedding_A", 2, 8}, "adapters of embeddings are not"},
        {{P "lm_head.base_layer.weight", 8, 8}, "save_embedding_layers=False"},
        {{P "model.norm.modules_to_save.weight", 8, 1}, "modules_to_save is not supported"},
        {{P "model.layers.0.mlp.up_proj.lora_B.bias", 6, 1}, "trained biases are not supported"},
        {{"model.layers.0.mlp.up_proj.lora_A.weight", 2, 8}, "is not a factor of a LoRA adapter"},
        {{P "model.layers.0.mlp.up_proj.weight", 6, 8}, "is not a factor of a LoRA adapter"},
        {{P "model.layers.0.mlp.q_proj.lora_A.weight", 2, 8},
         "module \"model.layers.0.mlp.q_proj\" is unknown"},
        {{P "model.layers.x.mlp.up_proj.lora_A.weight", 2, 8}, "is unknown"},
        {{P "model.layers.9.mlp.up_proj.lora_A.weight", 2, 8},
         "the base has no tensor \"blk.9.ffn_up.weight\""},
        {{P "model.layers.0.mlp.up_proj.lora_A.weight", 2, 7},
         "\"blk.0.ffn_up.weight\": A is 2 x 7, but the base is 6 x 8"},
        {{P "model.layers.0.mlp.up_proj.lora_B.weight", 8, 2}, "B is 8 x 2, but the base is 6 x 8"},
        {{P "model.layers.0.mlp.up_proj.lora_A.weight", 0, 8}, "A is 0 x 8, but the base is 6 x 8"},
        {{P "model.layers.0.mlp.up_proj.lora_A.weight", 2, 8},
         "\"blk.0.ffn_up.weight\": B is missing"},
        {{P "model.layers.0.mlp.up_proj.lora_B.weight", 6, 2}, "A is missing"},
        {{Q ".lora_A.default.weight", 2, 8}, "\"blk.0.attn_q.weight\": A is there twice"},
    };
    graft_gguf *base = make_base("base.gguf", "llama");
    graft_loaded_adapter loaded;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const factor factors[3] = {good_factors[0], good_factors[1], cases[i].extra};
        assert_fails(graft_adapter_load(&loaded, peft_folder(good_config, factors, 3), base),
                     GRAFT_E_MODEL, cases[i].message);
        assert_contains(graft_error_message(), "adapter_model.safetensors: ");
        assert_null(loaded.maps);
    }
    const factor ranks[2] = {good_factors[0], {Q ".lora_B.weight", 8, 3}};
    assert_fails(graft_adapter_load(&loaded, peft_folder(good_config, ranks, 2), base), GRAFT_E_MODEL,
                 "A has rank 2, B has rank 3");
    assert_fails(graft_adapter_load(&loaded, peft_folder(good_config, ranks, 0), base), GRAFT_E_MODEL,
                 "it adapts no tensor");
    assert_ok(graft_file_remove(test_temp_path("bad_peft/adapter_model.safetensors")));
    assert_fails(graft_adapter_load(&loaded, test_temp_path("bad_peft"), base), GRAFT_E_DISK,
                 "adapter_model.safetensors: cannot open");
    test_temp_file("bad_peft/adapter_model.bin", "x", 1);
    assert_fails(graft_adapter_load(&loaded, test_temp_path("bad_peft"), base), GRAFT_E_MODEL,
                 "adapter_model.bin: pickled weights are not read");
    assert_fails(graft_adapter_load(&loaded, folder("nothing"), base), GRAFT_E_DISK,
                 "adapter_config.json: cannot open");
    graft_gguf_close(base);
}

/* An adapter GGUF with two factors of q and what `spoil` changes. */
typedef struct spoiled {
    const char *type, *kind, *arch, *name_a;
    uint64_t ne_a[4];
    float value;
    uint32_t n_dims;
    const char *message;
} spoiled;

static void gguf_adapters_are_judged(void **state)
{
    (void)state;
#define G "blk.0.attn_q.weight"
    static const spoiled cases[] = {
        {"model", "lora", "llama", G ".lora_a", {8, 2}, 0, 2, "general.type is \"model\", not \"adapter\""},
        {"adapter", "ia3", "llama", G ".lora_a", {8, 2}, 0, 2, "adapter.type is \"ia3\", not \"lora\""},
        {"adapter", "lora", "qwen2", G ".lora_a", {8, 2}, 0, 2,
         "general.architecture is \"qwen2\", not \"llama\""},
        {"adapter", "lora", "llama", G ".lora_c", {8, 2}, 0, 2, "is neither .lora_a nor .lora_b"},
        {"adapter", "lora", "llama", G ".lora_magnitude", {8, 1}, 0, 2, "DoRA is not supported"},
        {"adapter", "lora", "llama", G ".lora_a", {8, 2}, 0, 1, "has 1 dimensions instead of 2"},
        {"adapter", "lora", "llama", G ".lora_a", {7, 2}, 0, 2, "A is 2 x 7, but the base is 8 x 8"},
        {"adapter", "lora", "llama", G ".lora_a", {8, 3}, 0, 2, "A has rank 3, B has rank 2"},
        {"adapter", "lora", "llama", "blk.7.attn_q.weight.lora_a", {8, 2}, 0, 2,
         "the base has no tensor \"blk.7.attn_q.weight\""},
        {"adapter", "lora", "llama", "token_embd.weight.lora_a", {8, 2}, 0, 2,
         "adapters of embeddings are not supported"},
        {"adapter", "lora", "llama", "blk.0.attn_norm.weight.lora_a", {8, 1}, 0, 2,
         "is not a matrix; only linear maps can be adapted"},
        {"adapter", "lora", "llama", "blk.0.ffn_up.weight.lora_a", {8, 2}, 0, 2, ": A is missing"},
        {"adapter", "lora", "llama", G ".lora_a", {8, 2}, NAN, 2, "element 0 of A is not finite"},
        {"adapter", "lora", "llama", G ".lora_a", {8, 2}, INFINITY, 2, "element 0 of A is not finite"},
        {"adapter", "lora", "llama", G ".lora_a", {8, 2}, 1, 2, NULL},
    };
    graft_gguf *base = make_base("base.gguf", "llama");
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const spoiled *c = &cases[i];
        static float values[64];
        graft_gguf_writer *w;
        graft_loaded_adapter loaded;
        values[0] = c->value;
        assert_ok(graft_gguf_writer_new(&w));
        assert_ok(graft_gguf_set_string(w, "general.type", c->type, strlen(c->type)));
        assert_ok(graft_gguf_set_string(w, "adapter.type", c->kind, strlen(c->kind)));
        assert_ok(graft_gguf_set_string(w, "general.architecture", c->arch, strlen(c->arch)));
        assert_ok(graft_gguf_add_tensor(w, G ".lora_b", &graft_format_f32, 2,
                                        (const uint64_t[4]){2, 8}, numbers[0]));
        assert_ok(graft_gguf_add_tensor(w, c->name_a, &graft_format_f32, c->n_dims, c->ne_a, values));
        assert_ok(graft_gguf_write(w, test_temp_path("spoiled.gguf")));
        graft_gguf_writer_free(w);
        graft_status status = graft_adapter_load(&loaded, test_temp_path("spoiled.gguf"), base);
        if (c->message != NULL) {
            assert_fails(status, GRAFT_E_MODEL, c->message);
            assert_contains(graft_error_message(), "spoiled.gguf: ");
            assert_null(loaded.maps);
        } else {
            assert_ok(status);
            assert_true(loaded.maps[0].scale == 1); /* no alpha */
            graft_loaded_adapter_clear(&loaded);
        }
    }
    graft_loaded_adapter loaded;
    assert_fails(graft_adapter_load(&loaded, graft_gguf_path(base), base), GRAFT_E_MODEL,
                 "key \"general.type\" is missing");
    assert_fails(graft_adapter_load(&loaded, test_temp_path("none"), base), GRAFT_E_DISK, "none: ");
    graft_gguf_close(base);
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
    graft_export_adapter adapter = sample();
    graft_gguf *base = make_base("base.gguf", "llama");
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
        write_with("adapter", &adapter, folder("w"));
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
    graft_export_adapter adapter = sample();
    graft_gguf *base = make_base("base.gguf", "llama");
    graft_loaded_adapter loaded;
    write_with("peft", &adapter, folder("m"));
    write_with("adapter", &adapter, test_temp_path("m"));
    const char *paths[2] = {test_temp_path("m"), test_temp_path("m/adapter.gguf")};
    for (size_t p = 0; p < 2; p++) {
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
        cmocka_unit_test(a_peft_folder_reads_back),
        cmocka_unit_test(other_architectures_keep_their_rows),
        cmocka_unit_test(scales_are_folded),
        cmocka_unit_test(the_config_says_what_is_adapted),
        cmocka_unit_test(what_cannot_be_written_is_named),
        cmocka_unit_test(peft_settings_are_judged),
        cmocka_unit_test(peft_tensors_are_judged),
        cmocka_unit_test(gguf_adapters_are_judged),
        cmocka_unit_test(another_base_is_warned_of),
        cmocka_unit_test(loading_fails_without_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
