#include "train/checkpoint.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/log.h"
#include "core/memory.h"
#include "io/files.h"
#include "train/mixing.h"

graft_status graft_run_identity(graft_text *out, const graft_trainer *t, const char *base_hash,
                                const char *data_hash)
{
    graft_status status = GRAFT_OK;
    const graft_config *c = t->config;
    GRAFT_TRY(graft_text_appendf(out, "base: %s\ndata: %s\n", base_hash, data_hash));
    GRAFT_TRY(graft_text_appendf(out, "lora_r: %zu\nlora_alpha: %.17g\nlora_dropout: %.17g\n",
                                 t->adapter->rank, t->adapter->alpha, c->lora_dropout));
    GRAFT_TRY(graft_text_appendf(out, "lora_scale: %.17g\nadapted: %zu\n", t->adapter->scale,
                                 t->adapter->n_maps));
    GRAFT_TRY(graft_text_appendf(out, "learning_rate: %.17g\nlr_scheduler_type: %s\n",
                                 c->learning_rate, t->schedule->name));
    GRAFT_TRY(graft_text_appendf(out, "steps: %llu\nwarmup: %llu\nbatch_size: %llu\n",
                                 (unsigned long long)t->n_steps, (unsigned long long)t->n_warmup,
                                 (unsigned long long)c->batch_size));
    GRAFT_TRY(graft_text_appendf(out, "adam: %.17g %.17g %.17g\nweight_decay: %.17g\n",
                                 c->adam_beta1, c->adam_beta2, c->adam_epsilon, c->weight_decay));
    GRAFT_TRY(graft_text_appendf(out, "max_grad_norm: %.17g\nseed: %llu\nshuffle: %d\n",
                                 c->max_grad_norm, (unsigned long long)c->seed, c->shuffle));
    GRAFT_TRY(graft_text_appendf(out, "group_by_prefix: %d\n", c->group_by_prefix));
    if (!graft_mixing_is_plain(&t->mix)) {
        GRAFT_TRY(graft_text_append_z(out, "mixture:"));
        for (size_t i = 0; i < t->mix.n_parts; i++) {
            GRAFT_TRY(graft_text_appendf(out, " %zu of %zu", t->mix.parts[i].per_epoch,
                                         t->mix.parts[i].n));
        }
        GRAFT_TRY(graft_text_append_char(out, '\n'));
    }
    if (c->curriculum != GRAFT_CURRICULUM_NONE) {
        GRAFT_TRY(graft_text_append_z(out, "curriculum: length\n"));
    }
    GRAFT_TRY(graft_text_appendf(out, "packing: %d\nprefix_sharing: %d\npass: %zu\n", c->packing,
                                 c->prefix_sharing, t->plan.max_tokens_per_pass));
    GRAFT_TRY(graft_watch_identity(out, c));
done:
    return status;
}

/* The plan of memory counts the image (graft_plan.saving_bytes) and no copies beside it. */
static graft_status put_reals(graft_h5 *image, const char *name, const graft_real *values,
                              size_t n)
{
    graft_status status = GRAFT_OK;
    float *copy = NULL;
    if (sizeof(graft_real) == sizeof(float)) {
        return graft_h5_put_f32(image, name, (const float *)(const void *)values, n);
    }
    GRAFT_TRY(graft_alloc(&copy, n, sizeof *copy));
    for (size_t i = 0; i < n; i++) {
        copy[i] = (float)values[i];
    }
    GRAFT_TRY(graft_h5_put_f32(image, name, copy, n));
done:
    graft_free(copy);
    return status;
}

static graft_status get_reals(const graft_h5 *image, const char *name, graft_real *values,
                              size_t n)
{
    graft_status status = GRAFT_OK;
    float *copy = NULL;
    GRAFT_TRY(graft_alloc(&copy, n, sizeof *copy));
    GRAFT_TRY(graft_h5_get_f32(image, name, copy, n));
    for (size_t i = 0; i < n; i++) {
        values[i] = copy[i];
    }
done:
    graft_free(copy);
    return status;
}

