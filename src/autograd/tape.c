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

graft_status graft_tensor_wrap(graft_tape *tape, graft_tensor **out, graft_real *data,
                               size_t n_rows, size_t n_cols, bool wants_grad)
{
    graft_status status = GRAFT_OK;
    graft_tensor *tensor = NULL;
    *out = NULL;
    GRAFT_TRY(graft_arena_calloc(&tape->compute->arena, &tensor, 1, sizeof *tensor));
    tensor->data = data;
    tensor->n_rows = n_rows;
    tensor->n_cols = n_cols;
    tensor->wants_grad = wants_grad && tape->recording;
    *out = tensor;
done:
    return status;
}

static graft_status alloc_reals(graft_tape *tape, graft_real **out, size_t n_rows, size_t n_cols)
{
    size_t n = 0;
    if (!graft_size_mul(n_rows, n_cols, &n)) {
        return graft_fail(GRAFT_E_MEMORY, "a tensor of %zu x %zu does not fit into memory", n_rows,
                          n_cols);
    }
    return graft_arena_alloc(&tape->compute->arena, out, n, sizeof(graft_real));
}

graft_status graft_tensor_new(graft_tape *tape, graft_tensor **out, size_t n_rows, size_t n_cols,
                              bool wants_grad)
{
    graft_real *data = NULL;
    graft_status status = GRAFT_OK;
    *out = NULL;
    GRAFT_TRY(alloc_reals(tape, &data, n_rows, n_cols));
    GRAFT_TRY(graft_tensor_wrap(tape, out, data, n_rows, n_cols, wants_grad));
done:
    return status;
}

graft_status graft_tape_push(graft_tape *tape, graft_backward *backward, void *saved_out,
                             size_t size)
{
    graft_status status = GRAFT_OK;
    graft_node *node = NULL;
    GRAFT_TRY(graft_arena_alloc(&tape->compute->arena, &node, 1, sizeof *node));
    GRAFT_TRY(graft_arena_calloc(&tape->compute->arena, &node->saved, 1, size));
    node->backward = backward;
    node->previous = tape->last;
    tape->last = node;
    memcpy(saved_out, &node->saved, sizeof node->saved);
done:
    return status;
}

graft_status graft_tensor_grad(graft_tape *tape, graft_tensor *tensor, bool *accumulate)
{
    *accumulate = tensor->grad != NULL;
    if (tensor->grad != NULL) {
        return GRAFT_OK;
    }
    return alloc_reals(tape, &tensor->grad, tensor->n_rows, tensor->n_cols);
}

graft_status graft_tensor_grad_add(graft_tape *tape, graft_tensor *tensor)
{
    bool accumulate = false;
    graft_status status = graft_tensor_grad(tape, tensor, &accumulate);
    if (status == GRAFT_OK && !accumulate) {
        memset(tensor->grad, 0, tensor->n_rows * tensor->n_cols * sizeof *tensor->grad);
    }
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

static graft_status layer_backward(graft_tape *tape, void *saved_void)
{
    layer_saved *saved = saved_void;
    graft_status status = GRAFT_OK;
    graft_arena *arena = &tape->compute->arena;
    if (saved->out->grad == NULL) {
        return GRAFT_OK;
    }
    graft_arena_mark mark = graft_arena_save(arena);
    if (saved->recompute) {
        graft_tensor *again = NULL;
        tape->last = NULL;
        GRAFT_TRY(saved->layer(tape, &again, saved->in, saved->context));
        again->grad = saved->out->grad;
        GRAFT_TRY(run_backward(tape, tape->last, NULL));
    } else {
        GRAFT_TRY(run_backward(tape, saved->last, saved->first));
    }
    if (saved->in->wants_grad && saved->in->grad != saved->out->grad) {
        status = graft_fail(GRAFT_E_FAILED, "a layer does not pass on its residual stream");
    }
done:
    graft_arena_release(arena, mark);
    return status;
}

/* Forward only: everything but the result is given back at once. */
static graft_status run_unrecorded(graft_tape *tape, graft_tensor **out, graft_tensor *in,
                                   graft_layer *layer, void *context)
{
    graft_status status = GRAFT_OK;
    graft_tensor *result = NULL, *inner = NULL;
    graft_arena *arena = &tape->compute->arena;
    bool recording = tape->recording;
    GRAFT_TRY(graft_tensor_new(tape, &result, in->n_rows, in->n_cols, true));
    graft_arena_mark mark = graft_arena_save(arena);
    tape->recording = false;
    status = layer(tape, &inner, in, context);
    tape->recording = recording;
    if (status == GRAFT_OK) {
        memcpy(result->data, inner->data, in->n_rows * in->n_cols * sizeof *in->data);
        *out = result;
    }
    graft_arena_release(arena, mark);
done:
    return status;
}

graft_status graft_tape_layer(graft_tape *tape, graft_tensor **out, graft_tensor *in,
                              graft_layer *layer, void *context, bool recompute)
{
    graft_status status = GRAFT_OK;
    layer_saved *saved = NULL;
    graft_node *first = tape->last, *last = NULL;
    *out = NULL;
    if (recompute || !tape->recording) {
        GRAFT_TRY(run_unrecorded(tape, out, in, layer, context));
    } else {
        GRAFT_TRY(layer(tape, out, in, context));
        last = tape->last;
        tape->last = first;
    }
    if (!tape->recording || !(*out)->wants_grad) {
        goto done;
    }
    GRAFT_TRY(graft_tape_push(tape, layer_backward, &saved, sizeof *saved));
    *saved = (layer_saved){in, *out, layer, context, first, last, recompute};
done:
    return status;
}
