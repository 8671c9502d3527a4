#include "autograd/tape.h"

#include <string.h>

#include "core/memory.h"

void graft_tape_begin(graft_tape *tape, graft_compute *compute, bool recording)
{
    memset(tape, 0, sizeof *tape);
    tape->compute = compute;
    tape->recording = recording;
    tape->training = recording;
    graft_arena_reset(&compute->arena);
}

/* n_rows rows of reals or activations; the column behind an odd width of the latter is zero. */
static graft_status alloc_rows(graft_tape *tape, void **out, size_t n_rows, size_t n_cols,
                               bool act)
{
    const graft_kernels *kernels = &tape->compute->kernels;
    graft_status status = GRAFT_OK;
    size_t ld = act ? graft_act_ld(kernels, n_cols) : n_cols, n = 0;
    *out = NULL;
    if (!graft_size_mul(n_rows, ld, &n)) {
        return graft_fail(GRAFT_E_MEMORY, "a tensor of %zu x %zu does not fit into memory", n_rows,
                          n_cols);
    }
    GRAFT_TRY(graft_arena_alloc(&tape->compute->arena, out, n,
                                act ? kernels->act_bytes : sizeof(graft_real)));
    for (size_t i = 0; act && kernels->half && n_cols % 2 != 0 && i < n_rows; i++) {
        ((uint16_t *)*out)[i * ld + n_cols] = 0;
    }
done:
    return status;
}

graft_status graft_act_alloc(graft_tape *tape, graft_act **out, size_t n_rows, size_t n_cols)
{
    return alloc_rows(tape, out, n_rows, n_cols, true);
}

bool graft_tape_bytes(const graft_tape *tape)
{
    return tape->compute->kernels.bytes && tape->training;
}

graft_status graft_act_to_bytes(graft_tape *tape, graft_bytes **out, const graft_act *x, size_t ldx,
                                const uint32_t *rows, size_t n_rows, size_t n_cols, bool backward)
{
    graft_status status = GRAFT_OK;
    graft_arena *arena = &tape->compute->arena;
    *out = NULL;
    if (!graft_tape_bytes(tape)) {
        return GRAFT_OK;
    }
    graft_bytes *b = NULL;
    GRAFT_TRY(graft_arena_calloc(arena, &b, 1, sizeof *b));
    b->ld = graft_bytes_ld(n_cols);
    b->n_groups = graft_bytes_groups(n_cols);
    GRAFT_TRY(graft_arena_alloc(arena, &b->q, n_rows, b->ld));
    GRAFT_TRY(graft_arena_alloc(arena, &b->groups, n_rows, b->n_groups * sizeof *b->groups));
    graft_bytes_make(&tape->compute->kernels, b, x, ldx, rows, n_rows, n_cols, backward);
    *out = b;
done:
    return status;
}

static graft_status add_tensor(graft_tape *tape, graft_tensor **out, const graft_tensor *tensor)
{
    graft_status status = GRAFT_OK;
    *out = NULL;
    GRAFT_TRY(graft_arena_alloc(&tape->compute->arena, out, 1, sizeof **out));
    **out = *tensor;
    (*out)->grad = NULL;
    (*out)->wants_grad = tensor->wants_grad && tape->recording;
done:
    return status;
}

graft_status graft_tensor_new(graft_tape *tape, graft_tensor **out, size_t n_rows, size_t n_cols,
                              bool act, bool wants_grad)
{
    graft_status status = GRAFT_OK;
    size_t ld = act ? graft_act_ld(&tape->compute->kernels, n_cols) : n_cols;
    graft_tensor tensor = {NULL, NULL, n_rows, n_cols, ld, act, wants_grad};
    *out = NULL;
    GRAFT_TRY(alloc_rows(tape, &tensor.data, n_rows, n_cols, act));
    GRAFT_TRY(add_tensor(tape, out, &tensor));
done:
    return status;
}

graft_status graft_tensor_alias(graft_tape *tape, graft_tensor **out, const graft_tensor *of)
{
    return add_tensor(tape, out, of);
}

graft_real *graft_tensor_reals(const graft_tensor *tensor, size_t row)
{
    return (graft_real *)tensor->data + row * tensor->ld;
}

graft_real *graft_tensor_grads(const graft_tensor *tensor, size_t row)
{
    return (graft_real *)tensor->grad + row * tensor->ld;
}

graft_status graft_tape_push(graft_tape *tape, graft_backward *backward, void *saved)
{
    graft_status status = GRAFT_OK;
    graft_node *node = NULL;
    GRAFT_TRY(graft_arena_alloc(&tape->compute->arena, &node, 1, sizeof *node));
    *node = (graft_node){backward, saved, tape->last};
    tape->last = node;
done:
    return status;
}

