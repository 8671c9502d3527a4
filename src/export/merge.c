/* export/merge.c - the weights of a base with a fine-tune added, as tensor sources. */
#include "export/merge.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "core/map.h"
#include "core/memory.h"
#include "core/threads.h"

typedef struct graft_merged_tensor {
    const graft_gguf_tensor *base;
    const graft_export_map *map;
    graft_survival_sums *rows; /* one per row: threads that write rows share nothing */
    /* If the moments M of what goes in are known: */
    graft_survival_sums *outputs; /* one per row */
    double *through;              /* A M, [rank][n_in] */
    double *core;                 /* A M A^T, [rank][rank] */
    const graft_rounding *by;     /* M itself, of a DoRA, whose change is of no low rank; else NULL */
} graft_merged_tensor;

/* A tensor and the moments of what goes into it. */
typedef struct weighing {
    graft_merged_tensor *tensor;
    const graft_rounding *by;
} weighing;

/* What a call needs: the row of the base and what is added to it. */
typedef struct row_pair {
    float *base;
    double *delta;
    float *change; /* delta, and M times it, where M is needed; else NULL */
    double *moved;
} row_pair;

static graft_status take_rows(row_pair *out, size_t n, bool moves)
{
    graft_status status = GRAFT_OK;
    *out = (row_pair){0};
    GRAFT_TRY(graft_alloc(&out->base, n, sizeof *out->base));
    GRAFT_TRY(graft_alloc(&out->delta, n, sizeof *out->delta));
    if (moves) {
        GRAFT_TRY(graft_alloc(&out->change, n, sizeof *out->change));
        GRAFT_TRY(graft_alloc(&out->moved, n, sizeof *out->moved));
    }
done:
    return status;
}

static void give_rows(row_pair *rows)
{
    graft_free(rows->base);
    graft_free(rows->delta);
    graft_free(rows->change);
    graft_free(rows->moved);
}

/* Of a DoRA: base + delta becomes as long as the row's magnitude. A row of nothing stays one. */
static void lengthen(const graft_export_map *m, uint64_t row, row_pair *out)
{
    double square = 0;
    for (size_t i = 0; i < m->n_in; i++) {
        double w = (double)out->base[i] + out->delta[i];
        square += w * w;
    }
    double factor = square > 0 ? (double)m->magnitude[row] / sqrt(square) : 0;
    for (size_t i = 0; i < m->n_in; i++) {
        double w = (double)out->base[i] + out->delta[i];
        out->delta[i] = factor * w - (double)out->base[i];
    }
}

static void read_row(const graft_merged_tensor *t, uint64_t row, row_pair *out)
{
    const graft_export_map *m = t->map;
    const graft_format *format = t->base->format;
    format->decode(t->base->data + row * t->base->row_bytes, out->base,
                   m->n_in / format->block_elems);
    memset(out->delta, 0, m->n_in * sizeof *out->delta);
    for (size_t r = 0; r < m->rank; r++) {
        const double b = (double)m->b[row * m->rank + r] * m->scale;
        const float *a = m->a + r * m->n_in;
        for (size_t i = 0; i < m->n_in; i++) {
            out->delta[i] += b * (double)a[i];
        }
    }
    if (m->magnitude != NULL) {
        lengthen(m, row, out);
    }
}

static graft_status read(const void *context, uint64_t first_row, size_t n_rows, float *out)
{
    graft_status status = GRAFT_OK;
    const graft_merged_tensor *t = context;
    const size_t n = t->map->n_in;
    row_pair rows;
    GRAFT_TRY(take_rows(&rows, n, false));
    for (size_t k = 0; k < n_rows; k++, out += n) {
        read_row(t, first_row + k, &rows);
        for (size_t i = 0; i < n; i++) {
            out[i] = (float)((double)rows.base[i] + rows.delta[i]);
        }
    }
done:
    give_rows(&rows);
    return status;
}

/* Row r of A M, or a change times M: M is symmetric, and its upper triangle is there. */
static void through_moments(const graft_rounding *by, const float *a, double *out)
{
    const size_t n = by->n;
    memset(out, 0, n * sizeof *out);
    for (size_t k = 0; k < n; k++) {
        const float *row = by->moments + k * n;
        double sum = (double)row[k] * (double)a[k];
        for (size_t j = k + 1; j < n; j++) {
            sum += (double)row[j] * (double)a[j];
            out[j] += (double)row[j] * (double)a[k];
        }
        out[k] += sum;
    }
}

