/* chat/exec_loop.c - the for statement. */
#include "chat/eval.h"

/* ---- for x in xs if test: the test runs when the next item is wanted, not before ---- */

typedef struct filtered {
    const graft_jnode *node;
    graft_jactivation *active;
} filtered;

static graft_status next_filtered(graft_jinja *j, graft_jiter *iter, graft_jvalue *out, bool *done)
{
    graft_status status = GRAFT_OK;
    const filtered *state = iter->with;
    const graft_jnode *node = state->node;
    graft_jactivation *before = j->active;
    for (;;) {
        graft_jvalue test;
        GRAFT_TRY(graft_j__next(j, iter->inner, out, done));
        if (*done) {
            break;
        }
        j->active = state->active;
        GRAFT_TRY(graft_j__assign(j, node->d, out));
        graft_j__enter_frame(j, &node->frame_test);
        GRAFT_TRY(graft_j__eval(j, node->c, &test));
        j->active = before;
        if (graft_j__truth(&test)) {
            break;
        }
    }
done:
    j->active = before;
    return status;
}

static graft_status filter_items(graft_jinja *j, const graft_jnode *node, graft_jiter **iter)
{
    graft_status status = GRAFT_OK;
    filtered *state;
    graft_jiter *inner = *iter;
    GRAFT_TRY(graft_j__alloc(j, &state, 1, sizeof *state));
    GRAFT_TRY(graft_j__iter_new(j, iter, "generator", next_filtered));
    *state = (filtered){node, j->active};
    (*iter)->inner = inner;
    (*iter)->with = state;
    (*iter)->over = graft_j__none;
done:
    return status;
}

static graft_status new_loop(graft_jinja *j, const graft_jnode *node, const graft_jvalue *over,
                             graft_jloop **out)
{
    graft_status status = GRAFT_OK;
    GRAFT_TRY(graft_j__alloc(j, out, 1, sizeof **out));
    graft_jloop *loop = *out;
    loop->base.class_ = &graft_jloop_class;
    loop->index0 = -1;
    loop->length = -1;
    loop->over = *over;
    GRAFT_TRY(graft_j__iterate(j, over, &loop->iter));
    if (node->c != NULL) {
        GRAFT_TRY(filter_items(j, node, &loop->iter));
        loop->over = graft_j__iterator(loop->iter);
    }
done:
    return status;
}

/* One iteration: binds the target and `loop`, runs the body; *flow is how that ended. */
static graft_status iterate(graft_jinja *j, const graft_jnode *node, graft_jloop *loop,
                            graft_jflow *flow)
{
    graft_status status = GRAFT_OK;
    j->line = node->line;
    GRAFT_TRY(graft_j__assign(j, node->a, &loop->current));
    j->active->slots[node->slot_loop] = (graft_jvalue){
        .kind = GRAFT_J_OBJECT, .origin = GRAFT_FROM_TEMPLATE, .u.object = &loop->base};
    graft_j__enter_frame(j, &node->frame);
    GRAFT_TRY(graft_j__exec_all(j, node->items, node->n_items));
    *flow = j->flow;
    j->flow = GRAFT_J_GO_ON;
done:
    return status;
}

graft_status graft_j__run_loop(graft_jinja *j, const graft_jnode *node, const graft_jvalue *over,
                               int64_t depth0)
{
    graft_status status = GRAFT_OK;
    graft_jactivation *outer = j->active;
    graft_jloop *loop;
    graft_jflow flow = GRAFT_J_GO_ON;
    bool end = false, any = false;
    if (node->recursive) {
        graft_jactivation *active;
        GRAFT_TRY(graft_j__activate(j, node->unit, outer, &active));
        j->active = active;
    }
    GRAFT_TRY(new_loop(j, node, over, &loop));
    loop->depth0 = depth0;
    if (node->recursive) {
        loop->recursive = node;
        loop->closure = outer;
    }
    while (flow != GRAFT_J_BREAK) {
        GRAFT_TRY(graft_j__loop_next(j, loop, &end));
        if (end) {
            break;
        }
        GRAFT_TRY(iterate(j, node, loop, &flow));
        any |= flow == GRAFT_J_GO_ON;
    }
    /* only a body that ran to its end counts as an iteration, as in Jinja's generated code */
    if (!any) {
        graft_j__enter_frame(j, &node->frame_else);
        status = graft_j__exec_all(j, node->more, node->n_more);
    }
done:
    j->active = outer;
    return status;
}

graft_status graft_j__exec_for(graft_jinja *j, const graft_jnode *node)
{
    graft_jvalue over;
    graft_status status = graft_j__eval(j, node->b, &over);
    return status == GRAFT_OK ? graft_j__run_loop(j, node, &over, 0) : status;
}
