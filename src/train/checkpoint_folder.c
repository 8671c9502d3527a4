/* checkpoint_folder.c - the files step-N.h5 in a folder. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/log.h"
#include "core/memory.h"
#include "io/files.h"
#include "train/checkpoint.h"

enum { NAME_BYTES = 48 };

static void name_step(char out[NAME_BYTES], uint64_t step)
{
    snprintf(out, NAME_BYTES, "step-%llu.h5", (unsigned long long)step);
}

/* The N of step-N.h5; 0 if the name is none. Written in another way ("step-007.h5", "step--7.h5") it is none: no
 * file would be found by its number. */
static uint64_t step_of(const char *name)
{
    unsigned long long step = 0;
    char own[NAME_BYTES];
    if (sscanf(name, "step-%llu.h5", &step) != 1) {
        return 0;
    }
    name_step(own, step);
    return strcmp(name, own) == 0 ? step : 0;
}

static int descending(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return x < y ? 1 : x > y ? -1 : 0;
}

graft_status graft_checkpoint_steps(uint64_t **out, size_t *n_out, const char *folder)
{
    graft_status status = GRAFT_OK;
    char **names = NULL;
    size_t n = 0;
    *out = NULL;
    *n_out = 0;
    if (!graft_path_is_dir(folder)) {
        return GRAFT_OK;
    }
    GRAFT_TRY(graft_dir_list(&names, &n, folder));
    GRAFT_TRY(graft_alloc(out, n, sizeof **out));
    for (size_t i = 0; i < n; i++) {
        if (step_of(names[i]) != 0) {
            (*out)[(*n_out)++] = step_of(names[i]);
        }
    }
    qsort(*out, *n_out, sizeof **out, descending);
done:
    graft_dir_free(names, n);
    return status;
}

graft_status graft_checkpoint_path(char **out, const char *folder, uint64_t step)
{
    char name[NAME_BYTES];
    name_step(name, step);
    return graft_path_join(out, folder, name);
}

graft_status graft_checkpoint_newest(char **out, const char *folder)
{
    graft_status status = GRAFT_OK;
    uint64_t *steps = NULL;
    size_t n = 0;
    *out = NULL;
    GRAFT_TRY(graft_checkpoint_steps(&steps, &n, folder));
    if (n > 0) {
        GRAFT_TRY(graft_checkpoint_path(out, folder, steps[0]));
    }
done:
    graft_free(steps);
    return status;
}

graft_status graft_checkpoint_keep_only(const char *folder, uint64_t step)
{
    graft_status status = GRAFT_OK;
    uint64_t *steps = NULL;
    char *path = NULL;
    size_t n = 0;
    GRAFT_TRY(graft_checkpoint_steps(&steps, &n, folder));
    for (size_t i = 0; i < n; i++) {
        graft_free(path);
        path = NULL;
        GRAFT_TRY(graft_checkpoint_path(&path, folder, steps[i]));
        if (steps[i] != step) {
            GRAFT_TRY(graft_file_remove(path));
            graft_log(GRAFT_LOG_WARN, "removed %s: it is of an earlier run", path);
        }
    }
done:
    graft_free(path);
    graft_free(steps);
    return status;
}

graft_status graft_checkpoint__prune(const graft_trainer *t, const char *folder, size_t keep)
{
    graft_status status = GRAFT_OK;
    uint64_t *steps = NULL;
    char *path = NULL;
    size_t n = 0, kept = 0;
    GRAFT_TRY(graft_checkpoint_steps(&steps, &n, folder));
    for (size_t i = 0; i < n; i++) {
        bool later = steps[i] > t->step;
        bool needed = !later && graft_watch_needs(&t->watch, t->config, t->step, steps[i]);
        if (!later && (kept < keep || needed)) {
            kept++;
            continue;
        }
        GRAFT_TRY(graft_checkpoint_path(&path, folder, steps[i]));
        GRAFT_TRY(graft_file_remove(path));
        if (later) {
            graft_log(GRAFT_LOG_WARN, "removed %s: this run is at step %llu", path,
                      (unsigned long long)t->step);
        }
        graft_free(path);
        path = NULL;
    }
done:
    graft_free(path);
    graft_free(steps);
    return status;
}