static void note_through(void *context, size_t job, int thread)
{
    const weighing *w = context;
    (void)thread;
    through_moments(w->by, w->tensor->map->a + job * w->by->n, w->tensor->through + job * w->by->n);
}

/* What goes in is known: the sums of outputs need A M and A M A^T. */
static graft_status note_weighed(const void *context, const graft_rounding *by)
{
    graft_status status = GRAFT_OK;
    graft_merged_tensor *t = (graft_merged_tensor *)(uintptr_t)context; /* before any row is read */
    const graft_export_map *m = t->map;
    weighing w = {t, by};
    if (by == NULL) {
        return GRAFT_OK;
    }
    GRAFT_TRY(graft_alloc(&t->outputs, m->n_out, sizeof *t->outputs));
    if (m->magnitude != NULL) {
        t->by = by;
        return GRAFT_OK;
    }
    GRAFT_TRY(graft_alloc(&t->through, m->rank, m->n_in * sizeof *t->through));
    GRAFT_TRY(graft_alloc(&t->core, m->rank, m->rank * sizeof *t->core));
    graft_parallel(m->rank, note_through, &w);
    for (size_t r = 0; r < m->rank; r++) {
        for (size_t s = 0; s < m->rank; s++) {
            double sum = 0;
            for (size_t i = 0; i < m->n_in; i++) {
                sum += t->through[r * m->n_in + i] * (double)m->a[s * m->n_in + i];
            }
            t->core[r * m->rank + s] = sum;
        }
    }
done:
    return status;
}

/* The sums of a row's outputs, from its errors and what those cost. */
static graft_survival_sums output_sums(const graft_merged_tensor *t, uint64_t row,
                                       const double *errors, double cost)
{
    const graft_export_map *m = t->map;
    graft_survival_sums sums = {.error = cost > 0 ? cost : 0};
    for (size_t r = 0; r < m->rank; r++) {
        const double b = (double)m->b[row * m->rank + r] * m->scale;
        double product = 0;
        for (size_t i = 0; i < m->n_in; i++) {
            product += t->through[r * m->n_in + i] * errors[i];
        }
        sums.product += b * product;
        for (size_t s = 0; s < m->rank; s++) {
            sums.delta += b * t->core[r * m->rank + s] * (double)m->b[row * m->rank + s] * m->scale;
        }
    }
    sums.delta = sums.delta > 0 ? sums.delta : 0;
    return sums;
}

/* M times the change of a row. */
static void move_row(const graft_merged_tensor *t, row_pair *rows)
{
    for (size_t i = 0; i < t->map->n_in; i++) {
        rows->change[i] = (float)rows->delta[i];
    }
    through_moments(t->by, rows->change, rows->moved);
}

/* The same as output_sums, of a row that was moved; its errors stand in delta. */
static graft_survival_sums moved_sums(const row_pair *rows, size_t n, double cost)
{
    graft_survival_sums sums = {.error = cost > 0 ? cost : 0};
    for (size_t i = 0; i < n; i++) {
        sums.delta += (double)rows->change[i] * rows->moved[i];
        sums.product += rows->moved[i] * rows->delta[i];
    }
    sums.delta = sums.delta > 0 ? sums.delta : 0;
    return sums;
}

/* The sums of a row are made in one order, whichever thread makes them. */
static graft_status note_written(const void *context, uint64_t first_row, size_t n_rows,
                                 const float *values, const double *costs)
{
    graft_status status = GRAFT_OK;
    const graft_merged_tensor *t = context;
    const size_t n = t->map->n_in;
    const bool moves = costs != NULL && t->by != NULL;
    row_pair rows;
    GRAFT_TRY(take_rows(&rows, n, moves));
    for (size_t k = 0; k < n_rows; k++, values += n) {
        graft_survival_sums sums = {0};
        read_row(t, first_row + k, &rows);
        if (moves) {
            move_row(t, &rows);
        }
        for (size_t i = 0; i < n; i++) {
            double delta = rows.delta[i];
            double error = (double)values[i] - (double)(float)((double)rows.base[i] + delta);
            sums.delta += delta * delta;
            sums.error += error * error;
            sums.product += error * delta;
            rows.delta[i] = error;
        }
        t->rows[first_row + k] = sums;
        if (costs != NULL && t->outputs != NULL) {
            t->outputs[first_row + k] = moves ? moved_sums(&rows, n, costs[k])
                                              : output_sums(t, first_row + k, rows.delta, costs[k]);
        }
    }
done:
    give_rows(&rows);
    return status;
}

