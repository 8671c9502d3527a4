/* input_moments.c - the second moments of what goes into linear maps, summed while a model reads. */
#include "train/input_moments.h"

#include <math.h>
#include <string.h>

#include "core/half.h"
#include "core/memory.h"
#include "core/threads.h"
#include "kernels/symmetric.h"
#include "train/read_pass.h"

enum { SLICE = GRAFT_SYMMETRIC_ROWS };

/* Rows [begin, begin + n) of activations as floats. */
static void take_rows(const graft_input_moments *m, const graft_act *x, size_t ldx, size_t n_in,
                      size_t begin, size_t n)
{
    bool half = m->compute->kernels.half;
    for (size_t t = 0; t < n; t++) {
        const graft_real *real = (const graft_real *)x + (begin + t) * ldx;
        const uint16_t *bits = (const uint16_t *)x + (begin + t) * ldx;
        for (size_t i = 0; i < n_in; i++) {
            m->rows[t * n_in + i] = half ? graft_bf16_to_f32(bits[i]) : (float)real[i];
        }
    }
}

static void see(void *context, const graft_weight *w, const graft_act *x, size_t ldx, size_t n_tok,
                bool again)
{
    graft_input_moments *m = context;
    size_t slot = graft_read_slot(m->model, w), n_in = w->n_in;
    if (slot == m->model->n_slots) {
        return; /* later rows of a matrix that was seen already */
    }
    if (m->learning) {
        m->owners[slot] = again ? m->owners[m->previous] : slot;
        m->previous = slot;
        return;
    }
    for (size_t at = 0, n; at < n_tok && !again && m->of[slot] != NULL; at += n) {
        n = n_tok - at < SLICE ? n_tok - at : SLICE;
        take_rows(m, x, ldx, n_in, at, n);
        graft_symmetric_pack(m->packed, m->rows, n_in, n_in, n);
        graft_symmetric_add(m->of[slot], n_in, n_in, m->packed, n, 1);
    }
}

static graft_status read(graft_input_moments *m, const int32_t *ids, uint32_t n)
{
    graft_input_watch watch = {see, m};
    m->compute->watch = &watch;
    graft_status status = graft_read_pass(m->model, m->compute, ids, n);
    m->compute->watch = NULL;
    return status;
}

static size_t first_of_layer(const graft_model *model, size_t slot)
{
    while (slot > 0 && model->slots[slot - 1].layer == model->slots[slot].layer) {
        slot--;
    }
    return slot;
}

static size_t place_of_layer(const graft_input_moments *m, size_t first)
{
    size_t place = 0;
    while (place < m->n_layers && m->layers[place] != first) {
        place++;
    }
    return place;
}

static graft_status order_layers(graft_input_moments *m)
{
    graft_status status = GRAFT_OK;
    const graft_model *model = m->model;
    GRAFT_TRY(graft_alloc(&m->layers, model->n_slots, sizeof *m->layers));
    for (size_t t = 0; t < graft_gguf_n_tensors(model->file); t++) {
        const char *name = graft_gguf_tensor_at(model->file, t)->name;
        size_t slot = 0;
        while (slot < model->n_slots && strcmp(model->slots[slot].name, name) != 0) {
            slot++;
        }
        if (slot == model->n_slots) {
            continue;
        }
        size_t first = first_of_layer(model, slot);
        if (place_of_layer(m, first) == m->n_layers) {
            m->layers[m->n_layers++] = first;
        }
    }
done:
    return status;
}

