/* Adapters that must be refused: PEFT folders and GGUF files, each with what is said of them. */
#include "support/adapters.h"
#include "support/test.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "core/memory.h"
#include "core/strings.h"
#include "export/export.h"
#include "io/files.h"
#include "io/json.h"
#include "io/safetensors.h"

#define LIST UINT64_MAX
/* row LIST: a list of `rows`. */
typedef struct factor {
    const char *name;
    uint64_t rows, row;
} factor;

static float odd_value = 0.5f; /* number 11 of every tensor */

static const char *folder(const char *name, const char *config, const char *weights,
                          const factor *factors, size_t n)
{
    static float values[64];
    const char *dir = tiny_dir(name);
    char *path = NULL;
    graft_safetensors_writer *w;
    for (size_t i = 0; i < 64; i++) {
        values[i] = i == 11 ? odd_value : 0.5f;
    }
    assert_ok(graft_path_join(&path, dir, "adapter_config.json"));
    assert_ok(graft_file_write(path, config, strlen(config)));
    graft_free(path);
    assert_ok(graft_path_join(&path, dir, weights));
    assert_ok(graft_safetensors_writer_new(&w));
    for (size_t i = 0; i < n; i++) {
        assert_ok(graft_safetensors_add(w, factors[i].name, factors[i].row == LIST ? 1 : 2,
                                        (const uint64_t[2]){factors[i].rows, factors[i].row},
                                        values));
    }
    assert_ok(graft_safetensors_write(w, path));
    graft_safetensors_writer_free(w);
    graft_free(path);
    return dir;
}

/* A PEFT folder with this configuration and these tensors (all 0.5). */
static const char *peft_folder(const char *config, const factor *factors, size_t n)
{
    return folder("bad_peft", config, "adapter_model.safetensors", factors, n);
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
        {"{\"peft_type\":\"LORA\",\"r\":2,\"lora_alpha\":4,\"use_dora\":true}",
         "there is no lora_magnitude_vector, but adapter_config.json says use_dora: true"},
        {"{\"peft_type\":\"LORA\",\"r\":2,\"lora_alpha\":4,\"use_dora\":1}",
         "use_dora is neither true nor false"},
        {"{\"peft_type\":\"LORA\",\"r\":2,\"lora_alpha\":4,\"use_rslora\":\"true\"}",
         "use_rslora is neither true nor false"},
        {"{\"peft_type\":\"LORA\",\"r\":2,\"lora_alpha\":4,\"init_lora_weights\":\"pissa_niter_4\"}",
         "init_lora_weights is \"pissa_niter_4\", whose adapters belong to a changed base"},
        {"{\"peft_type\":\"LORA\",\"r\":2,\"lora_alpha\":4,\"init_lora_weights\":1}",
         "init_lora_weights is neither true, false nor a name"},
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
    graft_gguf *base = tiny_base("base.gguf", "llama");
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
        {{Q ".lora_magnitude_vector", 8, 1}, "has 2 dimensions instead of 1"},
        {{Q ".lora_magnitude_vector", 8, LIST},
         "holds lora_magnitude_vector, but adapter_config.json says use_dora: false"},
        {{Q ".lora_magnitude_vector", 7, LIST}, "7 magnitudes, but the base has 8 rows"},
        {{P "model.layers.0.mlp.up_proj.lora_magnitude_vector", 6, LIST}, "A is missing"},
        {{P "model.layers.0.mlp.up_proj.lora_magnitude", 6, LIST}, "is not a factor of a LoRA"},
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
    graft_gguf *base = tiny_base("base.gguf", "llama");
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
    odd_value = NAN;
    assert_fails(graft_adapter_load(&loaded, peft_folder(good_config, good_factors, 2), base),
                 GRAFT_E_MODEL, "\"blk.0.attn_q.weight\": row 1, column 3 of A is not finite");
    odd_value = 0.5f;
    assert_ok(graft_file_remove(test_temp_path("bad_peft/adapter_model.safetensors")));
    assert_fails(graft_adapter_load(&loaded, test_temp_path("bad_peft"), base), GRAFT_E_DISK,
                 "adapter_model.safetensors: cannot open");
    test_temp_file("bad_peft/adapter_model.bin", "x", 1);
    assert_fails(graft_adapter_load(&loaded, test_temp_path("bad_peft"), base), GRAFT_E_MODEL,
                 "adapter_model.bin: pickled weights are not read");
    assert_fails(graft_adapter_load(&loaded, tiny_dir("nothing"), base), GRAFT_E_DISK,
                 "adapter_config.json: cannot open");
    graft_gguf_close(base);
}