/* Steps of the checkpoints in a folder, largest first; 0 if the name is not one. */
static uint64_t step_of(const char *name)
{
    unsigned long long step = 0;
    int end = 0;
    if (sscanf(name, "step-%llu.h5%n", &step, &end) != 1 || name[end] != '\0' || end == 0) {
        return 0;
    }
    return step;
}

static int descending(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return x < y ? 1 : x > y ? -1 : 0;
}

static graft_status list_steps(uint64_t **out, size_t *n_out, const char *folder)
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

static graft_status path_of(char **out, const char *folder, uint64_t step)
{
    char name[48];
    snprintf(name, sizeof name, "step-%llu.h5", (unsigned long long)step);
    return graft_path_join(out, folder, name);
}

static graft_status remove_step(const char *folder, uint64_t step)
{
    graft_status status = GRAFT_OK;
    char *path = NULL;
    GRAFT_TRY(path_of(&path, folder, step));
    status = graft_file_remove(path);
done:
    graft_free(path);
    return status;
}

static graft_status prune(const graft_trainer *t, const char *folder, size_t keep)
{
    graft_status status = GRAFT_OK;
    uint64_t *steps = NULL;
    size_t n = 0;
    GRAFT_TRY(list_steps(&steps, &n, folder));
    for (size_t i = keep; i < n; i++) {
        if (!graft_watch_needs(&t->watch, t->config, t->step, steps[i])) {
            GRAFT_TRY(remove_step(folder, steps[i]));
        }
    }
done:
    graft_free(steps);
    return status;
}

graft_status graft_checkpoint_forget(const char *folder, uint64_t step)
{
    graft_status status = GRAFT_OK;
    uint64_t *steps = NULL;
    size_t n = 0;
    GRAFT_TRY(list_steps(&steps, &n, folder));
    for (size_t i = 0; i < n && steps[i] > step; i++) {
        GRAFT_TRY(remove_step(folder, steps[i]));
    }
done:
    graft_free(steps);
    return status;
}

graft_status graft_checkpoint_anchor(char **out, const char *folder, const graft_config *config,
                                     uint64_t step)
{
    graft_status status = GRAFT_OK;
    uint64_t *steps = NULL;
    size_t n = 0;
    *out = NULL;
    GRAFT_TRY(list_steps(&steps, &n, folder));
    for (size_t i = 0; i < n && *out == NULL; i++) {
        graft_h5 *image = NULL;
        if (steps[i] > step || !graft_watch_is_anchor(config, steps[i])) {
            continue;
        }
        GRAFT_TRY(path_of(out, folder, steps[i]));
        if (graft_h5_read(&image, *out) != GRAFT_OK) {
            graft_log(GRAFT_LOG_WARN, "passed over: %s", graft_error_message());
            graft_free(*out);
            *out = NULL;
        }
        graft_h5_free(image);
    }
done:
    graft_free(steps);
    return status;
}

/* --- the best adapter so far --- */

enum { BEST_COUNTERS = 6, SCORE_WORDS = 4, BEST_WORDS = BEST_COUNTERS + 2 * SCORE_WORDS };

/* Doubles stand there as their bits. */
static void pack_score(uint64_t out[SCORE_WORDS], const graft_merit *score)
{
    memcpy(&out[0], &score->value, sizeof out[0]);
    memcpy(&out[1], &score->loss, sizeof out[1]);
    out[2] = score->hits;
    out[3] = score->of;
}

static void unpack_score(graft_merit *score, const uint64_t in[SCORE_WORDS])
{
    memcpy(&score->value, &in[0], sizeof in[0]);
    memcpy(&score->loss, &in[1], sizeof in[1]);
    score->hits = in[2];
    score->of = in[3];
}

