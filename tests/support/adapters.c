#include "support/adapters.h"

#include <stdio.h>
#include <string.h>

#include "core/memory.h"
#include "io/files.h"
#include "support/test.h"

const char *tiny_dir(const char *name)
{
    const char *path = test_temp_path(name);
    assert_ok(graft_make_dirs(path));
    return path;
}

graft_gguf *tiny_base(const char *name, const char *arch)
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

float tiny_numbers[8][64];
graft_export_map tiny_maps[4] = {
    {"blk.0.attn_q.weight", tiny_numbers[0], tiny_numbers[1], 2, N_EMBD, N_EMBD, 4.0, NULL},
    {"blk.0.attn_k.weight", tiny_numbers[2], tiny_numbers[3], 2, N_EMBD, N_KV_OUT, 4.0, NULL},
    {"blk.0.ffn_up.weight", tiny_numbers[4], tiny_numbers[5], 2, N_EMBD, N_FF, 4.0, NULL},
    {"blk.0.ffn_down.weight", tiny_numbers[6], tiny_numbers[7], 2, N_FF, N_EMBD, 4.0, NULL},
};

graft_export_adapter tiny_adapter(void)
{
    static const size_t ranks[4] = {2, 2, 2, 2};
    for (int f = 0; f < 8; f++) {
        for (int i = 0; i < 64; i++) {
            tiny_numbers[f][i] = (float)(f * 100 + i) * 0.125f - 3;
        }
    }
    for (size_t i = 0; i < 4; i++) {
        tiny_maps[i].rank = ranks[i];
        tiny_maps[i].scale = 4.0;
    }
    return (graft_export_adapter){.maps = tiny_maps, .n_maps = 4, .alpha = 8, .arch = "llama",
                                  .n_head = N_HEAD, .n_kv = N_KV, .base_name = "tiny",
                                  .recipe = "lora_r: 2\n"};
}

graft_status tiny_export(const graft_exporter *exporter, const graft_export_adapter *adapter,
                         const char *to)
{
    const graft_export_job job = {.adapter = adapter};
    char *path = NULL;
    graft_status status = graft_path_join(&path, to, exporter->writes);
    if (status == GRAFT_OK) {
        status = exporter->write(&job, exporter->is_folder ? to : path);
    }
    graft_free(path);
    return status;
}

void tiny_write(const char *exporter, const graft_export_adapter *adapter, const char *to)
{
    const graft_exporter *e = graft_exporter_find(exporter);
    assert_non_null(e);
    assert_ok(tiny_export(e, adapter, to));
}
