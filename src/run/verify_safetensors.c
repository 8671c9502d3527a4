/* verify_safetensors.c - safetensors files, and Hugging Face folders of them. */
#include <math.h>
#include <string.h>

#include "convert/weights.h"
#include "core/memory.h"
#include "io/files.h"
#include "io/safetensors.h"
#include "run/verify.h"

static bool is_safetensors(const graft_verify_look *look)
{
    return !look->is_folder && graft_str_ends_with(look->name, ".safetensors");
}

/* Numbers of types that graft does not compute with, byte by byte: is one not finite? */
static bool is_bad_f64(const uint8_t *bytes)
{
    double value;
    memcpy(&value, bytes, sizeof value);
    return !isfinite(value);
}

static bool is_bad_e4m3(const uint8_t *bytes)
{
    return (*bytes & 0x7f) == 0x7f; /* it has a NaN and no infinity */
}

static bool is_bad_e5m2(const uint8_t *bytes)
{
    return (*bytes & 0x7c) == 0x7c;
}

static const struct {
    const char *dtype;
    size_t bytes;
    bool (*is_bad)(const uint8_t *bytes);
} others[] = {
    {"F64", 8, is_bad_f64}, {"F8_E4M3", 1, is_bad_e4m3}, {"F8_E5M2", 1, is_bad_e5m2},
};

static graft_status check_other(graft_verify_object *o, const graft_safetensors_tensor *t)
{
    for (size_t k = 0; k < sizeof others / sizeof *others; k++) {
        for (size_t i = 0; strcmp(others[k].dtype, t->dtype) == 0 && i < t->n_elements; i++) {
            if (others[k].is_bad(t->data + i * others[k].bytes)) {
                return graft_verify__problem(o, GRAFT_E_MODEL, "tensor \"%s\": number %zu is not "
                                             "finite", t->name, i);
            }
        }
    }
    return GRAFT_OK;
}

graft_status graft_verify__safetensors(graft_verify_job *job, graft_verify_object *o)
{
    graft_status status = GRAFT_OK;
    graft_safetensors *file = NULL;
    graft_mapped bytes = {0};
    uint64_t header = 0;
    (void)job;
    GRAFT_TRY(graft_verify__judge(o, graft_safetensors_open(&file, o->path)));
    if (file == NULL) {
        goto done;
    }
    GRAFT_TRY(graft_mapped_open(&bytes, o->path));
    for (size_t i = 0; i < 8; i++) {
        header |= (uint64_t)bytes.data[i] << (8 * i);
    }
    const uint8_t *begin = NULL; /* there are no holes: the first one lies behind the header */
    for (size_t i = 0; i < graft_safetensors_n(file); i++) {
        const uint8_t *data = graft_safetensors_at(file, i)->data;
        begin = begin == NULL || data < begin ? data : begin;
    }
    for (size_t i = 0; i < graft_safetensors_n(file); i++) {
        const graft_safetensors_tensor *t = graft_safetensors_at(file, i);
        uint64_t offset = 8 + header + (uint64_t)(t->data - begin);
        uint64_t row = t->n_dims > 0 ? t->shape[t->n_dims - 1] : 1;
        if (t->format != NULL) {
            GRAFT_TRY(graft_verify__tensor(o, t->name, t->format, t->data, t->n_bytes, row,
                                           offset));
        } else {
            GRAFT_TRY(check_other(o, t));
        }
    }
    GRAFT_TRY(graft_verify__fact(o, "%zu tensors", graft_safetensors_n(file)));
done:
    graft_mapped_close(&bytes);
    graft_safetensors_close(file);
    return status;
}

const graft_verify_kind graft_verify_safetensors = {"safetensors file", is_safetensors,
                                                    graft_verify__safetensors};

/* --- folders --- */

static bool is_hf_folder(const graft_verify_look *look)
{
    return look->is_folder && (graft_dir_holds(look->path, "model.safetensors") ||
                               graft_dir_holds(look->path, "model.safetensors.index.json"));
}

/* The files fit their index; each file is an object of its own. */
static graft_status check_folder(graft_verify_job *job, graft_verify_object *o)
{
    graft_status status = GRAFT_OK;
    graft_hf_weights weights = {0};
    GRAFT_TRY(graft_verify__judge(o, graft_hf_weights_open(&weights, o->path)));
    for (size_t i = 0; i < weights.n_files; i++) {
        GRAFT_TRY(graft_verify__as(job, weights.paths[i], &graft_verify_safetensors));
    }
    GRAFT_TRY(graft_verify__fact(o, "%zu tensors in %zu files", weights.n, weights.n_files));
done:
    graft_hf_weights_close(&weights);
    return status;
}

const graft_verify_kind graft_verify_hf_folder = {"Hugging Face folder", is_hf_folder,
                                                  check_folder};
