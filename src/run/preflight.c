#include "run/preflight.h"

#include <string.h>

#include "core/log.h"
#include "core/memory.h"

#define PROBE_BYTES ((uint64_t)1 << 20)
#define ARTEFACT_BYTES ((uint64_t)256 << 10) /* of an artefact beside its numbers: names, settings */
#define ITEM_BYTES ((uint64_t)2 << 10)       /* of an example in eval-*.json */
#define OTHER_BYTES ((uint64_t)4 << 20)      /* metrics, log, report, settings */

/* --- the folder --- */

static graft_status probe(const char *folder, const char *name)
{
    graft_status status = GRAFT_OK;
    char *path = NULL;
    GRAFT_TRY(graft_path_join(&path, folder, name));
    GRAFT_TRY(graft_space_check(path, PROBE_BYTES));
done:
    graft_free(path);
    return status;
}

static graft_status clean(const char *folder)
{
    size_t n = 0;
    graft_status status = graft_leftovers_remove(folder, &n);
    if (status == GRAFT_OK && n > 0) {
        graft_log(GRAFT_LOG_INFO, "%s: removed %zu files that a run which was killed left half written",
                  folder, n);
    }
    return status;
}

static graft_status open_folder(graft_training *t)
{
    graft_status status = GRAFT_OK;
    const char *folder = t->config->output_dir;
    char *lock = NULL;
    GRAFT_TRY(graft_make_dirs(folder));
    GRAFT_TRY(graft_path_join(&t->checkpoints, folder, "checkpoints"));
    GRAFT_TRY(graft_path_join(&lock, folder, ".lock"));
    GRAFT_TRY(graft_lock_take(&t->lock, lock));
    GRAFT_TRY(graft_make_dirs(t->checkpoints));
    GRAFT_TRY(clean(folder));
    GRAFT_TRY(clean(t->checkpoints));
    GRAFT_TRY(probe(folder, "config.yaml"));
    GRAFT_TRY(probe(t->checkpoints, "step-0.h5"));
done:
    graft_free(lock);
    return status;
}

graft_status graft_preflight_folder(graft_training *t)
{
    if (t->config->output_dir == NULL) {
        return graft_fail(GRAFT_E_CONFIG, "output_dir is not set: name the folder of the run");
    }
    return open_folder(t) == GRAFT_OK ? GRAFT_OK : graft_fail_prefix("output_dir");
}

/* --- room in it --- */

/* Checkpoints that are in the folder and will make room for new ones. */
static graft_status count_old(const graft_training *t, size_t *n)
{
    graft_status status = GRAFT_OK;
    char **names = NULL;
    size_t n_names = 0;
    GRAFT_TRY(graft_dir_list(&names, &n_names, t->checkpoints));
    *n = 0;
    for (size_t i = 0; i < n_names; i++) {
        size_t len = strlen(names[i]);
        *n += len > 3 && strncmp(names[i], "step-", 5) == 0 && strcmp(names[i] + len - 3, ".h5") == 0;
    }
done:
    graft_dir_free(names, n_names);
    return status;
}

/* Of what is exported: with what some kinds hold frozen. */
static uint64_t adapter_numbers(const graft_adapter *adapter)
{
    uint64_t n = 0;
    for (size_t i = 0; i < adapter->n_maps; i++) {
        const graft_low_rank *m = &adapter->maps[i].low_rank;
        n += (uint64_t)m->a.n_rows * m->a.n_cols + (uint64_t)m->b.n_rows * m->b.n_cols;
        n += m->magnitude.n_rows;
    }
    return n;
}

typedef struct needs {
    uint64_t n_checkpoints, checkpoint, n_artefacts, artefact, other, all;
} needs;

static graft_status add_up(needs *out, const graft_training *t)
{
    graft_status status = GRAFT_OK;
    const graft_config *c = t->config;
    size_t n_old = 0;
    GRAFT_TRY(count_old(t, &n_old));
    uint64_t left = t->trainer.n_steps - t->trainer.step, every = graft_watch_anchor_steps(c);
    uint64_t anchors = every == 0 ? 0 : left / every; /* that a rollback may need */
    uint64_t kept = c->save_total_limit + (anchors < 3 ? anchors : 3);
    uint64_t n_new = kept + 1 - (n_old < kept ? n_old : kept);
    *out = (needs){
        .n_checkpoints = left == 0 ? 0 : left < n_new ? left : n_new,
        .checkpoint = t->trainer.plan.checkpoint_bytes,
        .n_artefacts = c->export.n,
        .artefact = adapter_numbers(t->session.adapter) * sizeof(float) + ARTEFACT_BYTES,
        .other = OTHER_BYTES + graft_training_n_evaluations(t) * t->eval.n_units * ITEM_BYTES,
    };
    out->all = out->n_checkpoints * out->checkpoint + out->n_artefacts * out->artefact + out->other;
done:
    return status;
}

static double mib(uint64_t bytes)
{
    return (double)bytes / 1048576;
}

graft_status graft_preflight_space(const graft_training *t)
{
    graft_status status = GRAFT_OK;
    needs n;
    uint64_t free_bytes = 0;
    const char *folder = t->config->output_dir;
    if (!graft_space_free(&free_bytes, t->checkpoints)) {
        return GRAFT_OK;
    }
    GRAFT_TRY(add_up(&n, t));
    graft_log(GRAFT_LOG_DEBUG, "the run will write up to %.1f MiB; %.1f MiB are free", mib(n.all),
              mib(free_bytes));
    if (n.all > free_bytes) {
        status = graft_fail(GRAFT_E_DISK, "output_dir: %s has %.1f MiB free, and this run writes up to "
                            "%.1f MiB: %llu checkpoints of %.1f MiB (save_total_limit %llu, and one more "
                            "while it is written), %llu artefacts (export) of %.1f MiB, %.1f MiB of "
                            "scores and logs: free some space, choose another output_dir, or lower "
                            "save_total_limit or lora_r",
                            folder, mib(free_bytes), mib(n.all), (unsigned long long)n.n_checkpoints,
                            mib(n.checkpoint), (unsigned long long)t->config->save_total_limit,
                            (unsigned long long)n.n_artefacts, mib(n.artefact), mib(n.other));
    }
done:
    return status;
}
