/* twins.c - do an adapter GGUF and a PEFT folder hold the same numbers? */
#include <stdlib.h>
#include <string.h>

#include "core/memory.h"
#include "core/strings.h"
#include "export/export.h"
#include "export/peft_names.h"
#include "io/safetensors.h"

/* One tensor of the GGUF file beside its counterpart. */
typedef struct pair {
    const graft_gguf_tensor *gguf;
    const graft_safetensors_tensor *peft;
    size_t rows, width; /* bytes of a row */
} pair;

static int compare_rows(const void *a, const void *b, void *width)
{
    return memcmp(*(const uint8_t *const *)a, *(const uint8_t *const *)b, *(size_t *)width);
}

static graft_status sort_rows(const uint8_t ***out, const uint8_t *data, size_t rows, size_t width)
{
    graft_status status = GRAFT_OK;
    GRAFT_TRY(graft_alloc(out, rows, sizeof **out));
    for (size_t i = 0; i < rows; i++) {
        (*out)[i] = data + i * width;
    }
    qsort_r(*out, rows, sizeof **out, compare_rows, &width);
done:
    return status;
}

/* The first row of the GGUF file's tensor that the other does not have, rows in any order; `rows` if
 * there is none. */
static graft_status find_stray_row(size_t *out, const pair *p)
{
    graft_status status = GRAFT_OK;
    const uint8_t **a = NULL, **b = NULL;
    GRAFT_TRY(sort_rows(&a, p->gguf->data, p->rows, p->width));
    GRAFT_TRY(sort_rows(&b, p->peft->data, p->rows, p->width));
    *out = p->rows;
    for (size_t i = 0; i < p->rows && *out == p->rows; i++) {
        if (memcmp(a[i], b[i], p->width) != 0) {
            *out = (size_t)(a[i] - p->gguf->data) / p->width;
        }
    }
done:
    graft_free(a);
    graft_free(b);
    return status;
}

static graft_status compare(const pair *p, bool reordered, const char *gguf_path)
{
    graft_status status = GRAFT_OK;
    size_t row = p->rows;
    if (reordered) {
        GRAFT_TRY(find_stray_row(&row, p));
    } else {
        row = 0;
        while (row < p->rows && memcmp(p->gguf->data + row * p->width,
                                       p->peft->data + row * p->width, p->width) == 0) {
            row++;
        }
    }
    if (row < p->rows) {
        status = graft_fail(GRAFT_E_MODEL, "row %zu of %s in %s is not that of %s: one of the two "
                            "files is damaged", row, p->gguf->name, gguf_path, p->peft->name);
    }
done:
    return status;
}

/* "base_model.model.model.layers.0.self_attn.q_proj.lora_A.weight" for "blk.0.attn_q.weight.lora_a" */
static graft_status twin_name(graft_text *out, const char *arch, bool multimodal, const char *name,
                              bool is_a)
{
    graft_status status = GRAFT_OK;
    char *map = NULL;
    GRAFT_TRY(graft_strndup(&map, name, strlen(name) - strlen(".lora_a")));
    GRAFT_TRY(graft_text_append_z(out, "base_model.model."));
    GRAFT_TRY(graft_export__peft_name(out, arch, multimodal, map));
    GRAFT_TRY(graft_text_append_z(out, is_a ? ".lora_A.weight" : ".lora_B.weight"));
done:
    graft_free(map);
    return status;
}

/* *out is NULL if there is none; `name` is what was looked for. */
static graft_status find_twin(const graft_safetensors_tensor **out, graft_text *name, const char *gguf_name,
                              const graft_safetensors *peft, const char *arch, bool is_a)
{
    graft_status status = GRAFT_OK;
    *out = NULL;
    for (int i = 1; i >= 0 && *out == NULL; i--) {
        graft_text_clear(name);
        GRAFT_TRY(twin_name(name, arch, i == 1, gguf_name, is_a));
        *out = graft_safetensors_find(peft, graft_text_z(name));
    }
done:
    return status;
}

static graft_status compare_tensor(const graft_gguf_tensor *t, const graft_gguf *gguf,
                                   const graft_safetensors *peft, const char *arch)
{
    graft_status status = GRAFT_OK;
    bool is_a = graft_str_ends_with(t->name, ".lora_a");
    const graft_safetensors_tensor *s;
    graft_text name;
    char *map = NULL;
    graft_text_init(&name);
    if (!is_a && !graft_str_ends_with(t->name, ".lora_b")) {
        return GRAFT_OK;
    }
    GRAFT_TRY(find_twin(&s, &name, t->name, peft, arch, is_a));
    GRAFT_TRY(graft_strndup(&map, t->name, strlen(t->name) - strlen(".lora_a")));
    if (s == NULL || s->format != t->format || s->n_bytes != t->n_bytes || s->n_dims != 2 ||
        s->shape[1] != t->ne[0]) {
        status = graft_fail(GRAFT_E_MODEL, "%s is %s, %s is in %s", graft_text_z(&name),
                            s == NULL ? "missing" : "of another shape or type", t->name,
                            graft_gguf_path(gguf));
        goto done;
    }
    pair p = {t, s, (size_t)t->ne[1], t->row_bytes};
    GRAFT_TRY(compare(&p, !is_a && graft_export__interleaved_heads(arch, map, 1, 1) > 0,
                      graft_gguf_path(gguf)));
done:
    graft_text_clear(&name);
    graft_free(map);
    return status;
}

graft_status graft_adapter_compare(const char *gguf_path, const char *safetensors_path)
{
    graft_status status = GRAFT_OK;
    graft_gguf *gguf = NULL;
    graft_safetensors *peft = NULL;
    graft_gguf_string arch = {0};
    char *arch_z = NULL;
    GRAFT_TRY(graft_gguf_open(&gguf, gguf_path));
    GRAFT_TRY(graft_safetensors_open(&peft, safetensors_path));
    GRAFT_TRY(graft_gguf_get_string(gguf, "general.architecture", &arch));
    GRAFT_TRY(graft_strndup(&arch_z, arch.data, arch.len));
    for (size_t i = 0; i < graft_gguf_n_tensors(gguf) && status == GRAFT_OK; i++) {
        status = compare_tensor(graft_gguf_tensor_at(gguf, i), gguf, peft, arch_z);
    }
    if (status == GRAFT_OK && graft_safetensors_n(peft) != graft_gguf_n_tensors(gguf)) {
        status = graft_fail(GRAFT_E_MODEL, "has %zu tensors, %s has %zu", graft_safetensors_n(peft),
                            gguf_path, graft_gguf_n_tensors(gguf));
    }
    status = status == GRAFT_OK ? GRAFT_OK : graft_fail_prefix("%s", safetensors_path);
done:
    graft_free(arch_z);
    graft_safetensors_close(peft);
    graft_gguf_close(gguf);
    return status;
}
