/* export/load_gguf.c - an adapter GGUF as llama.cpp reads it, back into plain maps. */
#include <inttypes.h>
#include <string.h>

#include "core/memory.h"
#include "core/strings.h"
#include "export/load.h"
#include "io/files.h"

/* A key that must be a certain text; absent is as wrong as another. */
static graft_status expect(const graft_gguf *file, const char *key, const char *text)
{
    graft_status status = GRAFT_OK;
    graft_gguf_string found = {0};
    GRAFT_TRY(graft_gguf_get_string(file, key, &found));
    if (!graft_gguf_string_is(found, text)) {
        return graft_fail(GRAFT_E_MODEL, "%s: %s is \"%.*s\", not \"%s\"", graft_gguf_path(file), key,
                          (int)(found.len < 64 ? found.len : 64), found.data, text);
    }
done:
    return status;
}

/* What graft wrote of how the adapter was made; its own copy of a text. */
static graft_status take_text(const graft_gguf *file, const char *key, char **out)
{
    graft_gguf_string text = {NULL, 0};
    graft_status status = graft_gguf_want_string(file, key, &text);
    return status != GRAFT_OK || text.data == NULL ? status
                                                   : graft_strndup(out, text.data, text.len);
}

static graft_status take_origin(const graft_gguf *file, graft_loaded_adapter *out)
{
    graft_status status = GRAFT_OK;
    GRAFT_TRY(graft_gguf_want_u64(file, "graft.base_bytes", 1, UINT64_MAX, &out->base_bytes));
    GRAFT_TRY(graft_gguf_want_u64(file, "graft.context_length", 1, INT32_MAX, &out->context));
    GRAFT_TRY(take_text(file, "graft.base_sha256", &out->base_hash));
    GRAFT_TRY(take_text(file, "graft.base_model", &out->base_name));
    GRAFT_TRY(take_text(file, "graft.recipe", &out->recipe));
done:
    return status;
}

static graft_status check_kind(const graft_export__loading *l, const graft_gguf *file)
{
    graft_status status = GRAFT_OK;
    GRAFT_TRY(expect(file, "general.type", "adapter"));
    GRAFT_TRY(expect(file, "adapter.type", "lora"));
    GRAFT_TRY(expect(file, "general.architecture", l->arch));
    if (graft_gguf_find(file, "adapter.alora.invocation_tokens") != NULL) {
        return graft_fail(GRAFT_E_MODEL, "%s: an activated LoRA (aLoRA), which is not supported",
                          l->path);
    }
    GRAFT_TRY(take_origin(file, l->out));
done:
    return status;
}

/* One tensor: NAME.lora_a or NAME.lora_b. */
static graft_status take_tensor(graft_export__loading *l, const graft_gguf_tensor *t)
{
    graft_status status = GRAFT_OK;
    bool is_a = graft_str_ends_with(t->name, ".lora_a");
    char *name = NULL;
    if (!is_a && !graft_str_ends_with(t->name, ".lora_b")) {
        return graft_fail(GRAFT_E_MODEL, "tensor \"%s\" is neither .lora_a nor .lora_b%s", t->name,
                          strstr(t->name, "magnitude") != NULL ? " (there are no adapter files "
                          "of DoRAs; give the folder that PEFT wrote)" : "");
    }
    if (t->n_dims != 2) {
        return graft_fail(GRAFT_E_MODEL, "tensor \"%s\" has %" PRIu32 " dimensions instead of 2",
                          t->name, t->n_dims);
    }
    GRAFT_TRY(graft_strndup(&name, t->name, strlen(t->name) - strlen(".lora_a")));
    GRAFT_TRY(graft_export__take(l, name, is_a ? GRAFT_EXPORT_A : GRAFT_EXPORT_B, t->ne[1], t->ne[0],
                                 t->format, t->data));
done:
    graft_free(name);
    return status;
}

graft_status graft_export__load_gguf(graft_export__loading *loading)
{
    graft_status status = GRAFT_OK;
    graft_gguf *file = NULL;
    graft_loaded_adapter *out = loading->out;
    double alpha = 0;
    GRAFT_TRY(graft_gguf_open(&file, loading->path));
    GRAFT_TRY(check_kind(loading, file));
    GRAFT_TRY(graft_gguf_want_f64(file, "adapter.lora.alpha", &alpha));
    for (size_t i = 0; i < graft_gguf_n_tensors(file) && status == GRAFT_OK; i++) {
        status = take_tensor(loading, graft_gguf_tensor_at(file, i));
    }
    status = status == GRAFT_OK ? graft_export__check_pairs(loading) : status;
    if (status != GRAFT_OK) {
        status = graft_fail_prefix("%s", loading->path);
        goto done;
    }
    /* as the runtime has it: without alpha the factors are applied as they are */
    for (size_t i = 0; i < out->n_maps; i++) {
        out->maps[i].scale = alpha == 0 ? 1.0 : alpha / (double)out->maps[i].rank;
    }
    out->alpha = alpha == 0 ? (double)out->maps[0].rank : alpha;
done:
    graft_gguf_close(file);
    return status;
}
