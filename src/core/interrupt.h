/* core/interrupt.h - long loops ask whether the job they work for is to stop.
 *
 * A job says once how to ask; what is far below it (hashing a file, reading data, passes that only
 * read) need not carry that along. It belongs to the thread that runs the job; others never stop. */
#ifndef GRAFT_CORE_INTERRUPT_H
#define GRAFT_CORE_INTERRUPT_H

#include "core/status.h"

/* Non-zero: stop. */
typedef int graft_interrupt_ask(void *context);

/* What graft_interrupt_check asks on this thread from now on; NULL: nothing. */
void graft_interrupt_set(graft_interrupt_ask *ask, void *context);

/* Between these, which may be nested, nothing is asked: what is begun is finished. */
void graft_interrupt_hold(void);
void graft_interrupt_release(void);

/* GRAFT_E_INTERRUPTED if the job is to stop. To be called only where stopping loses nothing. */
graft_status graft_interrupt_check(void);

#endif