/* A DoRA has magnitudes for all of its maps, once each. */
static void magnitudes_are_judged(void **state)
{
    static const char config[] =
        "{\"peft_type\":\"LORA\",\"r\":2,\"lora_alpha\":4,\"use_dora\":true}";
    const factor factors[6] = {good_factors[0], good_factors[1], {Q ".lora_magnitude_vector", 8, LIST},
                               {P "model.layers.0.mlp.up_proj.lora_A.weight", 2, 8},
                               {P "model.layers.0.mlp.up_proj.lora_B.weight", 6, 2},
                               {Q ".lora_magnitude_vector.default.weight", 8, LIST}};
    graft_gguf *base = tiny_base("base.gguf", "llama");
    graft_loaded_adapter loaded;
    (void)state;
    assert_ok(graft_adapter_load(&loaded, peft_folder(config, factors, 3), base));
    assert_true(loaded.maps[0].magnitude[7] == 0.5f);
    graft_loaded_adapter_clear(&loaded);
    assert_fails(graft_adapter_load(&loaded, peft_folder(config, factors, 5), base), GRAFT_E_MODEL,
                 "\"blk.0.ffn_up.weight\" has no magnitudes (DoRA), and others have");
    assert_fails(graft_adapter_load(&loaded, peft_folder(config, factors, 6), base), GRAFT_E_MODEL,
                 "\"blk.0.attn_q.weight\": its magnitudes are there twice");
    graft_gguf_close(base);
}

/* --- mlx-lm --- */

/* A folder of mlx-lm with this configuration and these tensors (all 0.5). */
static const char *mlx_folder(const char *config, const factor *factors, size_t n)
{
    return folder("bad_mlx", config, "adapters.safetensors", factors, n);
}

#define M "model.layers.0.self_attn.q_proj"
static const factor mlx_factors[2] = {{M ".lora_a", 8, 2}, {M ".lora_b", 2, 8}};
static const char mlx_config[] = "{\"lora_parameters\":{\"rank\":2,\"scale\":20.0}}";

static void mlx_settings_are_judged(void **state)
{
    (void)state;
    static const struct {
        const char *config, *message;
    } cases[] = {
        {"{", "adapter_config.json: at byte 1: the text ends"},
        {"{}", "adapter_config.json: lora_parameters is not an object"},
        {"{\"fine_tune_type\":\"dora\",\"lora_parameters\":{\"rank\":2,\"scale\":1}}",
         "holds no magnitudes, but adapter_config.json says fine_tune_type: dora"},
        {"{\"fine_tune_type\":\"full\"}", "these are weights and no adapter; fuse them (mlx_lm.fuse)"},
        {"{\"fine_tune_type\":7}", "fine_tune_type is not \"lora\""},
        {"{\"fine_tune_type\":\"ia3\"}", "fine_tune_type is not \"lora\""},
        {"{\"lora_parameters\":{\"scale\":1}}", "rank is not a positive integer"},
        {"{\"lora_parameters\":{\"rank\":0,\"scale\":1}}", "rank is not a positive integer"},
        {"{\"lora_parameters\":{\"rank\":2.5,\"scale\":1}}", "rank is not a positive integer"},
        {"{\"lora_parameters\":{\"rank\":2}}", "scale is not a positive number"},
        {"{\"lora_parameters\":{\"rank\":2,\"alpha\":16}}", "(mlx-lm reads scale and not alpha)"},
        {"{\"lora_parameters\":{\"rank\":2,\"scale\":-1}}", "scale is not a positive number"},
        {"{\"lora_parameters\":{\"rank\":2,\"scale\":\"1\"}}", "scale is not a positive number"},
        {"{\"lora_parameters\":{\"rank\":2,\"scale\":1e300}}", "scale is not a positive number"},
        {"{\"lora_parameters\":{\"rank\":3,\"scale\":1}}",
         "\"blk.0.attn_q.weight\" has rank 2, but adapter_config.json says 3"},
    };
    static const char *const good[] = {
        mlx_config, "{\"fine_tune_type\":\"lora\",\"lora_parameters\":{\"rank\":2,\"scale\":20}}",
        "{\"lora_parameters\":{\"rank\":2,\"scale\":20,\"alpha\":3},\"model\":\"/home/me/base\"}"};
    graft_gguf *base = tiny_base("base.gguf", "llama");
    graft_loaded_adapter loaded;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        assert_fails(graft_adapter_load(&loaded, mlx_folder(cases[i].config, mlx_factors, 2), base),
                     GRAFT_E_MODEL, cases[i].message);
        assert_null(loaded.maps);
    }
    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        assert_ok(graft_adapter_load(&loaded, mlx_folder(good[i], mlx_factors, 2), base));
        assert_true(loaded.maps[0].scale == 20 && loaded.alpha == 40);
        assert_null(loaded.base_name); /* where it lies on some machine is no name */
        graft_loaded_adapter_clear(&loaded);
    }
    graft_gguf_close(base);
}

