#include "core/interrupt.h"

#include <stddef.h>

static _Thread_local graft_interrupt_ask *current_ask;
static _Thread_local void *current_context;
static _Thread_local int n_holds;

void graft_interrupt_set(graft_interrupt_ask *ask, void *context)
{
    current_ask = ask;
    current_context = context;
}

void graft_interrupt_hold(void)
{
    n_holds++;
}

void graft_interrupt_release(void)
{
    n_holds--;
}

graft_status graft_interrupt_check(void)
{
    if (n_holds == 0 && current_ask != NULL && current_ask(current_context) != 0) {
        return graft_fail(GRAFT_E_INTERRUPTED, "stopped on request");
    }
    return GRAFT_OK;
}
