#include "support/tiny_model.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "core/memory.h"
#include "core/rng.h"
#include "io/gguf.h"
#include "support/test.h"

const tiny_options tiny_default = {2, 16, 4, 2, 24, 40, false, false, 1, NULL, NULL, NULL, NULL,
                                   NULL, 0, NULL};

typedef struct builder {
    const tiny_options *options;
    const char *arch;
    graft_gguf_writer *writer;
    float *data[128];
    size_t n;
    graft_rng rng;
} builder;

/* --- tensors --- */

static bool is_named(const char *wanted, const char *name)
{
    return wanted != NULL && strcmp(wanted, name) == 0;
}

/* n_out 0: a vector. */
static void add(builder *b, const char *name, size_t n_out, size_t n_in, double mean, double size)
{
    n_in += is_named(b->options->wider, name);
    size_t n = n_in * (n_out > 0 ? n_out : 1);
    float *values = NULL;
    if (is_named(b->options->without, name)) {
        return;
    }
    assert_true(b->n < sizeof b->data / sizeof *b->data);
    assert_ok(graft_alloc(&values, n, sizeof *values));
    for (size_t i = 0; i < n; i++) {
        values[i] = (float)(mean + size * graft_rng_normal(&b->rng));
    }
    b->data[b->n++] = values;
    assert_ok(graft_gguf_add_tensor(b->writer, name, &graft_format_f32, n_out > 0 ? 2 : 1,
                                    (uint64_t[]){n_in, n_out > 0 ? n_out : 1, 1, 1}, values));
}

static void add_part(builder *b, size_t l, const char *part, size_t n_out, size_t n_in)
{
    char name[64];
    snprintf(name, sizeof name, "blk.%zu.%s.weight", l, part);
    add(b, name, n_out, n_in, n_out == 0 ? 1.0 : 0.0, 0.3);
}

static void add_bias(builder *b, size_t l, const char *part, size_t n)
{
    char name[64];
    snprintf(name, sizeof name, "blk.%zu.%s.bias", l, part);
    add(b, name, 0, n, 0.0, 0.3);
}

static bool is_arch(const builder *b, const char *arch)
{
    return strcmp(b->arch, arch) == 0;
}

static bool is_gemma(const builder *b)
{
    return is_arch(b, "gemma2") || is_arch(b, "gemma3");
}

static void add_block(builder *b, const tiny_options *o, size_t l)
{
    size_t d = o->n_embd / o->n_head, n_k = d * o->n_kv;
    bool fused = is_arch(b, "phi3"), head_norms = is_arch(b, "qwen3") || is_arch(b, "gemma3");
    add_part(b, l, "attn_norm", 0, o->n_embd);
    add_part(b, l, "ffn_norm", 0, o->n_embd);
    if (is_gemma(b)) {
        add_part(b, l, "post_attention_norm", 0, o->n_embd);
        add_part(b, l, "post_ffw_norm", 0, o->n_embd);
    }
    if (head_norms) {
        add_part(b, l, "attn_q_norm", 0, d);
        add_part(b, l, "attn_k_norm", 0, d);
    }
    if (is_arch(b, "qwen2")) {
        add_bias(b, l, "attn_q", o->n_embd);
        add_bias(b, l, "attn_k", n_k);
        add_bias(b, l, "attn_v", n_k);
    }
    if (fused) {
        add_part(b, l, "attn_qkv", o->n_embd + 2 * n_k, o->n_embd);
    } else {
        add_part(b, l, "attn_q", o->n_embd, o->n_embd);
        add_part(b, l, "attn_k", n_k, o->n_embd);
        add_part(b, l, "attn_v", n_k, o->n_embd);
    }
    add_part(b, l, "attn_output", o->n_embd, o->n_embd);
    if (!fused) {
        add_part(b, l, "ffn_gate", o->n_ff, o->n_embd);
    }
    add_part(b, l, "ffn_up", fused ? 2 * o->n_ff : o->n_ff, o->n_embd);
    add_part(b, l, "ffn_down", o->n_embd, o->n_ff);
}