static graft_status adapt(graft_merged *merge, size_t i, const graft_export_map *map)
{
    graft_status status = GRAFT_OK;
    graft_merged_tensor *t = &merge->tensors[i];
    graft_tensor_source *s = &merge->sources[i];
    if (t->base->n_dims != 2 || t->base->ne[0] != map->n_in || t->base->ne[1] != map->n_out) {
        return graft_fail(GRAFT_E_MODEL, "tensor \"%s\" is not the matrix of %zu x %zu that is "
                          "adapted", t->base->name, map->n_out, map->n_in);
    }
    if (t->base->format->decode == NULL) {
        return graft_fail(GRAFT_E_MODEL, "tensor \"%s\" is %s, which cannot be read", t->base->name,
                          t->base->format->name);
    }
    GRAFT_TRY(graft_alloc(&t->rows, map->n_out, sizeof *t->rows));
    t->map = map;
    s->behind = s->data;
    s->data = NULL;
    s->read = read;
    s->written = note_written;
    s->weighed = note_weighed;
    s->context = t;
done:
    return status;
}

graft_status graft_merged_open(graft_merged *out, const graft_gguf *base,
                              const graft_export_adapter *adapter)
{
    graft_status status = GRAFT_OK;
    size_t n_adapted = 0;
    graft_map index;
    graft_map_init(&index);
    *out = (graft_merged){.n = graft_gguf_n_tensors(base)};
    GRAFT_TRY(graft_alloc(&out->sources, out->n, sizeof *out->sources));
    GRAFT_TRY(graft_alloc(&out->tensors, out->n, sizeof *out->tensors));
    GRAFT_TRY(graft_alloc(&out->targets, out->n, sizeof *out->targets));
    for (size_t k = 0; k < adapter->n_maps; k++) {
        const char *name = adapter->maps[k].name;
        GRAFT_TRY(graft_map_set(&index, name, strlen(name), k, NULL));
    }
    for (size_t i = 0; i < out->n; i++) {
        uint64_t k;
        out->tensors[i].base = graft_gguf_tensor_at(base, i);
        out->sources[i] = graft_quantize_source_of(out->tensors[i].base);
        const char *name = out->sources[i].name;
        if (graft_map_find(&index, name, strlen(name), &k)) {
            GRAFT_TRY(adapt(out, i, &adapter->maps[k]));
            n_adapted++;
        }
    }
    if (n_adapted < adapter->n_maps) {
        status = graft_fail(GRAFT_E_MODEL, "the adapter has maps for %zu tensors, of which the base "
                            "has %zu", adapter->n_maps, n_adapted);
    }
done:
    graft_map_clear(&index);
    if (status != GRAFT_OK) {
        graft_merged_clear(out);
    }
    return status;
}

void graft_merged_clear(graft_merged *merge)
{
    for (size_t i = 0; merge->tensors != NULL && i < merge->n; i++) {
        graft_free(merge->tensors[i].rows);
        graft_free(merge->tensors[i].outputs);
        graft_free(merge->tensors[i].through);
        graft_free(merge->tensors[i].core);
    }
    graft_free(merge->sources);
    graft_free(merge->tensors);
    graft_free(merge->targets);
    *merge = (graft_merged){0};
}

static int in_order(const void *a, const void *b)
{
    const graft_tensor_source *x = a, *y = b;
    return graft_mix_order(x->name, y->name);
}

/* Sources know their tensors by address, so only they move. */
void graft_merged_sort(graft_merged *merge)
{
    qsort(merge->sources, merge->n, sizeof *merge->sources, in_order);
}

graft_status graft_merged_survival(const graft_merged *merge, graft_survival *out)
{
    graft_status status = GRAFT_OK;
    for (size_t i = 0; i < merge->n; i++) {
        const graft_tensor_source *s = &merge->sources[i];
        const graft_merged_tensor *t = s->context;
        graft_survival_sums all = {0}, outputs = {0};
        if (s->written == NULL) {
            continue;
        }
        for (size_t row = 0; row < t->map->n_out; row++) {
            all.delta += t->rows[row].delta;
            all.error += t->rows[row].error;
            all.product += t->rows[row].product;
            if (t->outputs != NULL) {
                outputs.delta += t->outputs[row].delta;
                outputs.error += t->outputs[row].error;
                outputs.product += t->outputs[row].product;
            }
        }
        GRAFT_TRY(graft_survival_add(out, s->name, s->format, merge->targets[i], &all,
                                     t->outputs != NULL ? &outputs : NULL));
    }
done:
    return status;
}