graft_status graft_input_moments_init(graft_input_moments *m, graft_model *model,
                                      graft_compute *compute)
{
    graft_status status = GRAFT_OK;
    const int32_t id = 0;
    *m = (graft_input_moments){.model = model, .compute = compute, .learning = true};
    GRAFT_TRY(graft_alloc(&m->owners, model->n_slots, sizeof *m->owners));
    GRAFT_TRY(graft_alloc(&m->of, model->n_slots, sizeof *m->of));
    for (size_t i = 0; i < model->n_slots; i++) {
        m->owners[i] = i;
        m->widest = model->slots[i].weight.n_in > m->widest ? model->slots[i].weight.n_in : m->widest;
    }
    GRAFT_TRY(graft_alloc(&m->rows, m->widest, SLICE * sizeof *m->rows));
    GRAFT_TRY(graft_alloc(&m->packed, graft_symmetric_packed(m->widest, SLICE), sizeof *m->packed));
    GRAFT_TRY(order_layers(m));
    GRAFT_TRY(read(m, &id, 1));
    m->learning = false;
done:
    return status;
}

static void drop(graft_input_moments *m)
{
    for (size_t i = 0; m->of != NULL && i < m->model->n_slots; i++) {
        graft_free(m->of[i]);
        m->of[i] = NULL;
    }
    m->n_tok = 0;
}

void graft_input_moments_clear(graft_input_moments *m)
{
    drop(m);
    graft_free(m->owners);
    graft_free(m->layers);
    graft_free(m->of);
    graft_free(m->rows);
    graft_free(m->packed);
    *m = (graft_input_moments){0};
}

/* Bytes for all inputs of the layer whose slots begin at `first`; *end: where the next begins. */
static size_t layer_bytes(const graft_input_moments *m, size_t first, size_t *end)
{
    size_t sum = 0, i = first;
    for (; i < m->model->n_slots && m->model->slots[i].layer == m->model->slots[first].layer; i++) {
        size_t n_in = m->model->slots[i].weight.n_in, bytes;
        if (m->owners[i] == i && (!graft_size_mul(n_in, n_in, &bytes) ||
                                  !graft_size_mul(bytes, sizeof(float), &bytes) ||
                                  !graft_size_add(sum, bytes, &sum))) {
            sum = SIZE_MAX;
        }
    }
    *end = i;
    return sum;
}

graft_status graft_input_moments_begin(graft_input_moments *m, size_t slot, size_t limit)
{
    graft_status status = GRAFT_OK;
    const graft_slot *slots = m->model->slots;
    size_t used = 0, place = place_of_layer(m, first_of_layer(m->model, slot));
    drop(m);
    for (size_t taken = 0; place < m->n_layers; place++, taken++) {
        size_t end, bytes = layer_bytes(m, m->layers[place], &end);
        if (taken > 0 && (bytes > limit || used > limit - bytes)) {
            break;
        }
        used = graft_size_add(used, bytes, &used) ? used : SIZE_MAX;
        for (size_t i = m->layers[place]; i < end; i++) {
            if (m->owners[i] == i) {
                GRAFT_TRY(graft_alloc(&m->of[i], slots[i].weight.n_in,
                                      slots[i].weight.n_in * sizeof(float)));
            }
        }
    }
done:
    if (status != GRAFT_OK) {
        drop(m);
    }
    return status;
}

graft_status graft_input_moments_read(graft_input_moments *m, const int32_t *ids, uint32_t n)
{
    graft_status status = read(m, ids, n);
    m->n_tok += status == GRAFT_OK ? n : 0;
    return status;
}

graft_status graft_input_moments_finish(graft_input_moments *m)
{
    for (size_t i = 0; i < m->model->n_slots; i++) {
        const graft_slot *slot = &m->model->slots[i];
        const size_t n = slot->weight.n_in;
        for (size_t k = 0; m->of[i] != NULL && k < n; k++) {
            for (size_t j = k; j < n; j++) {
                m->of[i][k * n + j] /= (float)m->n_tok;
                if (!isfinite(m->of[i][k * n + j])) {
                    return graft_fail(GRAFT_E_NUMERICS, "what goes into %s is not finite",
                                      slot->name);
                }
            }
        }
    }
    return GRAFT_OK;
}

const float *graft_input_moments_of(const graft_input_moments *m, size_t slot)
{
    return m->of[m->owners[slot]];
}
