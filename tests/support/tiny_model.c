#include "support/tiny_model.h"

#include <stdio.h>
#include <string.h>

#include "core/memory.h"
#include "core/rng.h"
#include "io/gguf.h"
#include "support/test.h"

const tiny_options tiny_default = {2, 16, 4, 2, 24, 40, false, false, 1};

typedef struct builder {
    graft_gguf_writer *writer;
    float *data[128];
    size_t n;
    graft_rng rng;
} builder;

static void add(builder *b, const char *name, size_t n_out, size_t n_in, double mean, double size)
{
    uint64_t ne[4] = {n_in, n_out, 1, 1};
    size_t n = n_in * (n_out > 0 ? n_out : 1);
    float *values = NULL;
    assert_true(b->n < 128);
    assert_ok(graft_alloc(&values, n, sizeof *values));
    for (size_t i = 0; i < n; i++) {
        values[i] = (float)(mean + size * graft_rng_normal(&b->rng));
    }
    b->data[b->n++] = values;
    assert_ok(graft_gguf_add_tensor(b->writer, name, &graft_format_f32, n_out > 0 ? 2 : 1,
                                    (uint64_t[]){ne[0], n_out > 0 ? n_out : 1, 1, 1}, values));
}

static void add_block(builder *b, const tiny_options *o, size_t l)
{
    static const char *const parts[] = {"attn_q", "attn_k", "attn_v", "attn_output",
                                        "ffn_gate", "ffn_up", "ffn_down"};
    size_t n_k = o->n_embd / o->n_head * o->n_kv;
    size_t shapes[][2] = {{o->n_embd, o->n_embd}, {n_k, o->n_embd}, {n_k, o->n_embd},
                          {o->n_embd, o->n_embd}, {o->n_ff, o->n_embd}, {o->n_ff, o->n_embd},
                          {o->n_embd, o->n_ff}};
    char name[64];
    snprintf(name, sizeof name, "blk.%zu.attn_norm.weight", l);
    add(b, name, 0, o->n_embd, 1.0, 0.3);
    snprintf(name, sizeof name, "blk.%zu.ffn_norm.weight", l);
    add(b, name, 0, o->n_embd, 1.0, 0.3);
    for (size_t i = 0; i < 7; i++) {
        snprintf(name, sizeof name, "blk.%zu.%s.weight", l, parts[i]);
        add(b, name, shapes[i][0], shapes[i][1], 0.0, 0.3);
    }
}

static void add_hparams(builder *b, const tiny_options *o)
{
    graft_gguf_writer *w = b->writer;
    assert_ok(graft_gguf_set_string(w, "general.architecture", "llama", 5));
    assert_ok(graft_gguf_set_u32(w, "llama.block_count", (uint32_t)o->n_layer));
    assert_ok(graft_gguf_set_u32(w, "llama.embedding_length", (uint32_t)o->n_embd));
    assert_ok(graft_gguf_set_u32(w, "llama.feed_forward_length", (uint32_t)o->n_ff));
    assert_ok(graft_gguf_set_u32(w, "llama.attention.head_count", (uint32_t)o->n_head));
    assert_ok(graft_gguf_set_u32(w, "llama.attention.head_count_kv", (uint32_t)o->n_kv));
    assert_ok(graft_gguf_set_u32(w, "llama.context_length", 512));
    assert_ok(graft_gguf_set_f32(w, "llama.rope.freq_base", 100.0f));
    assert_ok(graft_gguf_set_f32(w, "llama.attention.layer_norm_rms_epsilon", 1e-5f));
}

const char *tiny_model(const char *name, const tiny_options *o)
{
    builder b = {.n = 0};
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
        add(&b, "rope_freqs.weight", 0, o->n_embd / o->n_head / 2, 4.0, 0.5);
    }
    for (size_t l = 0; l < o->n_layer; l++) {
        add_block(&b, o, l);
    }
    assert_ok(graft_gguf_write(b.writer, path));
    graft_gguf_writer_free(b.writer);
    for (size_t i = 0; i < b.n; i++) {
        graft_free(b.data[i]);
    }
    return path;
}
