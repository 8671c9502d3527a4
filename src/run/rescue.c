/* rescue.c - what is left of a run that a failure ends. */
#include <stdio.h>

#include "run/training.h"

/* After bad numbers, or on a base that is another one, there is nothing worth keeping; nor may the best
 * adapter, once it is chosen, be taken for the last one. */
static bool is_sound(const graft_training *t, graft_status failed)
{
    return failed != GRAFT_E_NUMERICS && failed != GRAFT_E_MODEL && t->chosen_step == 0;
}

graft_status graft_training_rescue(graft_training *t, graft_status failed)
{
    char message[1024];
    unsigned long long step = t->trainer.step, saved = t->saved_step;
    if (!t->unsaved || failed == GRAFT_E_INTERRUPTED) {
        return failed;
    }
    snprintf(message, sizeof message, "%s", graft_error_message());
    if (is_sound(t, failed)) {
        graft_arena_clear(&t->session.compute.arena); /* room for the image, if that is what is short */
        if (graft_training_save(t) == GRAFT_OK) {
            return graft_fail(failed, "%s; step %llu is saved: %s", message, step,
                              graft_training_way_on(t));
        }
    }
    return saved == 0 ? graft_fail(failed, "%s; no step of this run is saved", message)
                      : graft_fail(failed, "%s; what is saved is step %llu", message, saved);
}
