/* verify_checkpoint.c - checkpoints, and token caches, which are files of the same form. */
#include <string.h>

#include "io/hdf5.h"
#include "run/corpus.h"
#include "run/verify.h"
#include "train/checkpoint.h"

static bool is_checkpoint(const graft_verify_look *look)
{
    return !look->is_folder && (graft_str_ends_with(look->name, ".h5") ||
                                (look->n_head >= 8 && memcmp(look->head, "GRAFTCK1", 8) == 0));
}

graft_status graft_verify__checkpoint(graft_verify_object *o, graft_checkpoint *out)
{
    graft_status status = GRAFT_OK;
    GRAFT_TRY(graft_verify__judge(o, graft_checkpoint_open(out, o->path)));
    if (out->image != NULL) {
        GRAFT_TRY(graft_verify__fact(o, "step %llu", (unsigned long long)out->step));
        GRAFT_TRY(graft_verify__fact(o, "%zu parameters", out->n_params));
        GRAFT_TRY(graft_verify__fact(o, "matches its digest"));
    }
done:
    return status;
}

/* Which of the two it is. */
static graft_status find_out(bool *cache, const char *path)
{
    graft_h5 *image = NULL;
    size_t n;
    graft_status status = graft_h5_read(&image, path);
    status = status == GRAFT_OK ? graft_h5_size(image, "tokens/ids", &n) : status;
    graft_h5_free(image);
    *cache = status == GRAFT_OK;
    return status == GRAFT_E_MEMORY ? status : GRAFT_OK;
}

static graft_status check(graft_verify_job *job, graft_verify_object *o)
{
    graft_status status = GRAFT_OK;
    graft_checkpoint checkpoint = {0};
    size_t n = 0;
    bool cache;
    (void)job;
    GRAFT_TRY(find_out(&cache, o->path));
    if (!cache) {
        status = graft_verify__checkpoint(o, &checkpoint);
        goto done;
    }
    o->kind = "token cache";
    GRAFT_TRY(graft_verify__judge(o, graft_cache_check(o->path, &n)));
    GRAFT_TRY(graft_verify__fact(o, "%zu samples", n));
    GRAFT_TRY(graft_verify__fact(o, "matches its digest"));
done:
    graft_checkpoint_close(&checkpoint);
    return status;
}

const graft_verify_kind graft_verify_checkpoint = {"checkpoint", is_checkpoint, check};
