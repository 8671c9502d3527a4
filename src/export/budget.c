/* budget.c - types of single tensors raised so that a file has the size that was asked for. */
#include "export/budget.h"

#include <string.h>

#include "core/memory.h"
#include "core/threads.h"
#include "quant/levels.h"

/* Rows that are looked at, spread over all. */
enum { SAMPLES = 64, MOST_CHOICES = 15 };

typedef struct graft_budget_choice choice;

static void add_choice(graft_budget_tensor *t, const graft_format *format, size_t *n)
{
    size_t bytes;
    if (t->row % format->block_elems != 0 || *n >= MOST_CHOICES ||
        graft_format_row_bytes(format, t->row, &bytes) != GRAFT_OK) {
        return;
    }
    for (size_t i = 0; i < *n; i++) {
        if (t->choices[i].format == format) {
            return;
        }
    }
    if (*n > 0 && bytes * t->n_rows <= t->choices[0].bytes) {
        return;
    }
    t->choices[(*n)++] = (choice){format, bytes * t->n_rows, 0};
}

typedef struct measuring {
    const graft_budget_tensor *tensor;
    const float *rows; /* [n_rows][row] */
    size_t n_rows;
    float *room;       /* [choices][row]: decoded */
    uint8_t *blocks;   /* [choices][row * 4] */
    double loss[MOST_CHOICES];
} measuring;

static double weighted_square(const float *importance, size_t i, double x)
{
    return importance != NULL ? (double)importance[i] * x * x : x * x;
}

/* What one choice loses, over all rows. */
static void measure_choice(void *context, size_t job, int thread)
{
    measuring *m = context;
    const graft_budget_tensor *t = m->tensor;
    const graft_format *f = t->choices[job].format;
    float *decoded = m->room + job * t->row;
    uint8_t *blocks = m->blocks + job * t->row * sizeof(float);
    double error = 0, all = 0;
    (void)thread;
    for (size_t r = 0; r < m->n_rows && f != t->unchanged; r++) {
        const float *row = m->rows + r * t->row;
        f->encode(row, blocks, t->row / f->block_elems, t->importance);
        f->decode(blocks, decoded, t->row / f->block_elems);
        for (size_t i = 0; i < t->row; i++) {
            error += weighted_square(t->importance, i, (double)decoded[i] - (double)row[i]);
            all += weighted_square(t->importance, i, (double)row[i]);
        }
    }
    m->loss[job] = all > 0 ? error / all : 0;
}

static graft_status read_samples(const graft_budget_tensor *t, float *rows, size_t n_rows)
{
    graft_status status = GRAFT_OK;
    for (size_t r = 0; r < n_rows; r++) {
        uint64_t at = t->n_rows / n_rows * r + t->n_rows % n_rows * r / n_rows;
        GRAFT_TRY(t->read(t->context, at, 1, rows + r * t->row));
    }
done:
    return status;
}

graft_status graft_budget_measure(graft_budget_tensor *t)
{
    graft_status status = GRAFT_OK;
    measuring m = {.tensor = t, .n_rows = t->n_rows < SAMPLES ? (size_t)t->n_rows : SAMPLES};
    float *rows = NULL;
    size_t n = 0;
    memset(t->choices, 0, sizeof t->choices);
    add_choice(t, t->target, &n);
    for (size_t i = 0; !t->fixed && graft_levels_all[i] != NULL; i++) {
        add_choice(t, graft_levels_all[i]->format, &n);
    }
    if (t->fixed || n <= 1) {
        return GRAFT_OK;
    }
    GRAFT_TRY(graft_alloc(&rows, m.n_rows, t->row * sizeof *rows));
    GRAFT_TRY(graft_alloc(&m.room, n, t->row * sizeof *m.room));
    GRAFT_TRY(graft_alloc(&m.blocks, n, t->row * sizeof(float)));
    GRAFT_TRY(read_samples(t, rows, m.n_rows));
    m.rows = rows;
    graft_parallel(n, measure_choice, &m);
    for (size_t i = 0; i < n; i++) {
        t->choices[i].loss = m.loss[i];
    }
done:
    graft_free(rows);
    graft_free(m.room);
    graft_free(m.blocks);
    return status;
}

/* --- the choice --- */

static uint64_t padded(uint64_t bytes, size_t alignment)
{
    return (bytes + alignment - 1) / alignment * alignment;
}

static const choice *current(const graft_budget_tensor *t)
{
    const choice *c = t->choices;
    while (c->format != NULL && c->format != t->target) {
        c++;
    }
    return c->format != NULL ? c : t->choices;
}

/* The choice that gains most per byte over what the tensor has, of those that take at most `room` more;
 * NULL: none gains. */
static const choice *best_step(const graft_budget_tensor *t, size_t alignment, uint64_t room,
                               double *rate)
{
    const choice *now = current(t), *best = NULL;
    *rate = 0;
    for (const choice *c = t->choices; c->format != NULL; c++) {
        uint64_t before = padded(now->bytes, alignment), after = padded(c->bytes, alignment);
        if (after > before && after - before <= room && c->loss < now->loss) {
            double gain = (now->loss - c->loss) / (double)(after - before);
            if (gain > *rate) {
                *rate = gain;
                best = c;
            }
        }
    }
    return best;
}

/* Raises until nothing fits; returns the bytes that are used. */
static uint64_t raise_all(graft_budget_tensor *tensors, size_t n, size_t alignment, uint64_t used,
                          uint64_t size)
{
    for (;;) {
        graft_budget_tensor *tensor = NULL;
        const choice *step = NULL;
        double most = 0, rate;
        for (size_t i = 0; i < n; i++) {
            const choice *c = best_step(&tensors[i], alignment, size - used, &rate);
            if (c != NULL && rate > most) {
                most = rate;
                tensor = &tensors[i];
                step = c;
            }
        }
        if (step == NULL) {
            return used;
        }
        used += padded(step->bytes, alignment) - padded(current(tensor)->bytes, alignment);
        tensor->target = step->format;
    }
}

graft_status graft_budget_raise(graft_budget_tensor *tensors, size_t n, uint64_t fixed_bytes,
                                size_t alignment, uint64_t size)
{
    graft_status status = GRAFT_OK;
    const graft_format **least_types = NULL;
    uint64_t least = fixed_bytes, most;
    GRAFT_TRY(graft_alloc(&least_types, n, sizeof *least_types));
    for (size_t i = 0; i < n; i++) {
        least += padded(tensors[i].choices[0].bytes, alignment);
        least_types[i] = tensors[i].target;
    }
    most = raise_all(tensors, n, alignment, least, UINT64_MAX);
    for (size_t i = 0; i < n; i++) {
        tensors[i].target = least_types[i];
    }
    if (size < least || size > most) {
        status = graft_fail(GRAFT_E_CONFIG, "size: %llu bytes cannot be reached: with this type the "
                            "file has %llu bytes at least, and %llu with every tensor raised; %s",
                            (unsigned long long)size, (unsigned long long)least,
                            (unsigned long long)most,
                            size < least ? "begin with a smaller type (type)"
                                         : "take a larger type, or no size");
        goto done;
    }
    (void)raise_all(tensors, n, alignment, least, size);
done:
    graft_free(least_types);
    return status;
}
