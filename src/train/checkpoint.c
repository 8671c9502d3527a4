#include "train/checkpoint.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "core/log.h"
#include "core/memory.h"
#include "io/files.h"
#include "train/pace.h"

enum {
    FORMAT = 2,
    MOST_PASS_TOKENS = 1 << 24 /* as of max_tokens_per_pass */
};

/* The plan of memory counts the image (graft_plan.saving_bytes) and no copies beside it. */
static graft_status put_reals(graft_h5_writer *image, const char *name, const graft_real *values,
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

static graft_status put_best(graft_h5_writer *image, const graft_best *best)
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

static graft_status get_best(const graft_h5 *image, graft_best *best, size_t n_params,
                             const char *path)
{
    graft_status status = GRAFT_OK;
    uint64_t words[BEST_WORDS];
    graft_text basis;
    graft_text_init(&basis);
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

/* --- saving --- */

/* Where each map lies in the flat arrays. */
static graft_status format_maps(graft_text *out, const graft_adapter *adapter)
{
    graft_status status = GRAFT_OK;
    for (size_t i = 0; i < adapter->n_maps; i++) {
        const graft_low_rank *m = &adapter->maps[i].low_rank;
        GRAFT_TRY(graft_text_appendf(out, "%s %zu %zu %zu %zu %zu", adapter->maps[i].name,
                                     m->a.n_rows, m->a.n_cols, m->b.n_rows,
                                     (size_t)(m->a.data - adapter->params),
                                     (size_t)(m->b.data - adapter->params)));
        if (m->magnitude.data != NULL) {
            GRAFT_TRY(graft_text_appendf(out, " %zu",
                                         (size_t)(m->magnitude.data - adapter->params)));
        }
        GRAFT_TRY(graft_text_append_char(out, '\n'));
    }
done:
    return status;
}

/* What the run is, and how its arrays are to be read. */
static graft_status put_run(graft_h5_writer *image, const graft_trainer *t, const char *identity)
{
    graft_status status = GRAFT_OK;
    const uint64_t format[1] = {FORMAT}, step[1] = {t->step};
    const uint64_t passes[2] = {t->plan.usual_tokens, t->plan.max_tokens_per_pass};
    graft_text notes, maps;
    graft_text_init(&notes);
    graft_text_init(&maps);
    GRAFT_TRY(graft_notes_format(&t->notes, &notes));
    GRAFT_TRY(format_maps(&maps, t->adapter));
    GRAFT_TRY(graft_h5_put_u64(image, "run/format", format, 1));
    GRAFT_TRY(graft_h5_put_u64(image, "run/step", step, 1));
    GRAFT_TRY(graft_h5_put_u64(image, "run/passes", passes, 2));
    GRAFT_TRY(graft_h5_put_text(image, "run/identity", identity, strlen(identity)));
    GRAFT_TRY(graft_h5_put_text(image, "run/notes", graft_text_z(&notes), notes.len));
    GRAFT_TRY(graft_h5_put_text(image, "adapter/maps", graft_text_z(&maps), maps.len));
done:
    graft_text_clear(&notes);
    graft_text_clear(&maps);
    return status;
}

/* "step-5.h5: the value of blk.0.attn_q.weight lora_a, row 0, column 9 is not finite" */
static graft_status check_finite(const graft_trainer *t, const graft_real *values, const char *what,
                                 const char *path)
{
    char name[GRAFT_ADAPTER_PLACE_BYTES];
    size_t n = t->adapter->n_params, bad = values == NULL ? n : graft_find_nonfinite(values, n);
    if (bad == n) {
        return GRAFT_OK;
    }
    graft_adapter_describe(t->adapter, bad, name, sizeof name);
    return graft_fail(GRAFT_E_NUMERICS, "%s: %s of %s is not finite", path, what, name);
}

static graft_status check_state(const graft_trainer *t, const graft_best *best, const char *path)
{
    graft_status status = GRAFT_OK;
    GRAFT_TRY(check_finite(t, t->adapter->params, "the value", path));
    GRAFT_TRY(check_finite(t, t->moments[0], "the first moment", path));
    GRAFT_TRY(check_finite(t, t->moments[1], "the second moment", path));
    GRAFT_TRY(check_finite(t, best->params, "the best value", path));
done:
    return status;
}

graft_status graft_checkpoint_save(const graft_trainer *t, const graft_best *best,
                                   const char *identity, const char *folder, size_t keep)
{
    graft_status status = GRAFT_OK;
    graft_h5_writer *image = NULL;
    char *path = NULL;
    size_t n = t->adapter->n_params;
    GRAFT_TRY(graft_make_dirs(folder));
    GRAFT_TRY(graft_checkpoint_path(&path, folder, t->step));
    GRAFT_TRY(check_state(t, best, path));
    GRAFT_TRY(graft_h5_new(&image));
    GRAFT_TRY(put_run(image, t, identity));
    GRAFT_TRY(put_reals(image, "adapter/params", t->adapter->params, n));
    GRAFT_TRY(put_reals(image, "optimizer/m", t->moments[0], n));
    GRAFT_TRY(put_reals(image, "optimizer/v", t->moments[1], n));
    GRAFT_TRY(put_best(image, best));
    GRAFT_TRY(graft_watch_put(&t->watch, image));
    GRAFT_TRY(graft_h5_write(image, path));
    GRAFT_TRY(graft_checkpoint__prune(t, folder, keep));
done:
    graft_h5_writer_free(image);
    graft_free(path);
    return status;
}

/* --- reading --- */

void graft_checkpoint_close(graft_checkpoint *c)
{
    graft_h5_free(c->image);
    graft_free(c->path);
    graft_text_clear(&c->identity);
    graft_text_clear(&c->maps);
    memset(c, 0, sizeof *c);
}

/* A line of adapter/maps, n characters: rank, sizes, and where A and B begin; in a DoRA also where its
 * magnitudes do, SIZE_MAX in others. */
typedef struct map_line {
    size_t rank, n_in, n_out, a, b, magnitude;
} map_line;

static bool read_map_line(map_line *out, const char *line, size_t n)
{
    size_t n_name = strcspn(line, " \n");
    const char *numbers = line + n_name;
    int used = 0, more = 0;
    out->magnitude = SIZE_MAX;
    if (n_name == 0 || *numbers != ' ' || line[n] != '\n' ||
        sscanf(numbers, " %zu %zu %zu %zu %zu%n", &out->rank, &out->n_in, &out->n_out, &out->a,
               &out->b, &used) != 5) {
        return false;
    }
    if (n_name + (size_t)used < n && sscanf(numbers + used, " %zu%n", &out->magnitude, &more) != 1) {
        return false;
    }
    return n_name + (size_t)used + (size_t)more == n;
}

/* Moves *end behind the map, which must begin there. */
static bool pass_map(const map_line *m, size_t *end, size_t n_params)
{
    size_t size_a, size_b;
    if (!graft_size_mul(m->rank, m->n_in, &size_a) || !graft_size_mul(m->rank, m->n_out, &size_b) ||
        size_a == 0 || size_b == 0 || m->a != *end || size_a > n_params - *end ||
        m->b != *end + size_a || size_b > n_params - m->b) {
        return false;
    }
    *end = m->b + size_b;
    if (m->magnitude != SIZE_MAX) {
        if (m->magnitude != *end || m->n_out > n_params - *end) {
            return false;
        }
        *end += m->n_out;
    }
    return true;
}

/* Maps follow one another without gaps up to the end of the parameters. */
static graft_status check_maps(const graft_checkpoint *c)
{
    size_t end = 0;
    for (const char *line = graft_text_z(&c->maps); *line != '\0';) {
        size_t n = strcspn(line, "\n");
        map_line m;
        if (!read_map_line(&m, line, n) || !pass_map(&m, &end, c->n_params)) {
            return graft_fail(GRAFT_E_CHECKPOINT, "%s: adapter/maps: at byte %zu stands no map "
                              "that fits", c->path, (size_t)(line - graft_text_z(&c->maps)));
        }
        line += n + 1;
    }
    return end == c->n_params
               ? GRAFT_OK
               : graft_fail(GRAFT_E_CHECKPOINT, "%s: its maps have %zu parameters, adapter/params "
                            "has %zu", c->path, end, c->n_params);
}

/* An array of n finite numbers, none of them negative if `squares`. */
static graft_status check_array(const graft_checkpoint *c, const char *name, bool squares,
                                float *scratch)
{
    graft_status status = GRAFT_OK;
    GRAFT_TRY(graft_h5_get_f32(c->image, name, scratch, c->n_params));
    for (size_t i = 0; i < c->n_params; i++) {
        if (!isfinite(scratch[i]) || (squares && scratch[i] < 0)) {
            return graft_fail(GRAFT_E_CHECKPOINT, "%s: %s: number %zu is %s", c->path, name, i,
                              isfinite(scratch[i]) ? "negative" : "not finite");
        }
    }
done:
    return status;
}

static graft_status check_best(const graft_checkpoint *c, float *scratch)
{
    graft_status status = GRAFT_OK;
    uint64_t words[BEST_WORDS];
    graft_text basis;
    graft_text_init(&basis);
    GRAFT_TRY(graft_h5_get_text(c->image, "best/basis", &basis));
    GRAFT_TRY(graft_h5_get_u64(c->image, "best/state", words, BEST_WORDS));
    if (words[0] > 1 || words[1] > c->step || words[4] > c->step ||
        (words[0] == 1 && words[5] != c->n_params)) {
        status = graft_fail(GRAFT_E_CHECKPOINT, "%s: best/state does not fit the rest", c->path);
        goto done;
    }
    if (words[0] == 1) {
        GRAFT_TRY(check_array(c, "best/params", false, scratch));
    }
done:
    graft_text_clear(&basis);
    return status;
}

static graft_status check_arrays(const graft_checkpoint *c)
{
    graft_status status = GRAFT_OK;
    float *scratch = NULL;
    GRAFT_TRY(graft_alloc(&scratch, c->n_params, sizeof *scratch));
    GRAFT_TRY(check_array(c, "adapter/params", false, scratch));
    GRAFT_TRY(check_array(c, "optimizer/m", false, scratch));
    GRAFT_TRY(check_array(c, "optimizer/v", true, scratch));
    GRAFT_TRY(check_best(c, scratch));
done:
    graft_free(scratch);
    return status;
}

static graft_status read_run(graft_checkpoint *c)
{
    graft_status status = GRAFT_OK;
    uint64_t format = 0;
    size_t n = 0;
    graft_text notes;
    graft_text_init(&notes);
    status = graft_h5_size(c->image, "run/format", &n);
    if (status != GRAFT_OK && status != GRAFT_E_MEMORY) {
        graft_status named = graft_h5_size(c->image, "run/identity", &n);
        status = named == GRAFT_E_MEMORY
                     ? named
                     : graft_fail(GRAFT_E_CHECKPOINT, "%s: %s", c->path,
                                  named != GRAFT_OK
                                      ? "is no checkpoint of a run (no run/format)"
                                      : "is of an earlier version of graft, which this one does "
                                        "not continue");
    }
    GRAFT_TRY(status);
    GRAFT_TRY(graft_h5_get_u64(c->image, "run/format", &format, 1));
    if (format != FORMAT) {
        status = graft_fail(GRAFT_E_CHECKPOINT, "%s: state of version %llu; only %d is supported",
                            c->path, (unsigned long long)format, FORMAT);
        goto done;
    }
    GRAFT_TRY(graft_h5_get_u64(c->image, "run/step", &c->step, 1));
    GRAFT_TRY(graft_h5_get_u64(c->image, "run/passes", c->passes, 2));
    GRAFT_TRY(graft_h5_get_text(c->image, "run/identity", &c->identity));
    GRAFT_TRY(graft_h5_get_text(c->image, "run/notes", &notes));
    GRAFT_TRY(graft_h5_get_text(c->image, "adapter/maps", &c->maps));
    GRAFT_TRY(graft_h5_size(c->image, "adapter/params", &c->n_params));
    if (graft_notes_parse(&c->notes, graft_text_z(&notes)) != GRAFT_OK) {
        status = graft_fail_prefix("%s", c->path);
        goto done;
    }
    if (c->passes[0] == 0 || c->passes[1] < c->passes[0] || c->passes[1] > MOST_PASS_TOKENS) {
        status = graft_fail(GRAFT_E_CHECKPOINT, "%s: run/passes is no plan", c->path);
    }
done:
    graft_text_clear(&notes);
    return status;
}

graft_status graft_checkpoint_open(graft_checkpoint *c, const char *path)
{
    graft_status status = GRAFT_OK;
    memset(c, 0, sizeof *c);
    GRAFT_TRY(graft_strdup(&c->path, path));
    GRAFT_TRY(graft_h5_read(&c->image, path));
    GRAFT_TRY(read_run(c));
    GRAFT_TRY(check_maps(c));
    GRAFT_TRY(check_arrays(c));
    GRAFT_TRY(graft_watch_get(&c->watch, c->image, path, c->step));
done:
    if (status != GRAFT_OK) {
        graft_checkpoint_close(c);
    }
    return status;
}

static graft_status check_adapter(const graft_checkpoint *c, const graft_adapter *adapter)
{
    graft_status status = GRAFT_OK;
    graft_text maps;
    graft_text_init(&maps);
    GRAFT_TRY(format_maps(&maps, adapter));
    if (strcmp(graft_text_z(&maps), graft_text_z(&c->maps)) != 0) {
        status = graft_fail(GRAFT_E_CHECKPOINT, "%s: its adapter has other maps or another rank "
                            "(%zu parameters, this run has %zu), so nothing can continue from it; "
                            "init_adapter starts a new run from an adapter", c->path, c->n_params,
                            adapter->n_params);
    }
done:
    graft_text_clear(&maps);
    return status;
}

graft_status graft_checkpoint_take(const graft_checkpoint *c, graft_trainer *t, graft_best *best)
{
    graft_status status = GRAFT_OK;
    size_t n = t->adapter->n_params;
    GRAFT_TRY(check_adapter(c, t->adapter));
    if (c->step > t->n_asked) {
        status = graft_fail(GRAFT_E_CHECKPOINT, "%s: is at step %llu of a run of %llu", c->path,
                            (unsigned long long)c->step, (unsigned long long)t->n_asked);
        goto done;
    }
    GRAFT_TRY(graft_trainer_adopt_passes(t, c->passes[0], c->passes[1]));
    GRAFT_TRY(graft_pace_recall(t, &c->notes, c->step, c->path));
    GRAFT_TRY(get_reals(c->image, "adapter/params", t->adapter->params, n));
    GRAFT_TRY(get_reals(c->image, "optimizer/m", t->moments[0], n));
    GRAFT_TRY(get_reals(c->image, "optimizer/v", t->moments[1], n));
    GRAFT_TRY(get_best(c->image, best, n, c->path));
    t->notes = c->notes;
    t->watch = c->watch;
    t->step = c->step;
done:
    return status;
}

graft_status graft_checkpoint_refuse(const char *path, const char *differences)
{
    return graft_fail(GRAFT_E_CHECKPOINT, "%s: belongs to another run: %s (--force continues all "
                      "the same; resume_from_checkpoint: never starts afresh)", path, differences);
}

graft_status graft_checkpoint_load(graft_trainer *t, graft_best *best, const char *identity,
                                   const char *path)
{
    graft_status status = GRAFT_OK;
    graft_checkpoint c;
    graft_text run, machine;
    graft_text_init(&run);
    graft_text_init(&machine);
    GRAFT_TRY(graft_checkpoint_open(&c, path));
    GRAFT_TRY(graft_run_differences(&run, &machine, graft_text_z(&c.identity), identity));
    GRAFT_TRY(run.len > 0 ? graft_checkpoint_refuse(path, graft_text_z(&run)) : GRAFT_OK);
    GRAFT_TRY(graft_checkpoint_take(&c, t, best));
done:
    graft_checkpoint_close(&c);
    graft_text_clear(&run);
    graft_text_clear(&machine);
    return status;
}
