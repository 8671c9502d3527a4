/* resume.c - where a run continues: which checkpoint, if any, and why not another one. */
#include <string.h>

#include "core/log.h"
#include "core/memory.h"
#include "run/training.h"
#include "train/rollback.h"

/* One checkpoint beside the run that wants to continue. */
typedef struct candidate {
    graft_checkpoint checkpoint;
    graft_text run, machine; /* graft_run_differences */
} candidate;

static void candidate_clear(candidate *c)
{
    graft_checkpoint_close(&c->checkpoint);
    graft_text_clear(&c->run);
    graft_text_clear(&c->machine);
}

static graft_status candidate_open(candidate *c, const graft_training *t, const char *path)
{
    graft_status status = GRAFT_OK;
    memset(c, 0, sizeof *c);
    GRAFT_TRY(graft_checkpoint_open(&c->checkpoint, path));
    GRAFT_TRY(graft_run_differences(&c->run, &c->machine, graft_text_z(&c->checkpoint.identity),
                                    graft_text_z(&t->identity)));
    if (c->run.len > 0 && !t->config->force) {
        status = graft_checkpoint_refuse(path, graft_text_z(&c->run));
    }
done:
    return status;
}

/* Continues from it. What differs all the same is said. */
static graft_status take(graft_training *t, const candidate *c)
{
    graft_status status = GRAFT_OK;
    const char *path = c->checkpoint.path;
    GRAFT_TRY(graft_checkpoint_take(&c->checkpoint, &t->trainer, &t->best));
    GRAFT_TRY(graft_strdup(&t->begun_from, path));
    if (c->run.len > 0) {
        GRAFT_TRY(graft_rollback_accept(&t->trainer, graft_text_z(&c->checkpoint.identity)));
        graft_log(GRAFT_LOG_WARN, "--force: continuing from %s although it belongs to another run: %s",
                  path, graft_text_z(&c->run));
    }
    if (c->machine.len > 0) {
        graft_log(GRAFT_LOG_WARN, "%s was computed otherwise (%s): the run continues, but not bit "
                  "for bit as it would have", path, graft_text_z(&c->machine));
    }
    graft_log(GRAFT_LOG_INFO, "continuing from %s: step %llu of %llu", path,
              (unsigned long long)t->trainer.step, (unsigned long long)t->trainer.n_steps);
done:
    return status;
}

/* Why the checkpoints before were passed over: lines, the newest first. */
static void tell_skipped(const char *lines)
{
    while (*lines != '\0') {
        size_t n = strcspn(lines, "\n");
        graft_log(GRAFT_LOG_WARN, "skipped: %.*s", (int)n, lines);
        lines += n + (lines[n] == '\n');
    }
}

/* None of them can be used. To begin anew over what is there would lose it, so that is asked for. */
static graft_status fail_all(const char *folder, size_t n, const char *other_run, const char *lines)
{
    if (*other_run != '\0') {
        return graft_fail(GRAFT_E_CHECKPOINT, "%s", other_run);
    }
    return graft_fail(GRAFT_E_CHECKPOINT, "%s: no checkpoint of %zu can be used (the newest: "
                      "%.*s); resume_from_checkpoint: never starts afresh and replaces them", folder, n,
                      (int)strcspn(lines, "\n"), lines);
}

/* Opens the newest one that is sound and of this run; out->checkpoint.path is NULL if there is none at all. */
static graft_status find_newest(candidate *out, const graft_training *t)
{
    graft_status status = GRAFT_OK;
    uint64_t *steps = NULL;
    char *path = NULL;
    size_t n = 0;
    bool found = false;
    candidate c = {0};
    graft_text skipped, other_run;
    graft_text_init(&skipped);
    graft_text_init(&other_run);
    GRAFT_TRY(graft_checkpoint_steps(&steps, &n, t->checkpoints));
    for (size_t i = 0; i < n && !found; i++) {
        graft_free(path);
        GRAFT_TRY(graft_checkpoint_path(&path, t->checkpoints, steps[i]));
        status = candidate_open(&c, t, path);
        if (status == GRAFT_OK) {
            tell_skipped(graft_text_z(&skipped));
            found = true;
            *out = c;
            c = (candidate){0};
        }
        bool unusable = status == GRAFT_E_CHECKPOINT || status == GRAFT_E_DISK;
        if (unusable) {
            GRAFT_TRY(graft_text_appendf(&skipped, "%s\n", graft_error_message()));
        }
        if (unusable && c.run.len > 0 && other_run.len == 0) {
            GRAFT_TRY(graft_text_append_z(&other_run, graft_error_message()));
        }
        candidate_clear(&c);
        GRAFT_TRY(unusable ? GRAFT_OK : status);
    }
    status = found || n == 0 ? GRAFT_OK
                             : fail_all(t->checkpoints, n, graft_text_z(&other_run),
                                        graft_text_z(&skipped));
done:
    candidate_clear(&c);
    graft_free(path);
    graft_free(steps);
    graft_text_clear(&skipped);
    graft_text_clear(&other_run);
    return status;
}

