#include "run/preflight.h"

#include <string.h>

#include "core/log.h"
#include "core/memory.h"
#include "export/export.h"

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

/* What training begins with would be replaced by its result: by whatever name it is given. */
static graft_status check_start(const graft_config *c)
{
    graft_status status = GRAFT_OK;
    char *path = NULL;
    bool same = c->init_adapter != NULL && graft_path_same(c->init_adapter, c->output_dir);
    for (size_t i = 0; c->init_adapter != NULL && graft_exporters[i] != NULL && !same; i++) {
        GRAFT_TRY(graft_path_join(&path, c->output_dir, graft_exporters[i]->writes));
        same = graft_path_same(c->init_adapter, path);
        graft_free(path);
        path = NULL;
    }
    if (same) {
        status = graft_fail(GRAFT_E_CONFIG, "init_adapter: %s lies where this run writes its own (output_dir: "
                            "%s): name another output_dir", c->init_adapter, c->output_dir);
    }
done:
    graft_free(path);
    return status;
}

graft_status graft_preflight_folder(graft_training *t)
{
    if (t->config->output_dir == NULL) {
        return graft_fail(GRAFT_E_CONFIG, "output_dir is not set: name the folder of the run");
    }
    graft_status status = check_start(t->config);
    if (status != GRAFT_OK) {
        return status;
    }
    return open_folder(t) == GRAFT_OK ? GRAFT_OK : graft_fail_prefix("output_dir");
}

graft_status graft_preflight_look(graft_training *t)
{
    const char *folder = t->config->output_dir;
    char *nearest = NULL;
    if (folder == NULL) {
        return GRAFT_OK;
    }
    graft_status status = check_start(t->config);
    if (status != GRAFT_OK) {
        return status;
    }
    status = graft_folder_look(&nearest, folder);
    graft_free(nearest);
    if (status != GRAFT_OK) {
        return graft_fail_prefix("output_dir");
    }
    return graft_path_join(&t->checkpoints, folder, "checkpoints");
}

/* --- room in it --- */

/* Checkpoints that are in the folder and will make room for new ones. */
static graft_status count_old(const graft_training *t, size_t *n)
{
    graft_status status = GRAFT_OK;
    char **names = NULL;
    size_t n_names = 0;
    *n = 0;
    if (t->checkpoints == NULL || !graft_path_is_dir(t->checkpoints)) {
        return GRAFT_OK;
    }
    GRAFT_TRY(graft_dir_list(&names, &n_names, t->checkpoints));
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

static graft_status count_artefacts(uint64_t *bytes, const graft_training *t)
{
    graft_status status = GRAFT_OK;
    uint64_t adapter = adapter_numbers(t->session.adapter) * sizeof(float);
    *bytes = 0;
    for (size_t i = 0; i < t->config->export.n; i++) {
        const char *item = t->config->export.items[i], *type;
        const graft_exporter *exporter;
        uint64_t merged = 0;
        GRAFT_TRY(graft_exporter_of_item(&exporter, &type, item));
        if (graft_exporter_estimate(&merged, exporter, type, t->session.model->file) != GRAFT_OK) {
            status = graft_fail_prefix("export: %s", item);
            goto done;
        }
        *bytes += (merged > 0 ? merged : adapter) + ARTEFACT_BYTES;
    }
done:
    return status;
}

/* Of the folder, or where it would be made. */
static graft_status find_free(graft_space_figures *out, const graft_training *t)
{
    graft_status status = GRAFT_OK;
    char *nearest = NULL, *inside = NULL;
    if (t->config->output_dir == NULL) {
        return GRAFT_OK;
    }
    GRAFT_TRY(graft_folder_look(&nearest, t->config->output_dir));
    GRAFT_TRY(graft_path_join(&inside, nearest, "checkpoints"));
    out->knows_free = graft_space_free(&out->free, inside);
done:
    graft_free(nearest);
    graft_free(inside);
    return status;
}

/* How many of them there will be between the first and the last is not known until there is a plan. */
static uint64_t count_evaluations(const graft_training *t)
{
    uint64_t n = graft_training_n_evaluations(t);
    bool known = !graft_training_is_limited(t) || t->trainer.pace.planned;
    return known || n < 2 ? n : 2;
}

graft_status graft_preflight_count(graft_space_figures *out, const graft_training *t)
{
    graft_status status = GRAFT_OK;
    const graft_config *c = t->config;
    size_t n_old = 0;
    *out = (graft_space_figures){0};
    GRAFT_TRY(find_free(out, t));
    GRAFT_TRY(count_old(t, &n_old));
    GRAFT_TRY(count_artefacts(&out->artefacts, t));
    uint64_t left = t->trainer.n_steps - t->trainer.step, every = graft_watch_anchor_steps(c);
    uint64_t anchors = every == 0 ? 0 : left / every; /* that a rollback may need */
    uint64_t kept = c->save_total_limit + (anchors < 3 ? anchors : 3);
    uint64_t n_new = kept + 1 - (n_old < kept ? n_old : kept);
    out->n_checkpoints = left == 0 ? 0 : left < n_new ? left : n_new;
    out->checkpoint = t->trainer.plan.checkpoint_bytes;
    out->n_artefacts = c->export.n;
    out->other = OTHER_BYTES + count_evaluations(t) * graft_training_n_items(t) * ITEM_BYTES;
    out->all = out->n_checkpoints * out->checkpoint + out->artefacts + out->other;
done:
    return status;
}

static double mib(uint64_t bytes)
{
    return (double)bytes / 1048576;
}

graft_status graft_preflight_space(const graft_training *t, const graft_space_figures *n)
{
    graft_log(GRAFT_LOG_DEBUG, "the run will write up to %.1f MiB; %.1f MiB are free", mib(n->all),
              mib(n->free));
    if (!n->knows_free || n->all <= n->free) {
        return GRAFT_OK;
    }
    return graft_fail(GRAFT_E_DISK, "output_dir: %s has %.1f MiB free, and this run writes up to "
                      "%.1f MiB: %llu checkpoints of %.1f MiB (save_total_limit %llu, and one more "
                      "while it is written), %llu artefacts (export) of %.1f MiB in all, %.1f MiB of "
                      "scores (eval_samples, eval_steps) and logs: free some space, choose another "
                      "output_dir, or lower save_total_limit or lora_r",
                      t->config->output_dir, mib(n->free), mib(n->all),
                      (unsigned long long)n->n_checkpoints, mib(n->checkpoint),
                      (unsigned long long)t->config->save_total_limit,
                      (unsigned long long)n->n_artefacts, mib(n->artefacts), mib(n->other));
}
