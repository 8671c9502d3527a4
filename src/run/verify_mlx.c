/* verify_mlx.c - folders of adapters as mlx-lm has them. */
#include <inttypes.h>
#include <string.h>

#include "core/memory.h"
#include "export/export.h"
#include "io/files.h"
#include "io/safetensors.h"
#include "run/verify.h"

static bool is_mlx(const graft_verify_look *look)
{
    char *weights = NULL;
    bool is = false;
    if (look->is_folder && graft_dir_holds(look->path, "adapter_config.json") &&
        graft_adapter_find_weights(&weights, &is, look->path) != GRAFT_OK) {
        is = false;
    }
    graft_free(weights);
    return is;
}

/* One lora_a with its lora_b: both of the rank that all have. */
static graft_status check_factors(graft_verify_object *o, const graft_safetensors *file,
                                  const graft_safetensors_tensor *t, uint64_t rank)
{
    graft_status status = GRAFT_OK;
    char *name = NULL;
    bool is_a = graft_str_ends_with(t->name, ".lora_a");
    if (graft_str_ends_with(t->name, ".m")) { /* of a DoRA */
        return GRAFT_OK;
    }
    if (!is_a && !graft_str_ends_with(t->name, ".lora_b")) {
        return graft_verify__problem(o, GRAFT_E_MODEL,
                                     "tensor \"%s\" is neither .lora_a nor .lora_b nor .m", t->name);
    }
    GRAFT_TRY(graft_strdup(&name, t->name));
    name[strlen(name) - 1] = is_a ? 'b' : 'a';
    if (graft_safetensors_find(file, name) == NULL) {
        GRAFT_TRY(graft_verify__problem(o, GRAFT_E_MODEL, "tensor \"%s\" is there without \"%s\"",
                                        t->name, name));
    }
    if (t->n_dims != 2 || (is_a ? t->shape[1] : t->shape[0]) != rank) {
        GRAFT_TRY(graft_verify__problem(o, GRAFT_E_MODEL, "tensor \"%s\" is not of the rank that "
                                        "adapter_config.json says, %" PRIu64, t->name, rank));
    }
done:
    graft_free(name);
    return status;
}

static graft_status check_mlx(graft_verify_job *job, graft_verify_object *o)
{
    graft_status status = GRAFT_OK;
    graft_json *config = NULL;
    graft_safetensors *file = NULL;
    char *path = NULL;
    bool known;
    GRAFT_TRY(graft_verify__judge(o, graft_verify__adapter_config(&config, o->path)));
    GRAFT_TRY(graft_adapter_find_weights(&path, &known, o->path));
    const graft_json *lora = graft_json_get(config, "lora_parameters");
    const graft_json *rank = graft_json_get(lora, "rank");
    if (config != NULL && (!graft_verify__positive(rank) ||
                           !graft_verify__positive(graft_json_get(lora, "scale")))) {
        GRAFT_TRY(graft_verify__problem(o, GRAFT_E_MODEL, "adapter_config.json: rank and scale of "
                                        "lora_parameters are not both positive numbers"));
    }
    GRAFT_TRY(graft_verify__judge(o, graft_safetensors_open(&file, path)));
    if (file == NULL) {
        goto done;
    }
    for (size_t i = 0; i < graft_safetensors_n(file); i++) {
        GRAFT_TRY(check_factors(o, file, graft_safetensors_at(file, i),
                                (uint64_t)graft_json_int(rank)));
    }
    GRAFT_TRY(graft_verify__as(job, path, &graft_verify_safetensors));
    GRAFT_TRY(job->base != NULL ? graft_verify__adapter_base(job, o, NULL) : GRAFT_OK);
done:
    graft_json_free(config);
    graft_safetensors_close(file);
    graft_free(path);
    return status;
}

const graft_verify_kind graft_verify_mlx = {"mlx adapter", is_mlx, check_mlx};