static void mlx_tensors_are_judged(void **state)
{
    (void)state;
    static const struct {
        factor extra;
        const char *message;
    } cases[] = {
        {{M ".m", 8, LIST}, "holds magnitudes, but adapter_config.json says fine_tune_type: lora"},
        {{M ".m", 7, LIST}, "7 magnitudes, but the base has 8 rows"},
        {{M ".m", 8, 1}, "has 2 dimensions instead of 1"},
        {{M ".weight", 8, 8}, "is neither .lora_a nor .lora_b nor .m"},
        {{"model.embed_tokens.lora_a", 8, 2}, "adapters of embeddings are not supported"},
        {{"model.layers.0.mlp.q_proj.lora_a", 8, 2}, "module \"model.layers.0.mlp.q_proj\" is unknown"},
        {{"model.layers.9.mlp.up_proj.lora_a", 8, 2}, "no tensor \"blk.9.ffn_up.weight\""},
        {{"model.layers.0.mlp.up_proj.lora_a", 7, 2},
         "\"blk.0.ffn_up.weight\": A is 2 x 7, but the base is 6 x 8"},
        {{"model.layers.0.mlp.up_proj.lora_b", 2, 8}, "B is 8 x 2, but the base is 6 x 8"},
        {{"model.layers.0.mlp.up_proj.lora_a", 8, 0}, "A is 0 x 8, but the base is 6 x 8"},
        {{"model.layers.0.mlp.up_proj.lora_a", 8, 2}, "\"blk.0.ffn_up.weight\": B is missing"},
        {{"model.layers.0.mlp.up_proj.lora_b", 2, 6}, "A is missing"},
        {{"language_model." M ".lora_a", 8, 2}, "\"blk.0.attn_q.weight\": A is there twice"},
    };
    graft_gguf *base = tiny_base("base.gguf", "llama");
    graft_loaded_adapter loaded;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const factor factors[3] = {mlx_factors[0], mlx_factors[1], cases[i].extra};
        assert_fails(graft_adapter_load(&loaded, mlx_folder(mlx_config, factors, 3), base),
                     GRAFT_E_MODEL, cases[i].message);
        assert_contains(graft_error_message(), "adapters.safetensors: ");
        assert_null(loaded.maps);
    }
    assert_fails(graft_adapter_load(&loaded, mlx_folder(mlx_config, mlx_factors, 0), base),
                 GRAFT_E_MODEL, "it adapts no tensor");
    odd_value = INFINITY; /* number 11 of lora_a: row 5, column 1, which is row 1, column 5 of A */
    assert_fails(graft_adapter_load(&loaded, mlx_folder(mlx_config, mlx_factors, 2), base),
                 GRAFT_E_MODEL, "\"blk.0.attn_q.weight\": row 1, column 5 of A is not finite");
    odd_value = 0.5f;
    assert_ok(graft_file_remove(test_temp_path("bad_mlx/adapters.safetensors")));
    assert_fails(graft_adapter_load(&loaded, test_temp_path("bad_mlx"), base), GRAFT_E_MODEL,
                 "adapter_config.json: is mlx-lm's, and there is no adapters.safetensors beside it");
    graft_gguf_close(base);
}

