/* verify_gguf.c - GGUF files: models, whole or in parts, adapters, importance matrices. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "export/importance.h"
#include "io/files.h"
#include "model/model.h"
#include "run/session.h"
#include "run/verify.h"
#include "tokenizer/tokenizer.h"

static bool is_gguf(const graft_verify_look *look)
{
    return !look->is_folder && (graft_str_ends_with(look->name, ".gguf") ||
                                (look->n_head >= 4 && memcmp(look->head, "GGUF", 4) == 0));
}

/* Every block of every tensor. */
static graft_status check_numbers(graft_verify_job *job, graft_verify_object *o,
                                  const graft_gguf *file)
{
    graft_status status = GRAFT_OK;
    char name[320];
    for (size_t i = 0; i < graft_gguf_n_tensors(file); i++) {
        const graft_gguf_tensor *t = graft_gguf_tensor_at(file, i);
        const char *part;
        uint64_t offset = graft_gguf_offset(file, t->data, &part);
        bool elsewhere = graft_gguf_n_parts(file) > 1;
        snprintf(name, sizeof name, "%s%s%s", elsewhere ? part : "", elsewhere ? ": " : "",
                 t->name);
        GRAFT_TRY(job->hooks != NULL ? graft_hooks_check(job->hooks) : GRAFT_OK);
        GRAFT_TRY(graft_verify__tensor(o, name, t->format, t->data, t->n_bytes, t->ne[0], offset));
        graft_mapped_forget(t->data, t->n_bytes);
    }
    GRAFT_TRY(graft_verify__fact(o, "%zu tensors", graft_gguf_n_tensors(file)));
done:
    return status;
}

static graft_status check_seal(graft_verify_object *o, const graft_gguf *file)
{
    graft_status status = GRAFT_OK;
    bool sealed = false, ours = false;
    GRAFT_TRY(graft_verify__judge(o, graft_gguf_check_seal(file, &sealed)));
    for (size_t i = 0; i < graft_gguf_n_kv(file); i++) {
        graft_gguf_string key = graft_gguf_kv_at(file, i)->key;
        ours = ours || (key.len > 6 && memcmp(key.data, "graft.", 6) == 0);
    }
    if (sealed && o->n_problems == 0) {
        GRAFT_TRY(graft_verify__fact(o, "matches its digest"));
    } else if (ours && !sealed && strcmp(o->kind, "adapter") == 0) {
        /* one changed byte in the name of that key would hide all others */
        GRAFT_TRY(graft_verify__problem(o, GRAFT_E_MODEL, "has keys of graft but no digest "
                                        "(graft.sha256): damaged, or of an earlier version"));
    }
done:
    return status;
}

static bool is_known_architecture(const graft_gguf *file)
{
    graft_gguf_string arch = {"", 0};
    (void)graft_gguf_want_string(file, "general.architecture", &arch);
    for (size_t i = 0; graft_families[i] != NULL; i++) {
        const char *name = graft_families[i]->arch;
        if (strlen(name) == arch.len && memcmp(name, arch.data, arch.len) == 0) {
            return true;
        }
    }
    return false;
}

/* Hyper-parameters, shapes and the tokenizer, as training reads them. */
static graft_status check_model(graft_verify_job *job, graft_verify_object *o,
                                const graft_gguf *file)
{
    graft_status status = GRAFT_OK;
    graft_model *model = NULL;
    graft_tokenizer *tokenizer = NULL;
    (void)job;
    o->kind = "model";
    if (!is_known_architecture(file)) {
        return graft_verify__fact(o, "its architecture is unknown to graft: shapes and tokenizer "
                                  "not looked at");
    }
    if (graft_gguf_n_tensors(file) > 0) {
        GRAFT_TRY(graft_verify__judge(o, graft_model_open(&model, graft_gguf_path(file))));
    }
    if (graft_gguf_find(file, "tokenizer.ggml.model") != NULL) {
        GRAFT_TRY(graft_verify__judge(o, graft_tokenizer_new(&tokenizer, file, NULL)));
    } else {
        GRAFT_TRY(graft_verify__fact(o, "without a tokenizer"));
    }
    if (model != NULL && tokenizer != NULL &&
        graft_tokenizer_n_vocab(tokenizer) > model->hparams.n_vocab) {
        GRAFT_TRY(graft_verify__problem(o, GRAFT_E_MODEL,
                                        "the tokenizer has %zu tokens, the model %zu",
                                        graft_tokenizer_n_vocab(tokenizer),
                                        model->hparams.n_vocab));
    }
done:
    graft_tokenizer_free(tokenizer);
    graft_model_close(model);
    return status;
}

static graft_status check_importance(graft_verify_job *job, graft_verify_object *o,
                                     const graft_gguf *file)
{
    graft_status status = GRAFT_OK;
    graft_importance *importance = NULL;
    (void)job;
    (void)file;
    o->kind = "importance matrix";
    GRAFT_TRY(graft_verify__judge(o, graft_importance_open(&importance, o->path)));
    graft_importance_close(importance);
done:
    return status;
}

/* What files of general.type are beside sound GGUF; of others nothing more is known. */
static const struct {
    const char *type;
    graft_status (*check)(graft_verify_job *job, graft_verify_object *o, const graft_gguf *file);
} types[] = {
    {"model", check_model}, {"adapter", graft_verify__adapter}, {"imatrix", check_importance},
};

static graft_status check(graft_verify_job *job, graft_verify_object *o)
{
    graft_status status = GRAFT_OK;
    graft_gguf *file = NULL;
    graft_gguf_string type = {"model", 5};
    GRAFT_TRY(graft_verify__judge(o, graft_gguf_open(&file, o->path)));
    if (file == NULL) {
        goto done;
    }
    if (graft_gguf_n_parts(file) > 1) {
        GRAFT_TRY(graft_verify__fact(o, "in %zu parts", graft_gguf_n_parts(file)));
    }
    GRAFT_TRY(check_numbers(job, o, file));
    GRAFT_TRY(graft_verify__judge(o, graft_gguf_want_string(file, "general.type", &type)));
    for (size_t i = 0; i < sizeof types / sizeof *types; i++) {
        if (strlen(types[i].type) == type.len && memcmp(types[i].type, type.data, type.len) == 0) {
            GRAFT_TRY(types[i].check(job, o, file));
        }
    }
    GRAFT_TRY(check_seal(o, file));
done:
    graft_gguf_close(file);
    return status;
}

const graft_verify_kind graft_verify_gguf = {"GGUF file", is_gguf, check};

/* --- the older form of importance matrices --- */

static bool is_importance(const graft_verify_look *look)
{
    return !look->is_folder && (graft_str_ends_with(look->name, ".dat") ||
                                graft_str_ends_with(look->name, ".imatrix"));
}

static graft_status check_dat(graft_verify_job *job, graft_verify_object *o)
{
    return check_importance(job, o, NULL);
}

const graft_verify_kind graft_verify_importance = {"importance matrix", is_importance, check_dat};