static graft_status put_best(graft_h5 *image, const graft_best *best)
{
    graft_status status = GRAFT_OK;
    const char *basis = graft_text_z(&best->basis);
    uint64_t words[BEST_WORDS] = {best->params != NULL, best->step,    best->n_evaluations,
                                  best->n_stale,        best->evaluated, best->n_params};
    pack_score(&words[BEST_COUNTERS], &best->score);
    pack_score(&words[BEST_COUNTERS + SCORE_WORDS], &best->last);
    GRAFT_TRY(graft_h5_put_text(image, "best/basis", basis, strlen(basis)));
    GRAFT_TRY(graft_h5_put_u64(image, "best/state", words, BEST_WORDS));
    if (best->params != NULL) {
        GRAFT_TRY(put_reals(image, "best/params", best->params, best->n_params));
    }
done:
    return status;
}

bool graft_checkpoint_best_step(const graft_h5 *image, uint64_t *step)
{
    uint64_t words[BEST_WORDS] = {0};
    bool there = graft_h5_get_u64(image, "best/state", words, BEST_WORDS) == GRAFT_OK;
    *step = words[1];
    return there && words[0] != 0;
}

/* Checkpoints of earlier versions have none. */
static graft_status get_best(const graft_h5 *image, graft_best *best, size_t n_params,
                             const char *path)
{
    graft_status status = GRAFT_OK;
    uint64_t words[BEST_WORDS];
    size_t n = 0;
    graft_text basis;
    graft_text_init(&basis);
    if (graft_h5_size(image, "best/state", &n) != GRAFT_OK) {
        goto done;
    }
    GRAFT_TRY(graft_h5_get_text(image, "best/basis", &basis));
    GRAFT_TRY(graft_h5_get_u64(image, "best/state", words, BEST_WORDS));
    if (strcmp(graft_text_z(&basis), graft_text_z(&best->basis)) != 0) {
        graft_log(words[2] == 0 ? GRAFT_LOG_DEBUG : GRAFT_LOG_WARN,
                  "%s: the evaluations before it were of other data or by other "
                  "settings: the best adapter is chosen from those to come", path);
        goto done;
    }
    if (words[0] != 0) {
        GRAFT_TRY(graft_alloc(&best->params, n_params, sizeof *best->params));
        GRAFT_TRY(get_reals(image, "best/params", best->params, n_params));
        best->n_params = n_params;
    }
    best->step = words[1];
    best->n_evaluations = words[2];
    best->n_stale = words[3];
    best->evaluated = words[4];
    unpack_score(&best->score, &words[BEST_COUNTERS]);
    unpack_score(&best->last, &words[BEST_COUNTERS + SCORE_WORDS]);
done:
    graft_text_clear(&basis);
    return status;
}

/* What is not finite neither goes into a checkpoint nor comes out of one. */
static graft_status check_finite(const graft_trainer *t, const graft_real *values,
                                 const char *what, const char *path, graft_status code)
{
    char name[GRAFT_ADAPTER_PLACE_BYTES];
    size_t bad = values == NULL ? t->adapter->n_params
                                : graft_find_nonfinite(values, t->adapter->n_params);
    if (bad == t->adapter->n_params) {
        return GRAFT_OK;
    }
    graft_adapter_describe(t->adapter, bad, name, sizeof name);
    return graft_fail(code, "%s: %s of %s is not finite", path, what, name);
}

static graft_status check_state(const graft_trainer *t, const graft_best *best, const char *path,
                                graft_status code)
{
    graft_status status = GRAFT_OK;
    GRAFT_TRY(check_finite(t, t->adapter->params, "the value", path, code));
    GRAFT_TRY(check_finite(t, t->moments[0], "the first moment", path, code));
    GRAFT_TRY(check_finite(t, t->moments[1], "the second moment", path, code));
    GRAFT_TRY(check_finite(t, best->params, "the best value", path, code));
done:
    return status;
}