static void add_factors(builder *b, size_t n)
{
    if (is_arch(b, "phi3")) {
        add(b, "rope_factors_short.weight", 0, n, 2.0, 0.2);
        add(b, "rope_factors_long.weight", 0, n, 6.0, 0.5);
    } else {
        add(b, "rope_freqs.weight", 0, n, 4.0, 0.5);
    }
}

/* --- keys --- */

static const char *full_key(const builder *b, char key[96], const char *name)
{
    snprintf(key, 96, "%s.%s", b->arch, name);
    return key;
}

/* Whether the usual value is to be written. */
static bool is_usual(const builder *b, const char *name)
{
    return !is_named(b->options->without, name) && !is_named(b->options->key, name);
}

static void set_size(builder *b, const char *name, size_t value)
{
    char key[96];
    if (is_usual(b, name)) {
        assert_ok(graft_gguf_set_u32(b->writer, full_key(b, key, name), (uint32_t)value));
    }
}

static void set_number(builder *b, const char *name, double value)
{
    char key[96];
    if (is_usual(b, name)) {
        assert_ok(graft_gguf_set_f32(b->writer, full_key(b, key, name), (float)value));
    }
}

static void set_other(builder *b, const tiny_options *o)
{
    char key[96];
    bool whole = o->value >= 0 && o->value <= UINT32_MAX && o->value == floor(o->value);
    if (o->key == NULL) {
        return;
    }
    full_key(b, key, o->key);
    if (o->text != NULL) {
        assert_ok(graft_gguf_set_string(b->writer, key, o->text, strlen(o->text)));
    } else if (whole) {
        assert_ok(graft_gguf_set_u32(b->writer, key, (uint32_t)o->value));
    } else {
        assert_ok(graft_gguf_set_f32(b->writer, key, (float)o->value));
    }
}

static void add_hparams(builder *b, const tiny_options *o)
{
    assert_ok(graft_gguf_set_string(b->writer, "general.architecture", b->arch, strlen(b->arch)));
    set_size(b, "block_count", o->n_layer);
    set_size(b, "embedding_length", o->n_embd);
    set_size(b, "feed_forward_length", o->n_ff);
    set_size(b, "attention.head_count", o->n_head);
    set_size(b, "attention.head_count_kv", o->n_kv);
    set_size(b, "context_length", 512);
    set_number(b, "rope.freq_base", 100.0);
    set_number(b, "attention.layer_norm_rms_epsilon", 1e-5);
    if (is_gemma(b)) { /* so that both kinds of layers are there, and caps are felt */
        set_size(b, "attention.sliding_window", 3);
        set_size(b, "attention.sliding_window_pattern", 2);
        set_number(b, "final_logit_softcapping", 3.0);
    }
    if (is_arch(b, "gemma2")) {
        set_number(b, "attn_logit_softcapping", 2.0);
    } else if (is_arch(b, "granite")) {
        set_number(b, "logit_scale", 2.0);
        set_number(b, "embedding_scale", 3.0);
        set_number(b, "residual_scale", 0.6);
        set_number(b, "attention.scale", 0.4);
    }
    set_other(b, o);
}

const char *tiny_model(const char *name, const tiny_options *o)
{
    builder b = {.options = o, .arch = o->arch == NULL ? "llama" : o->arch};
    const char *path = test_temp_path(name);
    graft_rng_init(&b.rng, o->seed, GRAFT_RNG_TEST, 0);
    assert_ok(graft_gguf_writer_new(&b.writer));
    add_hparams(&b, o);
    add(&b, "token_embd.weight", o->n_vocab, o->n_embd, 0.0, 0.5);
    add(&b, "output_norm.weight", 0, o->n_embd, 1.0, 0.3);
    if (o->untied) {
        add(&b, "output.weight", o->n_vocab, o->n_embd, 0.0, 0.5);
    }
    if (o->rope_factors) {
        add_factors(&b, o->n_embd / o->n_head / 2);
    }
    for (size_t l = 0; l < o->n_layer; l++) {
        add_block(&b, o, l);
    }
    if (o->extra != NULL) {
        add(&b, o->extra, 0, 4, 4.0, 0.5);
    }
    assert_ok(graft_gguf_write(b.writer, path));
    graft_gguf_writer_free(b.writer);
    for (size_t i = 0; i < b.n; i++) {
        graft_free(b.data[i]);
    }
    return path;
}