/* --- GGUF --- */

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
        {"adapter", "lora", "llama", G ".lora_magnitude", {8, 1}, 0, 2,
         "there are no adapter files of DoRAs"},
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
        {"adapter", "lora", "llama", G ".lora_a", {8, 2}, NAN, 2, "row 0, column 0 of A is not finite"},
        {"adapter", "lora", "llama", G ".lora_a", {8, 2}, INFINITY, 2, "row 0, column 0 of A is not finite"},
        {"adapter", "lora", "llama", G ".lora_a", {8, 2}, 1, 2, NULL},
    };
    graft_gguf *base = tiny_base("base.gguf", "llama");
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
                                        (const uint64_t[4]){2, 8}, tiny_numbers[0]));
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

/* --- files that were cut off --- */

enum { LENGTHS = 64 };

/* The adapter at `path` (itself, or the folder that `file` is in) is whole; then `file` is cut. */
static void assert_cuts_are_refused(const char *path, const char *file, const graft_gguf *base)
{
    graft_loaded_adapter loaded;
    graft_text whole;
    char *name = NULL; /* test_temp_path's texts do not last */
    char *adapter = NULL;
    graft_text_init(&whole);
    assert_ok(graft_strdup(&name, file));
    assert_ok(graft_strdup(&adapter, path));
    assert_ok(graft_file_read(&whole, name, 1 << 20));
    assert_ok(graft_adapter_load(&loaded, adapter, base));
    graft_loaded_adapter_clear(&loaded);
    for (size_t i = 0; i < LENGTHS; i++) {
        assert_ok(graft_file_write(name, graft_text_z(&whole), whole.len * i / LENGTHS));
        assert_fails(graft_adapter_load(&loaded, adapter, base), GRAFT_E_MODEL, name);
        assert_null(loaded.maps);
        assert_null(loaded.base_hash);
    }
    assert_ok(graft_file_write(name, graft_text_z(&whole), whole.len));
    graft_text_clear(&whole);
    graft_free(name);
    graft_free(adapter);
}

static void truncated_adapters_are_refused(void **state)
{
    (void)state;
    graft_gguf *base = tiny_base("base.gguf", "llama");
    graft_export_adapter adapter = tiny_adapter();
    adapter.base_hash = "0123";
    tiny_write("adapter", &adapter, tiny_dir("cut"));
    tiny_write("peft", &adapter, tiny_dir("cut"));
    assert_cuts_are_refused(test_temp_path("cut/adapter.gguf"), test_temp_path("cut/adapter.gguf"),
                            base);
    assert_cuts_are_refused(test_temp_path("cut"), test_temp_path("cut/adapter_model.safetensors"),
                            base);
    assert_cuts_are_refused(test_temp_path("cut"), test_temp_path("cut/adapter_config.json"), base);
    tiny_write("mlx", &adapter, tiny_dir("short"));
    assert_cuts_are_refused(test_temp_path("short"), test_temp_path("short/adapters.safetensors"),
                            base);
    assert_cuts_are_refused(test_temp_path("short"), test_temp_path("short/adapter_config.json"), base);
    graft_gguf_close(base);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(peft_settings_are_judged),
        cmocka_unit_test(peft_tensors_are_judged),
        cmocka_unit_test(magnitudes_are_judged),
        cmocka_unit_test(mlx_settings_are_judged),
        cmocka_unit_test(mlx_tensors_are_judged),
        cmocka_unit_test(gguf_adapters_are_judged),
        cmocka_unit_test(truncated_adapters_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