static bool takes_newest(const graft_training *t)
{
    const char *wanted = t->config->resume_from_checkpoint;
    return wanted == NULL || strcmp(wanted, "auto") == 0;
}

const char *graft_training_way_on(const graft_training *t)
{
    return takes_newest(t) || !t->has_saved ? "the same command continues"
                                            : "the same command with resume_from_checkpoint: auto continues";
}

/* The checkpoint that the settings ask for: one by its name, the newest, or none. */
static graft_status find(candidate *out, const graft_training *t)
{
    const char *wanted = t->config->resume_from_checkpoint;
    bool newest = takes_newest(t);
    memset(out, 0, sizeof *out);
    if (newest) {
        return t->checkpoints != NULL && graft_path_is_dir(t->checkpoints) ? find_newest(out, t) : GRAFT_OK;
    }
    return strcmp(wanted, "never") == 0 ? GRAFT_OK : candidate_open(out, t, wanted);
}

static graft_status open_readable(graft_checkpoint *out, const char *path)
{
    graft_status status = graft_checkpoint_open(out, path);
    return status == GRAFT_E_CHECKPOINT || status == GRAFT_E_DISK ? GRAFT_OK : status;
}

/* The newest one that can be read, whichever run it is of; its path is NULL if there is none. */
static graft_status open_newest(graft_checkpoint *out, const char *folder)
{
    graft_status status = GRAFT_OK;
    uint64_t *steps = NULL;
    char *path = NULL;
    size_t n = 0;
    GRAFT_TRY(graft_checkpoint_steps(&steps, &n, folder));
    for (size_t i = 0; i < n && out->path == NULL; i++) {
        graft_free(path);
        GRAFT_TRY(graft_checkpoint_path(&path, folder, steps[i]));
        GRAFT_TRY(open_readable(out, path));
    }
done:
    graft_free(path);
    graft_free(steps);
    return status;
}

/* Comes before the tokens, and so before it is known whether the checkpoint is of this run. What is wrong with
 * it is said by whoever continues from it. */
graft_status graft_training_recall_date(const graft_training *t, graft_text *out)
{
    graft_status status = GRAFT_OK;
    const char *wanted = t->config->resume_from_checkpoint;
    graft_checkpoint c = {0};
    if (wanted != NULL && strcmp(wanted, "never") == 0) {
        return GRAFT_OK;
    }
    if (wanted != NULL && strcmp(wanted, "auto") != 0) {
        GRAFT_TRY(open_readable(&c, wanted));
    } else if (t->checkpoints != NULL) {
        GRAFT_TRY(open_newest(&c, t->checkpoints));
    }
    if (c.path != NULL) {
        GRAFT_TRY(graft_run_identity_date(out, graft_text_z(&c.identity)));
    }
done:
    graft_checkpoint_close(&c);
    return status;
}

graft_status graft_training_look_resume(const graft_training *t)
{
    candidate c;
    graft_status status = find(&c, t);
    if (status == GRAFT_OK && c.checkpoint.path != NULL) {
        graft_log(GRAFT_LOG_INFO, "the run would continue from %s: step %llu of %llu", c.checkpoint.path,
                  (unsigned long long)c.checkpoint.step, (unsigned long long)t->trainer.n_steps);
    }
    candidate_clear(&c);
    return status;
}

graft_status graft_training_resume(graft_training *t)
{
    graft_status status = GRAFT_OK;
    candidate c;
    GRAFT_TRY(find(&c, t));
    if (c.checkpoint.path != NULL) {
        GRAFT_TRY(take(t, &c));
    }
    t->config->force = false; /* not for whoever feeds config.yaml back */
done:
    candidate_clear(&c);
    return status;
}