graft_status graft_checkpoint_save(const graft_trainer *t, const graft_best *best,
                                   const char *identity, const char *folder, size_t keep)
{
    graft_status status = GRAFT_OK;
    graft_h5 *image = NULL;
    char *path = NULL;
    size_t n = t->adapter->n_params;
    uint64_t counters[1] = {t->step};
    GRAFT_TRY(graft_make_dirs(folder));
    GRAFT_TRY(path_of(&path, folder, t->step));
    GRAFT_TRY(check_state(t, best, path, GRAFT_E_NUMERICS));
    GRAFT_TRY(graft_h5_new(&image));
    GRAFT_TRY(graft_h5_put_text(image, "run/identity", identity, strlen(identity)));
    GRAFT_TRY(graft_h5_put_u64(image, "run/step", counters, 1));
    GRAFT_TRY(put_reals(image, "adapter/params", t->adapter->params, n));
    GRAFT_TRY(put_reals(image, "optimizer/m", t->moments[0], n));
    GRAFT_TRY(put_reals(image, "optimizer/v", t->moments[1], n));
    GRAFT_TRY(put_best(image, best));
    GRAFT_TRY(graft_watch_put(&t->watch, image));
    GRAFT_TRY(graft_h5_write(image, path));
    GRAFT_TRY(prune(t, folder, keep));
done:
    graft_h5_free(image);
    graft_free(path);
    return status;
}

/* Compares identities line by line. */
static graft_status check_identity(const char *path, const char *saved, const char *wanted)
{
    while (*saved != '\0' || *wanted != '\0') {
        size_t n = strcspn(saved, "\n"), m = strcspn(wanted, "\n");
        if (n != m || memcmp(saved, wanted, n) != 0) {
            return graft_fail(GRAFT_E_CHECKPOINT,
                              "%s: belongs to another run: it has \"%.*s\", this run \"%.*s\" "
                              "(start afresh with resume_from_checkpoint: never, or another "
                              "output_dir)",
                              path, (int)n, saved, (int)m, wanted);
        }
        saved += n + (saved[n] == '\n');
        wanted += m + (wanted[m] == '\n');
    }
    return GRAFT_OK;
}

graft_status graft_checkpoint_load(graft_trainer *t, graft_best *best, const char *identity,
                                   const char *path)
{
    graft_status status = GRAFT_OK;
    graft_h5 *image = NULL;
    graft_text saved;
    uint64_t step = 0;
    size_t n = t->adapter->n_params;
    graft_text_init(&saved);
    GRAFT_TRY(graft_h5_read(&image, path));
    GRAFT_TRY(graft_h5_get_text(image, "run/identity", &saved));
    GRAFT_TRY(check_identity(path, graft_text_z(&saved), identity));
    GRAFT_TRY(graft_h5_get_u64(image, "run/step", &step, 1));
    if (step > t->n_steps) {
        status = graft_fail(GRAFT_E_CHECKPOINT, "%s: is at step %llu of a run of %llu", path,
                            (unsigned long long)step, (unsigned long long)t->n_steps);
        goto done;
    }
    GRAFT_TRY(get_reals(image, "adapter/params", t->adapter->params, n));
    GRAFT_TRY(get_reals(image, "optimizer/m", t->moments[0], n));
    GRAFT_TRY(get_reals(image, "optimizer/v", t->moments[1], n));
    GRAFT_TRY(get_best(image, best, n, path));
    GRAFT_TRY(check_state(t, best, path, GRAFT_E_CHECKPOINT));
    GRAFT_TRY(graft_watch_get(&t->watch, image, path, step));
    t->step = step;
done:
    graft_h5_free(image);
    graft_text_clear(&saved);
    return status;
}

graft_status graft_checkpoint_newest(char **out, const char *folder)
{
    graft_status status = GRAFT_OK;
    uint64_t *steps = NULL;
    size_t n = 0;
    *out = NULL;
    GRAFT_TRY(list_steps(&steps, &n, folder));
    if (n > 0) {
        GRAFT_TRY(path_of(out, folder, steps[0]));
    }
done:
    graft_free(steps);
    return status;
}
