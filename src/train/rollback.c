#include "train/rollback.h"

#include <string.h>

#include "core/log.h"
#include "core/memory.h"
#include "core/sha256.h"
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

/* --- whose they are --- */

static const char origin_note[] = "rollback.origin";

enum { ORIGIN_BYTES = 6 }; /* of a digest: a double holds them exactly */

static uint64_t digest_of(const char *identity)
{
    graft_sha256 hash;
    uint8_t digest[32];
    uint64_t value = 0;
    graft_sha256_init(&hash);
    graft_sha256_update(&hash, identity, strlen(identity));
    graft_sha256_final(&hash, digest);
    for (size_t i = 0; i < ORIGIN_BYTES; i++) {
        value = value << 8 | digest[i];
    }
    return value;
}

graft_status graft_rollback_accept(graft_trainer *trainer, const char *identity)
{
    return graft_notes_set(&trainer->notes, origin_note, (double)digest_of(identity));
}

static double accepted(const graft_trainer *trainer)
{
    return graft_notes_get(&trainer->notes, origin_note, -1);
}

bool graft_rollback_has_accepted(const graft_trainer *trainer)
{
    return accepted(trainer) >= 0;
}

bool graft_rollback_accepts(const graft_notes *notes, const char *identity)
{
    return (double)digest_of(identity) == graft_notes_get(notes, origin_note, -1);
}

typedef struct search {
    graft_trainer *trainer;
    graft_best *best;
    const char *identity;
    double origin; /* the accepted digest; negative: none */
    uint64_t step;
    bool found;
} search;

static graft_status check_run(const search *s, const graft_checkpoint *c)
{
    graft_status status = GRAFT_OK;
    graft_text run, machine;
    const char *identity = graft_text_z(&c->identity);
    graft_text_init(&run);
    graft_text_init(&machine);
    GRAFT_TRY(graft_run_differences(&run, &machine, identity, s->identity));
    if (run.len > 0 && (double)digest_of(identity) != s->origin) {
        status = graft_checkpoint_refuse(c->path, graft_text_z(&run));
    }
done:
    graft_text_clear(&run);
    graft_text_clear(&machine);
    return status;
}

/* --- the way back --- */

/* What is accepted stays so: a checkpoint from before does not have the note. */
static graft_status load(search *s, const char *path)
{
    graft_status status = GRAFT_OK;
    graft_checkpoint c;
    GRAFT_TRY(graft_checkpoint_open(&c, path));
    GRAFT_TRY(check_run(s, &c));
    GRAFT_TRY(graft_checkpoint_take(&c, s->trainer, s->best));
    if (s->origin >= 0) {
        GRAFT_TRY(graft_notes_set(&s->trainer->notes, origin_note, s->origin));
    }
done:
    graft_checkpoint_close(&c);
    return status;
}

static graft_status try_one(search *s, const char *path)
{
    forget_best(s->best);
    graft_status status = load(s, path);
    if (status == GRAFT_E_CHECKPOINT || status == GRAFT_E_DISK) {
        graft_log(GRAFT_LOG_WARN, "%s; passed over", graft_error_message());
        return GRAFT_OK;
    }
    s->found = status == GRAFT_OK;
    return status;
}

static graft_status try_anchor(bool *stop, void *context, const char *path, uint64_t step)
{
    search *s = context;
    if (step > s->step || !graft_watch_is_anchor(s->trainer->config, step)) {
        return GRAFT_OK;
    }
    graft_status status = try_one(s, path);
    *stop = s->found;
    return status;
}

graft_status graft_rollback_load(bool *found, graft_trainer *trainer, graft_best *best,
                                 const char *identity, const char *folder, const char *start,
                                 uint64_t step)
{
    graft_status status = GRAFT_OK;
    search s = {trainer, best, identity, accepted(trainer), step, false};
    forget_best(best);
    if (step > 0) {
        GRAFT_TRY(walk(folder, try_anchor, &s));
    }
    if ((step > 0 || s.origin >= 0) && !s.found && start != NULL) {
        GRAFT_TRY(try_one(&s, start));
    }
done:
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
