/* convert/convert.c - a Hugging Face folder, opened. */
#include "convert/convert.h"

#include "convert/general.h"
#include "convert/tensors.h"
#include "convert/vocab.h"
#include "core/memory.h"
#include "io/files.h"

struct graft_hf {
    char *folder;
    graft_hf_model model;
    graft_hf_weights weights;
    graft_hf_vocab vocab;
    graft_hf_plan tensors;
    graft_arena arena; /* of the tensors */
};

graft_status graft_hf_open(graft_hf **out, const char *folder, const graft_hf_options *options)
{
    graft_status status = GRAFT_OK;
    graft_hf *hf = NULL;
    *out = NULL;
    GRAFT_TRY(graft_alloc(&hf, 1, sizeof *hf));
    graft_arena_init(&hf->arena, 1 << 16);
    GRAFT_TRY(graft_strdup(&hf->folder, folder));
    GRAFT_TRY(graft_hf_model_read(&hf->model, hf->folder));
    GRAFT_TRY(graft_hf_weights_open(&hf->weights, hf->folder));
    GRAFT_TRY(graft_hf_plan_make(&hf->tensors, &hf->weights, &hf->model, &hf->arena));
    GRAFT_TRY(graft_hf_vocab_read(&hf->vocab, &hf->model, hf->folder,
                                  options != NULL ? options->pre : NULL));
    *out = hf;
    hf = NULL;
done:
    graft_hf_close(hf);
    return status;
}

graft_file_fate graft_hf_fate(const graft_hf *hf, const char **path)
{
    graft_file_fate worst = GRAFT_FILE_SAME;
    for (size_t i = 0; i < hf->weights.n_files; i++) {
        graft_file_fate fate = graft_safetensors_fate(hf->weights.files[i]);
        if (fate > worst || i == 0) {
            worst = fate;
            *path = hf->weights.paths[i];
        }
    }
    return worst;
}

graft_status graft_hf_check_output(const graft_hf *hf, const char *path)
{
    graft_status status = GRAFT_OK;
    for (size_t i = 0; i < hf->weights.n_files; i++) {
        GRAFT_TRY(graft_path_check_output(path, hf->weights.paths[i]));
    }
done:
    return status;
}

void graft_hf_close(graft_hf *hf)
{
    if (hf == NULL) {
        return;
    }
    graft_hf_vocab_clear(&hf->vocab);
    graft_hf_weights_close(&hf->weights);
    graft_hf_model_clear(&hf->model);
    graft_arena_clear(&hf->arena);
    graft_free(hf->folder);
    graft_free(hf);
}

const graft_tensor_source *graft_hf_tensors(const graft_hf *hf, size_t *n)
{
    *n = hf->tensors.n;
    return hf->tensors.sources;
}

graft_mix_model graft_hf_mix_model(const graft_hf *hf)
{
    const graft_hf_dims *d = &hf->model.dims;
    return (graft_mix_model){.arch = hf->model.architecture->arch, .n_layer = d->n_layer,
                             .n_head = d->n_head, .n_kv = d->n_kv};
}

graft_status graft_hf_set_keys(const graft_hf *hf, graft_gguf_writer *file)
{
    graft_status status = GRAFT_OK;
    const graft_hf_architecture *architecture = hf->model.architecture;
    graft_hf_keys keys = {file, architecture->arch};
    uint64_t n_numbers = 0;
    for (size_t i = 0; i < hf->tensors.n; i++) {
        const uint64_t *ne = hf->tensors.sources[i].ne;
        n_numbers += ne[0] * ne[1] * ne[2] * ne[3];
    }
    GRAFT_TRY(graft_hf_key_text(&keys, "general.architecture", architecture->arch));
    if (graft_hf_is_ambiguous(architecture)) { /* where its adapters go (export/peft_names.h) */
        GRAFT_TRY(graft_hf_key_text(&keys, "graft.source_class", architecture->name));
    }
    GRAFT_TRY(graft_hf_general_keys(&hf->model.config, hf->folder, n_numbers, &keys));
    GRAFT_TRY(architecture->keys(&hf->model, &keys));
    GRAFT_TRY(graft_hf_vocab_keys(&hf->vocab, &keys));
done:
    return status;
}