graft_status graft_tape_push_copy(graft_tape *tape, graft_backward *backward, const void *saved,
                                  size_t size)
{
    graft_status status = GRAFT_OK;
    void *copy = NULL;
    GRAFT_TRY(graft_arena_alloc(&tape->compute->arena, &copy, 1, size));
    memcpy(copy, saved, size);
    GRAFT_TRY(graft_tape_push(tape, backward, copy));
done:
    return status;
}

graft_status graft_tensor_grad_new(graft_tape *tape, graft_tensor *tensor)
{
    if (tensor->grad != NULL) {
        return graft_fail(GRAFT_E_FAILED, "activations are read by two ops");
    }
    return alloc_rows(tape, &tensor->grad, tensor->n_rows, tensor->n_cols, tensor->act);
}

graft_status graft_tensor_grad_add(graft_tape *tape, graft_tensor *tensor)
{
    graft_status status = GRAFT_OK;
    if (tensor->grad == NULL) {
        GRAFT_TRY(alloc_rows(tape, &tensor->grad, tensor->n_rows, tensor->n_cols, false));
        memset(tensor->grad, 0, tensor->n_rows * tensor->n_cols * sizeof(graft_real));
    }
done:
    return status;
}

/* Runs the nodes from `last` back to, but not including, `stop`. */
static graft_status run_backward(graft_tape *tape, graft_node *last, const graft_node *stop)
{
    graft_status status = GRAFT_OK;
    for (graft_node *node = last; node != stop; node = node->previous) {
        GRAFT_TRY(node->backward(tape, node->saved));
    }
done:
    return status;
}

graft_status graft_tape_backward(graft_tape *tape)
{
    return run_backward(tape, tape->last, NULL);
}

typedef struct layer_saved {
    graft_tensor *in, *out;
    graft_layer *layer;
    void *context;
    graft_node *first, *last; /* kept layer: its nodes are (first, last] */
    bool recompute;
} layer_saved;

static graft_status run_layer_backward(graft_tape *tape, layer_saved *saved)
{
    graft_status status = GRAFT_OK;
    if (saved->recompute) {
        graft_tensor *again = NULL;
        tape->last = NULL;
        GRAFT_TRY(saved->layer(tape, &again, saved->in, saved->context));
        again->grad = saved->out->grad;
        GRAFT_TRY(run_backward(tape, tape->last, NULL));
    } else {
        GRAFT_TRY(run_backward(tape, saved->last, saved->first));
    }
    if (saved->in->wants_grad && saved->in->n_rows == saved->out->n_rows &&
        saved->in->grad != saved->out->grad) {
        status = graft_fail(GRAFT_E_FAILED, "a layer does not pass on its residual stream");
    }
done:
    return status;
}

static graft_status layer_backward(graft_tape *tape, void *saved_void)
{
    layer_saved *saved = saved_void;
    graft_status status = GRAFT_OK;
    graft_arena *arena = &tape->compute->arena;
    if (saved->out->grad == NULL) {
        return GRAFT_OK;
    }
    if (saved->in->n_rows != saved->out->n_rows && saved->in->wants_grad) {
        GRAFT_TRY(graft_tensor_grad_add(tape, saved->in)); /* must outlive the layer */
    }
    graft_arena_mark mark = graft_arena_save(arena);
    status = run_layer_backward(tape, saved);
    graft_arena_release(arena, mark);
done:
    return status;
}

/* Forward only: everything but the result is given back at once. */
static graft_status run_unrecorded(graft_tape *tape, graft_tensor **out, graft_tensor *in,
                                   size_t n_rows, graft_layer *layer, void *context)
{
    graft_status status = GRAFT_OK;
    graft_tensor *result = NULL, *inner = NULL;
    graft_arena *arena = &tape->compute->arena;
    bool recording = tape->recording;
    GRAFT_TRY(graft_tensor_new(tape, &result, n_rows, in->n_cols, false, true));
    graft_arena_mark mark = graft_arena_save(arena);
    tape->recording = false;
    status = layer(tape, &inner, in, context);
    tape->recording = recording;
    if (status == GRAFT_OK) {
        memcpy(result->data, inner->data, n_rows * in->n_cols * sizeof(graft_real));
        *out = result;
    }
    graft_arena_release(arena, mark);
done:
    return status;
}

graft_status graft_tape_layer(graft_tape *tape, graft_tensor **out, graft_tensor *in,
                              size_t n_rows, graft_layer *layer, void *context, bool recompute)
{
    graft_status status = GRAFT_OK;
    graft_node *first = tape->last, *last = NULL;
    *out = NULL;
    if (recompute || !tape->recording) {
        GRAFT_TRY(run_unrecorded(tape, out, in, n_rows, layer, context));
    } else {
        GRAFT_TRY(layer(tape, out, in, context));
        last = tape->last;
        tape->last = first;
    }
    if (!tape->recording || !(*out)->wants_grad) {
        goto done;
    }
    layer_saved saved = {in, *out, layer, context, first, last, recompute};
    GRAFT_TRY(graft_tape_push_copy(tape, layer_backward, &saved, sizeof saved));
done:
    return status;
}
