#include "train/rollback.h"

#include "core/log.h"
#include "core/memory.h"
#include "io/files.h"

static void forget_best(graft_best *best)
{
    graft_text basis = best->basis;
    graft_text_init(&best->basis);
    graft_best_clear(best);
    best->basis = basis;
}

/* Walks over the checkpoints of a folder, the latest first; sets *stop when it has seen enough. */
typedef graft_status visit(bool *stop, void *context, const char *path, uint64_t step);

static graft_status walk(const char *folder, visit *see, void *context)
{
    graft_status status = GRAFT_OK;
    uint64_t *steps = NULL;
    char *path = NULL;
    size_t n = 0;
    bool stop = false;
    GRAFT_TRY(graft_checkpoint_steps(&steps, &n, folder));
    for (size_t i = 0; i < n && !stop; i++) {
        graft_free(path);
        GRAFT_TRY(graft_checkpoint_path(&path, folder, steps[i]));
        GRAFT_TRY(see(&stop, context, path, steps[i]));
    }
done:
    graft_free(path);
    graft_free(steps);
    return status;
}

typedef struct search {
    graft_trainer *trainer;
    graft_best *best;
    const char *identity;
    uint64_t step;
    bool found;
} search;

static graft_status try_anchor(bool *stop, void *context, const char *path, uint64_t step)
{
    search *s = context;
    if (step > s->step || !graft_watch_is_anchor(s->trainer->config, step)) {
        return GRAFT_OK;
    }
    forget_best(s->best);
    graft_status status = graft_checkpoint_load(s->trainer, s->best, s->identity, path);
    if (status == GRAFT_E_CHECKPOINT || status == GRAFT_E_DISK) {
        graft_log(GRAFT_LOG_WARN, "%s; passed over", graft_error_message());
        return GRAFT_OK;
    }
    *stop = s->found = status == GRAFT_OK;
    return status;
}

graft_status graft_rollback_load(bool *found, graft_trainer *trainer, graft_best *best,
                                 const char *identity, const char *folder, uint64_t step)
{
    search s = {trainer, best, identity, step, false};
    forget_best(best);
    graft_status status = step > 0 ? walk(folder, try_anchor, &s) : GRAFT_OK;
    *found = s.found;
    return status;
}

static graft_status remove_later(bool *stop, void *context, const char *path, uint64_t step)
{
    const uint64_t *last = context;
    *stop = step <= *last;
    return *stop ? GRAFT_OK : graft_file_remove(path);
}

graft_status graft_rollback_forget(const char *folder, uint64_t step)
{
    return walk(folder, remove_later, &step);
}
